/*
 * test_pp_dot.c
 *		-dot, beyond what the vectors of the reference tool show: hostile names,
 *		colours, residual edges, label boxes, call trees, no memory, interruption.
 */
#include "graph_build.h"

#include "core/pp_dot_text.h"

#include <limits.h>
#include <math.h>

static PpReportOptions
all_nodes(void)
{
	PpReportOptions options = pp_report_defaults();

	options.nodecount = 0;
	options.nodefraction = options.edgefraction = 0;
	return options;
}

/* --- texts --- */

/* Outside of quotes nothing may stand that came from a profile. */
static void
assert_is_graph(const GraphText *text)
{
	bool quoted = false;

	assert_int_equal(text->code, PP_OK);
	for (const char *at = text->out.data; *at != '\0'; at++)
	{
		if (quoted && *at == '\\')
			at++;
		else if (*at == '"')
			quoted = !quoted;
		else if (quoted)
			assert_int_not_equal(*at, '\n');
		else
			assert_null(strstr(at, "URL") == at ? at : NULL);
	}
	assert_false(quoted);
}

static void
test_hostile_names(void **state)
{
	static const GraphSample samples[] = {
		{"main;f\" URL=\"x", 3, "v\" URL=\"y", 4096},
		{"main;back\\", 2, "two\nlines\\", 0},
	};
	PpReportOptions options = all_nodes();
	GraphText text = GRAPH_TEXT(pp_dot_text, &options, "req\" URL=\"z", samples);

	assert_is_graph(&text);
	assert_has(&text, "[label=\"f\\\" URL=\\\"x\\n");
	assert_has(&text, "[label = \"k:v\\\" URL=\\\"y\"");
	assert_has(&text, "[label = \"k:two\\llines\\\\\"");
	assert_has(&text, "3req\\\" URL=\\\"z");
	graph_end(&text);
}

static void
test_hostile_header(void **state)
{
	PpReportOptions options = all_nodes();
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	PpBuilder *b = pp_builder_new(arena, &pp_limits_default);
	GraphText text = {.arena = arena};
	PpMapping mapping = {.start = 1, .limit = 2};
	const uint32_t file = pp_builder_cstring(b, "/a\" b\\c:d\".go");
	PpLine line = {.line = 7};
	uint32_t location;
	PpProfile *p;

	pp_builder_type(b, "cpu", "count");
	pp_builder_comment(b, pp_bytes_cstr("a\" ]\nb"));
	mapping.filename = pp_builder_cstring(b, "/x/p\" URL=\"q");
	line.function = pp_builder_function(b, pp_builder_cstring(b, "f"), 0, file, 0);
	location = pp_builder_location(b, pp_builder_mapping(b, &mapping), 0, &line, 1);
	pp_builder_sample(b, &location, 1, &(int64_t){5}, NULL, 0);
	assert_int_equal(pp_builder_finish(b, &p, &text.err), PP_OK);
	pp_builder_free(b);
	options.granularity = PP_BY_LINES;
	pp_buf_init(&text.out, &pp_alloc_malloc);
	text.code = pp_dot_text(p, &options, NULL, arena, &text.out, &text.err);
	pp_buf_char(&text.out, '\0');
	assert_is_graph(&text);
	assert_has(&text, "digraph \"p\\\" URL=\\\"q\" {");
	assert_has(&text, "{ \"File: p\\\" URL=\\\"q\" [");
	assert_has(&text, "\\la\\\" ]\\lb\\l");
	assert_has(&text, "f\\na\\\" b\\\\c:d\\\".go:7\\n5 (100%)");
	graph_end(&text);
}

/* The legend is named after the first thing said, with all its lines. */
static void
test_legend(void **state)
{
	static const GraphSample samples[] = {{"main", 1, NULL, 0}};
	PpReportOptions options = all_nodes();
	GraphText text = GRAPH_TEXT(pp_dot_text, &options, "count", samples);

	assert_has(&text, "digraph \"unnamed\" {");
	assert_has(&text,
			   "subgraph cluster_L { \"Type: cpu\" [shape=box fontsize=16 label=\"Type: cpu\\lShowing");
	assert_has(&text, "graph\\l\"] }\n");
	graph_end(&text);
}

static void
assert_color(double share, bool background, const char *expected)
{
	PpBuf out;

	pp_buf_init(&out, &pp_alloc_malloc);
	pp_dot_color(&out, share, background);
	pp_buf_char(&out, '\0');
	assert_string_equal(out.data, expected);
	pp_buf_free(&out);
}

