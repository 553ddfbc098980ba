/*
 * select.c
 *		Queries over stored profiles: checks in the words of the protocol, then the
 *		database.
 */
#include "bridge/select.h"

#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool
select_check_range(Request *request, int64_t start_ms, int64_t end_ms)
{
	if (start_ms == 0 || end_ms == 0)
		return answer_error(request, RPC_INVALID_ARGUMENT, "missing time range in the query");
	if (start_ms > end_ms)
		return answer_error(request, RPC_INVALID_ARGUMENT, "query start time is after end time");
	return true;
}

bool
select_check_nodes(Request *request, int64_t asked, int64_t *max_nodes)
{
	if (asked < 0)
		return answer_error(request,
							RPC_INVALID_ARGUMENT,
							"max flamegraph nodes limit must be set (max allowed %d)",
							MAX_NODES_MOST);
	if (asked > MAX_NODES_MOST)
		return answer_error(request,
							RPC_INVALID_ARGUMENT,
							"max flamegraph nodes limit %lld is greater than allowed %d",
							(long long) asked,
							MAX_NODES_MOST);
	*max_nodes = asked == 0 ? MAX_NODES_DEFAULT : asked;
	return true;
}

bool
select_check_type(Request *request, const char *text, const char **type)
{
	PpTypeId id;
	PpBytes canonical;
	int parts = 1;

	if (pp_type_id_parse(pp_bytes_cstr(text), &id, NULL) == PP_OK)
	{
		if (pp_type_id_text(&id, request->arena, &canonical, NULL) == PP_OK &&
			(*type = request_text(request, canonical)) != NULL)
			return true;
		return answer_no_memory(request);
	}
	for (const char *c = text; *c != '\0'; c++)
		parts += *c == ':';
	return answer_error(request,
						RPC_INVALID_ARGUMENT,
						"profile-type selection must be of the form "
						"<name>:<sample-type>:<sample-unit>:<period-type>:<period-unit>(:delta), "
						"got(%d): \"%s\"",
						text[0] == '\0' ? 1 : parts,
						text);
}

bool
select_check_selector(Request *request, const char *text, const char *what)
{
	PpSelector selector;
	PpError err;
	PpCode code = pp_selector_parse(pp_bytes_cstr(text), NULL, request->arena, &selector, &err);

	if (code == PP_OK)
		return true;
	return answer_error(request, rpc_code_of_core(code), "%s \"%s\": %s", what, text, err.message);
}

bool
select_db_error(Request *request, const DbError *err, const char *what, const char *text)
{
	/* grammar was checked before, so this is a regular expression */
	if (err->code == RPC_INVALID_ARGUMENT && what != NULL && strcmp(err->sqlstate, "22023") == 0)
		return answer_error(request, err->code, "%s \"%s\": %s", what, text, err->message);
	return answer_error(request, err->code, "%s", err->message);
}

void
select_arg_range(DbArgs *args, int64_t start_ms, int64_t end_ms)
{
	int64_t start_us, end_us;

	if (__builtin_mul_overflow(start_ms, 1000, &start_us))
		start_us = start_ms < 0 ? INT64_MIN : INT64_MAX;
	if (__builtin_mul_overflow(end_ms, 1000, &end_us) || end_us == INT64_MAX)
		end_us = end_ms < 0 ? INT64_MIN : INT64_MAX - 1;
	db_arg_time_us(args, start_us);
	db_arg_time_us(args, end_us + 1);
}

/*
 * Flame graphs
 */

static bool
copy_rows(Request *request, const PGresult *result, FlameRows *out)
{
	out->n = (size_t) PQntuples(result);
	out->rows = pp_arena_array(request->arena, out->n + 1, sizeof(PpFlameRow));
	if (out->rows == NULL)
		return false;
	for (int row = 0; row < (int) out->n; row++)
	{
		PpFlameRow *flame = &out->rows[row];
		size_t len = (size_t) PQgetlength(result, row, 3);

		flame->level = db_int4(result, row, 0);
		flame->value = db_int8(result, row, 1);
		flame->self = db_int8(result, row, 2);
		flame->label.len = (uint32_t) len;
		flame->label.data = pp_arena_copy(request->arena, PQgetvalue(result, row, 3), len + 1);
		flame->truncated = *PQgetvalue(result, row, 4) != 0;
		if (flame->label.data == NULL)
			return false;
	}
	return true;
}

