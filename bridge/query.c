/*
 * query.c
 *		querier.v1.QuerierService: what is stored, flame graphs, time series.
 */
#include "bridge/route.h"
#include "bridge/select.h"
#include "querier.pb-c.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define HOUR_MS INT64_C(3600000)

/* A message of the arena, initialised; NULL without memory. */
static void *
new_message(Request *request, const ProtobufCMessageDescriptor *type)
{
	ProtobufCMessage *message = pp_arena_alloc(request->arena, type->sizeof_message);

	if (message != NULL)
		protobuf_c_message_init(type, message);
	return message;
}

/* n messages and the array of their addresses. */
static void *
new_messages(Request *request, const ProtobufCMessageDescriptor *type, size_t n)
{
	void **list = pp_arena_array(request->arena, n + 1, sizeof(void *));

	for (size_t i = 0; list != NULL && i < n; i++)
	{
		list[i] = new_message(request, type);
		if (list[i] == NULL)
			return NULL;
	}
	return list;
}

static char *
copy_column(Request *request, const PGresult *rows, int row)
{
	return pp_arena_copy(request->arena,
						 PQgetvalue(rows, row, 0),
						 (size_t) PQgetlength(rows, row, 0) + 1);
}

static bool
check_matchers(Request *request, char *const *matchers, size_t n)
{
	for (size_t i = 0; i < n; i++)
	{
		if (!select_check_selector(request, matchers[i], "failed to parse label selector"))
			return false;
	}
	return true;
}

/* Run a label query whose selectors may hold a bad regular expression. */
static PGresult *
run_labels(Request *request, Db *db, DbStatement statement, DbArgs *args, char *const *matchers,
		   size_t n)
{
	DbError err;
	PGresult *rows = db_run(db, request, statement, args, &err);

	if (rows == NULL)
		select_db_error(request,
						&err,
						n > 0 ? "failed to parse label selector" : NULL,
						n > 0 ? matchers[n - 1] : NULL);
	return rows;
}

/*
 * ProfileTypes
 */

/* "a:b:c:d:e" into its five parts, in place. */
static bool
fill_type(Request *request, char *id, Types__V1__ProfileType *type)
{
	char **parts[] = {&type->name,
					  &type->sample_type,
					  &type->sample_unit,
					  &type->period_type,
					  &type->period_unit};
	char *rest = pp_arena_copy(request->arena, id, strlen(id) + 1);

	type->id = id;
	for (size_t i = 0; rest != NULL && i < sizeof(parts) / sizeof(parts[0]); i++)
	{
		*parts[i] = rest;
		rest = strchr(rest, ':');
		if (rest != NULL)
			*rest++ = '\0';
	}
	return type->period_unit[0] != '\0' || type->period_type[0] != '\0' || type->name[0] != '\0';
}

bool
profile_types_rpc(Request *request, Db *db, const ProtobufCMessage *in, ProtobufCMessage **out)
{
	const Querier__V1__ProfileTypesRequest *ask = (const Querier__V1__ProfileTypesRequest *) in;
	Querier__V1__ProfileTypesResponse *answer =
		new_message(request, &querier__v1__profile_types_response__descriptor);
	int64_t start = ask->start, end = ask->end;
	DbArgs args = {0};
	PGresult *rows;

	if (answer == NULL)
		return answer_no_memory(request);
	if (start == 0 && end == 0)
	{
		end = now_wall_ns() / 1000000;
		start = end - HOUR_MS;
	}
	else if (!select_check_range(request, start, end))
		return false;
	select_arg_range(&args, start, end);
	rows = run_labels(request, db, DB_PROFILE_TYPES, &args, NULL, 0);
	if (rows == NULL)
		return false;
	answer->profile_types =
		new_messages(request, &types__v1__profile_type__descriptor, (size_t) PQntuples(rows));
	for (int row = 0; answer->profile_types != NULL && row < PQntuples(rows); row++)
	{
		char *id = copy_column(request, rows, row);

		if (id != NULL && fill_type(request, id, answer->profile_types[answer->n_profile_types]))
			answer->n_profile_types++;
	}
	PQclear(rows);
	*out = &answer->base;
	return answer->profile_types != NULL || answer_no_memory(request);
}

