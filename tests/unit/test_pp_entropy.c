/*
 * test_pp_entropy.c
 *		Scores by which graphs are sorted.
 */
#include "graph_build.h"

#include "core/pp_entropy.h"
#include "core/pp_report_graph.h"

typedef struct Scores
{
	PpArena *arena;
	PpReport report;
	PpGraph graph;
	int64_t *scores;
} Scores;

/* The graph of all nodes, and their scores. */
static void
start_scores(Scores *s, const GraphSample *samples, size_t n)
{
	static PpReportOptions options;
	PpError err;
	PpProfile *p;

	options = pp_report_defaults();
	options.trim = false;
	s->arena = pp_arena_new(&pp_alloc_malloc);
	p = graph_profile(s->arena, "count", samples, n);
	assert_int_equal(pp_report_prepare(&s->report, p, &options, NULL, PP_REPORT_PLAIN, s->arena, &err),
					 PP_OK);
	assert_int_equal(pp_graph_init(&s->graph, &s->report, &err), PP_OK);
	assert_int_equal(pp_graph_full(&s->graph, &err), PP_OK);
	assert_int_equal(pp_entropy_scores(&s->graph, &s->scores, &err), PP_OK);
	assert_int_equal(pp_entropy_sort(&s->graph, &err), PP_OK);
}

static void
end_scores(Scores *s)
{
	pp_graph_clear(&s->graph);
	pp_report_end(&s->report);
	pp_arena_free(s->arena);
}

static int64_t
score_of(const Scores *s, const char *name)
{
	for (uint32_t i = 0; i < s->graph.nnodes; i++)
		if (pp_bytes_eq(s->graph.nodes[i].printed, pp_bytes_cstr(name)))
			return s->scores[i];
	fail_msg("no node %s", name);
	return 0;
}

static void
assert_place(const Scores *s, uint32_t place, const char *name)
{
	assert_true(place < s->graph.nlisted);
	assert_true(pp_bytes_eq(s->graph.nodes[s->graph.listed[place]].printed, pp_bytes_cstr(name)));
}

static void
test_scores(void **state)
{
	static const GraphSample samples[] = {
		{"main;through;a", 256, NULL, 0},
		{"main;through;b", 256, NULL, 0},
		{"main;only;c", 512, NULL, 0},
	};
	Scores s;

	start_scores(&s, samples, 3);
	/* an entry, two callees of equal weight: 1 + 1 times cum */
	assert_int_equal(score_of(&s, "main"), 2048);
	/* one caller, two callees: 0 + 1 */
	assert_int_equal(score_of(&s, "through"), 512);
	/* one caller, one callee: nothing */
	assert_int_equal(score_of(&s, "only"), 0);
	/* one caller, a leaf: 0 + 1, and flat */
	assert_int_equal(score_of(&s, "c"), 1024);
	assert_int_equal(score_of(&s, "a"), 512);
	assert_place(&s, 0, "main");
	assert_place(&s, 1, "c");
	/* the same score: by name */
	assert_place(&s, 2, "a");
	assert_place(&s, 3, "b");
	assert_place(&s, 4, "through");
	assert_place(&s, 5, "only");
	end_scores(&s);
}

/* Own values are a share of what leaves a node. */
static void
test_own_share(void **state)
{
	static const GraphSample samples[] = {{"main;a", 64, NULL, 0}, {"main", 64, NULL, 0}};
	Scores s;

	start_scores(&s, samples, 2);
	assert_int_equal(score_of(&s, "main"), (1 + 1) * 128 + 64);
	end_scores(&s);
}

/* An edge without weight has no logarithm: the node comes last, or first if it has flat. */
static void
test_no_score(void **state)
{
	static const GraphSample samples[] = {
		{"main;a", 9, NULL, 0},
		{"main;z;b", 5, NULL, 0},
		{"main;z;c", -5, NULL, 0},
		{"own;a", 9, NULL, 0},
		{"own;y;b", 5, NULL, 0},
		{"own;y;c", -5, NULL, 0},
		{"own", 3, NULL, 0},
	};
	Scores s;

	start_scores(&s, samples, 7);
	assert_true(score_of(&s, "main") == INT64_MIN);
	assert_true(score_of(&s, "own") == INT64_MIN + 3);
	assert_place(&s, 0, "own");
	assert_place(&s, s.graph.nlisted - 1, "main");
	end_scores(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scores),
		cmocka_unit_test(test_own_share),
		cmocka_unit_test(test_no_score),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