/* Keep the stacks that begin with the call site, whole. */
static PpCode
add_under(const FlameRows *rows, const PpBytes *call_site, size_t ncall_site, PpTree *tree)
{
	PpCode code = PP_OK;
	size_t deepest = 0;
	PpBytes *path;

	for (size_t i = 0; i < rows->n; i++)
		deepest = (size_t) rows->rows[i].level > deepest ? (size_t) rows->rows[i].level : deepest;
	path = calloc(deepest + 1, sizeof(PpBytes));
	if (path == NULL)
		return PP_ENOMEM;
	for (size_t i = 0; i < rows->n && code == PP_OK; i++)
	{
		const PpFlameRow *row = &rows->rows[i];
		size_t depth = (size_t) row->level, same = 0;

		if (depth == 0)
			continue;
		path[depth - 1] = row->label;
		if (row->self <= 0 || depth < ncall_site)
			continue;
		while (same < ncall_site && pp_bytes_eq(path[same], call_site[same]))
			same++;
		if (same == ncall_site)
			code = pp_tree_add(tree, path, depth, row->self, NULL);
	}
	free(path);
	return code;
}

static bool
restrict_rows(Request *request, const PpBytes *call_site, size_t ncall_site, int64_t max_nodes,
			  FlameRows *rows)
{
	PpTree *tree = pp_tree_new(&pp_alloc_malloc, PP_RULES_PYROSCOPE);
	int64_t hidden;
	PpCode code = tree == NULL ? PP_ENOMEM : add_under(rows, call_site, ncall_site, tree);

	if (code == PP_OK)
		code = pp_tree_flame(tree, max_nodes, request->arena, &rows->rows, &rows->n, &hidden, NULL);
	/* labels live as long as the tree, which ends here */
	for (size_t i = 0; code == PP_OK && i < rows->n; i++)
	{
		rows->rows[i].label.data = request_text(request, rows->rows[i].label);
		if (rows->rows[i].label.data == NULL)
			code = PP_ENOMEM;
	}
	pp_tree_free(tree);
	return code == PP_OK;
}

bool
select_flame(Request *request, Db *db, const Selection *selection, int64_t max_nodes,
			 const PpBytes *call_site, size_t ncall_site, FlameRows *out)
{
	DbArgs args = {0};
	DbError err;
	PGresult *result;
	bool ok;

	db_arg_text(&args, selection->type);
	db_arg_text(&args, selection->selector);
	select_arg_range(&args, selection->start_ms, selection->end_ms);
	/* what the call site hides must not be folded away before */
	db_arg_int4(&args, ncall_site > 0 ? 0 : (int32_t) max_nodes);
	result = db_run(db, request, DB_FLAMEGRAPH, &args, &err);
	if (result == NULL)
		return select_db_error(request, &err, "parsing label selector", selection->selector);
	ok = copy_rows(request, result, out);
	PQclear(result);
	if (ok && ncall_site > 0)
		ok = restrict_rows(request, call_site, ncall_site, max_nodes, out);
	return ok || answer_no_memory(request);
}

/*
 * Labels
 */

bool
legacy_label_name(const char *name, size_t len)
{
	if (len == 0 || isdigit((unsigned char) name[0]))
		return false;
	for (size_t i = 0; i < len; i++)
	{
		if (!(name[i] == '_' || (name[i] >= '0' && name[i] <= '9') ||
			  (name[i] >= 'a' && name[i] <= 'z') || (name[i] >= 'A' && name[i] <= 'Z')))
			return false;
	}
	return true;
}

bool
accepts_utf8_names(const Request *request)
{
	static const char param[] = "allow-utf8-labelnames=true";
	const char *accept = request->headers[HDR_ACCEPT];

	while (accept != NULL && (accept = strchr(accept, ';')) != NULL)
	{
		accept++;
		accept += strspn(accept, " \t");
		if (strncasecmp(accept, param, sizeof(param) - 1) == 0 &&
			strchr(" \t,;", accept[sizeof(param) - 1]) != NULL)
			return true;
	}
	return false;
}

static int
pair_cmp(const void *a, const void *b)
{
	return pp_bytes_cmp(((const PpLabelPair *) a)->name, ((const PpLabelPair *) b)->name);
}

int
label_sets_cmp(const PpLabelSet *a, const PpLabelSet *b)
{
	for (uint32_t i = 0; i < a->n && i < b->n; i++)
	{
		int order = pp_bytes_cmp(a->pairs[i].name, b->pairs[i].name);

		if (order == 0)
			order = pp_bytes_cmp(a->pairs[i].value, b->pairs[i].value);
		if (order != 0)
			return order;
	}
	return (a->n > b->n) - (a->n < b->n);
}

static bool
copy_bytes(Request *request, const char *text, size_t len, PpBytes *bytes)
{
	bytes->len = (uint32_t) len;
	bytes->data = request_text(request, (PpBytes){text, (uint32_t) len});
	return bytes->data != NULL;
}

