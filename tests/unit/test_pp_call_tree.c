/*
 * test_pp_call_tree.c
 *		Trees of calls: values, cutting, limits.
 */
#include "graph_build.h"

#include "core/pp_call_tree.h"

typedef struct Tree
{
	PpArena *arena;
	PpReportOptions options;
	PpReport report;
	PpGraph graph;
	PpCallTree tree;
	PpCode code;
	PpError err;
} Tree;

static void
start_tree(Tree *t, PpProfile *p)
{
	t->options = pp_report_defaults();
	assert_int_equal(pp_report_prepare(&t->report, p, &t->options, NULL, PP_REPORT_PLAIN, t->arena, &t->err),
					 PP_OK);
	assert_int_equal(pp_graph_init(&t->graph, &t->report, &t->err), PP_OK);
	t->code = pp_call_tree_build(&t->tree, &t->graph, &t->err);
}

static void
end_tree(Tree *t)
{
	pp_call_tree_clear(&t->tree);
	pp_graph_clear(&t->graph);
	pp_report_end(&t->report);
	pp_arena_free(t->arena);
}

/* The node of a path, by names from the root. */
static uint32_t
node_of(const Tree *t, const char *path)
{
	uint32_t id = PP_NONE;

	for (const char *at = path; *at != '\0';)
	{
		size_t len = strcspn(at, ";");
		uint32_t parent = id;

		for (id = 0; id < t->graph.nnodes; id++)
			if (t->tree.parent[id] == parent &&
				pp_bytes_eq(t->graph.nodes[id].printed, (PpBytes){at, (uint32_t) len}))
				break;
		if (id == t->graph.nnodes)
			fail_msg("no node %s", path);
		at += len + (at[len] == ';');
	}
	return id;
}

static const PpGraphEdge *
edge_of(const Tree *t, const char *path)
{
	uint32_t edge = t->tree.edge[node_of(t, path)];

	return edge == PP_NONE || t->graph.edges[edge].trimmed ? NULL : &t->graph.edges[edge];
}

static void
test_values(void **state)
{
	static const GraphSample samples[] = {
		{"main;f;f", 3, NULL, 0},
		{"main;f", 5, NULL, 0},
		{"f;main", 7, NULL, 0},
		{"main;f;f", 0, NULL, 0},
	};
	Tree t = {.arena = pp_arena_new(&pp_alloc_malloc)};
	const PpGraphNode *node;

	start_tree(&t, graph_profile(t.arena, "count", samples, 4));
	assert_int_equal(t.code, PP_OK);
	assert_int_equal(t.graph.nnodes, 5);
	assert_int_equal(t.graph.nlisted, 5);
	assert_int_equal(t.graph.nedges, 3);
	node = &t.graph.nodes[node_of(&t, "main;f")];
	assert_int_equal(node->cum, 8);
	assert_int_equal(node->flat, 5);
	assert_int_equal(edge_of(&t, "main;f;f")->weight, 3);
	assert_null(edge_of(&t, "f"));
	assert_int_equal(t.tree.leaf[0], node_of(&t, "main;f;f"));
	end_tree(&t);
}

/* Keep the nodes of these paths, and cut all others out. */
static void
keep(Tree *t, const char *const *paths, uint32_t n)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < n; i++)
		for (uint32_t k = kept; k < t->graph.nlisted; k++)
			if (t->graph.listed[k] == node_of(t, paths[i]))
			{
				uint32_t other = t->graph.listed[kept];

				t->graph.listed[kept++] = t->graph.listed[k];
				t->graph.listed[k] = other;
				break;
			}
	assert_int_equal(kept, n);
	assert_int_equal(pp_call_tree_cut(&t->tree, n, &t->err), PP_OK);
	assert_int_equal(t->graph.nlisted, n);
}

static void
test_cut(void **state)
{
	static const GraphSample samples[] = {{"a;b;c;d;e", 3, NULL, 0}, {"x;y", 2, NULL, 0}};
	Tree t = {.arena = pp_arena_new(&pp_alloc_malloc)};
	const PpGraphEdge *edge;

	start_tree(&t, graph_profile(t.arena, "count", samples, 2));
	keep(&t, (const char *const[]){"a;b;c;d;e", "a", "x;y"}, 3);
	edge = edge_of(&t, "a;b;c;d;e");
	assert_non_null(edge);
	assert_int_equal(edge->from, node_of(&t, "a"));
	assert_int_equal(edge->weight, 3);
	assert_true(edge->residual);
	/* what was called by a root that is cut out is a root */
	assert_null(edge_of(&t, "x;y"));
	assert_null(edge_of(&t, "a;b"));
	assert_null(edge_of(&t, "a;b;c"));

	/* and once more */
	keep(&t, (const char *const[]){"a;b;c;d;e"}, 1);
	assert_null(edge_of(&t, "a;b;c;d;e"));
	end_tree(&t);
}

