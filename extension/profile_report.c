/*
 * profile_report.c
 *		Reports on a profile: the rows of -top.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "core_glue.h"
#include "pprof.h"
#include "profile_report.h"
#include "report_options.h"
#include "rows.h"

PPROF_FUNCTION(pprof_top);

PpProfile *
profile_load(const PpProfile *profile, PpArena *arena)
{
	PpSearch search = report_search();
	PpProfile *result;
	PpError err;

	CORE_CHECK(pp_report_load(profile, false, &search, arena, &result, &err), &err);
	return result;
}

static double
percent(__int128 part, int64_t whole)
{
	return whole == 0 ? 0 : 100.0 * (double) part / (double) whole;
}

/* All rows: what is to be left out is up to the query. */
Datum
pprof_top(PG_FUNCTION_ARGS)
{
	PpArena *arena = core_arena_create();
	PpProfile *profile = profile_load(PG_GETARG_PROFILE(0, arena), arena);
	PpReportOptions options = pp_report_defaults();
	PpSearch search = report_search();
	__int128 sum = 0;
	PpTop top;
	Rows rows;
	PpError err;

	options.sample_index = core_bytes(PG_GETARG_TEXT_PP(1));
	options.cum = report_sort_by_cum(PG_GETARG_TEXT_PP(2));
	options.granularity = report_granularity(PG_GETARG_TEXT_PP(3));
	options.noinlines = PG_GETARG_BOOL(4);
	options.trim = false;
	CORE_CHECK(pp_top_rows(profile, &options, &search, arena, &top, &err), &err);
	rows_begin(&rows, fcinfo);
	for (uint32_t i = 0; i < top.nrows; i++)
	{
		const PpTopRow *row = &top.rows[i];
		Datum values[6];
		bool nulls[6] = {false};

		sum += row->flat;
		values[0] = PointerGetDatum(core_text(row->name));
		values[1] = Int64GetDatum(row->flat);
		values[2] = Float8GetDatum(percent(row->flat, top.total));
		values[3] = Float8GetDatum(percent(sum, top.total));
		values[4] = Int64GetDatum(row->cum);
		values[5] = Float8GetDatum(percent(row->cum, top.total));
		rows_put(&rows, values, nulls);
	}
	return rows_end(&rows);
}