static void
test_colors(void **state)
{
	assert_color(1, false, "#b20000");
	assert_color(1, true, "#edd5d5");
	assert_color(-1, false, "#00b200");
	assert_color(-1, true, "#d5edd5");
	assert_color(7, false, "#b20000");
	assert_color(-INFINITY, true, "#d5edd5");
	assert_color(0, false, "#b2b2b2");
	assert_color(0, true, "#ededed");
	assert_color(0.14 / 1.05, false, "#b2713b");
	/* nothing of nothing */
	assert_color(NAN, false, "#b20000");
	assert_color(NAN, true, "#ed00d5");
}

/* --- edges --- */

/* b is left out: main reaches d beside it, so the lighter way over b is not shown. */
static void
test_redundant_edges(void **state)
{
	static const GraphSample samples[] = {
		{"main;b;d", 10, NULL, 0},
		{"main;c;d", 60, NULL, 0},
		{"main;e;c", 30, NULL, 0},
	};
	static const GraphSample apart[] = {{"main;b;d", 60, NULL, 0}, {"main;c;d", 40, NULL, 0}};
	PpReportOptions options = all_nodes();
	GraphText text;

	options.nodefraction = 0.2;
	text = GRAPH_TEXT(pp_dot_text, &options, "count", samples);
	assert_has(&text, "Dropped 1 node (cum <= 20)");
	assert_has(&text, "main -> c (60)");
	assert_has_not(&text, "...");
	graph_end(&text);

	/* where all ways are left out there must be one */
	options.nodefraction = 0.7;
	text = GRAPH_TEXT(pp_dot_text, &options, "count", apart);
	assert_has(&text, "labeltooltip=\"main ... d (100)\" style=\"dotted\"]");
	graph_end(&text);
}

/* Edges that weigh the same: positive before negative, then names. */
static void
test_edge_order(void **state)
{
	static const GraphSample samples[] = {
		{"main;a", -5, NULL, 0},
		{"main;c", 5, NULL, 0},
		{"main;b", 5, NULL, 0},
		{"main;d", 9, NULL, 0},
	};
	PpReportOptions options = all_nodes();
	GraphText text = GRAPH_TEXT(pp_dot_text, &options, "count", samples);

	ASSERT_ORDER(&text, "\"main -> d (9)", "\"main -> b (5)", "\"main -> c (5)", "\"main -> a (-5)");
	graph_end(&text);
}

/* A caller without a value is no node; nodes of it are called by nobody listed. */
static void
test_unlisted_callee(void **state)
{
	static const GraphSample samples[] = {
		{"main;a;b", 5, NULL, 0},
		{"main;a;c", -5, NULL, 0},
		{"main", 1, NULL, 0},
	};
	PpReportOptions options = all_nodes();
	GraphText text = GRAPH_TEXT(pp_dot_text, &options, "count", samples);

	assert_has(&text, "N3 [label=\"c");
	assert_has_not(&text, "tooltip=\"a (");
	assert_has(&text, " -> N0 [label=\" 0\"");
	graph_end(&text);
}

/* --- label boxes --- */

static void
test_boxes(void **state)
{
	static const GraphSample samples[] = {
		{"main;f", 6, "a", 0},
		{"main;f", 5, "b", 0},
		{"main;f", 4, "c", 0},
		{"main;f", 3, "d", 0},
		{"main;f", 2, "e", 0},
		{"main", 1, "x", 0},
	};
	PpReportOptions options = all_nodes();
	GraphText text = GRAPH_TEXT(pp_dot_text, &options, "count", samples);

	/* main has a callee: its own samples only */
	assert_has(&text, "N2_0 [label = \"k:x\" id=\"N2_0\" fontsize=8 shape=box3d tooltip=\"1\"]\n");
	assert_has(&text, "N2 -> N2_0 [label=\" 1\" weight=100 tooltip=\"1\" labeltooltip=\"1\"]\n");
	assert_has(&text, "N1_3 [label = \"k:d\"");
	assert_has_not(&text, "k:e");
	assert_has(&text, " minlen=2]");
	graph_end(&text);
}

