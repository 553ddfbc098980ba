/*
 * flamegraph.c
 *		Flame graphs as rows in Grafana's nested-set order, of one profile and of
 *		two; the call tree with the numbers of its nodes.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "core_glue.h"
#include "flamegraph.h"
#include "pprof.h"
#include "profile_render.h"
#include "rows.h"

#define DEFAULT_MAX_NODES 16384 /* as the declarations in SQL say */

PPROF_FUNCTION(pprof_call_tree);
PPROF_FUNCTION(pprof_flamegraph_diff);
PPROF_FUNCTION(pprof_flamegraph_diff_profile);
PPROF_FUNCTION(pprof_flamegraph_profile);

PpFlameRules
flame_rules(const text *name)
{
	char *rules = text_to_cstring(name);

	if (strcmp(rules, "pprof") == 0)
		return PP_RULES_PPROF;
	if (strcmp(rules, "pyroscope") == 0)
		return PP_RULES_PYROSCOPE;
	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("unknown flame graph rules \"%s\"", rules),
			errhint("Use \"pprof\" or \"pyroscope\"."));
}

Datum
flame_rows(FunctionCallInfo fcinfo, PpTree *tree, int64 max_nodes)
{
	PpArena *arena = core_arena_create();
	PpFlameRow *flame;
	size_t n;
	int64_t hidden;
	Rows rows;
	PpError err;

	CORE_CHECK(pp_tree_flame(tree, max_nodes, arena, &flame, &n, &hidden, &err), &err);
	rows_begin(&rows, fcinfo);
	for (size_t i = 0; i < n; i++)
	{
		Datum values[6];
		bool nulls[6] = {false};

		values[0] = Int32GetDatum(flame[i].level);
		values[1] = Int64GetDatum(flame[i].value);
		values[2] = Int64GetDatum(flame[i].self);
		values[3] = PointerGetDatum(core_text(flame[i].label));
		values[4] = BoolGetDatum(flame[i].truncated);
		values[5] = Int32GetDatum((int32) i);
		rows_put(&rows, values, nulls);
	}
	return rows_end(&rows);
}

/*
 * The arguments that flame graphs of profiles share, from `first` on: sample_type,
 * max_nodes, rules, options.  These functions are not strict, for the merge of no
 * rows is null and its flame graph one root; a null of these is its default.
 */
typedef struct FlameRequest
{
	RenderRequest render;
	int64 max_nodes;
} FlameRequest;

static FlameRequest
flame_request(FunctionCallInfo fcinfo, int first)
{
	FlameRequest request = {
		.render = {.sample_type = pp_bytes_cstr(""), .rules = PP_RULES_PPROF},
		.max_nodes = DEFAULT_MAX_NODES,
	};

	if (!PG_ARGISNULL(first))
		request.render.sample_type = core_bytes(PG_GETARG_TEXT_PP(first));
	if (!PG_ARGISNULL(first + 1))
		request.max_nodes = PG_GETARG_INT32(first + 1);
	if (!PG_ARGISNULL(first + 2))
		request.render.rules = flame_rules(PG_GETARG_TEXT_PP(first + 2));
	if (!PG_ARGISNULL(first + 3))
		request.render.options = PG_GETARG_JSONB_P(first + 3);
	return request;
}

static PpTree *
empty_tree(PpFlameRules rules)
{
	PpTree *tree = pp_tree_new(core_alloc_create(CurrentMemoryContext), rules);

	if (tree == NULL)
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
	return tree;
}

/* A null profile, such as the merge of no rows, is drawn as an empty one. */
Datum
pprof_flamegraph_profile(PG_FUNCTION_ARGS)
{
	FlameRequest request = flame_request(fcinfo, 1);
	PpArena *arena = core_arena_create();
	PpTree *tree;

	if (PG_ARGISNULL(0))
		tree = empty_tree(request.render.rules);
	else
	{
		PpRender render = profile_render(PG_GETARG_PROFILE(0, arena), &request.render, arena);

		tree = profile_tree(&render, request.render.rules);
	}
	pp_arena_free(arena);
	return flame_rows(fcinfo, tree, request.max_nodes);
}

