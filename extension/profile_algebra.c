/*
 * profile_algebra.c
 *		pprof.profile: sums, differences and products of few profiles.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "core/pp_aggregate.h"
#include "core/pp_algebra.h"
#include "core/pp_merge.h"
#include "core_glue.h"
#include "pprof.h"
#include "report_options.h"

PPROF_FUNCTION(pprof_add);
PPROF_FUNCTION(pprof_aggregate);
PPROF_FUNCTION(pprof_compact);
PPROF_FUNCTION(pprof_diff);
PPROF_FUNCTION(pprof_divide);
PPROF_FUNCTION(pprof_keep_sample_types);
PPROF_FUNCTION(pprof_merge);
PPROF_FUNCTION(pprof_net_total);
PPROF_FUNCTION(pprof_normalize);
PPROF_FUNCTION(pprof_remove_label);
PPROF_FUNCTION(pprof_scale);
PPROF_FUNCTION(pprof_scale_by);
PPROF_FUNCTION(pprof_scale_columns);
PPROF_FUNCTION(pprof_set_label);
PPROF_FUNCTION(pprof_set_num_label);
PPROF_FUNCTION(pprof_subtract);
PPROF_FUNCTION(pprof_total);

/* ---- sums and differences ---- */

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

Datum
pprof_add(PG_FUNCTION_ARGS)
{
	PpArena *arena = core_arena_create();
	PpProfile *a = PG_GETARG_PROFILE(0, arena), *b = PG_GETARG_PROFILE(1, arena), *result;
	PpError err;

	CORE_CHECK(pp_profile_add(a, b, arena, &result, &err), &err);
	return profile_to_datum(result);
}

Datum
pprof_subtract(PG_FUNCTION_ARGS)
{
	PpArena *arena = core_arena_create();
	PpProfile *p = PG_GETARG_PROFILE(0, arena), *base = PG_GETARG_PROFILE(1, arena), *result;
	PpError err;

	CORE_CHECK(pp_profile_subtract(p, base, PP_MERGE_ORDERED, arena, &result, &err), &err);
	return profile_to_datum(result);
}

/* Both sides kept apart by a label. */
Datum
pprof_diff(PG_FUNCTION_ARGS)
{
	PpArena *arena = core_arena_create();
	PpProfile *p = PG_GETARG_PROFILE(0, arena), *base = PG_GETARG_PROFILE(1, arena), *result;
	PpError err;

	CORE_CHECK(pp_profile_diff(p, base, PP_MERGE_ORDERED, arena, &result, &err), &err);
	return profile_to_datum(result);
}

/* ---- products ---- */

static Datum
scale(Datum profile, float8 ratio)
{
	PpArena *arena = core_arena_create();
	PpProfile *p = profile_from_datum(profile, arena), *result;
	double *ratios = palloc(sizeof(*ratios) * Max(p->ntypes, 1));
	PpError err;

	for (uint32_t t = 0; t < p->ntypes; t++)
		ratios[t] = ratio;
	CORE_CHECK(pp_profile_scale(p, ratios, arena, &result, &err), &err);
	return profile_to_datum(result);
}

Datum
pprof_scale(PG_FUNCTION_ARGS)
{
	return scale(PG_GETARG_DATUM(0), PG_GETARG_FLOAT8(1));
}

Datum
pprof_scale_by(PG_FUNCTION_ARGS)
{
	return scale(PG_GETARG_DATUM(1), PG_GETARG_FLOAT8(0));
}

/* A ratio for each column. */
Datum
pprof_scale_columns(PG_FUNCTION_ARGS)
{
	PpArena *arena = core_arena_create();
	PpProfile *p = PG_GETARG_PROFILE(0, arena), *result;
	ArrayType *array = PG_GETARG_ARRAYTYPE_P(1);
	int n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	PpError err;

	if (array_contains_nulls(array))
		ereport(ERROR,
				errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				errmsg("ratios must not be null"),
				errhint("Use 1 for columns that are to stay as they are."));
	if (n != (int) p->ntypes)
		ereport(ERROR,
				errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				errmsg("%d ratios for a profile of %u sample types", n, p->ntypes),
				errhint("Give one ratio for each sample type, in the order of pprof.sample_types()."));
	CORE_CHECK(pp_profile_scale(p, (const double *) ARR_DATA_PTR(array), arena, &result, &err), &err);
	return profile_to_datum(result);
}

Datum
pprof_divide(PG_FUNCTION_ARGS)
{
	PpArena *arena = core_arena_create();
	PpProfile *result;
	PpError err;

	CORE_CHECK(pp_profile_divide(PG_GETARG_PROFILE(0, arena), PG_GETARG_FLOAT8(1), arena, &result, &err),
			   &err);
	return profile_to_datum(result);
}

