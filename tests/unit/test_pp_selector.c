/*
 * test_pp_selector.c
 *		Selectors: grammar, refusals with their place, canonical text, matching; and
 *		the rewriting of expressions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/pp_labels.h"
#include "core/pp_regex.h"

static PpBytes
bytes(const char *text)
{
	return pp_bytes_cstr(text);
}

/* An engine that knows plain text, and ".*" and ".+" behind it. */
static void *
plain_compile(void *ctx, PpBytes pattern, PpError *err)
{
	PpBytes *copy;

	if (pattern.len > 0 && pattern.data[0] == '*')
	{
		pp_fail(err, PP_EINVALID, 0, "nothing to repeat");
		return NULL;
	}
	copy = pp_arena_alloc(ctx, sizeof(PpBytes));
	*copy = pattern;
	return copy;
}

static bool
plain_match(void *ctx, void *regex, PpBytes text)
{
	PpBytes pattern = *(PpBytes *) regex;
	uint32_t plain = pattern.len;

	if (pattern.len < 2 || pattern.data[pattern.len - 2] != '.')
		return pp_bytes_eq(pattern, text) != 0;
	plain -= 2;
	return text.len >= plain + (pattern.data[pattern.len - 1] == '+') &&
		   memcmp(text.data, pattern.data, plain) == 0;
}

static const char *
canonical(const char *text, PpArena *arena)
{
	PpRegex regex = {plain_compile, plain_match, arena};
	PpSelector selector;
	PpBytes out;
	PpError err;

	if (pp_selector_parse(bytes(text), &regex, arena, &selector, &err) != PP_OK)
		fail_msg("%s: %s", text, err.message);
	assert_int_equal(pp_selector_text(&selector, arena, &out, &err), PP_OK);
	return strndup(out.data, out.len);
}

