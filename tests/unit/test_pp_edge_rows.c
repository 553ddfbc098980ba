/*
 * test_pp_edge_rows.c
 *		Calls and label values as rows: what the tool's texts do not tell.
 */
#define _GNU_SOURCE /* memmem */
#include "core/pp_report.h"
#include "pp_build.h"
#include "pp_search_pcre2.h"

typedef struct Fixture
{
	PpArena *arena;
	PpProfile *p;
	SearchList list;
	PpSearch search;
	PpReportOptions options;
} Fixture;

/* main calls b inlined into z, and c of the mean 5; labels of two units. */
static int
setup(void **state)
{
	static Fixture f;
	uint32_t main_loc, ab, c;

	memset(&f, 0, sizeof(f));
	f.arena = pp_arena_new(&pp_alloc_malloc);
	f.p = build_empty(f.arena);
	f.search = (PpSearch){search_compile, search_match, &f.list};
	f.options = pp_report_defaults();
	build_type(f.p, "calls", "count");
	build_type(f.p, "time", "ms");
	main_loc = build_location(f.p, PP_NONE, 0x10, "main", 0);
	ab = build_location(f.p, PP_NONE, 0x20, "b", 0);
	build_location(f.p, PP_NONE, 0x30, "z", 0); /* its line follows that of b */
	f.p->locations[ab].nlines = 2;
	c = build_location(f.p, PP_NONE, 0x40, "c", 0);
	build_sample(f.p, (uint32_t[]){ab, main_loc, PP_NONE}, (int64_t[]){1, 7});
	build_label(f.p, "size", "", 1, "kilobytes");
	build_sample(f.p, (uint32_t[]){c, main_loc, PP_NONE}, (int64_t[]){2, 10});
	build_label(f.p, "size", "", 1, "bytes");
	build_sample(f.p, (uint32_t[]){c, main_loc, PP_NONE}, (int64_t[]){1, -4});
	build_label(f.p, "who", "me", 0, "");
	build_label(f.p, "size", "", 1, "");
	*state = &f;
	return 0;
}

static int
teardown(void **state)
{
	Fixture *f = *state;

	search_release(&f->list);
	pp_arena_free(f->arena);
	return 0;
}

/* "caller>callee weight flags," of each row */
static void
check_edges(Fixture *f, PpEdgeSide side, const char *regexp, const char *expected)
{
	PpEdgeRow *rows;
	PpError err = {0};
	PpBuf out;
	size_t n;

	pp_buf_init(&out, &pp_alloc_malloc);
	if (pp_edge_rows(f->p, &f->options, side, text(regexp), &f->search, f->arena, &rows, &n, &err) !=
		PP_OK)
		fail_msg("%s", err.message);
	for (size_t i = 0; i < n; i++)
		pp_buf_printf(&out,
					  "%.*s>%.*s %d%s%s,",
					  (int) rows[i].caller.len,
					  rows[i].caller.data,
					  (int) rows[i].callee.len,
					  rows[i].callee.data,
					  (int) rows[i].weight,
					  rows[i].inlined ? " inlined" : "",
					  rows[i].residual ? " residual" : "");
	assert_int_equal(out.len, strlen(expected));
	assert_memory_equal(out.data, expected, out.len);
	pp_buf_free(&out);
}

static void
test_edges(void **state)
{
	Fixture *f = *state;

	check_edges(f, PP_EDGES_ALL, "", "main>z 7,z>b 7 inlined,main>c 6,");
	check_edges(f, PP_EDGES_CALLERS, "^[bc]$", "z>b 7 inlined,main>c 6,");
	check_edges(f, PP_EDGES_CALLEES, "main", "main>z 7,main>c 6,");
	check_edges(f, PP_EDGES_CALLERS, "nothing", "");
}

/* The tool prints sums beside means; rows are means. */
static void
test_means(void **state)
{
	Fixture *f = *state;

	f->options.mean = true;
	check_edges(f, PP_EDGES_ALL, "", "main>z 7,z>b 7 inlined,main>c 2,");
}

static void
test_residual(void **state)
{
	Fixture *f = *state;

	f->options.nodecount = 2; /* b by its flat value, main by its name */
	f->options.ignore = text("c");
	check_edges(f, PP_EDGES_ALL, "", "main>b 7 inlined residual,");
}

static void
test_bad_expression(void **state)
{
	Fixture *f = *state;
	PpEdgeRow *rows;
	PpError err = {0};
	PpBuf out;
	size_t n;
	PpCode code =
		pp_edge_rows(f->p, &f->options, PP_EDGES_CALLERS, text("("), &f->search, f->arena, &rows, &n, &err);

	assert_int_equal(code, PP_EREGEX);
	pp_buf_init(&out, &pp_alloc_malloc);
	code = pp_peek_text(f->p, &f->options, text("("), &f->search, f->arena, &out, &err);
	assert_int_equal(code, PP_EREGEX);
	assert_int_equal(out.len, 0);
	code = pp_peek_text(f->p, &f->options, text("zzz"), &f->search, f->arena, &out, &err);
	assert_int_equal(code, PP_EINVALID);
	assert_string_equal(err.message, "no matches found for regexp: zzz");
	pp_buf_free(&out);
}

static void
test_label_values(void **state)
{
	Fixture *f = *state;
	PpBytes size = text("size");
	PpLabelValue *rows;
	PpError err = {0};
	size_t n;

	assert_int_equal(pp_label_values(f->p, &f->options, NULL, &f->search, f->arena, &rows, &n, &err),
					 PP_OK);
	assert_int_equal(n, 4);
	/* each unit for itself, largest first */
	assert_true(rows[0].is_number && rows[0].num == 1 && rows[0].total == 10);
	assert_true(pp_bytes_eq(rows[0].unit, text("bytes")));
	assert_true(pp_bytes_eq(rows[1].unit, text("kilobytes")) && rows[1].total == 7);
	assert_true(rows[2].unit.len == 0 && rows[2].total == -4);
	assert_true(!rows[3].is_number && pp_bytes_eq(rows[3].key, text("who")) &&
				pp_bytes_eq(rows[3].text, text("me")) && rows[3].total == -4);

	assert_int_equal(pp_label_values(f->p, &f->options, &size, &f->search, f->arena, &rows, &n, &err),
					 PP_OK);
	assert_int_equal(n, 3);
}

/* What would break the columns is a blank. */
static void
test_tags_text(void **state)
{
	Fixture *f = *state;
	PpError err = {0};
	PpBuf out;

	build_sample(f->p, (uint32_t[]){PP_NONE, PP_NONE, PP_NONE}, (int64_t[]){1, 0});
	build_label(f->p, "a\tb", "x\ny", 0, "");
	pp_buf_init(&out, &pp_alloc_malloc);
	assert_int_equal(pp_tags_text(f->p, &f->options, &f->search, f->arena, &out, &err), PP_OK);
	assert_non_null(memmem(out.data, out.len, " a b: Total 0 of 21ms (    0%)\n", 31));
	assert_non_null(memmem(out.data, out.len, "0 (    0%): x y\n", 16));
	pp_buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_edges, setup, teardown),
		cmocka_unit_test_setup_teardown(test_means, setup, teardown),
		cmocka_unit_test_setup_teardown(test_residual, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_expression, setup, teardown),
		cmocka_unit_test_setup_teardown(test_label_values, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tags_text, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