/*
 * LabelNames, LabelValues, Series
 */

static bool
collect_names(Request *request, const PGresult *rows, bool legacy_only, char ***names, size_t *n)
{
	*n = 0;
	*names = pp_arena_array(request->arena, (size_t) PQntuples(rows) + 1, sizeof(char *));
	for (int row = 0; *names != NULL && row < PQntuples(rows); row++)
	{
		if (legacy_only &&
			!legacy_label_name(PQgetvalue(rows, row, 0), (size_t) PQgetlength(rows, row, 0)))
			continue;
		if (((*names)[(*n)++] = copy_column(request, rows, row)) == NULL)
			return answer_no_memory(request);
	}
	return *names != NULL || answer_no_memory(request);
}

bool
label_names_rpc(Request *request, Db *db, const ProtobufCMessage *in, ProtobufCMessage **out)
{
	const Types__V1__LabelNamesRequest *ask = (const Types__V1__LabelNamesRequest *) in;
	Types__V1__LabelNamesResponse *answer =
		new_message(request, &types__v1__label_names_response__descriptor);
	DbArgs args = {0};
	PGresult *rows;
	bool ok;

	if (answer == NULL)
		return answer_no_memory(request);
	if (!select_check_range(request, ask->start, ask->end) ||
		!check_matchers(request, ask->matchers, ask->n_matchers))
		return false;
	db_arg_text_array(&args, ask->matchers, ask->n_matchers);
	select_arg_range(&args, ask->start, ask->end);
	rows = run_labels(request, db, DB_LABEL_NAMES, &args, ask->matchers, ask->n_matchers);
	if (rows == NULL)
		return false;
	ok = collect_names(request, rows, !accepts_utf8_names(request), &answer->names, &answer->n_names);
	PQclear(rows);
	*out = &answer->base;
	return ok;
}

bool
label_values_rpc(Request *request, Db *db, const ProtobufCMessage *in, ProtobufCMessage **out)
{
	const Types__V1__LabelValuesRequest *ask = (const Types__V1__LabelValuesRequest *) in;
	Types__V1__LabelValuesResponse *answer =
		new_message(request, &types__v1__label_values_response__descriptor);
	DbArgs args = {0};
	PGresult *rows;
	bool ok;

	if (answer == NULL)
		return answer_no_memory(request);
	if (ask->name[0] == '\0')
		return answer_error(request, RPC_INVALID_ARGUMENT, "name is required");
	if (!select_check_range(request, ask->start, ask->end) ||
		!check_matchers(request, ask->matchers, ask->n_matchers))
		return false;
	db_arg_text(&args, ask->name);
	db_arg_text_array(&args, ask->matchers, ask->n_matchers);
	select_arg_range(&args, ask->start, ask->end);
	rows = run_labels(request, db, DB_LABEL_VALUES, &args, ask->matchers, ask->n_matchers);
	if (rows == NULL)
		return false;
	ok = collect_names(request, rows, false, &answer->names, &answer->n_names);
	PQclear(rows);
	*out = &answer->base;
	return ok;
}

static bool
fill_pairs(Request *request, const PpLabelSet *set, Types__V1__LabelPair ***pairs, size_t *n)
{
	*pairs = new_messages(request, &types__v1__label_pair__descriptor, set->n);
	if (*pairs == NULL)
		return answer_no_memory(request);
	*n = set->n;
	for (uint32_t i = 0; i < set->n; i++)
	{
		/* texts of select.c are terminated */
		(*pairs)[i]->name = (char *) set->pairs[i].name.data;
		(*pairs)[i]->value = (char *) set->pairs[i].value.data;
	}
	return true;
}

static int
sets_cmp(const void *a, const void *b)
{
	return label_sets_cmp(a, b);
}

static void
drop_other_names(PpLabelSet *set)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < set->n; i++)
	{
		if (legacy_label_name(set->pairs[i].name.data, set->pairs[i].name.len))
			set->pairs[kept++] = set->pairs[i];
	}
	set->n = kept;
}

