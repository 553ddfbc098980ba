/*
 * profile_content.c
 *		What a profile says about itself: columns, header, sizes.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "catalog/pg_type.h"
#include "datatype/timestamp.h"
#include "pgtime.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/pp_stored.h"
#include "core_glue.h"
#include "pprof.h"
#include "profile_values.h"
#include "rows.h"

PPROF_FUNCTION(pprof_comments);
PPROF_FUNCTION(pprof_default_sample_type);
PPROF_FUNCTION(pprof_doc_url);
PPROF_FUNCTION(pprof_drop_frames);
PPROF_FUNCTION(pprof_duration);
PPROF_FUNCTION(pprof_duration_nanos);
PPROF_FUNCTION(pprof_keep_frames);
PPROF_FUNCTION(pprof_max_depth);
PPROF_FUNCTION(pprof_num_functions);
PPROF_FUNCTION(pprof_num_locations);
PPROF_FUNCTION(pprof_num_mappings);
PPROF_FUNCTION(pprof_num_samples);
PPROF_FUNCTION(pprof_period);
PPROF_FUNCTION(pprof_period_type);
PPROF_FUNCTION(pprof_period_unit);
PPROF_FUNCTION(pprof_sample_types);
PPROF_FUNCTION(pprof_started_at);
PPROF_FUNCTION(pprof_summary);
PPROF_FUNCTION(pprof_time_nanos);

/* The only argument. */
#define PROFILE_ARGUMENT() PG_GETARG_PROFILE(0, core_arena_create())

/* --- columns --- */

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
	PpProfile *profile = PROFILE_ARGUMENT();
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

Datum
pprof_default_sample_type(PG_FUNCTION_ARGS)
{
	PpProfile *profile = PROFILE_ARGUMENT();
	uint32_t column = default_column(profile);

	if (column == PP_NONE)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(core_text(pp_str(profile, profile->types[column].type)));
}

/* --- header --- */

/* A string of the profile; null if it is empty. */
static Datum
string_or_null(FunctionCallInfo fcinfo, const PpProfile *profile, uint32_t string)
{
	Datum value = (Datum) 0;

	put_text(&value, &fcinfo->isnull, pp_str(profile, string));
	return value;
}

Datum
pprof_period_type(PG_FUNCTION_ARGS)
{
	PpProfile *profile = PROFILE_ARGUMENT();

	return string_or_null(fcinfo, profile, profile->period_type.type);
}

Datum
pprof_period_unit(PG_FUNCTION_ARGS)
{
	PpProfile *profile = PROFILE_ARGUMENT();

	return string_or_null(fcinfo, profile, profile->period_type.unit);
}

Datum
pprof_doc_url(PG_FUNCTION_ARGS)
{
	PpProfile *profile = PROFILE_ARGUMENT();

	return string_or_null(fcinfo, profile, profile->doc_url);
}

Datum
pprof_drop_frames(PG_FUNCTION_ARGS)
{
	PpProfile *profile = PROFILE_ARGUMENT();

	return string_or_null(fcinfo, profile, profile->drop_frames);
}

Datum
pprof_keep_frames(PG_FUNCTION_ARGS)
{
	PpProfile *profile = PROFILE_ARGUMENT();

	return string_or_null(fcinfo, profile, profile->keep_frames);
}

Datum
pprof_period(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(PROFILE_ARGUMENT()->period);
}

Datum
pprof_time_nanos(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(PROFILE_ARGUMENT()->time_nanos);
}

Datum
pprof_duration_nanos(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(PROFILE_ARGUMENT()->duration_nanos);
}

/* Every int64 of nanoseconds is a time that the server knows (years 1677 to 2262). */
Datum
pprof_started_at(PG_FUNCTION_ARGS)
{
	int64 nanos = PROFILE_ARGUMENT()->time_nanos;
	int64 micros = nanos / 1000 - (nanos % 1000 < 0);

	if (nanos == 0)
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(micros - (int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY);
}

Datum
pprof_duration(PG_FUNCTION_ARGS)
{
	Interval *interval = palloc0(sizeof(Interval));

	interval->time = PROFILE_ARGUMENT()->duration_nanos / 1000;
	PG_RETURN_INTERVAL_P(interval);
}

Datum
pprof_comments(PG_FUNCTION_ARGS)
{
	PpProfile *profile = PROFILE_ARGUMENT();
	Datum *comments = palloc(sizeof(Datum) * Max(profile->ncomments, 1));

	for (uint32_t i = 0; i < profile->ncomments; i++)
		comments[i] = PointerGetDatum(core_text(pp_str(profile, profile->comments[i])));
	PG_RETURN_ARRAYTYPE_P(
		construct_array(comments, (int) profile->ncomments, TEXTOID, -1, false, TYPALIGN_INT));
}

/* --- sizes --- */

/* They stand in front: the rest of a profile that is stored in pieces stays where it is. */
static PpStoredCounts
counts_of(Datum datum)
{
	Size whole = toast_raw_datum_size(datum) - VARHDRSZ;
	struct varlena *front = PG_DETOAST_DATUM_SLICE(datum, 0, PP_STORED_FRONT);
	PpStoredCounts counts;
	PpError err;

	CORE_CHECK(pp_stored_read_counts((const uint8_t *) VARDATA_ANY(front),
									 VARSIZE_ANY_EXHDR(front),
									 whole,
									 &counts,
									 &err),
			   &err);
	return counts;
}

Datum
pprof_num_samples(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32((int32) counts_of(PG_GETARG_DATUM(0)).samples);
}

Datum
pprof_num_locations(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32((int32) counts_of(PG_GETARG_DATUM(0)).locations);
}

Datum
pprof_num_functions(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32((int32) counts_of(PG_GETARG_DATUM(0)).functions);
}

Datum
pprof_num_mappings(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32((int32) counts_of(PG_GETARG_DATUM(0)).mappings);
}

/* In frames: inlined ones count, and so does a location without lines. */
Datum
pprof_max_depth(PG_FUNCTION_ARGS)
{
	PpProfile *profile = PROFILE_ARGUMENT();
	uint64 deepest = 0;

	for (uint32_t i = 0; i < profile->nsamples; i++)
	{
		const PpSample *sample = &profile->samples[i];
		uint64 depth = 0;

		for (uint32_t j = 0; j < sample->nlocs; j++)
			depth += Max(profile->locations[profile->locrefs[sample->loc_off + j]].nlines, 1);
		deepest = Max(deepest, depth);
	}
	PG_RETURN_INT32((int32) Min(deepest, PG_INT32_MAX));
}

/* --- summary --- */

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
	PpProfile *profile = PROFILE_ARGUMENT();
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
