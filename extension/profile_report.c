/*
 * profile_report.c
 *		Reports on a profile: the rows of -top, and the tool's texts.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "core/pp_filter.h"
#include "core_glue.h"
#include "pprof.h"
#include "profile_report.h"
#include "rows.h"

PPROF_FUNCTION(pprof_report);
PPROF_FUNCTION(pprof_to_callgrind);
PPROF_FUNCTION(pprof_to_dot);
PPROF_FUNCTION(pprof_top);
PPROF_FUNCTION(pprof_topproto);

PpProfile *
profile_load_for(const PpProfile *profile, const ReportOptions *options, PpArena *arena)
{
	PpSearch search = report_search();
	PpProfile *result;
	PpError err;

	if (!options->all_frames &&
		pp_filter_check_drop_frames(profile, &search, arena, &err) == PP_EREGEX)
		ereport(NOTICE,
				errmsg("drop_frames of the profile are ignored"),
				errdetail("%s", err.message));
	CORE_CHECK(pp_report_load(profile, options->all_frames, &search, arena, &result, &err), &err);
	return result;
}

PpProfile *
profile_load(const PpProfile *profile, PpArena *arena)
{
	ReportOptions options = {.all_frames = false};

	return profile_load_for(profile, &options, arena);
}

/* --- rows --- */

static double
percent(__int128 part, int64_t whole)
{
	return whole == 0 ? 0 : 100.0 * (double) part / (double) whole;
}

static void
put_top(FunctionCallInfo fcinfo, const PpTop *top)
{
	static const char *const marks[] = {NULL, "partial-inline", "inline"};
	__int128 sum = 0;
	Rows rows;

	rows_begin(&rows, fcinfo);
	for (uint32_t i = 0; i < top->nrows; i++)
	{
		const PpTopRow *row = &top->rows[i];
		Datum values[7] = {0};
		bool nulls[7] = {false};

		sum += row->flat;
		values[0] = PointerGetDatum(core_text(row->name));
		values[1] = Int64GetDatum(row->flat);
		values[2] = Float8GetDatum(percent(row->flat, top->total));
		values[3] = Float8GetDatum(percent(sum, top->total));
		values[4] = Int64GetDatum(row->cum);
		values[5] = Float8GetDatum(percent(row->cum, top->total));
		nulls[6] = marks[row->inlined] == NULL;
		if (!nulls[6])
			values[6] = CStringGetTextDatum(marks[row->inlined]);
		rows_put(&rows, values, nulls);
	}
	rows_end(&rows);
}

/* Arguments of their own go before the options; an empty one was not given. */
Datum
pprof_top(PG_FUNCTION_ARGS)
{
	PpArena *arena = core_arena_create();
	PpBytes column = core_bytes(PG_GETARG_TEXT_PP(1));
	const text *sort = PG_GETARG_TEXT_PP(2), *granularity = PG_GETARG_TEXT_PP(3);
	PpSearch search = report_search();
	ReportOptions options;
	PpProfile *profile;
	PpTop top;
	PpError err;

	report_options_read_rows(PG_GETARG_JSONB_P(5), &options);
	if (column.len > 0)
		options.core.sample_index = column;
	if (VARSIZE_ANY_EXHDR(sort) > 0)
		options.core.cum = report_sort_by_cum(sort);
	if (VARSIZE_ANY_EXHDR(granularity) > 0)
		options.core.granularity = report_granularity(granularity);
	if (PG_GETARG_BOOL(4))
		options.core.noinlines = true;
	profile = profile_load_for(PG_GETARG_PROFILE(0, arena), &options, arena);
	CORE_CHECK(pp_top_rows(profile, &options.core, &search, arena, &top, &err), &err);
	put_top(fcinfo, &top);
	return (Datum) 0;
}

/* --- texts --- */

typedef PpCode (*ReportText)(const PpProfile *p, const PpReportOptions *options,
							 const PpSearch *search, PpArena *arena, PpBuf *out, PpError *err);

