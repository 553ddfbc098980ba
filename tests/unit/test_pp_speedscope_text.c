/*
 * test_pp_speedscope_text.c
 *		Files for speedscope: the vectors, positions of frames, refusals.
 */
#include "render_test.h"

/* JSON without the blanks between its tokens. */
static char *
compact(char *json)
{
	bool inside = false;
	char *to = json;

	for (char *from = json; *from != '\0'; from++)
	{
		if (inside && *from == '\\')
			*to++ = *from++;
		else if (*from == '"')
			inside = !inside;
		if (inside || strchr(" \n\t", *from) == NULL)
			*to++ = *from;
	}
	*to = '\0';
	return json;
}

static void
test_vectors(void **state)
{
	for (size_t i = 0; i < NDERIVED; i++)
	{
		PpRender render = prepare(input_profile(derived_names[i]), NULL);

		assert_string_equal(text_of(&render, pp_speedscope_text),
							compact(derived_text(derived_names[i], ".speedscope.json")));
	}
}

static void
test_positions(void **state)
{
	PpReportOptions options = pp_report_defaults();
	PpRender render;
	char *text;

	options.focus = pp_bytes_cstr("walk");
	options.granularity = PP_BY_LINES;
	render = prepare(input_profile("basic"), &options);
	text = text_of(&render, pp_speedscope_text);
	if (strstr(text, "{\"name\":\"shop.walk\",\"file\":\"") == NULL ||
		strstr(text, "\",\"line\":") == NULL)
		fail_msg("%s", text);
	options.granularity = PP_BY_FILES;
	render = prepare(input_profile("basic"), &options);
	text = text_of(&render, pp_speedscope_text);
	assert_null(strstr(text, "\"line\""));
}

static PpCode
code_of(const PpProfile *p, PpError *err)
{
	PpRender render = prepare(p, NULL);
	PpBuf out;
	PpCode code;

	pp_buf_init(&out, &pp_alloc_malloc);
	code = pp_speedscope_text(&render, arena, &out, err);
	pp_buf_free(&out);
	return code;
}

static void
test_refused(void **state)
{
	PpProfile *p = profile_of_stacks("cpu", "nanoseconds", "a;b 3\na 1\n"), *diff;
	PpError err;

	assert_int_equal(code_of(profile_of_stacks("a", "b", "x 3\ny -1\n"), &err), PP_EINVALID);
	assert_non_null(strstr(err.message, "negative"));
	/* a difference with nothing left of it, too */
	assert_int_equal(pp_profile_diff(p, p, PP_MERGE_ORDERED, arena, &diff, &err), PP_OK);
	assert_int_equal(code_of(diff, &err), PP_EINVALID);
	assert_int_equal(code_of(profile_of_stacks("a", "b", "x 9223372036854775807\ny 1\n"), &err),
					 PP_EOVERFLOW);
	assert_int_equal(code_of(profile_of_stacks("a", "b", ""), &err), PP_OK);
}

static void
test_names(void **state)
{
	PpRender render = prepare(profile_of_stacks("t\"ype", "ns", "q\"\\\t\x01\xff;b 3\n"), NULL);
	char *text = text_of(&render, pp_speedscope_text);

	assert_non_null(strstr(text, "{\"name\":\"q\\\"\\\\\\t\\u0001\xff\"},{\"name\":\"b\"}"));
	assert_non_null(strstr(text, "\"name\":\"t\\\"ype\",\"unit\":\"none\""));
}

static void
test_deep(void **state)
{
	PpRender render = prepare(deep_profile(1000000), NULL);
	char *text = text_of(&render, pp_speedscope_text);

	assert_true(strlen(text) > 2 * 1000000 - 1);
	assert_non_null(strstr(text, "\"frames\":[{\"name\":\"f\"}]"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		render_test(test_vectors),
		render_test(test_positions),
		render_test(test_refused),
		render_test(test_names),
		render_test(test_deep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
