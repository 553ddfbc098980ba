/*
 * test_pp_json_read.c
 *		Stepping through JSON: what is good, what is not, and exact decimals.
 */
#include "pp_test.h"

#include "core/pp_json_read.h"

/* Skip the whole document; the error if there is one. */
static PpCode
skip_all(const char *text, size_t len, PpError *err)
{
	uint8_t *copy = malloc(len + (len == 0));
	PpJson j;
	PpCode code;

	memcpy(copy, text, len);
	pp_json_init(&j, copy, len, &pp_alloc_malloc);
	if (pp_json_skip(&j))
		pp_json_end(&j);
	*err = j.err;
	code = j.code;
	pp_json_free(&j);
	free(copy);
	return code;
}

static void
test_skip(void **state)
{
	static const char *const good[] = {
		"0",
		" [ ] ",
		"{}",
		"[1,-2.5e+3,\"a\\\"b\\\\\",true,false,null,{\"k\":[{}],\"\":{}}]",
		"{\"a\":{\"b\":[[],[1]]},\"c\":\"\\ud83d\"}\n",
		"-0.0E-0",
		"\"\xff\"",
	};
	static const struct
	{
		const char *text;
		size_t offset;
	} bad[] = {
		{"", 0},		   {"[", 1},	 {"[1", 2},		   {"[1,", 3},		{"[1,]", 3},
		{"[,1]", 1},	   {"[1 2]", 3}, {"{\"a\"}", 4},   {"{\"a\":}", 5}, {"{a:1}", 1},
		{"{\"a\":1,}", 7}, {"[1}", 2},	 {"{\"a\":1]", 6}, {"01", 0},		{"1.", 0},
		{"-", 0},		   {".5", 0},	 {"1e", 0},		   {"+1", 0},		{"nul", 0},
		{"truex", 4},	   {"1 2", 2},	 {"\"a", 2},	   {"\"a\\", 3},	{"\"a\nb\"", 2},
		{"'a'", 0},		   {"// c", 0},	 {"NaN", 0},	   {"[1]]", 3},
	};
	PpError err;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (skip_all(good[i], strlen(good[i]), &err) != PP_OK)
			fail_msg("%s: %s", good[i], err.message);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		if (skip_all(bad[i].text, strlen(bad[i].text), &err) != PP_EMALFORMED)
			fail_msg("%s: no error", bad[i].text);
		if (err.offset != bad[i].offset)
			fail_msg("%s: byte %zu: %s", bad[i].text, err.offset, err.message);
	}
	assert_int_equal(skip_all("\0", 1, &err), PP_EMALFORMED);
}

static void
test_nesting_is_bounded(void **state)
{
	char text[2 * PP_JSON_DEPTH + 2];
	PpError err;

	memset(text, '[', PP_JSON_DEPTH);
	memset(text + PP_JSON_DEPTH, ']', PP_JSON_DEPTH);
	assert_int_equal(skip_all(text, 2 * PP_JSON_DEPTH, &err), PP_OK);
	memset(text, '[', PP_JSON_DEPTH + 1);
	memset(text + PP_JSON_DEPTH + 1, ']', PP_JSON_DEPTH + 1);
	assert_int_equal(skip_all(text, 2 * PP_JSON_DEPTH + 2, &err), PP_EMALFORMED);
	assert_int_equal(err.offset, PP_JSON_DEPTH);
}

