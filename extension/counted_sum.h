/*
 * counted_sum.h
 *		A sum of samples that also knows the numbers of their events.
 *
 * Samples that are flagged counted stand for their events, too: value / scale.
 * As long as all that is added is counted with one scale, so is the sum.
 * Otherwise the events are added up on their own, in a second pass.
 */
#ifndef COUNTED_SUM_H
#define COUNTED_SUM_H

#include "postgres.h"

#include "core/pp_samples.h"

typedef struct CountedSum
{
	const PpAlloc *alloc;
	PpSamplesSum *sum;
	PpSamplesSum *counts;	 /* of what is counted; made by counted_sum_count */
	bool counted, uncounted; /* there was such */
	bool differs;			 /* in its scale */
	uint64 scale;			 /* of what is counted; 0: none, or nothing of it has values */
} CountedSum;

/* In the current memory context. */
extern void counted_sum_init(CountedSum *sum);
extern void counted_sum_free(CountedSum *sum);

/* Take note of how something that is added is counted; scale 0: it has no values. */
static inline void
counted_sum_note(CountedSum *sum, bool counted, uint64 scale)
{
	if (!counted)
		sum->uncounted = true;
	else
	{
		sum->counted = true;
		if (sum->scale == 0)
			sum->scale = scale;
		else if (scale != 0 && scale != sum->scale)
			sum->differs = true;
	}
}

/* Can the sum not tell the numbers of events, though there are some? */
static inline bool
counted_sum_mixed(const CountedSum *sum)
{
	return sum->counted && (sum->uncounted || sum->differs);
}

/* Begin to count; a second pass then adds to counts what is counted. */
extern void counted_sum_count(CountedSum *sum);

/* Both as values of pprof.samples, in the current memory context; *counts is NULL without. */
extern void counted_sum_values(const CountedSum *sum, bytea **samples, bytea **counts);

#endif
