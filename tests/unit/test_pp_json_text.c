/*
 * test_pp_json_text.c
 *		A whole profile as JSON.
 */
#include "render_test.h"

static char *
json_of(const PpProfile *p)
{
	PpBuf out;
	PpError err;
	char *text;

	pp_buf_init(&out, &pp_alloc_malloc);
	assert_int_equal(pp_json_text(p, &out, &err), PP_OK);
	pp_buf_char(&out, '\0');
	text = pp_arena_copy(arena, out.data, out.len);
	pp_buf_free(&out);
	return text;
}

static void
test_small(void **state)
{
	assert_string_equal(json_of(profile_of_stacks("cpu", "ns", "a;b 3\n() -9223372036854775808\n")),
						"{\"sample_type\":[{\"type\":\"cpu\",\"unit\":\"ns\"}],"
						"\"sample\":[{\"location_id\":[1,2],\"value\":[3]},"
						"{\"location_id\":[],\"value\":[-9223372036854775808]}],"
						"\"mapping\":[],"
						"\"location\":[{\"id\":1,\"line\":[{\"function_id\":1}]},"
						"{\"id\":2,\"line\":[{\"function_id\":2}]}],"
						"\"function\":[{\"id\":1,\"name\":\"b\",\"system_name\":\"b\"},"
						"{\"id\":2,\"name\":\"a\",\"system_name\":\"a\"}]}");
}

static void
assert_has(const char *json, const char *part)
{
	if (strstr(json, part) == NULL)
		fail_msg("no %s in %s", part, json);
}

/* Fields that small profiles do not have. */
static void
test_whole(void **state)
{
	PpProfile *p = input_profile("basic");
	char *json;

	p->time_nanos = INT64_MIN;
	p->locations[0].address = UINT64_MAX;
	json = json_of(p);
	assert_has(json, "\"time_nanos\":-9223372036854775808");
	assert_has(json, "\"address\":18446744073709551615");
	assert_has(json, "\"period_type\":{\"type\":\"cpu\",\"unit\":\"nanoseconds\"}");
	assert_has(json, "\"comment\":[\"");
	assert_has(json, "\"label\":[{\"key\":\"");
	assert_has(json, "\"num\":");
	assert_has(json, "\"has_functions\":true");
	assert_has(json, "\"doc_url\":\"");
	json = json_of(input_profile("drop"));
	assert_has(json, "\"drop_frames\":\"");
	assert_has(json, "\"keep_frames\":\"");
}

static void
test_strings(void **state)
{
	PpBuf out;

	pp_buf_init(&out, &pp_alloc_malloc);
	pp_buf_json(&out, (PpBytes){"a\0b\"c\\d\ne\tf\x1bg\x7fh\xc3\xa4\xff", 18});
	assert_int_equal(out.len,
					 strlen("\"a\xEF\xBF\xBD"
							"b\\\"c\\\\d\\ne\\tf\\u001bg\x7fh\xc3\xa4\xff\""));
	assert_memory_equal(out.data,
						"\"a\xEF\xBF\xBD"
						"b\\\"c\\\\d\\ne\\tf\\u001bg\x7fh\xc3\xa4\xff\"",
						out.len);
	out.len = 0;
	pp_buf_json(&out, (PpBytes){NULL, 0});
	assert_int_equal(out.len, 2);
	pp_buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		render_test(test_small),
		render_test(test_whole),
		render_test(test_strings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
