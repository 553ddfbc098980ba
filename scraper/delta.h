/*
 * delta.h
 *		Differences of cumulative profiles, scrape by scrape.
 *
 * Go's allocs, mutex and block endpoints answer with sums since the start of
 * the process.  The state of one job remembers the last sum of every stack, so
 * that what is stored is what happened between two scrapes.
 */
#ifndef SCRAPE_DELTA_H
#define SCRAPE_DELTA_H

#include "core/pp_profile.h"

#define DELTA_COLUMNS  2  /* most columns that are differenced */
#define DELTA_KEEP	   40 /* scrapes for which an absent stack is remembered */
#define DELTA_MAX_KEYS 200000

typedef struct ScrapeDelta ScrapeDelta;

typedef struct DeltaResult
{
	PpProfile *profile; /* NULL: the first one, nothing to output yet */
	bool passed;		/* no column of the kind: profile is the input itself */
	bool reset;			/* the target started anew: its values count from zero */
	uint32_t untracked; /* stacks beyond max_keys, whose sums were left out */
} DeltaResult;

/* Is a profile type of this name cumulative? */
extern bool delta_applies(const char *type_name);

/* NULL without memory.  seed keeps targets from choosing colliding stacks. */
extern ScrapeDelta *delta_new(const PpAlloc *alloc, const char *type_name, uint32_t max_keys,
							  uint64_t seed);
extern void delta_free(ScrapeDelta *delta); /* NULL is fine */
extern uint32_t delta_keys(const ScrapeDelta *delta);

/*
 * Difference to the profile before.  The result lives in `arena` and points
 * into `in`.  A profile that is refused leaves the state as it was.
 */
extern PpCode delta_apply(ScrapeDelta *delta, const PpProfile *in, PpArena *arena,
						  DeltaResult *result, PpError *err);

#endif