/* Distinct sets in order; leaving out names may have made some equal. */
static PpLabelSet *
collect_sets(Request *request, const PGresult *rows, size_t *n)
{
	bool utf8 = accepts_utf8_names(request);
	PpLabelSet *sets =
		pp_arena_array(request->arena, (size_t) PQntuples(rows) + 1, sizeof(PpLabelSet));
	size_t distinct = 0;

	if (sets == NULL)
	{
		answer_no_memory(request);
		return NULL;
	}
	for (int row = 0; row < PQntuples(rows); row++)
	{
		size_t len;
		const char *json = db_jsonb(rows, row, 0, &len);

		if (!select_labels(request, json, len, &sets[row]))
			return NULL;
		if (!utf8)
			drop_other_names(&sets[row]);
	}
	qsort(sets, (size_t) PQntuples(rows), sizeof(PpLabelSet), sets_cmp);
	for (int row = 0; row < PQntuples(rows); row++)
	{
		if (distinct == 0 || label_sets_cmp(&sets[distinct - 1], &sets[row]) != 0)
			sets[distinct++] = sets[row];
	}
	/* no series has any of the labels */
	if (distinct == 1 && sets[0].n == 0)
		distinct = 0;
	*n = distinct;
	return sets;
}

bool
series_rpc(Request *request, Db *db, const ProtobufCMessage *in, ProtobufCMessage **out)
{
	const Querier__V1__SeriesRequest *ask = (const Querier__V1__SeriesRequest *) in;
	Querier__V1__SeriesResponse *answer =
		new_message(request, &querier__v1__series_response__descriptor);
	DbArgs args = {0};
	PpLabelSet *sets;
	PGresult *rows;
	size_t n = 0;

	if (answer == NULL)
		return answer_no_memory(request);
	if (!select_check_range(request, ask->start, ask->end) ||
		!check_matchers(request, ask->matchers, ask->n_matchers))
		return false;
	db_arg_text_array(&args, ask->matchers, ask->n_matchers);
	db_arg_text_array(&args, ask->label_names, ask->n_label_names);
	select_arg_range(&args, ask->start, ask->end);
	rows = run_labels(request, db, DB_LABEL_SETS, &args, ask->matchers, ask->n_matchers);
	if (rows == NULL)
		return false;
	sets = collect_sets(request, rows, &n);
	PQclear(rows);
	if (sets == NULL)
		return false;
	answer->labels_set = new_messages(request, &types__v1__labels__descriptor, n);
	if (answer->labels_set == NULL)
		return answer_no_memory(request);
	answer->n_labels_set = n;
	for (size_t i = 0; i < n; i++)
	{
		Types__V1__Labels *labels = answer->labels_set[i];

		if (!fill_pairs(request, &sets[i], &labels->labels, &labels->n_labels))
			return false;
	}
	*out = &answer->base;
	return true;
}

/*
 * SelectMergeStacktraces
 */

static bool
fill_flamegraph(Request *request, const FlameRows *rows, Querier__V1__FlameGraph **out)
{
	Querier__V1__FlameGraph *graph = new_message(request, &querier__v1__flame_graph__descriptor);
	PpFlamebearer flame;

	if (graph == NULL || pp_flamebearer(rows->rows, rows->n, request->arena, &flame, NULL) != PP_OK)
		return answer_no_memory(request);
	graph->names = pp_arena_array(request->arena, flame.nnames + 1, sizeof(char *));
	graph->levels = new_messages(request, &querier__v1__level__descriptor, flame.nlevels);
	if (graph->names == NULL || graph->levels == NULL)
		return answer_no_memory(request);
	for (; graph->n_names < flame.nnames; graph->n_names++)
	{
		char *text = request_text(request, flame.names[graph->n_names]);

		if (text == NULL)
			return answer_no_memory(request);
		graph->names[graph->n_names] = text;
	}
	for (; graph->n_levels < flame.nlevels; graph->n_levels++)
	{
		graph->levels[graph->n_levels]->values = flame.levels[graph->n_levels];
		graph->levels[graph->n_levels]->n_values = flame.level_len[graph->n_levels];
	}
	graph->total = flame.total;
	graph->max_self = flame.max_self;
	*out = graph;
	return true;
}

