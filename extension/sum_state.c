/*
 * sum_state.c
 *		Aggregate states that are values of the type they add up.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "compat.h"
#include "core_glue.h"
#include "scratch.h"
#include "sum_state.h"

static Size state_flat_size(ExpandedObjectHeader *header);
static void state_flatten(ExpandedObjectHeader *header, void *result, Size allocated);

static const ExpandedObjectMethods state_methods = {state_flat_size, state_flatten};

static SumState *
state_create(MemoryContext parent, const SumKind *kind)
{
	MemoryContext context = AllocSetContextCreate(parent, "pprof sum", ALLOCSET_START_SMALL_SIZES);
	SumState *state = MemoryContextAllocZero(context, sizeof(SumState));

	EOH_init_header(&state->hdr, &state_methods, context);
	state->kind = kind;
	state->alloc = core_alloc_create(context);
	state->sum = kind->create(state->alloc);
	if (state->sum == NULL)
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
	return state;
}

/* The state behind a datum if it may be changed in place, else NULL. */
static SumState *
state_of(Datum datum, const SumKind *kind)
{
	SumState *state;

	if (!VARATT_IS_EXTERNAL_EXPANDED_RW(DatumGetPointer(datum)))
		return NULL;
	state = (SumState *) DatumGetEOHP(datum);
	return state->hdr.eoh_methods == &state_methods && state->kind == kind ? state : NULL;
}

/* One scratch per place in the query, whatever the number of groups. */
static const PpAlloc *
call_scratch(FmgrInfo *function)
{
	if (function->fn_extra == NULL)
		function->fn_extra = scratch_create(function->fn_mcxt);
	return scratch_reset(function->fn_extra);
}

SumState *
sum_state_get(FunctionCallInfo fcinfo, const SumKind *kind)
{
	MemoryContext parent;
	SumState *state = PG_ARGISNULL(0) ? NULL : state_of(PG_GETARG_DATUM(0), kind);

	if (state == NULL)
	{
		/* called by hand, the functions work too: they are functions of values */
		if (!AggCheckCallContext(fcinfo, &parent))
			parent = CurrentMemoryContext;
		state = state_create(parent, kind);
		state->scratch = call_scratch(fcinfo->flinfo);
		if (!PG_ARGISNULL(0))
			sum_state_add(state, PG_GETARG_DATUM(0));
	}
	state->scratch = call_scratch(fcinfo->flinfo);
	return state;
}

void
sum_state_touch(SumState *state)
{
	if (state->flat != NULL)
		pfree(state->flat);
	state->flat = NULL;
}

void
sum_state_add(SumState *state, Datum value)
{
	struct varlena *bytes = PG_DETOAST_DATUM_PACKED(value);
	PpError err;

	sum_state_touch(state);
	CORE_CHECK(state->kind->add(state->sum,
								state->scratch,
								(const uint8_t *) VARDATA_ANY(bytes),
								VARSIZE_ANY_EXHDR(bytes),
								&err),
			   &err);
	if ((Pointer) bytes != DatumGetPointer(value))
		pfree(bytes);
}

Datum
sum_state_transition(FunctionCallInfo fcinfo, const SumKind *kind)
{
	SumState *state;

	if (PG_ARGISNULL(1))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}
	state = sum_state_get(fcinfo, kind);
	sum_state_add(state, PG_GETARG_DATUM(1));
	return EOHPGetRWDatum(&state->hdr);
}

/* The size is known only once the bytes are there: they are kept for state_flatten. */
static Size
state_flat_size(ExpandedObjectHeader *header)
{
	SumState *state = (SumState *) header;
	PpError err;

	if (state->flat == NULL)
		CORE_CHECK(state->kind->encode(state->sum, state->alloc, &state->flat, &state->flat_len, &err),
				   &err);
	if (state->flat_len > MaxAllocSize - VARHDRSZ)
		ereport(ERROR,
				errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("sum of %zu bytes is too large for PostgreSQL", state->flat_len));
	return state->flat_len + VARHDRSZ;
}

static void
state_flatten(ExpandedObjectHeader *header, void *result, Size allocated)
{
	SumState *state = (SumState *) header;

	Assert(state->flat != NULL && allocated == state->flat_len + VARHDRSZ);
	SET_VARSIZE(result, allocated);
	memcpy(VARDATA(result), state->flat, state->flat_len);
}
