/*
 * test_pp_report.c
 *		Reports: rows, and what the vectors of the reference tool do not show
 *		(errors, hostile numbers, no memory, interruption).
 */
#include "pp_build.h"

#include "core/pp_algebra.h"
#include "core/pp_report.h"
#include "meter.h"
#include "pp_search_pcre2.h"

static PpArena *arena; /* of one test */
static SearchList list;
static const PpSearch search = {search_compile, search_match, &list};

static int
start_test(void **state)
{
	arena = pp_arena_new(&pp_alloc_malloc);
	return arena == NULL;
}

static int
end_test(void **state)
{
	search_release(&list);
	pp_arena_free(arena);
	return 0;
}

/* main calls work (70 and, from itself, 30); main itself has 100. */
static PpProfile *
small(int64_t scale)
{
	PpProfile *p = build_empty(arena);
	uint32_t main, work;

	build_type(p, "cpu", "nanoseconds");
	main = build_location(p, PP_NONE, 0, "main", 1);
	work = build_location(p, PP_NONE, 0, "work", 2);
	build_sample(p, (uint32_t[]){work, main, PP_NONE}, (int64_t[]){70 * scale});
	build_label(p, "tenant", "acme", 0, "");
	build_label(p, "bytes", "", 4096, "");
	build_sample(p, (uint32_t[]){work, work, main}, (int64_t[]){30 * scale});
	build_sample(p, (uint32_t[]){main, PP_NONE, PP_NONE}, (int64_t[]){100 * scale});
	return p;
}

static void
assert_text(PpBytes bytes, const char *expected)
{
	assert_int_equal(bytes.len, strlen(expected));
	assert_memory_equal(bytes.data, expected, bytes.len);
}

static void
test_rows(void **state)
{
	PpReportOptions options = pp_report_defaults();
	PpTop top;
	PpError err;

	assert_int_equal(pp_top_rows(small(1), &options, NULL, arena, &top, &err), PP_OK);
	assert_int_equal(top.nrows, 2);
	assert_int_equal(top.total, 200);
	assert_int_equal(top.flat_sum, 200);
	assert_text(top.unit, "ns");
	/* equal values: by name */
	assert_text(top.rows[0].name, "main");
	assert_int_equal(top.rows[0].flat, 100);
	assert_int_equal(top.rows[0].cum, 200);
	assert_text(top.rows[1].name, "work");
	assert_int_equal(top.rows[1].flat, 100);
	/* a recursive call counts once */
	assert_int_equal(top.rows[1].cum, 100);
	assert_int_equal(top.rows[1].inlined, PP_NOT_INLINED);

	options.focus = text("work");
	options.nodecount = 1;
	assert_int_equal(pp_top_rows(small(1), &options, &search, arena, &top, &err), PP_OK);
	assert_int_equal(top.nrows, 1);
	assert_int_equal(top.before_count, 2);
	assert_text(top.rows[0].name, "work");
	assert_int_equal(top.total, 200);
}

/* Functions of one file, at different start lines, are one row. */
static void
test_rows_by_files(void **state)
{
	PpReportOptions options = pp_report_defaults();
	PpProfile *p = small(1);
	PpTop top;
	PpError err;

	p->functions[0].filename = p->functions[1].filename = build_string(p, "a.c");
	p->functions[1].start_line = 7;
	options.granularity = PP_BY_FILES;
	assert_int_equal(pp_top_rows(p, &options, NULL, arena, &top, &err), PP_OK);
	assert_int_equal(top.nrows, 1);
	assert_text(top.rows[0].name, "a.c");
	assert_int_equal(top.rows[0].flat, 200);
	assert_int_equal(top.rows[0].cum, 200);
}