/* What a leaf's callees had counts for it; a box of its own share is not dotted. */
static void
test_dotted_boxes(void **state)
{
	static const GraphSample samples[] = {
		{"f;g", 7, NULL, 1024},
		{"f;h", 7, NULL, 1024},
		{"f", 50, NULL, 2048},
		{"f", 1, NULL, 1024},
	};
	PpReportOptions options = all_nodes();
	GraphText text;

	options.nodefraction = 0.2;
	text = GRAPH_TEXT(pp_dot_text, &options, "count", samples);
	assert_has(&text, "NN1_1 [label = \"1kB\" id=\"NN1_1\" fontsize=8 shape=box3d tooltip=\"15\"]");
	assert_has(&text, "labeltooltip=\"15\" style=\"dotted\"]");
	assert_has(&text, "labeltooltip=\"50\"]");
	graph_end(&text);
}

/* The four largest numbers are the centres of groups. */
static void
test_number_groups(void **state)
{
	static const GraphSample samples[] = {
		{"f", 90, NULL, 1024},
		{"f", 80, NULL, 1 << 20},
		{"f", 70, NULL, 1 << 30},
		{"f", 60, NULL, 64 << 10},
		{"f", 5, NULL, 2048},
		{"f", 4, NULL, 1 << 29},
		{"f", 3, NULL, -16},
	};
	PpReportOptions options = all_nodes();
	GraphText text = GRAPH_TEXT(pp_dot_text, &options, "count", samples);

	ASSERT_ORDER(&text,
				 "NN1_0 [label = \"-16B..2kB\" id=\"NN1_0\" fontsize=8 shape=box3d tooltip=\"98\"]",
				 "N1 -> NN1_0 [label=\" 98\"",
				 "NN1_1 [label = \"1MB..512MB\" id=\"NN1_1\" fontsize=8 shape=box3d tooltip=\"84\"]",
				 "NN1_2 [label = \"1GB\"",
				 "NN1_3 [label = \"64kB\"");
	graph_end(&text);
}

/* Numbers hang on the text labels they came with. */
static void
test_numbers_of_labels(void **state)
{
	static const GraphSample samples[] = {
		{"main;f;g", 7, "a", 1024},
		{"main;f", 5, "a", 2048},
		{"main;f", 3, NULL, 2048},
	};
	PpReportOptions options = all_nodes();
	GraphText text = GRAPH_TEXT(pp_dot_text, &options, "count", samples);

	assert_has(&text,
			   "NN1_0_0 [label = \"2kB\" id=\"NN1_0_0\" fontsize=8 shape=box3d tooltip=\"5\"]");
	assert_has(&text, "N1_0 -> NN1_0_0 [label=\" 5\"");
	assert_has(&text, "NN1_0 [label = \"2kB\" id=\"NN1_0\" fontsize=8 shape=box3d tooltip=\"3\"]");
	assert_has(&text, "N1 -> NN1_0 [label=\" 3\"");
	graph_end(&text);
}

/* Boxes are kept for some nodes at a time; how many must not be seen. */
static void
test_many_boxes(void **state)
{
	enum
	{
		SAMPLES = 20000,
		DEPTH = 60
	};
	PpReportOptions options = all_nodes();
	GraphText text = {.arena = pp_arena_new(&pp_alloc_malloc)};
	PpBuilder *b = pp_builder_new(text.arena, &pp_limits_default);
	uint32_t stack[DEPTH], key = pp_builder_cstring(b, "k");
	PpProfile *p;

	pp_builder_type(b, "cpu", "count");
	for (int i = 0; i < DEPTH; i++)
	{
		char name[16];

		snprintf(name, sizeof(name), "f%02d", i);
		stack[i] = pp_builder_frame(b, pp_bytes_cstr(name));
	}
	for (int64_t i = 0; i < SAMPLES; i++)
	{
		char value[16];
		PpLabel label = {.key = key};

		snprintf(value, sizeof(value), "v%05d", (int) i);
		label.str = pp_builder_cstring(b, value);
		pp_builder_sample(b, stack + i % 2, DEPTH - (uint32_t) (i % 2), &(int64_t){i + 1}, &label, 1);
	}
	assert_int_equal(pp_builder_finish(b, &p, &text.err), PP_OK);
	pp_builder_free(b);
	pp_buf_init(&text.out, &pp_alloc_malloc);
	text.code = pp_dot_text(p, &options, NULL, text.arena, &text.out, &text.err);
	pp_buf_char(&text.out, '\0');
	/* the leaf, and what is the leaf of the others */
	assert_has(&text, "[label = \"k:v19998\"");
	assert_has(&text, "[label = \"k:v19999\"");
	assert_has_not(&text, "k:v19990");
	graph_end(&text);
}