static const struct
{
	const char *name;
	ReportText print; /* NULL: peek, which takes an expression */
} formats[] = {
	{"callgrind", pp_callgrind_text},
	{"comments", pp_comments_text},
	{"dot", pp_dot_text},
	{"peek", NULL},
	{"raw", pp_raw_text},
	{"tags", pp_tags_text},
	{"text", pp_top_text},
	{"top", pp_top_text},
	{"traces", pp_traces_text},
	{"tree", pp_tree_text},
};

static ReportText
find_format(const text *word)
{
	char *name = text_to_cstring(word);
	StringInfoData list;

	initStringInfo(&list);
	for (size_t i = 0; i < lengthof(formats); i++)
	{
		if (strcmp(formats[i].name, name) == 0)
			return formats[i].print;
		appendStringInfo(&list, "%s\"%s\"", i > 0 ? ", " : "", formats[i].name);
	}
	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("unknown report \"%s\"", name),
			errhint("Use one of %s.", list.data));
}

/* Print is NULL for -peek, and only for it. */
static Datum
print_report(const PpProfile *profile, ReportText print, const ReportOptions *options, PpBytes peek,
			 PpArena *arena)
{
	PpSearch search = report_search();
	PpCode code;
	PpBuf out;
	PpError err;

	profile = profile_load_for(profile, options, arena);
	pp_buf_init(&out, core_alloc_create(CurrentMemoryContext));
	if (print != NULL)
		code = print(profile, &options->core, &search, arena, &out, &err);
	else
		code = pp_peek_text(profile, &options->core, peek, &search, arena, &out, &err);
	CORE_CHECK(code, &err);
	CORE_CHECK(pp_buf_check(&out, &err), &err);
	if (out.len > MaxAllocSize)
		ereport(ERROR,
				errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("the report has %zu bytes, more than a text can hold", out.len));
	return PointerGetDatum(core_text((PpBytes){out.data, (uint32_t) out.len}));
}

Datum
pprof_report(PG_FUNCTION_ARGS)
{
	PpArena *arena = core_arena_create();
	ReportText print = find_format(PG_GETARG_TEXT_PP(1));
	ReportOptions options;
	PpBytes peek;

	report_options_read_peek(PG_GETARG_JSONB_P(2), &options, &peek);
	if ((print == NULL) != (peek.len > 0))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				print == NULL ? errmsg("the report \"peek\" needs the option \"peek\", an expression")
							  : errmsg("the option \"peek\" is of the report \"peek\" alone"));
	return print_report(PG_GETARG_PROFILE(0, arena), print, &options, peek, arena);
}

/* Options, and a sample type that goes before theirs. */
static void
read_arguments(FunctionCallInfo fcinfo, ReportOptions *options)
{
	PpBytes column = core_bytes(PG_GETARG_TEXT_PP(1));

	report_options_read(PG_GETARG_JSONB_P(2), options);
	if (column.len > 0)
		options->core.sample_index = column;
}

static Datum
print_graph(FunctionCallInfo fcinfo, ReportText print)
{
	PpArena *arena = core_arena_create();
	ReportOptions options;

	read_arguments(fcinfo, &options);
	return print_report(PG_GETARG_PROFILE(0, arena), print, &options, pp_bytes_cstr(""), arena);
}

Datum
pprof_to_dot(PG_FUNCTION_ARGS)
{
	return print_graph(fcinfo, pp_dot_text);
}

Datum
pprof_to_callgrind(PG_FUNCTION_ARGS)
{
	return print_graph(fcinfo, pp_callgrind_text);
}

Datum
pprof_topproto(PG_FUNCTION_ARGS)
{
	PpArena *arena = core_arena_create();
	PpSearch search = report_search();
	ReportOptions options;
	PpProfile *profile;
	PpError err;

	read_arguments(fcinfo, &options);
	profile = profile_load_for(PG_GETARG_PROFILE(0, arena), &options, arena);
	CORE_CHECK(pp_topproto(profile, &options.core, &search, arena, &profile, &err), &err);
	return profile_to_datum(profile);
}
