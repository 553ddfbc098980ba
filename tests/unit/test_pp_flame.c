/*
 * test_pp_flame.c
 *		Truncation and the level encoding, against tables worked out by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "flame_text.h"

#define P1                                                                                         \
	"main;work;parse 30\nmain;work;eval 50\nmain;work 5\nmain;gc 10\nmain;log;write 3\n"           \
	"main;log;fmt 2\nruntime.idle 4\n"

#define P1_ALL                                                                                     \
	"total,runtime.idle,main,work,parse,eval,log,write,fmt,gc | 0 104 0 0 | 0 100 0 2, 0 4 4 1 "   \
	"| 0 10 10 9, 0 5 0 6, 0 85 5 3 | 10 2 2 8, 0 3 3 7, 5 50 50 5, 0 30 30 4 "                    \
	"| total 104 max 50"

#define P1_TOP " | 0 104 0 0 | 0 100 0 2, 0 4 4 1 | "

typedef struct FlameCase
{
	const char *stacks;
	int64_t max_nodes, hidden;
	const char *expected;
} FlameCase;

static const FlameCase pyroscope_cases[] = {
	{P1, 0, 0, P1_ALL},
	{P1, -1, 0, P1_ALL},
	{P1, 9, 0, P1_ALL},
	{P1, 10, 0, P1_ALL},
	{P1, 8192, 0, P1_ALL},
	{P1, 1, 8, "total,other,main" P1_TOP "0 100 100 1 | total 104 max 100"},
	{P1, 2, 7, "total,other,main,work" P1_TOP "0 85 5 3, 0 15 15 1 | 5 80 80 1 | total 104 max 80"},
	{P1,
	 3,
	 6,
	 "total,other,main,work,eval" P1_TOP
	 "0 85 5 3, 0 15 15 1 | 5 50 50 4, 0 30 30 1 | total 104 max 50"},
	{P1,
	 4,
	 5,
	 "total,other,main,work,parse,eval" P1_TOP
	 "0 85 5 3, 0 15 15 1 | 5 50 50 5, 0 30 30 4 | total 104 max 50"},
	{P1,
	 5,
	 4,
	 "total,other,main,work,parse,eval,gc" P1_TOP
	 "0 10 10 6, 0 85 5 3, 0 5 5 1 | 15 50 50 5, 0 30 30 4 | total 104 max 50"},
	{P1,
	 6,
	 3,
	 "total,other,main,work,parse,eval,log,gc" P1_TOP
	 "0 10 10 7, 0 5 0 6, 0 85 5 3 | 10 5 5 1, 5 50 50 5, 0 30 30 4 | total 104 max 50"},
	{P1,
	 7,
	 2,
	 "total,runtime.idle,main,work,parse,eval,log,other,gc" P1_TOP
	 "0 10 10 8, 0 5 0 6, 0 85 5 3 | 10 5 5 7, 5 50 50 5, 0 30 30 4 | total 104 max 50"},
	{P1,
	 8,
	 1,
	 "total,runtime.idle,main,work,parse,eval,log,other,write,gc" P1_TOP
	 "0 10 10 9, 0 5 0 6, 0 85 5 3 | 10 3 3 8, 0 2 2 7, 5 50 50 5, 0 30 30 4 | total 104 max 50"},
	/* recursion */
	{"a;a;a 4\na;a 1\na 2\n", 0, 0, "total,a | 0 7 0 0 | 0 7 2 1 | 2 5 1 1 | 3 4 4 1 | total 7 max 4"},
	/* a function called "other" loses its children, whatever max_nodes says */
	{"a;other;x 6\na;b 3\na;c 1\n",
	 0,
	 0,
	 "total,a,other,c,b | 0 10 0 0 | 0 10 0 1 | 0 3 3 4, 0 1 1 3, 0 6 6 2 | total 10 max 6"},
	/* "total" shares the root's name, an empty name is one of its own */
	{"total 2\n 3\n", 0, 0, "total, | 0 5 0 0 | 0 3 3 1, 0 2 2 0 | total 5 max 3"},
	/* what is not positive, and what has no frames, is not there */
	{"a 0\nb -3\n() 7\nc 1\n", 0, 0, "total,c | 0 1 0 0 | 0 1 1 1 | total 1 max 1"},
	/* ties at the threshold stay */
	{"a 5\nb 5\nc 5\nd 1\n",
	 2,
	 1,
	 "total,other,c,b,a | 0 16 0 0 | 0 5 5 4, 0 5 5 3, 0 5 5 2, 0 1 1 1 | total 16 max 5"},
	{"", 0, 0, "total | 0 0 0 0 | total 0 max 0"},
	{"", 5, 0, "total | 0 0 0 0 | total 0 max 0"},
	{"a<b>&c;x 5\n", 8192, 0, "total,a<b>&c,x | 0 5 0 0 | 0 5 0 1 | 0 5 5 2 | total 5 max 5"},
};