static void
test_overflow(void **state)
{
	static const GraphSample samples[] = {
		{"f", INT64_MAX, "a", 1},
		{"f", -INT64_MAX, "b", 0},
		{"f", INT64_MAX, "a", 2},
	};
	PpReportOptions options = all_nodes();
	GraphText text = GRAPH_TEXT(pp_dot_text, &options, "count", samples);

	assert_int_equal(text.code, PP_EOVERFLOW);
	graph_end(&text);
}

/* --- call trees --- */

static void
test_call_tree(void **state)
{
	static const GraphSample samples[] = {
		{"main;a;x", 50, NULL, 0},
		{"main;b;x", 40, NULL, 0},
		{"main;c;x", 1, NULL, 0},
		{"d;e;x", 30, NULL, 0},
	};
	PpReportOptions options = all_nodes();
	GraphText text;

	options.call_tree = true;
	text = GRAPH_TEXT(pp_dot_text, &options, "count", samples);
	ASSERT_ORDER(&text, "tooltip=\"x (50)\"", "tooltip=\"x (40)\"", "tooltip=\"x (30)\"");
	assert_has(&text, "tooltip=\"x (1)\"");
	assert_has_not(&text, "dotted");
	graph_end(&text);

	/* c and its x go; those of equal score stay in the order of their names */
	options.nodefraction = 0.3;
	text = GRAPH_TEXT(pp_dot_text, &options, "count", samples);
	assert_has(&text, "Dropped 5 nodes (cum <= 36)");
	assert_has_not(&text, "(30)");
	graph_end(&text);
}

/* What calls a node that is cut out is hung on the next caller that is left. */
static void
test_tree_cut(void **state)
{
	static const GraphSample samples[] = {
		{"main;a;b;c;leaf", 50, NULL, 0},
		{"main", 49, NULL, 0},
		{"root;leaf", 1, NULL, 0},
	};
	PpReportOptions options = all_nodes();
	GraphText text;

	options.call_tree = true;
	options.nodecount = 2;
	text = GRAPH_TEXT(pp_dot_text, &options, "count", samples);
	assert_has(&text, "Showing top 2 nodes out of 7");
	assert_has(&text, "tooltip=\"main ... leaf (50)\"");
	assert_has(&text, "style=\"dotted\"]\n}\n");
	graph_end(&text);
}

/* --- memory and interruption --- */

static void
test_failures(void **state)
{
	static const GraphSample samples[] = {
		{"main;f;g", 7, "a", 1024},
		{"main;f", 5, "b\n", 2048},
		{"main;h/x.y;f", 3, NULL, 2048},
	};
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	PpProfile *p = graph_profile(arena, "count", samples, 3);
	PpReportOptions options = all_nodes();

	assert_survives(pp_dot_text, &options, p);
	options.call_tree = true;
	options.nodecount = 2;
	assert_survives(pp_dot_text, &options, p);
	pp_arena_free(arena);
}

static void
test_interruption(void **state)
{
	PpReportOptions options = all_nodes();
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	GraphSample *samples = calloc(9000, sizeof(*samples));
	char(*stacks)[32] = malloc(9000 * sizeof(*stacks));
	PpCode code = PP_ECANCELED;
	PpProfile *p;
	int polls = 0;

	for (int i = 0; i < 9000; i++)
	{
		snprintf(stacks[i], sizeof(stacks[i]), "m;f%d;g%d", i, i % 7);
		samples[i] = (GraphSample){stacks[i], i + 1, i % 2 ? "a" : "b", i};
	}
	p = graph_profile(arena, "count", samples, 9000);
	for (; code == PP_ECANCELED && polls < 1000; polls++)
		code = graph_with((GraphMemory){LONG_MAX, polls}, pp_dot_text, &options, p);
	assert_int_equal(code, PP_OK);
	assert_in_range(polls, 10, 999);
	free(samples);
	free(stacks);
	pp_arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hostile_names),
		cmocka_unit_test(test_hostile_header),
		cmocka_unit_test(test_legend),
		cmocka_unit_test(test_colors),
		cmocka_unit_test(test_redundant_edges),
		cmocka_unit_test(test_edge_order),
		cmocka_unit_test(test_unlisted_callee),
		cmocka_unit_test(test_boxes),
		cmocka_unit_test(test_dotted_boxes),
		cmocka_unit_test(test_number_groups),
		cmocka_unit_test(test_numbers_of_labels),
		cmocka_unit_test(test_many_boxes),
		cmocka_unit_test(test_overflow),
		cmocka_unit_test(test_call_tree),
		cmocka_unit_test(test_tree_cut),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_interruption),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
