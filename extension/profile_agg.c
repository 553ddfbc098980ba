/*
 * profile_agg.c
 *		Merge, diff and subtract aggregates over pprof.profile.
 *
 * Merging is associative and commutative in content, so one PpMerge serves
 * plain, parallel and distributed plans.  The state of a difference is a merge
 * as well: base profiles go in labelled and negated, as pp_profile_diff leaves
 * them, so that partial differences add up.
 */
#include "postgres.h"

#include "core/pp_codec.h"
#include "core/pp_merge.h"
#include "core_glue.h"
#include "pprof.h"
#include "sum_state.h"

PPROF_FUNCTION(pprof_merge_transfn_profile);
PPROF_FUNCTION(pprof_diff_transfn);
PPROF_FUNCTION(pprof_subtract_transfn);

static void *
profile_create(const PpAlloc *alloc)
{
	return pp_merge_new(alloc, PP_MERGE_CANONICAL);
}

static PpCode
profile_add(void *sum, const PpAlloc *scratch, const uint8_t *data, size_t len, PpError *err)
{
	PpArena *arena = pp_arena_new(scratch);
	PpCode code;

	if (arena == NULL)
		return pp_fail_nomem(err);
	code = pp_merge_add_stored(sum, data, len, arena, err);
	pp_arena_free(arena);
	return code;
}

static PpCode
profile_encode(void *sum, const PpAlloc *alloc, uint8_t **out, size_t *len, PpError *err)
{
	return pp_merge_encode(sum, alloc, out, len, err);
}

static const SumKind profile_kind = {profile_create, profile_add, profile_encode};

/* Also the combine function of the differences. */
Datum
pprof_merge_transfn_profile(PG_FUNCTION_ARGS)
{
	return sum_state_transition(fcinfo, &profile_kind);
}

/* A difference of either sense goes into one sum; labelled: both sides stay apart. */
static void
add_base(SumState *state, Datum value, bool labelled)
{
	PpArena *arena = core_arena_create();
	PpProfile *base = profile_from_datum(value, arena);
	PpBytes key = pp_bytes_cstr("pprof::base"), yes = pp_bytes_cstr("true");
	PpError err;

	sum_state_touch(state);
	if (labelled)
		CORE_CHECK(pp_profile_set_label(base, key, yes, arena, &base, &err), &err);
	CORE_CHECK(pp_profile_negate(base, arena, &base, &err), &err);
	CORE_CHECK(pp_merge_add(state->sum, base, &err), &err);
	pp_arena_free(arena);
}

static Datum
difference(FunctionCallInfo fcinfo, bool labelled)
{
	SumState *state;

	/* not known to be on either side, as unknown as a null profile */
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}
	state = sum_state_get(fcinfo, &profile_kind);
	if (PG_GETARG_BOOL(2))
		add_base(state, PG_GETARG_DATUM(1), labelled);
	else
		sum_state_add(state, PG_GETARG_DATUM(1));
	return EOHPGetRWDatum(&state->hdr);
}

Datum
pprof_diff_transfn(PG_FUNCTION_ARGS)
{
	return difference(fcinfo, true);
}

Datum
pprof_subtract_transfn(PG_FUNCTION_ARGS)
{
	return difference(fcinfo, false);
}