static void
put_uvarint(Buf *out, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		buf_char(out, (char) (value | 0x80));
	buf_char(out, (char) value);
}

/*
 * Serialised tree: (name length, name, self, number of children) depth first,
 * the last child first.  Rows are in pre-order, so the children of a row are
 * found by walking on from it; `next` links each row to its next sibling.
 */
static bool
fill_tree(Request *request, const FlameRows *rows, ProtobufCBinaryData *tree)
{
	uint32_t *next = pp_arena_array(request->arena, rows->n + 1, sizeof(uint32_t));
	uint32_t *last = pp_arena_array(request->arena, rows->n + 2, sizeof(uint32_t)); /* by level */
	uint32_t *stack = pp_arena_array(request->arena, rows->n + 1, sizeof(uint32_t));
	size_t depth = 0;
	Buf out = {0};

	if (next == NULL || last == NULL || stack == NULL)
		return answer_no_memory(request);
	if (rows->n < 2)
		return true;
	for (uint32_t i = 0; i < rows->n; i++)
	{
		uint32_t level = (uint32_t) rows->rows[i].level;

		next[i] = 0;
		if (i > 0 && level <= (uint32_t) rows->rows[i - 1].level)
			next[last[level]] = i;
		last[level] = i;
	}
	stack[depth++] = 0;
	while (depth > 0)
	{
		uint32_t at = stack[--depth], children = 0;
		const PpFlameRow *row = &rows->rows[at];
		PpBytes name = at == 0 ? (PpBytes){"", 0} : row->label;

		if (at + 1 < rows->n && rows->rows[at + 1].level == row->level + 1)
		{
			for (uint32_t child = at + 1; child != 0; child = next[child], children++)
				stack[depth++] = child;
		}
		put_uvarint(&out, name.len);
		buf_put(&out, name.data, name.len);
		put_uvarint(&out, (uint64_t) row->self);
		put_uvarint(&out, children);
	}
	tree->len = out.len;
	tree->data = out.failed ? NULL : (uint8_t *) pp_arena_copy(request->arena, out.data, out.len);
	buf_free(&out);
	return tree->data != NULL || answer_no_memory(request);
}

/* What is asked but not there: better said than ignored. */
static bool
check_supported(Request *request, const Querier__V1__SelectMergeStacktracesRequest *ask)
{
	if (ask->n_span_selector > 0 && ask->n_trace_id_selector > 0)
		return answer_error(request,
							RPC_INVALID_ARGUMENT,
							"span_selector and trace_id_selector cannot be combined");
	if (ask->n_span_selector > 0 || ask->n_trace_id_selector > 0 || ask->n_profile_id_selector > 0)
		return answer_error(request,
							RPC_UNIMPLEMENTED,
							"selecting by profile, trace or span is not implemented");
	if (ask->async != NULL &&
		(ask->async->type == QUERIER__V1__ASYNC_QUERY_TYPE__ASYNC_QUERY_TYPE_FORCE ||
		 ask->async->request_id[0] != '\0'))
		return answer_error(request, RPC_UNIMPLEMENTED, "async queries are not enabled");
	if (ask->format == QUERIER__V1__PROFILE_FORMAT__PROFILE_FORMAT_DOT)
		return answer_error(request, RPC_UNIMPLEMENTED, "format DOT is not implemented");
	if (ask->format == QUERIER__V1__PROFILE_FORMAT__PROFILE_FORMAT_PPROF)
		return answer_error(request, RPC_UNIMPLEMENTED, "format PPROF is not implemented");
	return true;
}

static PpBytes *
call_site_of(Request *request, const Types__V1__StackTraceSelector *selector, size_t *n)
{
	PpBytes *names;

	*n = selector == NULL ? 0 : selector->n_call_site;
	names = pp_arena_array(request->arena, *n + 1, sizeof(PpBytes));
	for (size_t i = 0; names != NULL && i < *n; i++)
		names[i] = pp_bytes_cstr(selector->call_site[i]->name);
	return names;
}

