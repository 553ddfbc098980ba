/*
 * segment_write.h
 *		What compaction and pprof.check() need of segments besides segment.h.
 */
#ifndef SEGMENT_WRITE_H
#define SEGMENT_WRITE_H

#include "segment.h"

/* Write rows (sorted, distinct) under the key; ERROR if it is taken. */
extern void segment_insert(const StoredSegment *key, const PpSegmentRow *rows, uint32_t n);
extern void segment_delete(int64 service_id, int64 type_id, TimestampTz hour, int32 segment);
/* Rows of a segment, in the current memory context; 0 if there is no such segment. */
extern uint32_t segment_load(int64 service_id, int64 type_id, TimestampTz hour, int32 segment,
							 PpSegmentRow **rows);
/* All columns, in the current memory context. */
extern void segment_columns(const StoredSegment *segment, PpSegmentBytes *bytes);
/* As segment_each, of one type and hour. */
extern void segment_each_of_hour(int64 service_id, int64 type_id, TimestampTz hour,
								 SegmentVisit visit, void *context);

#endif
