/*
 * test_pp_topproto.c
 *		-topproto: the profile of a list of nodes.
 */
#include "graph_build.h"

static const GraphSample samples[] = {{"main;a", 3000, "x", 7}, {"main;b", 5000, NULL, 0}};

static PpBytes
function_name(const PpProfile *p, uint32_t sample)
{
	const PpLocation *location = &p->locations[p->locrefs[p->samples[sample].loc_off]];

	assert_int_equal(p->samples[sample].nlocs, 1);
	assert_int_equal(location->nlines, 1);
	return pp_str(p, p->functions[p->lines[location->line_off].function].name);
}

static void
test_profile(void **state)
{
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	PpReportOptions options = pp_report_defaults();
	PpProfile *p = graph_profile(arena, "nanoseconds", samples, 2), *top;
	PpError err;

	p->time_nanos = 5;
	p->duration_nanos = 6;
	assert_int_equal(pp_topproto(p, &options, NULL, arena, &top, &err), PP_OK);
	assert_int_equal(top->nsamples, 3);
	assert_int_equal(top->ntypes, 2);
	assert_true(pp_bytes_eq(pp_str(top, top->types[0].type), pp_bytes_cstr("cum")));
	assert_true(pp_bytes_eq(pp_str(top, top->types[1].type), pp_bytes_cstr("flat")));
	assert_true(pp_bytes_eq(pp_str(top, top->types[1].unit), pp_bytes_cstr("us")));
	assert_true(pp_bytes_eq(function_name(top, 0), pp_bytes_cstr("b")));
	assert_int_equal(top->values[0], 5);
	assert_int_equal(top->values[1], 5);
	assert_true(pp_bytes_eq(function_name(top, 2), pp_bytes_cstr("main")));
	assert_int_equal(top->values[4], 8);
	assert_int_equal(top->values[5], 0);
	assert_int_equal(top->nlabels, 0);
	assert_int_equal(top->time_nanos, 5);
	assert_int_equal(top->duration_nanos, 6);
	pp_arena_free(arena);
}

/* Lines of one function are nodes of their own, but the function is there once. */
static void
test_functions(void **state)
{
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	PpBuilder *b = pp_builder_new(arena, &pp_limits_default);
	PpReportOptions options = pp_report_defaults();
	const uint32_t file = pp_builder_cstring(b, "a/../b.c");
	PpProfile *p, *top;
	PpError err;

	pp_builder_type(b, "cpu", "count");
	for (int64_t i = 1; i <= 2; i++)
	{
		PpLine line = {pp_builder_function(b, pp_builder_cstring(b, "f"), 0, file, 1), i, 0};
		uint32_t location = pp_builder_location(b, PP_NONE, 0, &line, 1);

		pp_builder_sample(b, &location, 1, &i, NULL, 0);
	}
	assert_int_equal(pp_builder_finish(b, &p, &err), PP_OK);
	pp_builder_free(b);
	options.granularity = PP_BY_LINES;
	assert_int_equal(pp_topproto(p, &options, NULL, arena, &top, &err), PP_OK);
	assert_int_equal(top->nsamples, 2);
	assert_int_equal(top->nlocations, 2);
	assert_int_equal(top->nfunctions, 1);
	assert_true(pp_bytes_eq(pp_str(top, top->functions[0].filename), pp_bytes_cstr("b.c")));
	assert_int_equal(top->functions[0].start_line, 0);
	assert_int_equal(top->lines[0].line, 2);
	assert_int_equal(top->lines[1].line, 1);
	pp_arena_free(arena);
}

static PpCode
report(const PpProfile *p, const PpReportOptions *options, const PpSearch *search, PpArena *arena,
	   PpBuf *out, PpError *err)
{
	return pp_topproto(p, options, search, arena, &(PpProfile *){NULL}, err);
}

static void
test_failures(void **state)
{
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	PpReportOptions options = pp_report_defaults();

	assert_survives(report, &options, graph_profile(arena, "count", samples, 2));
	pp_arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_profile),
		cmocka_unit_test(test_functions),
		cmocka_unit_test(test_failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