static void
check_pyroscope_table(void **state)
{
	for (size_t i = 0; i < sizeof(pyroscope_cases) / sizeof(pyroscope_cases[0]); i++)
	{
		const FlameCase *c = &pyroscope_cases[i];
		PpTree *tree = tree_of_text(PP_RULES_PYROSCOPE, c->stacks);
		PpArena *arena = pp_arena_new(&pp_alloc_malloc);
		PpFlamebearer bearer;
		PpFlameRow *rows;
		size_t nrows;
		int64_t hidden;
		PpError err;
		char text[4096];

		assert_int_equal(pp_tree_flame(tree, c->max_nodes, arena, &rows, &nrows, &hidden, &err),
						 PP_OK);
		assert_int_equal(pp_flamebearer(rows, nrows, arena, &bearer, &err), PP_OK);
		bearer_text(&bearer, text);
		assert_string_equal(text, c->expected);
		assert_int_equal(hidden, c->hidden);
		pp_arena_free(arena);
		pp_tree_free(tree);
	}
}

static const FlameCase pprof_cases[] = {
	/* by value, then name; no frames: the root's own */
	{"b;x 1\na;y 1\nc 7\n() 3\nb 0\n",
	 0,
	 0,
	 "0 12 3 total\n1 7 7 c\n1 1 0 a\n2 1 1 y\n1 1 0 b\n2 1 1 x\n"},
	{" 2\nx; 1\n", 0, 0, "0 3 0 total\n1 2 2 <unknown>\n1 1 0 x\n2 1 1 <unknown>\n"},
	/* "other" is a function like any other */
	{"a;other;x 6\na;b 3\na;c 1\n",
	 0,
	 0,
	 "0 10 0 total\n1 10 0 a\n2 6 0 other\n3 6 6 x\n2 3 3 b\n2 1 1 c\n"},
	/* the leaf comes last, even if it is the largest */
	{"a;other;x 6\na;b 3\na;c 1\n", 3, 2, "0 10 0 total\n1 10 0 a\n2 6 0 other\n3 6 6 x\n2 4 4 other +\n"},
	{"a;b 3\na;c 2\na;d 2\na;e 1\n", 2, 3, "0 8 0 total\n1 8 0 a\n2 3 3 b\n2 5 5 other +\n"},
	/* differences: size decides what stays, the sign where it stands */
	{"a -5\nb 3\nc 1\nd -1\n", 2, 2, "0 -2 0 total\n1 3 3 b\n1 -5 -5 a\n"},
	{"a -5\nb 3\nc 1\nd -2\n", 2, 2, "0 -3 0 total\n1 3 3 b\n1 -5 -5 a\n1 -1 -1 other +\n"},
	{"a;x 4\na;y -4\n", 0, 0, "0 0 0 total\n1 0 0 a\n2 4 4 x\n2 -4 -4 y\n"},
	{"", 3, 0, "0 0 0 total\n"},
};

static void
check_pprof_table(void **state)
{
	for (size_t i = 0; i < sizeof(pprof_cases) / sizeof(pprof_cases[0]); i++)
	{
		const FlameCase *c = &pprof_cases[i];
		PpTree *tree = tree_of_text(PP_RULES_PPROF, c->stacks);
		PpArena *arena = pp_arena_new(&pp_alloc_malloc);
		PpFlameRow *rows;
		size_t nrows;
		int64_t hidden;
		PpError err;
		char text[4096];

		assert_int_equal(pp_tree_flame(tree, c->max_nodes, arena, &rows, &nrows, &hidden, &err),
						 PP_OK);
		rows_text(rows, nrows, text);
		assert_string_equal(text, c->expected);
		assert_int_equal(hidden, c->hidden);
		pp_arena_free(arena);
		pp_tree_free(tree);
	}
}

