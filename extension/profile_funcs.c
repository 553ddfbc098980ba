/*
 * profile_funcs.c
 *		pprof.profile: algebra of few profiles.
 */
#include "postgres.h"

#include "utils/array.h"
#include "utils/builtins.h"

#include "core/pp_codec.h"
#include "core/pp_merge.h"
#include "core_glue.h"
#include "pprof.h"

PPROF_FUNCTION(pprof_diff);
PPROF_FUNCTION(pprof_eq);
PPROF_FUNCTION(pprof_merge);
PPROF_FUNCTION(pprof_ne);
PPROF_FUNCTION(pprof_total);

/* Both sides kept apart by a label, after bringing their sample types together. */
Datum
pprof_diff(PG_FUNCTION_ARGS)
{
	PpArena *arena = core_arena_create();
	PpProfile *sides[2] = {PG_GETARG_PROFILE(0, arena), PG_GETARG_PROFILE(1, arena)};
	PpProfile *result;
	PpError err;

	CORE_CHECK(pp_profiles_unify(sides, 2, arena, &err), &err);
	CORE_CHECK(pp_profile_diff(sides[0], sides[1], PP_MERGE_ORDERED, arena, &result, &err), &err);
	return profile_to_datum(result);
}

/* The tool's merge of files in this order; nulls are skipped, null if nothing is left. */
Datum
pprof_merge(PG_FUNCTION_ARGS)
{
	ArrayType *array = PG_GETARG_ARRAYTYPE_P(0);
	PpArena *arena = core_arena_create();
	PpProfile **profiles, *result;
	size_t n = 0;
	Datum value;
	bool isnull;
	PpError err;
	ArrayIterator iterator = array_create_iterator(array, 0, NULL);

	profiles = palloc(sizeof(*profiles) * Max(ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array)), 1));
	while (array_iterate(iterator, &value, &isnull))
		if (!isnull)
			profiles[n++] = profile_from_datum(value, arena);
	array_free_iterator(iterator);
	if (n == 0)
		PG_RETURN_NULL();
	CORE_CHECK(pp_profiles_merge(profiles, n, arena, &result, &err), &err);
	return profile_to_datum(result);
}

/* The bytes of the same content in canonical order. */
static struct varlena *
canonical(Datum datum)
{
	PpArena *arena = core_arena_create();
	PpMerge *merge = pp_merge_new(core_alloc_create(CurrentMemoryContext), PP_MERGE_CANONICAL);
	PpProfile *profile = profile_from_datum(datum, arena);
	struct varlena *result;
	PpError err;

	if (merge == NULL)
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
	CORE_CHECK(pp_merge_add(merge, profile, &err), &err);
	CORE_CHECK(pp_merge_finish(merge, arena, &profile, &err), &err);
	result = (struct varlena *) DatumGetPointer(profile_to_datum(profile));
	pp_merge_free(merge);
	pp_arena_free(arena);
	return result;
}

static bool
same_bytes(const struct varlena *a, const struct varlena *b)
{
	return VARSIZE_ANY_EXHDR(a) == VARSIZE_ANY_EXHDR(b) &&
		   memcmp(VARDATA_ANY(a), VARDATA_ANY(b), VARSIZE_ANY_EXHDR(a)) == 0;
}

/* Content is what counts: order, ids and samples of value zero do not. */
static bool
same_content(Datum a, Datum b)
{
	struct varlena *left = PG_DETOAST_DATUM_PACKED(a), *right = PG_DETOAST_DATUM_PACKED(b);

	return same_bytes(left, right) ||
		   same_bytes(canonical(PointerGetDatum(left)), canonical(PointerGetDatum(right)));
}

Datum
pprof_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(same_content(PG_GETARG_DATUM(0), PG_GETARG_DATUM(1)));
}

Datum
pprof_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(!same_content(PG_GETARG_DATUM(0), PG_GETARG_DATUM(1)));
}

Datum
pprof_total(PG_FUNCTION_ARGS)
{
	PpProfile *profile = PG_GETARG_PROFILE(0, core_arena_create());
	uint32_t column;
	int64_t total;
	PpError err;

	CORE_CHECK(pp_profile_column(profile, core_bytes(PG_GETARG_TEXT_PP(1)), &column, &err), &err);
	CORE_CHECK(pp_profile_total(profile, column, &total, &err), &err);
	PG_RETURN_INT64(total);
}
