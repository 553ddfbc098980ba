/*
 * plan.h
 *		Which tables answer which part of a range.
 *
 * For every service and type, whole days and whole hours are taken from what
 * maintenance has added up, as far as its rows exist; segments give the rest, row
 * by row where they lie partly in the range; and raw rows, which no rollup has,
 * are added everywhere.  All of it is read under one snapshot, so that a profile
 * is met once wherever maintenance moved it.
 */
#ifndef PLAN_H
#define PLAN_H

#include "core/pp_segment.h"
#include "sources.h"

/* An hour or day of a target that need not be read from segments. */
typedef struct Covered
{
	const Target *target;
	TimestampTz start;
} Covered;

typedef struct CoveredList
{
	Covered *items;
	int n, room;
	bool sorted;
} CoveredList;

typedef struct RangePlan
{
	MemoryContext context;
	const Selection *selection;
	TimestampTz since, until;
	int ngroups;
	TargetGroup *groups;
	CoveredList days, hours;
	CoveredList inside; /* hours partly in the range, with all of their profiles in it */
} RangePlan;

/* A segment with rows that are selected. */
typedef struct PlanSegment
{
	const SourceRow *row;
	const Target *target;
	TimestampTz hour;
	PpSegmentHead head;
	const uint8_t *chosen; /* a byte per row; NULL: all of them */
	uint32 nchosen;
} PlanSegment;

/* True: it was used, and stands for the segments of its hour or day. */
typedef bool (*PlanRollupVisit)(void *context, const SourceRow *row);
typedef void (*PlanSegmentVisit)(void *context, const PlanSegment *segment);

extern void plan_begin(RangePlan *plan, const Selection *selection, const SelectedService *services,
					   int n, TimestampTz since, TimestampTz until);

/* Is every row of the services selected, whole?  Only then rollups may be used. */
extern bool plan_takes_all(const RangePlan *plan);
/* Are profiles selected by series at most?  Only then totals may be used. */
extern bool plan_takes_series(const RangePlan *plan);

/* In this order, each or none of them. */
extern void plan_days(RangePlan *plan, PlanRollupVisit visit, void *context);
/* hours of SOURCE_HOURS, or of SOURCE_TOTALS */
extern void plan_hours(RangePlan *plan, Source source, PlanRollupVisit visit, void *context);
/* Segments of what is not covered. */
extern void plan_segments(RangePlan *plan, PlanSegmentVisit visit, void *context);
/* Raw rows of the range, of series that are not selected, too. */
extern void plan_raw(RangePlan *plan, SourceVisit visit, void *context);

/*
 * The rows of a segment that are selected, by series, time and profile; false if
 * there is none.
 */
extern bool plan_choose(const RangePlan *plan, const SourceRow *row, PlanSegment *segment);
extern bool plan_has_series(const SelectedService *service, int64 series_id);

/* Raise err, which came of the bytes of a segment. */
extern void plan_raise(const SourceRow *row, const PpError *err) __attribute__((noreturn));
#define PLAN_CHECK(row, call, err)                                                                 \
	do                                                                                             \
	{                                                                                              \
		if ((call) != PP_OK)                                                                       \
			plan_raise(row, err);                                                                  \
	} while (0)
/* Ids of the profiles of a segment, 16 bytes each. */
extern PpBytes plan_ids(const SourceRow *row, const PpSegmentHead *head);

extern TimestampTz plan_hour(TimestampTz at); /* start of its hour */

#endif
