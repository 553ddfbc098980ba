/*
 * test_pp_flame_diff.c
 *		Two trees as one flame graph: against tables worked out by hand, and laws.
 */
#include "render_test.h"

#include "flame_text.h"

#define P1                                                                                         \
	"main;work;parse 30\nmain;work;eval 50\nmain;work 5\nmain;gc 10\nmain;log;write 3\n"           \
	"main;log;fmt 2\nruntime.idle 4\n"
#define P2 "main;work;parse 10\nmain;work;eval 80\nmain;work;jit 7\nmain;gc 20\nmain;log;write 3\n"

/* Rows "level value/right self/selfRight label[ +]", one per line. */
static char *
pair_text(PpFlameRules rules, const char *left_text, const char *right_text, int64_t max_nodes)
{
	PpTree *left = tree_of_text(rules, left_text), *right = tree_of_text(rules, right_text);
	PpFlameRight *sides;
	PpFlameRow *rows;
	int64_t *right_self, hidden;
	size_t n;
	PpError err;
	PpBuf out;
	char *text;

	assert_int_equal(pp_tree_align(left, right, arena, &right_self, &err), PP_OK);
	assert_int_equal(pp_tree_flame_pair(left, right_self, max_nodes, arena, &rows, &sides, &n, &hidden, &err),
					 PP_OK);
	pp_buf_init(&out, &pp_alloc_malloc);
	for (size_t i = 0; i < n; i++)
		pp_buf_printf(&out,
					  "%d %lld/%lld %lld/%lld %.*s%s\n",
					  rows[i].level,
					  (long long) rows[i].value,
					  (long long) sides[i].value,
					  (long long) rows[i].self,
					  (long long) sides[i].self,
					  (int) rows[i].label.len,
					  rows[i].label.data,
					  rows[i].truncated ? " +" : "");
	pp_buf_char(&out, '\0');
	text = pp_arena_copy(arena, out.data, out.len);
	pp_buf_free(&out);
	pp_tree_free(left);
	pp_tree_free(right);
	return text;
}

#define PYROSCOPE	PP_RULES_PYROSCOPE
#define HEAD		"0 104/120 0/0 total\n1 100/120 0/0 main\n"
#define IDLE		"1 4/0 4/0 runtime.idle\n"
#define FOLDED_IDLE "1 4/0 4/0 other +\n"

/* What Pyroscope answers for these two, row by row. */
static void
test_pyroscope(void **state)
{
	static const char all[] = HEAD "2 10/20 10/20 gc\n"
								   "2 5/3 0/0 log\n"
								   "3 2/0 2/0 fmt\n"
								   "3 3/3 3/3 write\n"
								   "2 85/97 5/0 work\n"
								   "3 50/80 50/80 eval\n"
								   "3 0/7 0/7 jit\n"
								   "3 30/10 30/10 parse\n" IDLE;

	assert_string_equal(pair_text(PYROSCOPE, P1, P2, 0), all);
	assert_string_equal(pair_text(PYROSCOPE, P1, P2, 8192), all);
	assert_string_equal(pair_text(PYROSCOPE, P1, P2, 3),
						HEAD "2 85/97 5/0 work\n"
							 "3 80/97 80/97 other +\n"
							 "2 15/23 15/23 other +\n" FOLDED_IDLE);
	assert_string_equal(pair_text(PYROSCOPE, P1, P2, 4),
						HEAD "2 85/97 5/0 work\n"
							 "3 50/80 50/80 eval\n"
							 "3 30/17 30/17 other +\n"
							 "2 15/23 15/23 other +\n" FOLDED_IDLE);
	assert_string_equal(pair_text(PYROSCOPE, P1, P2, 8),
						HEAD "2 10/20 10/20 gc\n"
							 "2 5/3 0/0 log\n"
							 "3 5/3 5/3 other +\n"
							 "2 85/97 5/0 work\n"
							 "3 50/80 50/80 eval\n"
							 "3 0/7 0/7 jit\n"
							 "3 30/10 30/10 parse\n" FOLDED_IDLE);
	/* a function "other" is nothing special when two are compared */
	assert_string_equal(pair_text(PYROSCOPE, "a;other;x 6\na;b 3\na;c 1\n", "a;other;x 5\na;b 2\n", 3),
						"0 10/7 0/0 total\n"
						"1 10/7 0/0 a\n"
						"2 6/5 0/0 other\n"
						"3 6/5 6/5 x\n"
						"2 4/2 4/2 other +\n");
	assert_string_equal(pair_text(PYROSCOPE, "total 2\n 3\n", "total 1\n 1\n", 0),
						"0 5/2 0/0 total\n"
						"1 3/1 3/1 \n"
						"1 2/1 2/1 total\n");
}