/* The profile passed in is not changed by any option. */
static void
test_input_stays(void **state)
{
	PpReportOptions options = pp_report_defaults();
	PpProfile *p = small(1);
	uint8_t *before, *after;
	size_t before_len, after_len;
	PpBuf out;
	PpError err;

	assert_int_equal(pp_profile_encode(p, &pp_alloc_malloc, &before, &before_len, &err), PP_OK);
	options.hide = text("main");
	options.tagroot = text("tenant,bytes");
	options.tagfocus = text("acme");
	options.taghide = text("b");
	options.noinlines = true;
	options.granularity = PP_BY_FILES;
	options.prune_from = text("work");
	pp_buf_init(&out, &pp_alloc_malloc);
	assert_int_equal(pp_top_text(p, &options, &search, arena, &out, &err), PP_OK);
	assert_int_equal(pp_raw_text(p, &options, &search, arena, &out, &err), PP_OK);
	assert_int_equal(pp_traces_text(p, &options, &search, arena, &out, &err), PP_OK);
	pp_buf_free(&out);
	assert_int_equal(pp_profile_encode(p, &pp_alloc_malloc, &after, &after_len, &err), PP_OK);
	assert_int_equal(before_len, after_len);
	assert_memory_equal(before, after, after_len);
	free(before);
	free(after);
}

/* All filters at once are one after the other. */
static void
test_filters_compose(void **state)
{
	uint64_t seed = 11;

	for (int i = 0; i < 200; i++)
	{
		PpProfile *p = build_random(arena, &seed), *at_once, *step;
		PpReportOptions all = pp_report_defaults(), one;
		PpError err;

		all.hide = text("f0");
		all.show_from = text("f[12]");
		all.tagignore = text("a=v1");
		all.taghide = text("b");
		all.prune_from = text("f3");
		assert_int_equal(pp_report_filter(p, &all, &search, arena, &at_once, &err), PP_OK);
		step = p;
		for (int k = 0; k < 5; k++)
		{
			one = pp_report_defaults();
			one.hide = k == 0 ? all.hide : one.hide;
			one.show_from = k == 1 ? all.show_from : one.show_from;
			one.tagignore = k == 2 ? all.tagignore : one.tagignore;
			one.taghide = k == 3 ? all.taghide : one.taghide;
			one.prune_from = k == 4 ? all.prune_from : one.prune_from;
			assert_int_equal(pp_report_filter(step, &one, &search, arena, &step, &err), PP_OK);
		}
		assert_same_profile(at_once, step);
		search_release(&list);
	}
}

/* Untrimmed, flat values and empty stacks add up to all values. */
static void
test_sums(void **state)
{
	uint64_t seed = 12;

	for (int i = 0; i < 200; i++)
	{
		PpProfile *p = build_random(arena, &seed);
		PpReportOptions options = pp_report_defaults();
		int64_t total, sum = 0;
		PpTop top;
		PpError err;

		options.trim = false;
		options.granularity = (PpGranularity) (i % 5);
		assert_int_equal(pp_top_rows(p, &options, NULL, arena, &top, &err), PP_OK);
		assert_int_equal(pp_profile_total(p, top.column, &total, &err), PP_OK);
		for (uint32_t k = 0; k < p->nsamples; k++)
			if (p->samples[k].nlocs == 0)
				sum += p->values[k * 2 + top.column];
		assert_int_equal(sum + top.flat_sum, total);
		assert_int_equal(top.total, total);
	}
}

static PpCode
code_of(PpProfile *p, const PpReportOptions *options, PpError *err)
{
	PpTop top;

	return pp_top_rows(p, options, &search, arena, &top, err);
}

