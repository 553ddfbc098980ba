/*
 * flamegraph.c
 *		Flame graphs as rows in Grafana's nested-set order.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "core_glue.h"
#include "flamegraph.h"
#include "pprof.h"
#include "profile_report.h"
#include "rows.h"

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

static void
add_profile(PpTree *tree, PpProfile *profile, PpBytes sample_type, PpFlameRules rules, PpArena *arena)
{
	uint32_t column;
	PpError err;

	CORE_CHECK(pp_profile_column(profile, sample_type, &column, &err), &err);
	if (rules == PP_RULES_PPROF)
		profile = profile_load(profile, arena);
	CORE_CHECK(pp_tree_add_profile(tree, profile, column, &err), &err);
}

/* A null profile, such as the merge of no rows, is drawn as an empty one. */
Datum
pprof_flamegraph_profile(PG_FUNCTION_ARGS)
{
	PpFlameRules rules = PG_ARGISNULL(3) ? PP_RULES_PPROF : flame_rules(PG_GETARG_TEXT_PP(3));
	PpBytes sample_type = PG_ARGISNULL(1) ? pp_bytes_cstr("") : core_bytes(PG_GETARG_TEXT_PP(1));
	PpArena *arena = core_arena_create();
	PpTree *tree = pp_tree_new(core_alloc_create(CurrentMemoryContext), rules);

	if (tree == NULL)
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
	if (!PG_ARGISNULL(0))
		add_profile(tree, PG_GETARG_PROFILE(0, arena), sample_type, rules, arena);
	return flame_rows(fcinfo, tree, PG_ARGISNULL(2) ? 0 : PG_GETARG_INT32(2));
}
