/*
 * check_segments.h
 *		pprof.check() of segments and totals.
 */
#ifndef CHECK_SEGMENTS_H
#define CHECK_SEGMENTS_H

#include "postgres.h"

#include "core/pp_segment.h"
#include "utils/date.h"

typedef struct SegmentChecks
{
	void *context;
	/* what is wrong with the samples and spans of a row, or NULL */
	const char *(*row)(void *context, const PpSegmentRow *row);
	/* takes copies of both */
	void (*report)(void *context, const char *object, const char *problem);
} SegmentChecks;

/* Segments and totals of a service and day, under the active snapshot. */
extern void check_segments(const SegmentChecks *checks, int64 service_id, DateADT day);

/* Segments that refer to what is not there, totals without segments. */
extern void check_segment_references(const SegmentChecks *checks);

#endif
