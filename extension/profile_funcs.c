/*
 * profile_funcs.c
 *		pprof.profile: algebra of few profiles, and what one says about itself.
 */
#include "postgres.h"

#include "pgtime.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "core/pp_codec.h"
#include "core/pp_merge.h"
#include "core_glue.h"
#include "pprof.h"
#include "rows.h"

PPROF_FUNCTION(pprof_diff);
PPROF_FUNCTION(pprof_eq);
PPROF_FUNCTION(pprof_merge);
PPROF_FUNCTION(pprof_ne);
PPROF_FUNCTION(pprof_num_samples);
PPROF_FUNCTION(pprof_sample_types);
PPROF_FUNCTION(pprof_summary);
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

Datum
pprof_num_samples(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32((int32) PG_GETARG_PROFILE(0, core_arena_create())->nsamples);
}

/* The column that is meant when none is named; a profile may have none at all. */
static uint32_t
default_column(const PpProfile *profile)
{
	uint32_t column;

	if (pp_profile_column(profile, pp_bytes_cstr(""), &column, NULL) != PP_OK)
		return PP_NONE;
	return column;
}

Datum
pprof_sample_types(PG_FUNCTION_ARGS)
{
	PpProfile *profile = PG_GETARG_PROFILE(0, core_arena_create());
	uint32_t preset = default_column(profile);
	Rows rows;

	rows_begin(&rows, fcinfo);
	for (uint32_t i = 0; i < profile->ntypes; i++)
	{
		Datum values[4];
		bool nulls[4] = {false};

		values[0] = Int32GetDatum((int32) i);
		values[1] = PointerGetDatum(core_text(pp_str(profile, profile->types[i].type)));
		values[2] = PointerGetDatum(core_text(pp_str(profile, profile->types[i].unit)));
		values[3] = BoolGetDatum(i == preset);
		rows_put(&rows, values, nulls);
	}
	return rows_end(&rows);
}

static void
append_text(StringInfo out, PpBytes bytes)
{
	appendStringInfoString(out, text_to_cstring(core_text(bytes)));
}

/* "cpu=250000000 nanoseconds, ": the sum of each column. */
static void
append_totals(StringInfo out, const PpProfile *profile)
{
	for (uint32_t i = 0; i < profile->ntypes; i++)
	{
		int64_t total;
		PpError err;

		CORE_CHECK(pp_profile_total(profile, i, &total, &err), &err);
		append_text(out, pp_str(profile, profile->types[i].type));
		appendStringInfo(out, "=" INT64_FORMAT " ", (int64) total);
		append_text(out, pp_str(profile, profile->types[i].unit));
		appendStringInfoString(out, ", ");
	}
}

/* " at 2026-01-31 12:00:00 UTC for 10.5 s", as far as known. */
static void
append_time(StringInfo out, const PpProfile *profile)
{
	pg_time_t seconds = profile->time_nanos / 1000000000 - (profile->time_nanos % 1000000000 < 0);
	char text[64];

	if (profile->time_nanos != 0)
	{
		pg_strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", pg_gmtime(&seconds));
		appendStringInfo(out, " at %s UTC", text);
	}
	if (profile->duration_nanos != 0)
		appendStringInfo(out, " for %.6g s", (double) profile->duration_nanos / 1e9);
}

Datum
pprof_summary(PG_FUNCTION_ARGS)
{
	PpProfile *profile = PG_GETARG_PROFILE(0, core_arena_create());
	StringInfoData out;

	initStringInfo(&out);
	append_totals(&out, profile);
	appendStringInfo(&out,
					 "%u samples, %u locations, %u functions, %u mappings",
					 profile->nsamples,
					 profile->nlocations,
					 profile->nfunctions,
					 profile->nmappings);
	append_time(&out, profile);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}
