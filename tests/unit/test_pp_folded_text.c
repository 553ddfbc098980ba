/*
 * test_pp_folded_text.c
 *		Folded stacks: the vectors, names that would break lines, extremes.
 */
#include "render_test.h"

static char *
folded(const PpProfile *p)
{
	PpRender render = prepare(p, NULL);

	return text_of(&render, pp_folded_text);
}

static void
test_vectors(void **state)
{
	for (size_t i = 0; i < NDERIVED; i++)
		assert_string_equal(folded(input_profile(derived_names[i])),
							derived_text(derived_names[i], ".folded"));
}

/* Names that are written alike are one before stacks are added up and sorted. */
static void
test_written_names(void **state)
{
	PpBuilder *b = pp_builder_new(arena, &pp_limits_default);
	static const char *const names[] = {"a;b", "a:b", "line\nbreak", "line break", "cr\rlf"};
	PpProfile *p;
	PpError err;

	pp_builder_type(b, "samples", "count");
	for (size_t i = 0; i < 5; i++)
	{
		uint32_t frame = pp_builder_frame(b, pp_bytes_cstr(names[i]));
		int64_t value = 1 << i;

		pp_builder_sample(b, &frame, 1, &value, NULL, 0);
	}
	assert_int_equal(pp_builder_finish(b, &p, &err), PP_OK);
	pp_builder_free(b);
	assert_string_equal(folded(p), "a:b 3\ncr lf 16\nline break 12\n");
	/* the profile itself keeps its names */
	assert_int_equal(p->strings[p->functions[0].name].data[1], ';');
}

static void
test_values(void **state)
{
	PpReportOptions options = pp_report_defaults();
	PpProfile *p =
		profile_of_stacks("a", "b", "() 7\nx 1\nx;y 5\nx;y -5\nx;z -3\nx -9223372036854775808\n");
	PpRender render = prepare(p, &options);

	/* what cancels is gone, negative sums stay */
	assert_string_equal(text_of(&render, pp_folded_text), " 7\nx -9223372036854775807\nx;z -3\n");
	options.drop_negative = true;
	render = prepare(p, &options);
	assert_string_equal(text_of(&render, pp_folded_text), " 7\n");
	assert_string_equal(folded(profile_of_stacks("a", "b", "")), "");
	/* a name that sorts after a longer one's prefix: by names, not by the line's bytes */
	assert_string_equal(folded(profile_of_stacks("a", "b", "f!;x 1\nf;x 2\n")), "f;x 2\nf!;x 1\n");
}

static void
test_large_sums(void **state)
{
	PpRender render =
		prepare(profile_of_stacks("a", "b", "x;y 9223372036854775807\nx;z 1\nx;y;q 1\n"), NULL);

	/* sums of stacks fit, though their total does not */
	assert_string_equal(text_of(&render, pp_folded_text),
						"x;y 9223372036854775807\nx;y;q 1\nx;z 1\n");
}

/* Filters come first, and frames are named by the granularity. */
static void
test_options(void **state)
{
	PpReportOptions options = pp_report_defaults();
	PpRender render;

	options.focus = pp_bytes_cstr("walk");
	render = prepare(input_profile("basic"), &options);
	assert_string_equal(text_of(&render, pp_folded_text),
						"main.main;shop.walk 10000000\n"
						"main.main;shop.walk;shop.walk;shop.walk;shop.walk 70000000\n");
	options.granularity = PP_BY_LINES;
	options.noinlines = true;
	options.prune_from = pp_bytes_cstr("walk");
	render = prepare(input_profile("basic"), &options);
	assert_non_null(strstr(text_of(&render, pp_folded_text), ".go:"));
}

static void
test_deep(void **state)
{
	PpRender render = prepare(deep_profile(1000000), NULL);
	char *text = text_of(&render, pp_folded_text);

	assert_int_equal(strlen(text), 2 * 1000000 - 1 + 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		render_test(test_vectors),
		render_test(test_written_names),
		render_test(test_values),
		render_test(test_large_sums),
		render_test(test_options),
		render_test(test_deep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
