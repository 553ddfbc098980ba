/*
 * test_pp_folded.c
 *		Folded stacks and lines without counts.
 */
#include "stacks_text.h"

#include "core/pp_folded.h"

static void
folded(const char *text, const char *expected)
{
	expect_stacks(pp_folded_read, NULL, text, strlen(text), expected);
}

static void
lines(const char *text, const char *expected)
{
	expect_stacks(pp_lines_read, NULL, text, strlen(text), expected);
}

static void
refused(const char *text, PpCode code, size_t offset, const char *part)
{
	expect_error(pp_folded_read, NULL, &pp_limits_default, text, strlen(text), code, offset, part);
}

static void
test_counts_add_up(void **state)
{
	folded("main;a 3\nmain;b 4\r\nnospace\nmain;a 1\n", "main;a 4|main;b 4|");
	folded("main;a 3", "main;a 3|");
	folded("", "");
	folded("\n\r\n\n", "");
	folded("\xef\xbb\xbfmain 1\n", "main 1|");
	/* as a difference, or a total that is taken away elsewhere, has them */
	folded("a -3\na +1\nb 0\n", "a -2|b 0|");
	folded("a -9223372036854775808\nb 9223372036854775807\n",
		   "a -9223372036854775808|b 9223372036854775807|");
}

static void
test_frames(void **state)
{
	folded("java lang thread;Foo.bar(int, long) 7\n", "java lang thread;Foo.bar(int, long) 7|");
	/* an empty frame is one, except behind the last ";" */
	folded(";a;;b 1\n", ";a;;b 1|");
	folded("a; 1\na 1\n", "a 2|");
	folded("a;; 1\n", "a; 1|");
	folded(" 5\n", " 5|");
	folded("; 5\n", " 5|");
	folded("a;\xff\xfe 1\n", "a;\xff\xfe 1|");
	folded("\t#x 1\n", "\t#x 1|");
}

/* What a line shares with the one before is not looked up again. */
static void
test_neighbours(void **state)
{
	folded("a;b;c 1\na;b;c 2\na;b 3\na;b;cd 4\na;bc 5\na 6\nab 7\na;b;c;d 8\n",
		   "a;b;c 3|a;b 3|a;b;cd 4|a;bc 5|a 6|ab 7|a;b;c;d 8|");
	folded("a;;b 1\na; 2\na;;c 3\n;a 4\n", "a;;b 1|a 2|a;;c 3|;a 4|");
	folded("a;b; 1\na;b;c 2\na;b 3\n", "a;b 4|a;b;c 2|");
}

static void
test_bad_counts(void **state)
{
	refused("main;a 3\nmain;b 1.5\n", PP_EMALFORMED, 16, "line 2: the count \"1.5\" is not a whole");
	refused("main;a x\n", PP_EMALFORMED, 7, "line 1: the count \"x\"");
	refused("a 1\n\na 1 \n",
			PP_EMALFORMED,
			9,
			"line 3: the count \"\" behind the last blank is missing");
	refused("a -\n", PP_EMALFORMED, 2, "the count \"-\"");
	refused("a 1e3\n", PP_EMALFORMED, 2, "the count \"1e3\"");
	refused("a 9223372036854775808\n", PP_EOVERFLOW, 2, "out of range");
	refused("a -9223372036854775809\n", PP_EOVERFLOW, 2, "out of range");
	refused("a 9223372036854775807\nb 1\na 1\n", PP_EOVERFLOW, 26, "sum of the values");
	refused("a\nb;c\n", PP_EMALFORMED, 0, "none of the 2 lines ends in a blank and a count");
}

static void
test_lines(void **state)
{
	lines("a;b\na;b\r\n\na\nfoo bar 3", "a;b 2|a 1|foo bar 3 1|");
	lines("", "");
	lines(";\n", " 1|");
}