/* Siblings by the larger side, then by name; the root is not one of max_nodes. */
static void
test_pprof(void **state)
{
	assert_string_equal(pair_text(PP_RULES_PPROF, "a 1\nb 5\nc 2\nd 3\n", "a 9\nc 3\ne 5\n() 4\n", 0),
						"0 11/21 0/4 total\n"
						"1 1/9 1/9 a\n"
						"1 5/0 5/0 b\n"
						"1 0/5 0/5 e\n"
						"1 2/3 2/3 c\n"
						"1 3/0 3/0 d\n");
	assert_string_equal(pair_text(PP_RULES_PPROF, "a 1\nb 5\nc 2\nd 3\n", "a 9\nc 3\ne 5\n() 4\n", 3),
						"0 11/21 0/4 total\n"
						"1 1/9 1/9 a\n"
						"1 5/0 5/0 b\n"
						"1 0/5 0/5 e\n"
						"1 5/3 5/3 other +\n");
	/* sums of what is folded may cancel on one side; the leaf stays for the other */
	assert_string_equal(pair_text(PP_RULES_PPROF, "a 9\nb 1\nc -1\n", "b 2\n", 1),
						"0 9/2 0/0 total\n"
						"1 9/0 9/0 a\n"
						"1 0/2 0/2 other +\n");
	/* magnitudes count: large negative values are not hidden */
	assert_string_equal(pair_text(PP_RULES_PPROF, "a 1\n", "b -9\n", 1),
						"0 1/-9 0/0 total\n"
						"1 0/-9 0/-9 b\n"
						"1 1/0 1/0 other +\n");
}

static void
test_empty_sides(void **state)
{
	assert_string_equal(pair_text(PP_RULES_PPROF, "", "", 5), "0 0/0 0/0 total\n");
	assert_string_equal(pair_text(PYROSCOPE, "", "", 0), "0 0/0 0/0 total\n");
	assert_string_equal(pair_text(PYROSCOPE, "", "a;b 2\n", 0),
						"0 0/2 0/0 total\n1 0/2 0/0 a\n2 0/2 0/2 b\n");
	assert_string_equal(pair_text(PYROSCOPE, "a;b 2\n", "", 0),
						"0 2/0 0/0 total\n1 2/0 0/0 a\n2 2/0 2/0 b\n");
}

static void
test_overflow(void **state)
{
	PpTree *left = tree_of_text(PP_RULES_PPROF, "a 1\n");
	PpTree *right = tree_of_text(PP_RULES_PPROF, "a 9223372036854775807\nb 1\n");
	PpFlameRight *sides;
	PpFlameRow *rows;
	int64_t *right_self, hidden;
	size_t n;
	PpError err;

	assert_int_equal(pp_tree_align(left, right, arena, &right_self, &err), PP_OK);
	assert_int_equal(pp_tree_flame_pair(left, right_self, 0, arena, &rows, &sides, &n, &hidden, &err),
					 PP_EOVERFLOW);
	pp_tree_free(left);
	pp_tree_free(right);
}

/* The sides of a difference are what went into it. */
static void
test_split(void **state)
{
	PpProfile *new = profile_of_stacks("cpu", "nanoseconds", "a;b 3\na 1\nc 0\n");
	PpProfile *old = profile_of_stacks("cpu", "nanoseconds", "a;b 2\nz 5\n"), *diff;
	PpRender render, base, rest;
	PpError err;

	assert_int_equal(pp_profile_diff(new, old, PP_MERGE_CANONICAL, arena, &diff, &err), PP_OK);
	assert_true(pp_profile_is_difference(diff));
	assert_false(pp_profile_is_difference(new));
	render = prepare(diff, NULL);
	assert_int_equal(pp_render_split(&render, arena, &base, &rest, &err), PP_OK);
	assert_string_equal(text_of(&base, pp_folded_text), "a;b 2\nz 5\n");
	assert_string_equal(text_of(&rest, pp_folded_text), "a 1\na;b 3\n");
	/* both at once: what is left over */
	assert_string_equal(text_of(&render, pp_folded_text), "a 1\na;b 1\nz -5\n");
}