/* A second pass over what a first one left counts "other" leaves as nodes. */
static void
check_second_pass(void **state)
{
	for (int64_t k = 1; k <= 8; k++)
	{
		PpTree *first = tree_of_text(PP_RULES_PYROSCOPE, P1);
		PpTree *second = pp_tree_new(&pp_alloc_malloc, PP_RULES_PYROSCOPE);
		PpArena *arena = pp_arena_new(&pp_alloc_malloc);
		PpBytes path[16];
		PpFlamebearer bearer;
		PpFlameRow *rows;
		size_t nrows;
		int64_t hidden;
		PpError err;
		char text[4096];

		assert_int_equal(pp_tree_flame(first, k, arena, &rows, &nrows, &hidden, &err), PP_OK);
		for (size_t i = 1; i < nrows; i++)
		{
			path[rows[i].level - 1] = rows[i].label;
			assert_int_equal(pp_tree_add(second, path, rows[i].level, rows[i].self, &err), PP_OK);
		}
		assert_int_equal(pp_tree_flame(second, k, arena, &rows, &nrows, &hidden, &err), PP_OK);
		assert_int_equal(pp_flamebearer(rows, nrows, arena, &bearer, &err), PP_OK);
		bearer_text(&bearer, text);
		/* pyroscope_cases: k = 1 is the sixth; for 7 the outcome is that for 6 */
		assert_string_equal(text, pyroscope_cases[k == 7 ? 10 : 4 + k].expected);
		pp_arena_free(arena);
		pp_tree_free(first);
		pp_tree_free(second);
	}
}

static void
check_bad_rows(void **state)
{
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	PpFlameRow rows[] = {{0, 1, 0, {"total", 5}, false}, {2, 1, 1, {"a", 1}, false}};
	PpFlamebearer bearer;
	PpError err;

	assert_int_equal(pp_flamebearer(rows, 0, arena, &bearer, &err), PP_EINVALID);
	assert_int_equal(pp_flamebearer(rows, 2, arena, &bearer, &err), PP_EINVALID);
	rows[1].level = 0;
	assert_int_equal(pp_flamebearer(rows, 2, arena, &bearer, &err), PP_EINVALID);
	rows[1].level = 1;
	assert_int_equal(pp_flamebearer(rows, 2, arena, &bearer, &err), PP_OK);
	rows[1] = (PpFlameRow){1, INT64_MAX, INT64_MAX, {"a", 1}, false};
	rows[0].self = 2;
	assert_int_equal(pp_flamebearer(rows, 2, arena, &bearer, &err), PP_EOVERFLOW);
	pp_arena_free(arena);
}

/* A million frames deep: nothing recurses. */
static void
check_depth(void **state)
{
	uint32_t n = 1000001;
	uint32_t *parent = malloc(n * sizeof(*parent)), *name = calloc(n, sizeof(*name));
	int64_t *self = calloc(n, sizeof(*self));
	PpTree *tree = pp_tree_new(&pp_alloc_malloc, PP_RULES_PYROSCOPE);
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	PpBytes names[] = {{"f", 1}};
	PpFlamebearer bearer;
	PpFlameRow *rows;
	size_t nrows;
	int64_t hidden;
	PpError err;

	for (uint32_t i = 0; i < n; i++)
		parent[i] = i > 0 ? i - 1 : 0;
	self[n - 1] = 3;
	self[n / 2] = 4;
	assert_int_equal(pp_tree_add_nodes(tree, n, parent, name, names, 1, self, false, &err), PP_OK);
	assert_int_equal(pp_tree_size(tree), n - 1);
	assert_int_equal(pp_tree_flame(tree, 0, arena, &rows, &nrows, &hidden, &err), PP_OK);
	assert_int_equal(nrows, n);
	assert_int_equal(rows[n - 1].level, n - 1);
	assert_int_equal(pp_flamebearer(rows, nrows, arena, &bearer, &err), PP_OK);
	assert_int_equal(bearer.nlevels, n);
	assert_int_equal(bearer.total, 7);
	pp_arena_free(arena);
	pp_tree_free(tree);
	free(parent);
	free(name);
	free(self);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(check_pyroscope_table),
		cmocka_unit_test(check_pprof_table),
		cmocka_unit_test(check_second_pass),
		cmocka_unit_test(check_bad_rows),
		cmocka_unit_test(check_depth),
	};

	return cmocka_run_group_tests_name("pp_flame", tests, NULL, NULL);
}
