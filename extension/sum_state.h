/*
 * sum_state.h
 *		Aggregate states that are values of the type they add up.
 *
 * In memory a state is an expanded object around a sum of the core; written
 * out it is the bytes of the type.  So partial sums travel between workers and
 * nodes as ordinary values, and any value can be gone on from.
 */
#ifndef SUM_STATE_H
#define SUM_STATE_H

#include "core/pp_alloc.h"
#include "core/pp_error.h"
#include "fmgr.h"
#include "utils/expandeddatum.h"

/* What differs between the types. */
typedef struct SumKind
{
	void *(*create)(const PpAlloc *alloc); /* NULL without memory */
	/* add a value given by its bytes; scratch is for the time of the call */
	PpCode (*add)(void *sum, const PpAlloc *scratch, const uint8_t *data, size_t len, PpError *err);
	/* the sum's bytes, from alloc */
	PpCode (*encode)(void *sum, const PpAlloc *alloc, uint8_t **out, size_t *len, PpError *err);
} SumKind;

typedef struct SumState
{
	ExpandedObjectHeader hdr; /* its context holds everything below */
	const SumKind *kind;
	PpAlloc *alloc;
	void *sum;
	const PpAlloc *scratch; /* of the call that is running */
	uint8_t *flat;			/* encoded form, or NULL when the sum changed since */
	size_t flat_len;
} SumState;

/*
 * The state of a transition function's first argument, made in the aggregate's
 * context if there is none.  Only a read-write state is taken as it is; any
 * other value belongs to somebody else and is copied.
 */
extern SumState *sum_state_get(FunctionCallInfo fcinfo, const SumKind *kind);

/* Add a value of the type, which is only read. */
extern void sum_state_add(SumState *state, Datum value);

/* To be called before the sum is changed by other means than sum_state_add. */
extern void sum_state_touch(SumState *state);

/*
 * Both transition and combine function of a plain sum: adds the second argument
 * unless it is null; null as long as there was nothing.
 */
extern Datum sum_state_transition(FunctionCallInfo fcinfo, const SumKind *kind);

#endif