static void
test_split_overflow(void **state)
{
	PpProfile *p = profile_of_stacks("cpu", "nanoseconds", "a -9223372036854775808\n"), *labelled;
	PpRender render, base, rest;
	PpError err;

	assert_int_equal(pp_profile_set_label(p,
										  pp_bytes_cstr("pprof::base"),
										  pp_bytes_cstr("true"),
										  arena,
										  &labelled,
										  &err),
					 PP_OK);
	render = prepare(labelled, NULL);
	assert_int_equal(pp_render_split(&render, arena, &base, &rest, &err), PP_EOVERFLOW);
}

static PpRender
drawn(const char *type, const char *unit, const char *stacks)
{
	return prepare(profile_of_stacks(type, unit, stacks), NULL);
}

/* Units of one family meet in the finer one, whichever side has it. */
static void
test_meet(void **state)
{
	PpRender fine = drawn("cpu", "nanoseconds", "a 1\n"),
			 coarse = drawn("cpus", "milliseconds", "a 2\nb -3\n");
	PpRender other = coarse, large = drawn("cpu", "seconds", "a 9223372037\n");
	PpError err;

	assert_int_equal(pp_render_meet(&fine, &coarse, arena, &err), PP_OK);
	assert_string_equal(text_of(&fine, pp_folded_text), "a 1\n");
	assert_string_equal(text_of(&coarse, pp_folded_text), "a 2000000\nb -3000000\n");
	assert_true(pp_bytes_eq(pp_str(coarse.p, coarse.p->types[coarse.column].unit),
							pp_bytes_cstr("nanoseconds")));
	assert_int_equal(pp_render_meet(&fine, &coarse, arena, &err), PP_OK);
	assert_int_equal(pp_render_meet(&other, &fine, arena, &err), PP_OK);
	assert_string_equal(text_of(&other, pp_folded_text), "a 2000000\nb -3000000\n");
	assert_int_equal(pp_render_meet(&fine, &large, arena, &err), PP_EOVERFLOW);
}

static void
test_cannot_meet(void **state)
{
	PpRender cpu = drawn("cpu", "nanoseconds", "a 1\n"), space = drawn("cpu", "bytes", "a 1\n");
	PpRender wall = drawn("wall", "nanoseconds", "a 1\n");
	PpError err;

	assert_int_equal(pp_render_meet(&cpu, &wall, arena, &err), PP_EINCOMPATIBLE);
	assert_int_equal(pp_render_meet(&cpu, &space, arena, &err), PP_EINCOMPATIBLE);
	assert_non_null(strstr(err.message, "cpu/nanoseconds"));
	assert_non_null(strstr(err.message, "cpu/bytes"));
}

/* In a difference of a profile and itself every node is 0, but the sides are there. */
static void
test_law(void **state)
{
	PpProfile *p = input_profile("basic"), *diff;
	PpRender render, base, rest;
	PpFlameRow *rows;
	PpFlameRight *sides;
	int64_t *right_self, hidden;
	PpTree *tree, *left, *right;
	size_t n;
	PpError err;

	assert_int_equal(pp_profile_diff(p, p, PP_MERGE_CANONICAL, arena, &diff, &err), PP_OK);
	render = prepare(diff, NULL);
	tree = tree_of(&render);
	assert_int_equal(pp_tree_flame(tree, 0, arena, &rows, &n, &hidden, &err), PP_OK);
	for (size_t i = 0; i < n; i++)
		assert_true(rows[i].value == 0 && rows[i].self == 0);
	pp_tree_free(tree);

	assert_int_equal(pp_render_split(&render, arena, &base, &rest, &err), PP_OK);
	left = tree_of(&base);
	right = tree_of(&rest);
	assert_int_equal(pp_tree_align(left, right, arena, &right_self, &err), PP_OK);
	assert_int_equal(pp_tree_flame_pair(left, right_self, 0, arena, &rows, &sides, &n, &hidden, &err),
					 PP_OK);
	assert_true(n > 1 && rows[0].value == 250000000);
	for (size_t i = 0; i < n; i++)
		assert_true(rows[i].value == sides[i].value && rows[i].self == sides[i].self);
	pp_tree_free(left);
	pp_tree_free(right);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		render_test(test_pyroscope),
		render_test(test_pprof),
		render_test(test_empty_sides),
		render_test(test_overflow),
		render_test(test_split),
		render_test(test_split_overflow),
		render_test(test_meet),
		render_test(test_cannot_meet),
		render_test(test_law),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