static void
test_limits(void **state)
{
	PpLimits limits = pp_limits_default;

	limits.max_depth = 2;
	expect_error(pp_folded_read, NULL, &limits, "a;b 1\nb;c;d 1\n", 14, PP_ELIMIT, 6, "2 frames");
	expect_error(pp_folded_read, NULL, &limits, "b;c;d;e 1\n", 10, PP_ELIMIT, 4, "2 frames");
	expect_stacks(pp_folded_read, NULL, "a;b; 1\n", 7, "a;b 1|");
	limits = pp_limits_default;
	limits.max_string = 7;
	expect_error(pp_folded_read, NULL, &limits, "abc 1\nabcdefgh 1\n", 17, PP_ELIMIT, 6, "7 bytes");
	limits = pp_limits_default;
	limits.max_samples = 1;
	expect_error(pp_folded_read, NULL, &limits, "a 1\na 1\nb 1\n", 12, PP_ELIMIT, 8, "1 samples");
	limits = pp_limits_default;
	limits.max_total_frames = 3;
	expect_error(pp_folded_read, NULL, &limits, "a;b 1\na;c 1\n", 12, PP_ELIMIT, 6, "3 frames");
}

static void
test_options(void **state)
{
	PpFormatOptions options = {.sample_type = {"cpu", 3},
							   .unit = {"nanoseconds", 11},
							   .period_type = {"cpu", 3},
							   .period_unit = {"nanoseconds", 11},
							   .period = 10};
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	PpProfile *p;
	PpError err;

	for (int i = 0; i < 2; i++)
	{
		const PpFormatOptions *given = i == 0 ? &options : NULL;

		assert_int_equal(pp_folded_read(given,
										(const uint8_t *) "a 1",
										3,
										&pp_limits_default,
										arena,
										&p,
										&err),
						 PP_OK);
		assert_int_equal(p->ntypes, 1);
		assert_true(
			pp_bytes_eq(pp_str(p, p->types[0].type), pp_bytes_cstr(i == 0 ? "cpu" : "samples")));
		assert_true(pp_bytes_eq(pp_str(p, p->types[0].unit),
								pp_bytes_cstr(i == 0 ? "nanoseconds" : "count")));
		assert_int_equal(p->period, i == 0 ? 10 : 0);
		assert_int_equal(pp_str(p, p->period_type.type).len, i == 0 ? 3 : 0);
	}
	pp_arena_free(arena);
}

/* A stack of a million frames is a limit, not a crash; and right where it is allowed. */
static void
test_deep_stack(void **state)
{
	size_t len = 2000002;
	char *text = malloc(len + 1);
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	PpProfile *p;
	PpError err;

	for (size_t i = 0; i < len; i += 2)
		memcpy(text + i, "f;", 2);
	memcpy(text + len - 4, "f 17", 4);
	assert_int_equal(pp_folded_read(NULL, (uint8_t *) text, len, &pp_limits_default, arena, &p, &err),
					 PP_ELIMIT);
	assert_string_equal(err.setting, "max_depth");
	assert_int_equal(pp_folded_read(NULL, (uint8_t *) text, len, &pp_limits_hard, arena, &p, &err),
					 PP_OK);
	assert_int_equal(p->samples[0].nlocs, 1000000);
	assert_int_equal(p->nlocations, 1);
	assert_int_equal(p->values[0], 17);
	pp_arena_free(arena);
	free(text);
}

static void
test_is_folded(void **state)
{
	assert_true(pp_is_folded((const uint8_t *) "a;b\na;b 3", 9));
	assert_true(pp_is_folded((const uint8_t *) "a -3\n", 5));
	assert_true(pp_is_folded((const uint8_t *) "a 1.5\n", 6));
	assert_false(pp_is_folded((const uint8_t *) "a;b\nc d\n", 8));
	assert_false(pp_is_folded((const uint8_t *) "a \n- +\n", 7));
	assert_false(pp_is_folded((const uint8_t *) "", 0));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts_add_up),
		cmocka_unit_test(test_frames),
		cmocka_unit_test(test_neighbours),
		cmocka_unit_test(test_bad_counts),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_deep_stack),
		cmocka_unit_test(test_is_folded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
