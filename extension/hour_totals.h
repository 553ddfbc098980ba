/*
 * hour_totals.h
 *		Rows of pprof.totals: the profiles of an hour with their times and totals.
 */
#ifndef HOUR_TOTALS_H
#define HOUR_TOTALS_H

#include "core/pp_totals.h"
#include "sources.h"

typedef struct HourTotals
{
	const SourceRow *row;
	PpTotalsHead head;
	PpBytes data; /* read when points are asked for */

	/* points of the series that was asked for last */
	int64 *at, *value;
	uint64 *scale;
	uint32 n, room;
} HourTotals;

/* Lives as long as the row. */
extern void hour_totals_open(HourTotals *totals, const SourceRow *row);

/*
 * Points of a series, by time.  Where events are counted: their numbers, and only
 * of profiles that have them.
 */
extern void hour_totals_points(HourTotals *totals, const PpTotalsSeries *series);

#endif
