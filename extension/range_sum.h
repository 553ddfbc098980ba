/*
 * range_sum.h
 *		The sum of the profiles of a range, as integers by stack.
 */
#ifndef RANGE_SUM_H
#define RANGE_SUM_H

#include "core/pp_samples.h"
#include "datatype/timestamp.h"
#include "selection.h"

/*
 * Takes a part of the sum, which is not empty.  Its dictionary is one of a day, or
 * one of function paths.  Parts of one dictionary may come several times.
 */
typedef void (*RangePartVisit)(void *context, const PpSamplesPart *part);

typedef struct RangeSumOptions
{
	bool functions;		/* stacks by function will do */
	bool with_profiles; /* count profiles */
	RangePartVisit visit;
	void *context;
} RangeSumOptions;

/* What there was; only with_profiles. */
typedef struct RangeProfiles
{
	int64 n; /* distinct profiles */
	TimestampTz first;
	int64 duration; /* of distinct profiles, in nanoseconds; saturating */
} RangeProfiles;

extern void range_sum(const Selection *selection, const SelectedService *services, int n,
					  TimestampTz since, TimestampTz until, const RangeSumOptions *options,
					  RangeProfiles *profiles);

#endif