bool
select_labels(Request *request, const char *text, size_t len, PpLabelSet *labels)
{
	json_t *json = json_loadb(text, len, 0, NULL), *value;
	const char *name;
	bool ok;

	labels->n = 0;
	labels->pairs = pp_arena_array(request->arena, json_object_size(json) + 1, sizeof(PpLabelPair));
	ok = json_is_object(json) && labels->pairs != NULL;
	if (ok)
	{
		json_object_foreach(json, name, value)
		{
			PpLabelPair *pair = &labels->pairs[labels->n];

			if (!json_is_string(value) || json_string_length(value) == 0)
				continue;
			ok = copy_bytes(request, name, strlen(name), &pair->name) &&
				 copy_bytes(request, json_string_value(value), json_string_length(value), &pair->value);
			if (!ok)
				break;
			labels->n++;
		}
	}
	json_decref(json);
	if (ok)
		qsort(labels->pairs, labels->n, sizeof(PpLabelPair), pair_cmp);
	return ok || answer_error(request, RPC_INTERNAL, "labels of a series could not be read");
}

/*
 * Time series
 */

static int
series_cmp(const void *a, const void *b)
{
	const PointSeries *left = a, *right = b;

	if (left->sum != right->sum)
		return left->sum > right->sum ? -1 : 1;
	return label_sets_cmp(&left->labels, &right->labels);
}

/* The labels of a group, in the order of group_by. */
static bool
group_labels(Request *request, const PGresult *rows, int row, char *const *group_by,
			 size_t ngroup_by, PpLabelSet *out)
{
	bool utf8 = accepts_utf8_names(request);
	PpLabelSet all;
	size_t len;
	const char *json = db_jsonb(rows, row, 1, &len);

	if (!select_labels(request, json, len, &all))
		return false;
	out->n = 0;
	out->pairs = pp_arena_array(request->arena, ngroup_by + 1, sizeof(PpLabelPair));
	if (out->pairs == NULL)
		return answer_no_memory(request);
	for (size_t g = 0; g < ngroup_by; g++)
	{
		PpBytes name = pp_bytes_cstr(group_by[g]);

		for (uint32_t i = 0; i < all.n; i++)
		{
			if (pp_bytes_eq(all.pairs[i].name, name) &&
				(utf8 || legacy_label_name(name.data, name.len)))
				out->pairs[out->n++] = all.pairs[i];
		}
	}
	return true;
}

static bool
same_labels(const PGresult *rows, int a, int b)
{
	return PQgetlength(rows, a, 1) == PQgetlength(rows, b, 1) &&
		   memcmp(PQgetvalue(rows, a, 1), PQgetvalue(rows, b, 1), (size_t) PQgetlength(rows, a, 1)) ==
			   0;
}

/* Rows come sorted by labels and time. */
static bool
collect_series(Request *request, const PGresult *rows, char *const *group_by, size_t ngroup_by,
			   SelectedSeries *out)
{
	int n = PQntuples(rows);
	SeriesPoint *points = pp_arena_array(request->arena, (size_t) n + 1, sizeof(SeriesPoint));
	PointSeries *series = NULL;
	uint32_t count = 0;

	for (int row = 0; row < n; row++)
		count += row == 0 || !same_labels(rows, row - 1, row);
	out->n = 0;
	out->series = pp_arena_array(request->arena, (size_t) count + 1, sizeof(PointSeries));
	if (points == NULL || out->series == NULL)
		return answer_no_memory(request);
	for (int row = 0; row < n; row++)
	{
		if (row == 0 || !same_labels(rows, row - 1, row))
		{
			series = &out->series[out->n++];
			*series = (PointSeries){.points = &points[row]};
			if (!group_labels(request, rows, row, group_by, ngroup_by, &series->labels))
				return false;
		}
		points[row].ms = db_time_us(rows, row, 0) / 1000;
		points[row].value = db_float8(rows, row, 2);
		series->sum += points[row].value;
		series->n++;
	}
	qsort(out->series, out->n, sizeof(PointSeries), series_cmp);
	return true;
}

bool
select_series(Request *request, Db *db, const Selection *selection, int64_t step_ms,
			  char *const *group_by, size_t ngroup_by, bool average, SelectedSeries *out)
{
	DbArgs args = {0};
	DbError err;
	PGresult *rows;
	bool ok;

	db_arg_text(&args, selection->type);
	db_arg_text(&args, selection->selector);
	select_arg_range(&args, selection->start_ms, selection->end_ms);
	db_arg_interval_us(&args, step_ms * 1000);
	db_arg_text_array(&args, group_by, ngroup_by);
	db_arg_text(&args, average ? "avg" : "sum");
	rows = db_run(db, request, DB_TIMESERIES, &args, &err);
	if (rows == NULL)
		return select_db_error(request, &err, "parsing label selector", selection->selector);
	ok = collect_series(request, rows, group_by, ngroup_by, out);
	PQclear(rows);
	return ok;
}