/* Two trees as rows (level, value, self, label, valueRight, selfRight, truncated, ord). */
static Datum
flame_pair_rows(FunctionCallInfo fcinfo, PpTree *left, PpTree *right, int64 max_nodes)
{
	PpArena *arena = core_arena_create();
	int64_t *right_self, hidden;
	PpFlameRow *flame;
	PpFlameRight *flame_right;
	size_t n;
	Rows rows;
	PpError err;

	CORE_CHECK(pp_tree_align(left, right, arena, &right_self, &err), &err);
	pp_tree_free(right);
	CORE_CHECK(pp_tree_flame_pair(left, right_self, max_nodes, arena, &flame, &flame_right, &n, &hidden, &err),
			   &err);
	rows_begin(&rows, fcinfo);
	for (size_t i = 0; i < n; i++)
	{
		Datum values[8];
		bool nulls[8] = {false};

		values[0] = Int32GetDatum(flame[i].level);
		values[1] = Int64GetDatum(flame[i].value);
		values[2] = Int64GetDatum(flame[i].self);
		values[3] = PointerGetDatum(core_text(flame[i].label));
		values[4] = Int64GetDatum(flame_right[i].value);
		values[5] = Int64GetDatum(flame_right[i].self);
		values[6] = BoolGetDatum(flame[i].truncated);
		values[7] = Int32GetDatum((int32) i);
		rows_put(&rows, values, nulls);
	}
	return rows_end(&rows);
}

Datum
pprof_flamegraph_diff(PG_FUNCTION_ARGS)
{
	FlameRequest request = flame_request(fcinfo, 2);
	PpFlameRules rules = request.render.rules;
	PpArena *arena = core_arena_create();
	PpRender renders[2];
	PpTree *trees[2];
	PpError err;

	for (int side = 0; side < 2; side++)
		if (!PG_ARGISNULL(side))
			renders[side] = profile_render(PG_GETARG_PROFILE(side, arena), &request.render, arena);
	if (!PG_ARGISNULL(0) && !PG_ARGISNULL(1))
		CORE_CHECK(pp_render_meet(&renders[0], &renders[1], arena, &err), &err);
	for (int side = 0; side < 2; side++)
		trees[side] = PG_ARGISNULL(side) ? empty_tree(rules) : profile_tree(&renders[side], rules);
	pp_arena_free(arena);
	return flame_pair_rows(fcinfo, trees[0], trees[1], request.max_nodes);
}

/* The sides of one profile that diff() made. */
Datum
pprof_flamegraph_diff_profile(PG_FUNCTION_ARGS)
{
	FlameRequest request = flame_request(fcinfo, 1);
	PpFlameRules rules = request.render.rules;
	PpArena *arena = core_arena_create();
	PpRender render, base, rest;
	PpTree *left, *right;
	PpError err;

	if (PG_ARGISNULL(0))
		return flame_pair_rows(fcinfo, empty_tree(rules), empty_tree(rules), request.max_nodes);
	render = profile_render(PG_GETARG_PROFILE(0, arena), &request.render, arena);
	CORE_CHECK(pp_render_split(&render, arena, &base, &rest, &err), &err);
	left = profile_tree(&base, rules);
	right = profile_tree(&rest, rules);
	pp_arena_free(arena);
	return flame_pair_rows(fcinfo, left, right, request.max_nodes);
}

/* Rows (node_id, parent_id, depth, name, value, self), the root first. */
Datum
pprof_call_tree(PG_FUNCTION_ARGS)
{
	PpArena *arena = core_arena_create();
	RenderRequest request = {.sample_type = core_bytes(PG_GETARG_TEXT_PP(1)),
							 .granularity = PG_GETARG_TEXT_PP(2),
							 .noinlines = PG_GETARG_BOOL(3),
							 .options = PG_GETARG_JSONB_P(4)};
	PpRender render = profile_render(PG_GETARG_PROFILE(0, arena), &request, arena);
	PpTree *tree = profile_tree(&render, PP_RULES_PPROF);
	PpFlameRow *flame;
	size_t n;
	int64_t hidden;
	int32 *path; /* by level: the last node there */
	Rows rows;
	PpError err;

	CORE_CHECK(pp_tree_flame(tree, 0, arena, &flame, &n, &hidden, &err), &err);
	path = MemoryContextAllocHuge(CurrentMemoryContext, n * sizeof(int32));
	rows_begin(&rows, fcinfo);
	for (size_t i = 0; i < n; i++)
	{
		int32 level = flame[i].level;
		Datum values[6] = {0};
		bool nulls[6] = {false};

		path[level] = (int32) i;
		values[0] = Int32GetDatum((int32) i);
		nulls[1] = level == 0;
		if (level > 0)
			values[1] = Int32GetDatum(path[level - 1]);
		values[2] = Int32GetDatum(level);
		values[3] = PointerGetDatum(core_text(flame[i].label));
		values[4] = Int64GetDatum(flame[i].value);
		values[5] = Int64GetDatum(flame[i].self);
		rows_put(&rows, values, nulls);
	}
	return rows_end(&rows);
}
