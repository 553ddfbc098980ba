/*
 * test_pp_callgrind.c
 *		-callgrind, beyond what the vectors of the reference tool show.
 */
#include "graph_build.h"

static void
assert_text(const GraphText *text, const char *expected)
{
	assert_int_equal(text->code, PP_OK);
	assert_string_equal(text->out.data, expected);
}

static void
test_names(void **state)
{
	static const GraphSample samples[] = {{"main;a", 3, NULL, 0}, {"main;b", 5, NULL, 0}};
	PpReportOptions options = pp_report_defaults();
	GraphText text = GRAPH_TEXT(pp_callgrind_text, &options, "count", samples);

	assert_text(&text,
				"positions: instr line\nevents: cpu(count)\n"
				"\nob=\nfl=\nfn=(1) b\n0x0 0 5\n"
				"\nob=\nfl=\nfn=(2) a\n* 0 3\n"
				"\nob=\nfl=\nfn=(3) main\n* 0 0\n"
				"cfl=\ncfn=(1)\ncalls=0 * 0\n* * 5\n"
				"cfl=\ncfn=(2)\ncalls=0 * 0\n* * 3\n");
	graph_end(&text);
}

/* What is called by different nodes are different functions in a tree. */
static void
test_call_tree(void **state)
{
	static const GraphSample samples[] = {{"a;x", 3, NULL, 0}, {"b;x", 5, NULL, 0}};
	PpReportOptions options = pp_report_defaults();
	GraphText text;

	options.call_tree = true;
	text = GRAPH_TEXT(pp_callgrind_text, &options, "count", samples);
	assert_text(&text,
				"positions: instr line\nevents: cpu(count)\n"
				"\nob=\nfl=\nfn=(1) x\n0x0 0 5\n* 0 3\n"
				"\nob=\nfl=\nfn=(2) a\n* 0 0\n"
				"cfl=\ncfn=(3) x [2/2]\ncalls=0 * 0\n* * 3\n"
				"\nob=\nfl=\nfn=(4) b\n* 0 0\n"
				"cfl=\ncfn=(5) x [1/2]\ncalls=0 * 0\n* * 5\n");
	graph_end(&text);
}

/* Addresses are relative where that is shorter; a callee without value has no name. */
static void
test_addresses(void **state)
{
	static const uint64_t addresses[] = {0x1000, 0x1004, 0xFFFFFFFFFFFFF000, 0xFFF};
	static const int64_t values[] = {40, 30, 20, 10};
	PpReportOptions options = pp_report_defaults();
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	PpBuilder *b = pp_builder_new(arena, &pp_limits_default);
	GraphText text = {.arena = arena};
	PpProfile *p;

	pp_builder_type(b, "cpu", "count");
	for (int i = 0; i < 4; i++)
	{
		uint32_t location = pp_builder_location(b, PP_NONE, addresses[i], NULL, 0);

		pp_builder_sample(b, &location, 1, &values[i], NULL, 0);
	}
	assert_int_equal(pp_builder_finish(b, &p, &text.err), PP_OK);
	pp_builder_free(b);
	pp_buf_init(&text.out, &pp_alloc_malloc);
	text.code = pp_callgrind_text(p, &options, NULL, arena, &text.out, &text.err);
	pp_buf_char(&text.out, '\0');
	assert_text(&text,
				"positions: instr line\nevents: cpu(count)\n"
				"\nob=\nfl=\nfn=\n0x1000 0 40\n+4 0 30\n-8196 0 20\n0xfff 0 10\n");
	graph_end(&text);
}

static void
test_unlisted(void **state)
{
	static const GraphSample samples[] = {
		{"main;a", 4, NULL, 0},
		{"main;a", -4, NULL, 0},
		{"main;z;b", 4, NULL, 0},
		{"main;z;c", -4, NULL, 0},
		{"main", 1, NULL, 0},
	};
	PpReportOptions options = pp_report_defaults();
	GraphText text = GRAPH_TEXT(pp_callgrind_text, &options, "count", samples);

	assert_has(&text, "cfn=\ncalls=0 * 0\n* * 0\n");
	assert_has_not(&text, " z");
	graph_end(&text);
}

static void
test_numbers(void **state)
{
	static const GraphSample samples[] = {{"main;a", INT64_MAX, NULL, 0}};
	PpReportOptions options = pp_report_defaults();
	GraphText text;

	/* whole seconds */
	text = GRAPH_TEXT(pp_callgrind_text, &options, "milliseconds", samples);
	assert_has(&text, "events: cpu(hrs)\n");
	assert_has(&text, "\n0x0 0 2562047788015\n");
	graph_end(&text);
	/* which are too many nanoseconds */
	options.unit = pp_bytes_cstr("ns");
	text = GRAPH_TEXT(pp_callgrind_text, &options, "seconds", samples);
	assert_int_equal(text.code, PP_EOVERFLOW);
	graph_end(&text);
}

static void
test_failures(void **state)
{
	static const GraphSample samples[] = {{"a;x", 3, NULL, 0}, {"b;x;y;z", 5, NULL, 0}};
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	PpProfile *p = graph_profile(arena, "count", samples, 2);
	PpReportOptions options = pp_report_defaults();

	assert_survives(pp_callgrind_text, &options, p);
	options.call_tree = true;
	assert_survives(pp_callgrind_text, &options, p);
	pp_arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_call_tree),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_unlisted),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