static void
test_strings(void **state)
{
	static const struct
	{
		const char *json, *text;
		uint32_t len; /* PP_NONE: an error */
	} cases[] = {
		{"\"\"", "", 0},
		{"\"plain\"", "plain", 5},
		{"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8},
		{"\"\\u0041\\u00e4\\u20AC\"", "A\xc3\xa4\xe2\x82\xac", 6},
		{"\"\\ud83d\\ude00\"", "\xf0\x9f\x98\x80", 4},
		{"\"\\u0000\"", "\0", 1},
		/* half a pair, alone, before another and behind one */
		{"\"\\ud83dx\"", "\xef\xbf\xbdx", 4},
		{"\"\\ude00\\ud83d\"", "\xef\xbf\xbd\xef\xbf\xbd", 6},
		{"\"\\ud83d\\u0041\"",
		 "\xef\xbf\xbd"
		 "A",
		 4},
		{"\"\\u12\"", NULL, PP_NONE},
		{"\"\\u12g4\"", NULL, PP_NONE},
		{"\"\\x\"", NULL, PP_NONE},
		{"\"\\u123", NULL, PP_NONE},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		PpJson j;
		PpBytes text;
		bool good;

		pp_json_init(&j, (const uint8_t *) cases[i].json, strlen(cases[i].json), &pp_alloc_malloc);
		good = pp_json_string(&j, &text);
		assert_int_equal(good, cases[i].len != PP_NONE);
		if (good)
		{
			assert_int_equal(text.len, cases[i].len);
			assert_memory_equal(text.data, cases[i].text, text.len);
			assert_true(pp_json_end(&j));
		}
		else
			assert_int_equal(j.code, PP_EMALFORMED);
		pp_json_free(&j);
	}
}

static void
test_members(void **state)
{
	static const char json[] = " { \"a\\u0062\" : [ 1 , 2 ] , \"c\" : null } ";
	PpJson j;
	PpBytes text;

	pp_json_init(&j, (const uint8_t *) json, sizeof(json) - 1, &pp_alloc_malloc);
	assert_true(pp_json_object(&j));
	assert_true(pp_json_member(&j, &text));
	assert_true(pp_bytes_eq(text, pp_bytes_cstr("ab")));
	assert_int_equal(pp_json_peek(&j), '[');
	assert_true(pp_json_array(&j));
	assert_true(pp_json_element(&j));
	assert_true(pp_json_number(&j, &text));
	assert_true(pp_json_element(&j));
	assert_true(pp_json_number(&j, &text));
	assert_true(pp_bytes_eq(text, pp_bytes_cstr("2")));
	assert_false(pp_json_element(&j));
	assert_true(pp_json_member(&j, &text));
	assert_true(pp_json_null(&j));
	assert_false(pp_json_member(&j, &text));
	assert_true(pp_json_end(&j));
	/* the first error stays */
	assert_false(pp_json_array(&j));
	assert_false(pp_json_fail(&j, 0, PP_EINVALID, "late"));
	assert_int_equal(j.code, PP_EMALFORMED);
	pp_json_free(&j);
}

static void
expect_decimal(const char *number, int scale, int64_t whole, int64_t rest)
{
	__int128 value;

	assert_true(pp_json_decimal(pp_bytes_cstr(number), scale, &value));
	assert_true(value / PP_JSON_ONE == whole);
	assert_true(value % PP_JSON_ONE == rest);
}

static void
test_decimals(void **state)
{
	__int128 value;

	expect_decimal("0", 9, 0, 0);
	expect_decimal("-0.0e99", 9, 0, 0);
	expect_decimal("12", 0, 12, 0);
	expect_decimal("0.1", 9, 100000000, 0);
	expect_decimal("-1.5", 0, -1, -500000000000000000);
	expect_decimal("0.30000000000000004", 9, 300000000, 40000000000);
	expect_decimal("1.5e3", 0, 1500, 0);
	expect_decimal("1500E-3", 0, 1, 500000000000000000);
	expect_decimal("1e-30", 9, 0, 0);
	expect_decimal("1e-99999999999999", 9, 0, 0);
	expect_decimal("0e99999999999999", 9, 0, 0);
	expect_decimal("9223372036854775807", 0, INT64_MAX, 0);
	expect_decimal("9223372036.854775807", 9, INT64_MAX, 0);
	expect_decimal("1700000000.1234567890123456789012345678901234567890",
				   9,
				   1700000000123456789,
				   12345678901234567);
	assert_false(pp_json_decimal(pp_bytes_cstr("1e99999999999999"), 0, &value));
	assert_false(pp_json_decimal(pp_bytes_cstr("999999999999999999999"), 0, &value));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_skip),
		cmocka_unit_test(test_nesting_is_bounded),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_decimals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
