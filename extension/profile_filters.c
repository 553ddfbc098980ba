/*
 * profile_filters.c
 *		pprof.profile: the filters of the pprof tool, one by one and all at once.
 *
 * Each takes a profile as it is: drop_frames is a step of its own here
 * (apply_drop_frames), and of every report.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "core/pp_algebra.h"
#include "core/pp_edit.h"
#include "core/pp_filter.h"
#include "core/pp_predicates.h"
#include "core_glue.h"
#include "pprof.h"
#include "report_options.h"

PPROF_FUNCTION(pprof_apply_drop_frames);
PPROF_FUNCTION(pprof_filter);
PPROF_FUNCTION(pprof_focus);
PPROF_FUNCTION(pprof_has_function);
PPROF_FUNCTION(pprof_has_label);
PPROF_FUNCTION(pprof_has_label_value);
PPROF_FUNCTION(pprof_hide);
PPROF_FUNCTION(pprof_ignore);
PPROF_FUNCTION(pprof_prune);
PPROF_FUNCTION(pprof_prune_from);
PPROF_FUNCTION(pprof_show);
PPROF_FUNCTION(pprof_show_from);
PPROF_FUNCTION(pprof_tagfocus);
PPROF_FUNCTION(pprof_taghide);
PPROF_FUNCTION(pprof_tagignore);
PPROF_FUNCTION(pprof_tagleaf);
PPROF_FUNCTION(pprof_tagroot);
PPROF_FUNCTION(pprof_tagshow);

/* ---- as the tool's options ---- */

static Datum
filter(Datum datum, const PpReportOptions *options)
{
	PpArena *arena = core_arena_create();
	PpProfile *profile = profile_from_datum(datum, arena);
	PpSearch search = report_search();
	PpError err;

	CORE_CHECK(pp_report_filter(profile, options, &search, arena, &profile, &err), &err);
	if (options->divide_by > 0 && options->divide_by != 1)
		CORE_CHECK(pp_profile_divide(profile, options->divide_by, arena, &profile, &err), &err);
	return profile_to_datum(profile);
}

Datum
pprof_filter(PG_FUNCTION_ARGS)
{
	ReportOptions options;

	report_options_read(PG_GETARG_JSONB_P(1), &options);
	return filter(PG_GETARG_DATUM(0), &options.core);
}

/* One option, a text, is what makes a filter. */
#define FILTER(name)                                                                               \
	Datum pprof_##name(PG_FUNCTION_ARGS)                                                           \
	{                                                                                              \
		PpReportOptions options = pp_report_defaults();                                            \
                                                                                                   \
		options.name = core_bytes(PG_GETARG_TEXT_PP(1));                                           \
		return filter(PG_GETARG_DATUM(0), &options);                                               \
	}

FILTER(focus)
FILTER(ignore)
FILTER(hide)
FILTER(show)
FILTER(show_from)
FILTER(prune_from)
FILTER(tagfocus)
FILTER(tagignore)
FILTER(tagshow)
FILTER(taghide)

/* Keys as the option has them, separated by commas. */
static PpBytes
join_keys(ArrayType *array)
{
	StringInfoData list;
	Datum *texts;
	bool *nulls;
	int n;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &texts, &nulls, &n);
	initStringInfo(&list);
	for (int i = 0; i < n; i++)
	{
		PpBytes key;

		if (nulls[i])
			ereport(ERROR,
					errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					errmsg("label key must not be null"));
		key = core_bytes(DatumGetTextPP(texts[i]));
		if (memchr(key.data, ',', key.len) != NULL)
			ereport(ERROR,
					errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("label key \"%s\" contains a comma", TextDatumGetCString(texts[i])),
					errhint("Give each key as an argument of its own."));
		if (i > 0)
			appendStringInfoChar(&list, ',');
		appendBinaryStringInfo(&list, key.data, (int) key.len);
	}
	return (PpBytes){list.data, (uint32_t) list.len};
}

Datum
pprof_tagroot(PG_FUNCTION_ARGS)
{
	PpReportOptions options = pp_report_defaults();

	options.tagroot = join_keys(PG_GETARG_ARRAYTYPE_P(1));
	return filter(PG_GETARG_DATUM(0), &options);
}

Datum
pprof_tagleaf(PG_FUNCTION_ARGS)
{
	PpReportOptions options = pp_report_defaults();

	options.tagleaf = join_keys(PG_GETARG_ARRAYTYPE_P(1));
	return filter(PG_GETARG_DATUM(0), &options);
}

/* ---- frames to drop ---- */

/* A copy in which frames may be cut off. */
static PpProfile *
editable(Datum datum, PpArena *arena)
{
	PpProfile *copy;
	PpError err;

	CORE_CHECK(pp_edit_copy(profile_from_datum(datum, arena), arena, &copy, &err), &err);
	return copy;
}

/* The profile's own expressions; they come from a producer, so a bad one ends no query. */
Datum
pprof_apply_drop_frames(PG_FUNCTION_ARGS)
{
	PpArena *arena = core_arena_create();
	PpProfile *profile = editable(PG_GETARG_DATUM(0), arena);
	PpBytes drop = pp_str(profile, profile->drop_frames),
			keep = pp_str(profile, profile->keep_frames);
	PpSearch search = report_search();
	PpError err;
	PpCode code = drop.len == 0 ? PP_OK : pp_filter_prune(profile, drop, keep, &search, arena, &err);

	if (code == PP_EREGEX)
		ereport(NOTICE,
				errmsg("no frames dropped"),
				errdetail("%s", text_to_cstring(core_text(pp_bytes_cstr(err.message)))));
	else
		CORE_CHECK(code, &err);
	profile->drop_frames = profile->keep_frames = 0;
	return profile_to_datum(profile);
}

Datum
pprof_prune(PG_FUNCTION_ARGS)
{
	PpArena *arena = core_arena_create();
	PpProfile *profile = editable(PG_GETARG_DATUM(0), arena);
	PpSearch search = report_search();
	PpError err;

	CORE_CHECK(pp_filter_prune(profile,
							   core_bytes(PG_GETARG_TEXT_PP(1)),
							   core_bytes(PG_GETARG_TEXT_PP(2)),
							   &search,
							   arena,
							   &err),
			   &err);
	return profile_to_datum(profile);
}

/* ---- predicates ---- */

Datum
pprof_has_function(PG_FUNCTION_ARGS)
{
	PpArena *arena = core_arena_create();
	PpSearch search = report_search();
	bool found;
	PpError err;

	CORE_CHECK(pp_profile_has_function(PG_GETARG_PROFILE(0, arena),
									   core_bytes(PG_GETARG_TEXT_PP(1)),
									   &search,
									   arena,
									   &found,
									   &err),
			   &err);
	pp_arena_free(arena);
	PG_RETURN_BOOL(found);
}

Datum
pprof_has_label(PG_FUNCTION_ARGS)
{
	PpArena *arena = core_arena_create();
	bool found =
		pp_profile_has_label(PG_GETARG_PROFILE(0, arena), core_bytes(PG_GETARG_TEXT_PP(1)), NULL);

	pp_arena_free(arena);
	PG_RETURN_BOOL(found);
}

Datum
pprof_has_label_value(PG_FUNCTION_ARGS)
{
	PpArena *arena = core_arena_create();
	PpBytes value = core_bytes(PG_GETARG_TEXT_PP(2));
	bool found =
		pp_profile_has_label(PG_GETARG_PROFILE(0, arena), core_bytes(PG_GETARG_TEXT_PP(1)), &value);

	pp_arena_free(arena);
	PG_RETURN_BOOL(found);
}