bool
stacktraces_rpc(Request *request, Db *db, const ProtobufCMessage *in, ProtobufCMessage **out)
{
	const Querier__V1__SelectMergeStacktracesRequest *ask =
		(const Querier__V1__SelectMergeStacktracesRequest *) in;
	Querier__V1__SelectMergeStacktracesResponse *answer =
		new_message(request, &querier__v1__select_merge_stacktraces_response__descriptor);
	Selection selection = {.selector = ask->label_selector, .start_ms = ask->start, .end_ms = ask->end};
	int64_t max_nodes;
	FlameRows rows;
	size_t ncall_site;
	PpBytes *call_site = call_site_of(request, ask->stack_trace_selector, &ncall_site);

	if (answer == NULL || call_site == NULL)
		return answer_no_memory(request);
	if (!check_supported(request, ask) || !select_check_range(request, ask->start, ask->end) ||
		!select_check_nodes(request, ask->max_nodes, &max_nodes) ||
		!select_check_type(request, ask->profile_typeid, &selection.type) ||
		!select_check_selector(request, ask->label_selector, "parsing label selector") ||
		!select_flame(request, db, &selection, max_nodes, call_site, ncall_site, &rows))
		return false;
	*out = &answer->base;
	if (ask->format == QUERIER__V1__PROFILE_FORMAT__PROFILE_FORMAT_TREE)
		return fill_tree(request, &rows, &answer->tree);
	return fill_flamegraph(request, &rows, &answer->flamegraph);
}

/*
 * SelectSeries
 */

static bool
fill_series(Request *request, const PointSeries *from, Types__V1__Series *to)
{
	to->points = new_messages(request, &types__v1__point__descriptor, from->n);
	if (to->points == NULL)
		return answer_no_memory(request);
	for (; to->n_points < from->n; to->n_points++)
	{
		to->points[to->n_points]->timestamp = from->points[to->n_points].ms;
		to->points[to->n_points]->value = from->points[to->n_points].value;
	}
	return fill_pairs(request, &from->labels, &to->labels, &to->n_labels);
}

bool
select_series_rpc(Request *request, Db *db, const ProtobufCMessage *in, ProtobufCMessage **out)
{
	const Querier__V1__SelectSeriesRequest *ask = (const Querier__V1__SelectSeriesRequest *) in;
	Querier__V1__SelectSeriesResponse *answer =
		new_message(request, &querier__v1__select_series_response__descriptor);
	Selection selection = {.selector = ask->label_selector, .start_ms = ask->start, .end_ms = ask->end};
	SelectedSeries selected;
	bool average = ask->aggregation ==
				   TYPES__V1__TIME_SERIES_AGGREGATION_TYPE__TIME_SERIES_AGGREGATION_TYPE_AVERAGE;

	if (answer == NULL)
		return answer_no_memory(request);
	if (!select_check_range(request, ask->start, ask->end) ||
		!select_check_type(request, ask->profile_typeid, &selection.type))
		return false;
	/* written so that NaN fails too; a step beyond all time is one bucket */
	if (!(ask->step >= 0.001))
		return answer_error(request, RPC_INVALID_ARGUMENT, "step must be >= 1ms");
	if (ask->exemplar_type == TYPES__V1__EXEMPLAR_TYPE__EXEMPLAR_TYPE_SPAN)
		return answer_error(request, RPC_UNIMPLEMENTED, "exemplar type span is not implemented");
	if (!select_check_selector(request, ask->label_selector, "parsing label selector") ||
		!select_series(request,
					   db,
					   &selection,
					   (int64_t) (fmin(ask->step, 1e10) * 1000 + 1e-6),
					   ask->group_by,
					   ask->n_group_by,
					   average,
					   &selected))
		return false;
	if (ask->limit > 0 && ask->limit < selected.n)
		selected.n = (uint32_t) ask->limit;
	answer->series = new_messages(request, &types__v1__series__descriptor, selected.n);
	if (answer->series == NULL)
		return answer_no_memory(request);
	for (; answer->n_series < selected.n; answer->n_series++)
	{
		if (!fill_series(request, &selected.series[answer->n_series], answer->series[answer->n_series]))
			return false;
	}
	*out = &answer->base;
	return true;
}
