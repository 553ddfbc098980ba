/*
 * selected_rows.h
 *		Single rows that are selected, of segments and raw rows alike.
 */
#ifndef SELECTED_ROWS_H
#define SELECTED_ROWS_H

#include "plan.h"
#include "utils/uuid.h"

/* One profile's row of one series. */
typedef struct SelectedRow
{
	const Target *target;
	TimestampTz at;
	int64 duration;
	int64 series_id;
	pg_uuid_t profile_id;	/* if ids are wanted */
	int64 value;			/* of what is selected of it */
	const uint8_t *samples; /* if samples are wanted: bytes of what is selected of it */
	size_t samples_len;
	uint64 divisor; /* of the values in samples, to be what was asked for */
} SelectedRow;

typedef void (*SelectedRowVisit)(void *context, const SelectedRow *row);

typedef struct RowReader
{
	const RangePlan *plan;
	bool ids, samples; /* are they wanted? */
	SelectedRowVisit visit;
	void *context;
} RowReader;

/* Visit the selected rows of a segment, or the one that a raw row is; by a RowReader. */
extern void rows_of_segment(void *reader, const PlanSegment *segment);
extern void rows_of_raw(void *reader, const SourceRow *row);

#endif