static void
check_grammar(void **state)
{
	static const char *const cases[][2] = {
		{"{}", "{}"},
		{" \t\r\n{ } ", "{}"},
		{"# all\n{} # of it", "{}"},
		{"{# a=\"b\",\nc='d'}", "{c=\"d\"}"},
		{"{a=\"b\"}", "{a=\"b\"}"},
		{"{a=\"b\",}", "{a=\"b\"}"},
		{"{ a = \"b\" , c!='d' , e=~\"f.*\" , g !~ `h` , }",
		 "{a=\"b\", c!=\"d\", e=~\"f.*\", g!~\"h\"}"},
		{"{a=\"\", a=\"b\", a=\"b\"}", "{a=\"\", a=\"b\", a=\"b\"}"},
		{"process_cpu", "{__name__=\"process_cpu\"}"},
		{"process_cpu{}", "{__name__=\"process_cpu\"}"},
		{"process_cpu {a=\"b\"}", "{__name__=\"process_cpu\", a=\"b\"}"},
		{"process_cpu:cpu:nanoseconds:cpu:nanoseconds{service_name=\"x\"}",
		 "{__name__=\"process_cpu:cpu:nanoseconds:cpu:nanoseconds\", service_name=\"x\"}"},
		{"memory:alloc_space:bytes::{}", "{__name__=\"memory:alloc_space:bytes::\"}"},
		{"{__name__=~\"a\"}", "{__name__=~\"a\"}"},
		{"{\"a.b\"=\"c\"}", "{\"a.b\"=\"c\"}"},
		{"{'a_b'=\"c\"}", "{a_b=\"c\"}"},
		{"{`1`=\"c\"}", "{\"1\"=\"c\"}"},
		{"{\"gr\xc3\xb6\xc3\x9f"
		 "e\"!=\"\xc3\xbc\"}",
		 "{\"gr\xc3\xb6\xc3\x9f"
		 "e\"!=\"\xc3\xbc\"}"},
		{"{\"the metric\"}", "{__name__=\"the metric\"}"},
		{"{a=\"b\", \"the metric\",}", "{a=\"b\", __name__=\"the metric\"}"},
		{"{a=\"\\a\\b\\f\\n\\r\\t\\v\\\\\\\"\"}", "{a=\"\\a\\b\\f\\n\\r\\t\\v\\\\\\\"\"}"},
		{"{a='\"\\''}", "{a=\"\\\"'\"}"},
		{"{a=\"\\x41\\101\\u00e9\\U0001F600\"}", "{a=\"AA\xc3\xa9\xf0\x9f\x98\x80\"}"},
		{"{a=\"\\xff\\x00\\x7f\"}", "{a=\"\\xff\\x00\\x7f\"}"},
		{"{a=\"\\u0085\"}", "{a=\"\\u0085\"}"},
		{"{a=`\\n\n\"`}", "{a=\"\\\\n\\n\\\"\"}"},
		{"{_a1=\"x\",__b__=\"y\"}", "{_a1=\"x\", __b__=\"y\"}"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		PpArena *arena = pp_arena_new(&pp_alloc_malloc);
		char *text = (char *) canonical(cases[i][0], arena);
		char *again = (char *) canonical(text, arena);

		assert_string_equal(text, cases[i][1]);
		assert_string_equal(again, text);
		free(text);
		free(again);
		pp_arena_free(arena);
	}
}

static void
check_refusals(void **state)
{
	static const struct
	{
		const char *text;
		size_t offset;
		const char *part; /* of the message */
	} cases[] = {
		{"", 0, "\"{}\" selects everything"},
		{" \n", 0, "empty"},
		{"# only\n", 0, "empty"},
		{"{", 1, "\"}\" is missing"},
		{"{a=\"b\"", 6, "\"}\" is missing"},
		{"{a=\"b\",", 7, "\"}\" is missing"},
		{"{,}", 1, "label name"},
		{"{a}", 2, "= != =~ !~"},
		{"{a!\"b\"}", 3, "= != =~ !~"},
		{"{a~\"b\"}", 2, "= != =~ !~"},
		{"{a=}", 3, "quoted string"},
		{"{a=b}", 3, "quoted string"},
		{"{a==\"b\"}", 3, "quoted string"},
		{"{a=\"b}", 3, "unterminated"},
		{"{a=\"b\n\"}", 3, "unterminated"},
		{"{a=\"b\\", 5, "unterminated"},
		{"{a=`b", 3, "unterminated"},
		{"{a=\"b\" c=\"d\"}", 7, "\",\""},
		{"{a=\"b\"}}", 7, "nothing may follow"},
		{"{a=\"b\"}[5m]", 7, "nothing may follow"},
		{"x offset 5m", 2, "nothing may follow"},
		{"x[5m]", 1, "nothing may follow"},
		{"x @ 5", 2, "nothing may follow"},
		{"rate(x)", 4, "nothing may follow"},
		{"1x", 0, "metric name"},
		{"x-y", 1, "nothing may follow"},
		{"x.y{}", 1, "nothing may follow"},
		{"\"x\"{}", 0, "metric name"},
		{"{a:b=\"c\"}", 2, "= != =~ !~"},
		{"{\"\"=\"c\"}", 1, "label name is empty"},
		{"{\"\"}", 1, "metric name is empty"},
		{"{\"\\xff\"=\"c\"}", 1, "not valid UTF-8"},
		{"x{\"y\"}", 2, "given twice"},
		{"{\"x\",\"y\"}", 5, "given twice"},
		{"{a=\"\\q\"}", 4, "unknown escape"},
		{"{a=\"\\'\"}", 4, "unknown escape"},
		{"{a=\"\\x4\"}", 4, "bad escape"},
		{"{a=\"\\400\"}", 4, "bad escape"},
		{"{a=\"\\09\"}", 4, "bad escape"},
		{"{a=\"\\ud800\"}", 4, "bad escape"},
		{"{a=\"\\U00110000\"}", 4, "bad escape"},
		{"{a=\"\\U0000004\"}", 4, "bad escape"},
		{"{a=\"\xff\"}", 4, "not valid UTF-8"},
		{"{x=\"y\", a=~\"*\"}", 11, "nothing to repeat"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		PpArena *arena = pp_arena_new(&pp_alloc_malloc);
		PpRegex regex = {plain_compile, plain_match, arena};
		PpSelector selector;
		PpError err;

		if (pp_selector_parse(bytes(cases[i].text), &regex, arena, &selector, &err) != PP_EINVALID)
			fail_msg("%s is accepted", cases[i].text);
		if (strstr(err.message, cases[i].part) == NULL || err.offset != cases[i].offset)
			fail_msg("%s: %s at %zu", cases[i].text, err.message, err.offset);
		assert_int_equal(pp_selector_parse(bytes(cases[i].text), &regex, arena, &selector, NULL),
						 PP_EINVALID);
		pp_arena_free(arena);
	}
}

static bool
matches(const char *text, const PpLabelSet *labels)
{
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	PpRegex regex = {plain_compile, plain_match, arena};
	PpSelector selector;
	PpError err;
	bool result;

	assert_int_equal(pp_selector_parse(bytes(text), &regex, arena, &selector, &err), PP_OK);
	result = pp_selector_match(&selector, &regex, labels);
	pp_arena_free(arena);
	return result;
}

static void
check_match(void **state)
{
	PpLabelPair pairs[] = {{bytes("__name__"), bytes("process_cpu")},
						   {bytes("a.b"), bytes("c")},
						   {bytes("env"), bytes("prod")}};
	PpLabelSet labels = {3, pairs}, none = {0, NULL};

	assert_true(matches("{}", &labels) && matches("{}", &none));
	assert_true(matches("process_cpu{env=\"prod\",\"a.b\"=\"c\"}", &labels));
	assert_false(matches("memory{env=\"prod\"}", &labels));
	assert_false(matches("{env=\"pro\"}", &labels));
	assert_false(matches("{env!=\"prod\"}", &labels));
	assert_true(matches("{env!=\"dev\"}", &labels));
	assert_true(matches("{env=~\"p.*\", env!~\"d.*\"}", &labels));
	/* absent is empty */
	assert_true(matches("{x=\"\"}", &labels) && matches("{x!=\"y\"}", &labels));
	assert_true(matches("{x=~\".*\"}", &labels) && matches("{x=~\"\"}", &labels));
	assert_false(matches("{x=~\".+\"}", &labels));
	assert_false(matches("{x!=\"\"}", &labels) || matches("{x!~\".*\"}", &labels));
	assert_true(matches("{x!~\".+\"}", &none) && !matches("{x=\"y\"}", &none));
}

/* Without an engine expressions are kept; they match nothing. */
static void
check_without_engine(void **state)
{
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	PpSelector selector;
	PpError err;

	assert_int_equal(pp_selector_parse(bytes("{a=~\"*\",b!~\"(\"}"), NULL, arena, &selector, &err),
					 PP_OK);
	assert_int_equal(selector.n, 2);
	assert_true(pp_bytes_eq(selector.matchers[0].value, bytes("*")));
	assert_false(pp_matcher_test(&selector.matchers[0], NULL, bytes("*")));
	assert_true(pp_matcher_test(&selector.matchers[1], NULL, bytes("x")));
	pp_arena_free(arena);
}

/* Memory stays in proportion to the text, however many strings it has. */
static void
check_memory(void **state)
{
	enum
	{
		N = 20000
	};
	char *text = malloc(N * 8 + 10), *end = text;
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	PpSelector selector;
	PpError err;

	end += sprintf(end, "{");
	for (int i = 0; i < N; i++)
		end += sprintf(end, "a=\"xy\",");
	sprintf(end, "}");
	assert_int_equal(pp_selector_parse(bytes(text), NULL, arena, &selector, &err), PP_OK);
	assert_int_equal(selector.n, N);
	assert_true(pp_arena_used(arena) < 100 * strlen(text));
	pp_arena_free(arena);
	free(text);
}

static void
check_regex(void **state)
{
	static const struct
	{
		const char *pattern, *out; /* out NULL: literals is the error */
		const char *literals;	   /* joined with commas; NULL: not only literals */
		bool ignore_case;
	} cases[] = {
		{"", "", "", false},
		{"abc", "abc", "abc", false},
		{"a|bc|", "a|bc|", "a,bc,", false},
		{"(a|b)", "(?:a|b)", "a,b", false},
		{"(?:a\\.b|c)", "(?:a\\.b|c)", "a.b,c", false},
		{"(a)|(b)", "(?:a)|(?:b)", NULL, false},
		{"\xc3\xa9|-_/", "\xc3\xa9|\\-_\\/", "\xc3\xa9,-_/", false},
		{"(?i)a|b", "a|b", NULL, true},
		{"(?is)(?U)a", "a", NULL, true},
		{"(?s)a|b", "a|b", "a,b", false},
		{"a.*b+?c{2,3}[x-z]", "a.*b+?c{2,3}[x-z]", NULL, false},
		{"^a$", "^a$", NULL, false},
		{"((a{10}b){10}|c){10}d{250}", "(?:(?:a{10}b){10}|c){10}d{250}", NULL, false},
		{"((a{10}b){10}|c){11}", NULL, "too often", false},
		{"(a{2}x{20}b){20}(a{2}){501}", NULL, "too often", false},
		{"a{1001}", NULL, "too often", false},
		{"a{0,99999999999}", NULL, "too often", false},
		{"a{,2}{x}{1", "a\\{\\,2\\}\\{x\\}\\{1", NULL, false},
		{"(?P<n>a)(?<m_1>b)", "(?:a)(?:b)", NULL, false},
		{"\\ba\\B\\Ab\\z", "\\ya\\Y\\Ab\\Z", NULL, false},
		{"\\d\\D\\w\\W\\n", "\\d\\D\\w\\W\\n", NULL, false},
		{"\\s[\\s][^\\S]\\S", "[\\t\\n\\f\\r ][\\t\\n\\f\\r ][^\\S][^\\t\\n\\f\\r ]", NULL, false},
		{"[\\d-x]", "[\\d\\-x]", NULL, false},
		{"[]a][^]a]", "[\\]a][^\\]a]", NULL, false},
		{"[[.a.]]", "[\\[\\.a\\.]\\]", NULL, false},
		{"[[:alpha:][:^x]", NULL, "unknown character class", false},
		{"[[:word:]]", "[[:word:]]", NULL, false},
		{"\\x41\\x{1F600}\\101\\0", NULL, "out of range", false},
		{"\\x41\\x{1F600}\\101", "\\U00000041\\U0001f600\\U00000041", NULL, false},
		{"\\Qa.b\\E.\\Q[", "a\\.b.\\[", NULL, false},
		{"\\1", NULL, "back-references", false},
		{"\\8", NULL, "back-references", false},
		{"(?=a)", NULL, "look-around", false},
		{"(?<!a)", NULL, "look-around", false},
		{"a(?i)", NULL, "at the beginning only", false},
		{"(?#x)", NULL, "at the beginning only", false},
		{"(?", NULL, "at the beginning only", false},
		{"(?P<>a)", NULL, "name of a group", false},
		{"(?P<a", NULL, "name of a group", false},
		{"\\p{Greek}", NULL, "Unicode classes", false},
		{"\\PN", NULL, "Unicode classes", false},
		{"\\m", NULL, "unknown escape", false},
		{"[\\b]", NULL, "unknown escape", false},
		{"\\", NULL, "at the end", false},
		{"[\\", NULL, "at the end", false},
		{"\\\xc3\xa9", NULL, "needs none", false},
		{"[a", NULL, "] is missing", false},
		{"[", NULL, "] is missing", false},
		{"(a", NULL, ") is missing", false},
		{"a)|(b", NULL, "unmatched )", false},
		{"\\x4", NULL, "bad \\x", false},
		{"\\x{110000}", NULL, "out of range", false},
		{"\\x{}", NULL, "bad \\x", false},
		{"a\xff", NULL, "not valid text", false},
		{"\\Q\xff", NULL, "not valid text", false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		PpArena *arena = pp_arena_new(&pp_alloc_malloc);
		char literals[200] = "", *at = literals;
		PpRegexText text;
		PpError err;
		PpCode code = pp_regex_translate(bytes(cases[i].pattern), arena, &text, &err);

		if (cases[i].out == NULL)
		{
			assert_int_equal(code, PP_EINVALID);
			if (strstr(err.message, cases[i].literals) == NULL)
				fail_msg("%s: %s", cases[i].pattern, err.message);
			pp_arena_free(arena);
			continue;
		}
		if (code != PP_OK)
			fail_msg("%s: %s", cases[i].pattern, err.message);
		if (!pp_bytes_eq(text.pattern, bytes(cases[i].out)))
			fail_msg("%s: %.*s", cases[i].pattern, (int) text.pattern.len, text.pattern.data);
		assert_int_equal(text.ignore_case, cases[i].ignore_case);
		assert_int_equal(text.literals != NULL, cases[i].literals != NULL);
		for (uint32_t k = 0; k < text.nliterals; k++)
			at += sprintf(at,
						  "%s%.*s",
						  k > 0 ? "," : "",
						  (int) text.literals[k].len,
						  text.literals[k].data);
		if (cases[i].literals != NULL)
			assert_string_equal(literals, cases[i].literals);
		pp_arena_free(arena);
	}
}

static void
check_long_regex(void **state)
{
	static char pattern[PP_REGEX_MAX_LENGTH + 1];
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	PpRegexText text;
	PpError err;

	for (size_t i = 0; i < PP_REGEX_MAX_LENGTH; i += 2)
		memcpy(pattern + i, "\\S", 2);
	assert_int_equal(pp_regex_translate((PpBytes){pattern, PP_REGEX_MAX_LENGTH}, arena, &text, &err),
					 PP_OK);
	assert_int_equal(text.pattern.len, PP_REGEX_MAX_LENGTH / 2 * 12);
	assert_int_equal(pp_regex_translate((PpBytes){pattern, PP_REGEX_MAX_LENGTH + 1}, arena, &text, &err),
					 PP_EINVALID);
	pp_arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(check_grammar),
		cmocka_unit_test(check_refusals),
		cmocka_unit_test(check_match),
		cmocka_unit_test(check_without_engine),
		cmocka_unit_test(check_memory),
		cmocka_unit_test(check_regex),
		cmocka_unit_test(check_long_regex),
	};

	return cmocka_run_group_tests_name("pp_selector", tests, NULL, NULL);
}