/* A way is inlined only if all of it was. */
static void
test_inlined(void **state)
{
	Tree t = {.arena = pp_arena_new(&pp_alloc_malloc)};
	PpBuilder *b = pp_builder_new(t.arena, &pp_limits_default);
	PpLine lines[3];
	uint32_t locations[2];
	PpProfile *p;

	pp_builder_type(b, "cpu", "count");
	for (int i = 0; i < 3; i++)
		lines[i] =
			(PpLine){pp_builder_function(b,
										 pp_builder_cstring(b, ((const char *[]){"c", "b", "a"})[i]),
										 0,
										 0,
										 0),
					 0,
					 0};
	locations[0] = pp_builder_frame(b, pp_bytes_cstr("d"));
	locations[1] = pp_builder_location(b, PP_NONE, 0, lines, 3);
	pp_builder_sample(b, locations, 2, &(int64_t){4}, NULL, 0);
	assert_int_equal(pp_builder_finish(b, &p, &t.err), PP_OK);
	pp_builder_free(b);
	start_tree(&t, p);
	assert_true(edge_of(&t, "a;b")->inlined);
	assert_true(edge_of(&t, "a;b;c")->inlined);
	assert_false(edge_of(&t, "a;b;c;d")->inlined);
	keep(&t, (const char *const[]){"a", "a;b;c", "a;b;c;d"}, 3);
	assert_true(edge_of(&t, "a;b;c")->inlined);
	keep(&t, (const char *const[]){"a", "a;b;c;d"}, 2);
	assert_false(edge_of(&t, "a;b;c;d")->inlined);
	end_tree(&t);
}

static void
test_small(void **state)
{
	static const GraphSample samples[] = {
		{"a;b;c", 5, NULL, 0},
		{"a;d", -2, NULL, 0},
		{"a;e", 1, NULL, 0},
	};
	Tree t = {.arena = pp_arena_new(&pp_alloc_malloc)};

	start_tree(&t, graph_profile(t.arena, "count", samples, 3));
	assert_int_equal(pp_call_tree_drop_small(&t.tree, 2, &t.err), PP_OK);
	assert_int_equal(t.graph.dropped, 1);
	assert_int_equal(t.graph.nlisted, 4);
	assert_null(edge_of(&t, "a;e"));
	assert_non_null(edge_of(&t, "a;d"));
	end_tree(&t);
}

/* Stacks that branch at every frame: a tree that is refused before it is made. */
static void
test_limit(void **state)
{
	enum
	{
		DEPTH = 1000
	};
	Tree t = {.arena = pp_arena_new(&pp_alloc_malloc)};
	PpBuilder *b = pp_builder_new(t.arena, &pp_limits_default);
	static uint32_t stack[DEPTH];
	uint32_t frames[2] = {pp_builder_frame(b, pp_bytes_cstr("a")),
						  pp_builder_frame(b, pp_bytes_cstr("b"))};
	PpProfile *p;

	pp_builder_type(b, "cpu", "count");
	for (uint32_t i = 0; i < PP_CALL_TREE_NODES / DEPTH + 30; i++)
	{
		/* the roots differ, so no path is shared for long */
		for (uint32_t k = 0; k < DEPTH; k++)
			stack[DEPTH - 1 - k] = frames[k < 12 ? i >> k & 1 : 0];
		pp_builder_sample(b, stack, DEPTH, &(int64_t){1}, NULL, 0);
	}
	assert_int_equal(pp_builder_finish(b, &p, &t.err), PP_OK);
	pp_builder_free(b);
	start_tree(&t, p);
	assert_int_equal(t.code, PP_ELIMIT);
	assert_non_null(strstr(t.err.message, "call tree has more than"));
	end_tree(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_inlined),
		cmocka_unit_test(test_small),
		cmocka_unit_test(test_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
