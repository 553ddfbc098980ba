/*
 * profile_edges.c
 *		Who calls whom, and sums by label, as rows.
 */
#include "postgres.h"

#include "core_glue.h"
#include "pprof.h"
#include "profile_report.h"
#include "profile_values.h"
#include "rows.h"

PPROF_FUNCTION(pprof_callees);
PPROF_FUNCTION(pprof_callers);
PPROF_FUNCTION(pprof_edges);
PPROF_FUNCTION(pprof_tag_values);
PPROF_FUNCTION(pprof_tags);

/* A profile with what is to be asked of it. */
typedef struct Question
{
	PpArena *arena;
	PpProfile *profile;
	ReportOptions options;
	PpSearch search;
} Question;

/* The profile is the first argument; a sample type and options are at these places. */
static void
read_question(FunctionCallInfo fcinfo, int sample_type, int options, Question *q)
{
	PpBytes column = core_bytes(PG_GETARG_TEXT_PP(sample_type));

	q->arena = core_arena_create();
	q->search = report_search();
	report_options_read_rows(PG_GETARG_JSONB_P(options), &q->options);
	if (column.len > 0)
		q->options.core.sample_index = column;
	q->profile = profile_load_for(PG_GETARG_PROFILE(0, q->arena), &q->options, q->arena);
}

static Datum
edge_rows(FunctionCallInfo fcinfo, Question *q, PpEdgeSide side, PpBytes regexp)
{
	bool callers = side == PP_EDGES_CALLERS;
	PpEdgeRow *edges;
	size_t n;
	Rows rows;
	PpError err;

	CORE_CHECK(pp_edge_rows(q->profile,
							&q->options.core,
							side,
							regexp,
							&q->search,
							q->arena,
							&edges,
							&n,
							&err),
			   &err);
	rows_begin(&rows, fcinfo);
	for (size_t i = 0; i < n; i++)
	{
		Datum values[5];
		bool nulls[5] = {false};

		values[0] = PointerGetDatum(core_text(callers ? edges[i].callee : edges[i].caller));
		values[1] = PointerGetDatum(core_text(callers ? edges[i].caller : edges[i].callee));
		values[2] = Int64GetDatum(edges[i].weight);
		values[3] = BoolGetDatum(edges[i].inlined);
		values[4] = BoolGetDatum(edges[i].residual);
		rows_put(&rows, values, nulls);
	}
	return rows_end(&rows);
}

Datum
pprof_edges(PG_FUNCTION_ARGS)
{
	Question q;

	read_question(fcinfo, 1, 2, &q);
	return edge_rows(fcinfo, &q, PP_EDGES_ALL, pp_bytes_cstr(""));
}

Datum
pprof_callers(PG_FUNCTION_ARGS)
{
	Question q;

	read_question(fcinfo, 2, 3, &q);
	return edge_rows(fcinfo, &q, PP_EDGES_CALLERS, core_bytes(PG_GETARG_TEXT_PP(1)));
}

Datum
pprof_callees(PG_FUNCTION_ARGS)
{
	Question q;

	read_question(fcinfo, 2, 3, &q);
	return edge_rows(fcinfo, &q, PP_EDGES_CALLEES, core_bytes(PG_GETARG_TEXT_PP(1)));
}

/* Of one key, or of all, which come first then. */
static Datum
label_rows(FunctionCallInfo fcinfo, Question *q, const PpBytes *key)
{
	int first = key == NULL ? 1 : 0;
	PpLabelValue *labels;
	size_t n;
	Rows rows;
	PpError err;

	CORE_CHECK(pp_label_values(q->profile, &q->options.core, key, &q->search, q->arena, &labels, &n, &err),
			   &err);
	rows_begin(&rows, fcinfo);
	for (size_t i = 0; i < n; i++)
	{
		const PpLabelValue *label = &labels[i];
		Datum columns[5] = {0};
		bool nulls[5] = {false};
		Datum *values = columns + first;

		if (key == NULL)
			columns[0] = PointerGetDatum(core_text(label->key));
		nulls[first] = label->is_number;
		if (!label->is_number)
			values[0] = PointerGetDatum(core_text(label->text));
		nulls[first + 1] = !label->is_number;
		values[1] = Int64GetDatum(label->num);
		put_text(&values[2], &nulls[first + 2], label->unit);
		values[3] = Int64GetDatum(label->total);
		rows_put(&rows, columns, nulls);
	}
	return rows_end(&rows);
}

Datum
pprof_tag_values(PG_FUNCTION_ARGS)
{
	PpBytes key = core_bytes(PG_GETARG_TEXT_PP(1));
	Question q;

	read_question(fcinfo, 2, 3, &q);
	return label_rows(fcinfo, &q, &key);
}

Datum
pprof_tags(PG_FUNCTION_ARGS)
{
	Question q;

	read_question(fcinfo, 1, 2, &q);
	return label_rows(fcinfo, &q, NULL);
}