static void
test_refusals(void **state)
{
	PpReportOptions options = pp_report_defaults();
	PpError err;

	options.focus = text("(");
	assert_int_equal(code_of(small(1), &options, &err), PP_EREGEX);
	assert_non_null(strstr(err.message, "focus"));
	options = pp_report_defaults();
	options.tagfocus = text("acme,[");
	assert_int_equal(code_of(small(1), &options, &err), PP_EREGEX);
	options.tagfocus = text("99999999999999999999:");
	assert_int_equal(code_of(small(1), &options, &err), PP_EINVALID);
	options.tagfocus = text("-9223372036854775808b:");
	assert_int_equal(code_of(small(1), &options, &err), PP_OK);
	options = pp_report_defaults();
	options.divide_by = 0;
	assert_int_equal(code_of(small(1), &options, &err), PP_EINVALID);
	options = pp_report_defaults();
	options.sample_index = text("wall");
	assert_int_equal(code_of(small(1), &options, &err), PP_EINVALID);
}

/* No number wraps around. */
static void
test_overflow(void **state)
{
	PpReportOptions options = pp_report_defaults();
	PpProfile *p = small(1);
	PpBuf out;
	PpError err;

	p->values[0] = INT64_MAX;
	assert_int_equal(code_of(p, &options, &err), PP_EOVERFLOW);
	/* the total fits, a value that is printed does not */
	p->values[0] = INT64_MAX - 200;
	options.divide_by = 0.001;
	assert_int_equal(code_of(p, &options, &err), PP_EOVERFLOW);
	p->values[0] = INT64_MIN;
	p->nsamples = 1;
	options.divide_by = 1;
	assert_int_equal(code_of(p, &options, &err), PP_EOVERFLOW);
	pp_buf_init(&out, &pp_alloc_malloc);
	assert_int_equal(pp_raw_text(p, &options, NULL, arena, &out, &err), PP_OK);
	pp_buf_free(&out);
}

/* Frames of labels when ids cannot go on after the largest. */
/* A total that is more nanoseconds than int64 holds is a percentage of the duration all the same. */
static void
test_long_total(void **state)
{
	PpProfile *p = build_empty(arena);
	PpReportOptions options = pp_report_defaults();
	PpBuf out;
	PpError err;

	build_type(p, "cpu", "hours");
	build_sample(p,
				 (uint32_t[]){build_location(p, PP_NONE, 0, "main", 1), PP_NONE, PP_NONE},
				 (int64_t[]){INT64_C(1) << 62});
	p->duration_nanos = INT64_C(3600) * 1000000000;
	pp_buf_init(&out, &pp_alloc_malloc);
	assert_int_equal(pp_top_text(p, &options, NULL, arena, &out, &err), PP_OK);
	pp_buf_char(&out, '\0');
	assert_non_null(
		strstr(out.data, "Total samples = 4611686018427387904hrs (461168601842738790400.00%)"));
	pp_buf_free(&out);
}

static void
test_label_frames(void **state)
{
	PpReportOptions options = pp_report_defaults();
	PpProfile *p = small(1), *out;
	PpError err;

	p->locations[1].id = UINT64_MAX;
	options.tagroot = text("tenant,,bytes");
	options.tagleaf = text("none");
	assert_int_equal(pp_report_filter(p, &options, NULL, arena, &out, &err), PP_OK);
	assert_int_equal(out->nlocations, 2 + 5);
	for (uint32_t i = 0; i < out->nlocations; i++)
		assert_int_equal(out->locations[i].id, i + 1);
	assert_int_equal(out->samples[0].nlocs, 2 + 3);
	for (uint32_t i = 0; i < 5; i++)
	{
		static const char *const names[] = {"", "work", "main", "4096", "acme"};
		const PpLocation *loc = &out->locations[out->locrefs[i]];

		assert_text(pp_str(out, out->functions[out->lines[loc->line_off].function].name), names[i]);
	}
}

static PpCode
metered(const PpAlloc *alloc, const PpProfile *p, const PpReportOptions *options)
{
	PpArena *results = pp_arena_new(alloc);
	PpError err = {0};
	PpBuf out;
	PpCode code;

	if (results == NULL)
		return PP_ENOMEM;
	pp_buf_init(&out, alloc);
	code = pp_top_text(p, options, &search, results, &out, &err);
	if (code == PP_OK)
		code = pp_raw_text(p, options, &search, results, &out, &err);
	if (code == PP_OK)
		code = pp_traces_text(p, options, &search, results, &out, &err);
	pp_buf_free(&out);
	pp_arena_free(results);
	search_release(&list);
	return code;
}

