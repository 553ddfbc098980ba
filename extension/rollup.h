/*
 * rollup.h
 *		Sums of the segments of an hour, and of the hours of a day.
 */
#ifndef ROLLUP_H
#define ROLLUP_H

#include "postgres.h"

#include "counted_sum.h"
#include "datatype/timestamp.h"
#include "path_dictionary.h"

/* What the segments of a service, type and hour add up to. */
typedef struct HourSum
{
	int64 service_id, type_id;
	TimestampTz hour;
	MemoryContext context;
	bool fits;		   /* no sum is out of range; else the rest is of no use */
	int64 rows;		   /* 0: there is no segment */
	CountedSum lines;  /* by line */
	CountedSum frames; /* by function, once hour_sum_paths has been called */

	/* distinct profiles */
	int32 profiles;
	TimestampTz first_at;
	int64 duration; /* saturating */
	uint64 *seen;	/* hashes, never 0 */
	uint64 seen_mask;
} HourSum;

/* In a child of the current memory context, under the active snapshot. */
extern HourSum *hour_sum_make(int64 service_id, int64 type_id, TimestampTz hour);
extern void hour_sum_free(HourSum *hour);

/* Sums by function of hours of one service, in a dictionary of paths, which grows. */
extern void hour_sum_paths(HourSum **hours, int n, PathDictionary *paths);

/* The sum of the rollups of a day, by function. */
typedef struct DaySum
{
	bool fits;
	int64 rows; /* 0: there is none */
	int64 profiles;
	bytea *functions, *counts; /* counts: may be NULL */
} DaySum;

/* In the current memory context, under the active snapshot. */
extern void day_sum_make(int64 service_id, int64 type_id, DateADT day, DaySum *sum);

#endif