Datum
pprof_normalize(PG_FUNCTION_ARGS)
{
	PpArena *arena = core_arena_create();
	PpProfile *p = PG_GETARG_PROFILE(0, arena), *base = PG_GETARG_PROFILE(1, arena), *result;
	PpError err;

	CORE_CHECK(pp_profile_normalize(p, base, arena, &result, &err), &err);
	return profile_to_datum(result);
}

/* ---- form ---- */

Datum
pprof_compact(PG_FUNCTION_ARGS)
{
	PpArena *arena = core_arena_create();
	PpProfile *result;
	PpError err;

	CORE_CHECK(pp_profile_compact(PG_GETARG_PROFILE(0, arena), arena, &result, &err), &err);
	return profile_to_datum(result);
}

Datum
pprof_aggregate(PG_FUNCTION_ARGS)
{
	PpArena *arena = core_arena_create();
	PpProfile *result;
	PpError err;

	CORE_CHECK(pp_profile_aggregate(PG_GETARG_PROFILE(0, arena),
									report_granularity(PG_GETARG_TEXT_PP(1)),
									PG_GETARG_BOOL(2),
									PG_GETARG_BOOL(3),
									arena,
									&result,
									&err),
			   &err);
	return profile_to_datum(result);
}

Datum
pprof_keep_sample_types(PG_FUNCTION_ARGS)
{
	PpArena *arena = core_arena_create();
	PpProfile *result;
	PpBytes *names;
	Datum *texts;
	bool *nulls;
	int n;
	PpError err;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), TEXTOID, -1, false, TYPALIGN_INT, &texts, &nulls, &n);
	names = palloc(sizeof(*names) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					errmsg("sample type must not be null"));
		names[i] = core_bytes(DatumGetTextPP(texts[i]));
	}
	CORE_CHECK(pp_profile_keep_types(PG_GETARG_PROFILE(0, arena), names, (uint32_t) n, arena, &result, &err),
			   &err);
	return profile_to_datum(result);
}

Datum
pprof_set_label(PG_FUNCTION_ARGS)
{
	PpArena *arena = core_arena_create();
	PpProfile *result;
	PpError err;

	CORE_CHECK(pp_profile_set_label(PG_GETARG_PROFILE(0, arena),
									core_bytes(PG_GETARG_TEXT_PP(1)),
									core_bytes(PG_GETARG_TEXT_PP(2)),
									arena,
									&result,
									&err),
			   &err);
	return profile_to_datum(result);
}

Datum
pprof_set_num_label(PG_FUNCTION_ARGS)
{
	PpArena *arena = core_arena_create();
	PpProfile *result;
	PpError err;

	CORE_CHECK(pp_profile_set_num_label(PG_GETARG_PROFILE(0, arena),
										core_bytes(PG_GETARG_TEXT_PP(1)),
										PG_GETARG_INT64(2),
										core_bytes(PG_GETARG_TEXT_PP(3)),
										arena,
										&result,
										&err),
			   &err);
	return profile_to_datum(result);
}

Datum
pprof_remove_label(PG_FUNCTION_ARGS)
{
	PpArena *arena = core_arena_create();
	PpProfile *result;
	PpError err;

	CORE_CHECK(pp_profile_remove_label(PG_GETARG_PROFILE(0, arena),
									   core_bytes(PG_GETARG_TEXT_PP(1)),
									   arena,
									   &result,
									   &err),
			   &err);
	return profile_to_datum(result);
}

/* ---- totals ---- */

static uint32_t
column_argument(FunctionCallInfo fcinfo, const PpProfile *profile)
{
	uint32_t column;
	PpError err;

	CORE_CHECK(pp_profile_column(profile, core_bytes(PG_GETARG_TEXT_PP(1)), &column, &err), &err);
	return column;
}

/* What percentages of reports refer to. */
Datum
pprof_total(PG_FUNCTION_ARGS)
{
	PpProfile *profile = PG_GETARG_PROFILE(0, core_arena_create());
	uint32_t column = column_argument(fcinfo, profile);
	int64_t total;
	PpError err;

	CORE_CHECK(pp_report_total(profile, column, false, &total, &err), &err);
	PG_RETURN_INT64(total);
}

/* The plain sum, in which negative values count as such. */
Datum
pprof_net_total(PG_FUNCTION_ARGS)
{
	PpProfile *profile = PG_GETARG_PROFILE(0, core_arena_create());
	uint32_t column = column_argument(fcinfo, profile);
	int64_t total;
	PpError err;

	CORE_CHECK(pp_profile_total(profile, column, &total, &err), &err);
	PG_RETURN_INT64(total);
}