static void
test_no_memory(void **state)
{
	PpReportOptions options = pp_report_defaults();
	PpProfile *p = small(1);
	Meter meter = {0, INT64_MAX};
	PpAlloc alloc = {meter_alloc, meter_resize, meter_release, meter_poll, &meter};
	int64_t allocations = 0;
	PpCode code;

	options.tagroot = text("tenant");
	options.focus = text("main");
	options.tagfocus = text("tenant:a");
	p->duration_nanos = 1;
	do
	{
		meter.left = allocations++;
		code = metered(&alloc, p, &options);
		assert_true(code == PP_OK || code == PP_ENOMEM);
	} while (code == PP_ENOMEM);
	assert_true(allocations > 20);
}

static void
test_canceled(void **state)
{
	PpReportOptions options = pp_report_defaults();
	PpProfile *p = build_empty(arena);
	Meter meter = {INT64_MAX, 0};
	PpAlloc alloc = {meter_alloc, meter_resize, meter_release, meter_poll, &meter};
	uint32_t n = 20000;

	build_type(p, "a", "b");
	p->samples = pp_arena_zalloc(arena, n * sizeof(PpSample));
	p->values = pp_arena_zalloc(arena, n * sizeof(int64_t));
	p->nsamples = n;
	assert_int_equal(metered(&alloc, p, &options), PP_ECANCELED);
}

/* n addresses in one function with a name of this length, called by one more; polls are counted. */
static PpCode
long_names(uint32_t n, size_t len, int64_t *polls)
{
	PpProfile *p = build_empty(arena);
	PpReportOptions options = pp_report_defaults();
	Meter meter = {INT64_MAX, INT64_MAX};
	PpAlloc alloc = {meter_alloc, meter_resize, meter_release, meter_poll, &meter};
	PpArena *results = pp_arena_new(&alloc);
	char *name = malloc(len + 1);
	uint32_t root;
	PpBuf out;
	PpCode code;
	PpError err;

	memset(name, 'n', len);
	name[len] = '\0';
	build_type(p, "cpu", "nanoseconds");
	root = build_location(p, PP_NONE, 1, "root", 1);
	for (uint32_t i = 0; i < n; i++)
	{
		uint32_t leaf = build_location(p, PP_NONE, 2 + i, i == 0 ? name : "", 1);

		p->lines[p->locations[leaf].line_off].function =
			p->lines[p->locations[root + 1].line_off].function;
		build_sample(p, (uint32_t[]){leaf, root, PP_NONE}, (int64_t[]){1});
	}
	pp_buf_init(&out, &alloc);
	code = pp_callgrind_text(p, &options, &search, results, &out, &err);
	pp_buf_free(&out);
	pp_arena_free(results);
	free(name);
	*polls = INT64_MAX - meter.polls_left;
	return code;
}

/* One long name shared by many nodes: bounded in memory, and by bytes between two polls. */
static void
test_long_names(void **state)
{
	int64_t few, many;

	assert_int_equal(long_names(40, 10, &few), PP_OK);
	assert_int_equal(long_names(40, 1 << 20, &many), PP_OK);
	/* 40 MB of printed names, and as much looked up again for calls */
	assert_true(many >= few + 2 + 8);
	assert_int_equal(long_names(500, 1200 << 10, &many), PP_ELIMIT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start_test, end_test)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_rows),
		TEST(test_rows_by_files),
		TEST(test_input_stays),
		TEST(test_filters_compose),
		TEST(test_sums),
		TEST(test_refusals),
		TEST(test_overflow),
		TEST(test_long_total),
		TEST(test_label_frames),
		TEST(test_no_memory),
		TEST(test_canceled),
		TEST(test_long_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
