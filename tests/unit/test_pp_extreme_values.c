/*
 * test_pp_extreme_values.c
 *		The largest and the least numbers, and profiles of nothing, through everything.
 *
 * A sum that no bigint can hold is an error and never wrapped; everything else
 * has the right answer.
 */
#define _GNU_SOURCE /* memmem */
#include "core/pp_algebra.h"
#include "core/pp_merge.h"
#include "pp_build.h"
#include "pp_operations.h"
#include "pp_search_pcre2.h"

#include <math.h>

static const int64_t values[] =
	{INT64_MIN, INT64_MIN + 1, INT64_MIN / 2, -1, 0, 1, INT64_MAX / 2 + 1, INT64_MAX - 1, INT64_MAX};

#define NVALUES (sizeof(values) / sizeof(values[0]))

/* Slow tools (test_pp_extremes.c) try only some pairs: the extremes are among them. */
static size_t
step(void)
{
	return getenv("EXTREMES_DIVIDE") != NULL ? 4 : 1;
}

static PpArena *arena;
static PpError err;

static int
setup(void **state)
{
	arena = pp_arena_new(&pp_alloc_malloc);
	memset(&err, 0, sizeof(err));
	return 0;
}

static int
teardown(void **state)
{
	pp_arena_free(arena);
	return 0;
}

/* main calls a and b, which have these values in the second column. */
static PpProfile *
two_samples(int64_t a, int64_t b)
{
	PpProfile *p = build_empty(arena);
	uint32_t main_loc, a_loc, b_loc;

	build_type(p, "samples", "count");
	build_type(p, "cpu", "ns");
	main_loc =
		build_location(p, build_mapping(p, 0x1000, 0x1000, "/bin/app", "id"), 0x1010, "main", 1);
	a_loc = build_location(p, 0, 0x1020, "a", 2);
	b_loc = build_location(p, 0, 0x1030, "b", 3);
	build_sample(p, (uint32_t[]){a_loc, main_loc, PP_NONE}, (int64_t[]){1, a});
	build_label(p, "size", "", a, "bytes");
	build_sample(p, (uint32_t[]){b_loc, main_loc, PP_NONE}, (int64_t[]){-1, b});
	build_label(p, "who", "me", 0, "");
	build_label(p, "size", "", b, "bytes");
	return p;
}

/* One operation; what it prints is checked for numbers that are none. */
static PpCode
run(const Operation *operation, const PpProfile *p, const char *sample_index)
{
	SearchList list = {.n = 0};
	PpSearch search = {search_compile, search_match, &list};
	Operands x = {.p = p, .options = pp_report_defaults(), .search = &search};
	PpBuf out;
	PpCode code;

	err.message[0] = '\0';
	pp_buf_init(&out, &pp_alloc_malloc);
	x.options.sample_index = text(sample_index);
	x.arena = pp_arena_new(&pp_alloc_malloc);
	x.out = &out;
	code = operation->run(&x, &err);
	/* (keys of JSON are nanos) */
	if (code == PP_OK && out.len > 0 && strcmp(operation->name, "JSON") != 0 &&
		(memmem(out.data, out.len, "nan", 3) != NULL || memmem(out.data, out.len, "inf", 3) != NULL))
		fail_msg("%s prints what is no number: %.*s", operation->name, (int) out.len, out.data);
	pp_arena_free(x.arena);
	pp_buf_free(&out);
	search_release(&list);
	return code;
}

static void
test_all_operations(void **state)
{
	int overflows = 0;

	for (size_t a = 0; a < NVALUES; a += step())
		for (size_t b = 0; b < NVALUES; b += step())
		{
			PpProfile *p = two_samples(values[a], values[b]);

			for (size_t i = 0; i < noperations; i++)
			{
				PpCode code = run(&operations[i], p, "cpu");

				if (code != PP_OK && code != PP_EOVERFLOW)
					fail_msg("%s of %ld and %ld: %s",
							 operations[i].name,
							 (long) values[a],
							 (long) values[b],
							 err.message);
				overflows += code == PP_EOVERFLOW;
				if (code == PP_EOVERFLOW)
					assert_non_null(strstr(err.message, "out of range"));
			}
		}
	assert_true(overflows > 50);
}

/* The same in the columns that means divide by, and in the header. */
static void
test_divisors_and_header(void **state)
{
	for (size_t a = 0; a < NVALUES; a += step())
		for (size_t b = 0; b < NVALUES; b += step())
		{
			PpProfile *p = two_samples(10, -20);

			p->values[0] = values[a];
			p->values[2] = values[b];
			p->time_nanos = values[a];
			p->duration_nanos = values[b];
			p->period = values[a];
			p->lines[0].line = values[a];
			p->lines[1].line = values[b];
			p->lines[2].column = values[b];
			p->functions[0].start_line = values[a];
			p->locations[1].address = (uint64_t) values[a];
			p->locations[1].mapping = PP_NONE;
			p->locations[2].address = (uint64_t) values[b];
			p->locations[2].mapping = PP_NONE;
			p->locations[0].id = UINT64_MAX;
			p->functions[0].id = UINT64_MAX;
			p->mappings[0].id = UINT64_MAX;
			for (size_t i = 0; i < noperations; i++)
			{
				PpCode code = run(&operations[i], p, "cpu");

				if (code != PP_OK && code != PP_EOVERFLOW)
					fail_msg("%s of %ld and %ld: %s",
							 operations[i].name,
							 (long) values[a],
							 (long) values[b],
							 err.message);
			}
		}
}

static PpCode
code_of(const char *name, const PpProfile *p)
{
	for (size_t i = 0; i < noperations; i++)
		if (strcmp(operations[i].name, name) == 0)
			return run(&operations[i], p, "cpu");
	fail_msg("no operation %s", name);
	return PP_EINVALID;
}

/* What a frame comes to is right as long as it fits, whatever the parts are. */
static void
test_sums(void **state)
{
	PpProfile *p = two_samples(INT64_MAX, INT64_MIN + 1);
	PpReportOptions options = pp_report_defaults();
	PpTop top;

	/* the total, of absolute values, does not fit */
	assert_int_equal(pp_top_rows(p, &options, NULL, arena, &top, &err), PP_EOVERFLOW);
	assert_string_equal(err.message, "total of sample values is out of range for bigint");
	assert_int_equal(code_of("flame graph", p), PP_OK); /* sums only */
	assert_int_equal(code_of("diff", p), PP_OK);
	assert_int_equal(code_of("negate", p), PP_OK);
	assert_int_equal(code_of("scale", p), PP_EOVERFLOW);
	assert_int_equal(code_of("merge (canonical)", p), PP_EOVERFLOW);
	assert_int_equal(code_of("merge (ordered)", p), PP_EOVERFLOW);
	assert_int_equal(code_of("raw", p), PP_OK);

	p = two_samples(INT64_MAX, 0);
	options.trim = false;
	assert_int_equal(pp_top_rows(p, &options, NULL, arena, &top, &err), PP_OK);
	assert_true(top.total == INT64_MAX && top.flat_sum == INT64_MAX);
	assert_true(top.rows[0].flat == INT64_MAX && top.rows[0].cum == INT64_MAX);

	p = two_samples(INT64_MIN, 0);
	assert_int_equal(code_of("negate", p), PP_EOVERFLOW);
	assert_int_equal(code_of("diff", p), PP_EOVERFLOW);
	assert_int_equal(code_of("top", p), PP_EOVERFLOW);
	assert_int_equal(code_of("flame graph", p), PP_OK);
	assert_int_equal(code_of("merge (canonical)", p), PP_EOVERFLOW);
}

/* A sum that overflows on the way but not in the end, by merging one after the other. */
static void
test_merge(void **state)
{
	PpProfile *max = two_samples(INT64_MAX, INT64_MIN), *opposite = two_samples(INT64_MIN, INT64_MAX);
	PpProfile *profiles[] = {max, opposite}, *sum;

	assert_int_equal(pp_profiles_merge(profiles, 2, arena, &sum, &err), PP_OK);
	assert_int_equal(sum->nsamples, 4); /* labels differ */
	max->nlabels = opposite->nlabels = 0;
	for (int i = 0; i < 2; i++)
		max->samples[i].nlabels = opposite->samples[i].nlabels = 0;
	assert_int_equal(pp_profiles_merge(profiles, 2, arena, &sum, &err), PP_OK);
	assert_int_equal(sum->nsamples, 2);
	assert_true(sum->values[1] == -1 && sum->values[3] == -1);
}

/* Ratios that leave bigint, or are no numbers. */
static void
test_ratios(void **state)
{
	static const double ratios[] = {0.0, 1e300, -1e300, 1e-300, INFINITY, -INFINITY, NAN, -1, 0.5};
	PpProfile *p = two_samples(INT64_MAX, INT64_MIN), *out;

	for (size_t i = 0; i < sizeof(ratios) / sizeof(ratios[0]); i++)
	{
		double both[2] = {ratios[i], ratios[i]};
		PpCode scaled = pp_profile_scale(p, both, arena, &out, &err);
		PpCode divided = pp_profile_divide(p, ratios[i], arena, &out, &err);

		assert_true(scaled == PP_OK || scaled == PP_EOVERFLOW || scaled == PP_EINVALID);
		assert_true(divided == PP_OK || divided == PP_EOVERFLOW || divided == PP_EINVALID);
		if (ratios[i] != ratios[i])
			assert_true(scaled != PP_OK && divided != PP_OK);
	}
	assert_int_equal(pp_profile_divide(p, 0, arena, &out, &err), PP_EINVALID);
}

/* --- less memory than it takes --- */

static PpCode
run_metered(const Operation *operation, const PpProfile *p, Meter *meter)
{
	SearchList list = {.n = 0};
	PpSearch search = {search_compile, search_match, &list};
	PpAlloc alloc = meter_alloc(meter);
	Operands x = {.p = p, .options = pp_report_defaults(), .search = &search};
	PpBuf out;
	PpCode code = PP_ENOMEM;

	pp_buf_init(&out, &alloc);
	x.out = &out;
	if ((x.arena = pp_arena_new(&alloc)) != NULL)
		code = operation->run(&x, &err);
	pp_arena_free(x.arena);
	pp_buf_free(&out);
	search_release(&list);
	return code;
}

/* Running out of it anywhere is an error that leaves nothing behind. */
static void
test_memory(void **state)
{
	uint64_t seed = 7;
	PpProfile *p = build_random(arena, &seed);

	while (p->nsamples < 20)
		p = build_random(arena, &seed);
	for (size_t i = 0; i < noperations; i++)
	{
		Meter all = {0};

		assert_int_equal(run_metered(&operations[i], p, &all), PP_OK);
		for (size_t most = 1; most < all.peak; most += all.peak / (200 / step()) + 1)
		{
			Meter meter = {.most = most};
			PpCode code = run_metered(&operations[i], p, &meter);

			if (code != PP_ENOMEM)
				fail_msg("%s in %zu bytes: code %d", operations[i].name, most, (int) code);
			if (meter.used != 0)
				fail_msg("%s in %zu bytes: %zu leaked", operations[i].name, most, meter.used);
		}
	}
}

/* --- profiles of nothing --- */

static void
run_all(const PpProfile *p, const char *what, bool no_types)
{
	for (size_t i = 0; i < noperations; i++)
	{
		PpCode code = run(&operations[i], p, "");

		/* without sample types there is no column to show */
		if (code != PP_OK && !(no_types && code == PP_EINVALID))
			fail_msg("%s: %s: %s", what, operations[i].name, err.message);
	}
}

static void
test_empty(void **state)
{
	PpProfile *p = build_empty(arena);
	uint32_t loc;

	run_all(p, "nothing", true);
	p->time_nanos = p->duration_nanos = 1;
	p->comments[p->ncomments++] = 0;
	run_all(p, "a header", true);
	build_type(p, "", "");
	run_all(p, "an unnamed type", false);
	p->default_sample_type = build_string(p, "unknown");
	build_type(p, "cpu", "ns");
	run_all(p, "no samples", false);
	build_sample(p, (uint32_t[]){PP_NONE, PP_NONE, PP_NONE}, (int64_t[]){0, 0});
	run_all(p, "a sample of nothing", false);
	build_sample(p, (uint32_t[]){PP_NONE, PP_NONE, PP_NONE}, (int64_t[]){1, 2});
	run_all(p, "an empty stack", false);
	p->locations[p->nlocations++] = (PpLocation){.id = 1, .mapping = PP_NONE};
	build_sample(p, (uint32_t[]){0, 0, PP_NONE}, (int64_t[]){1, 2});
	run_all(p, "a location of nothing", false);
	loc = build_location(p, PP_NONE, 0, "", 0);
	build_sample(p, (uint32_t[]){loc, 0, loc}, (int64_t[]){0, -2});
	run_all(p, "a function without a name", false);
	build_mapping(p, 0, 0, "", "");
	p->locations[0].mapping = 0;
	run_all(p, "an empty mapping", false);
	build_label(p, "", "", 0, "x");
	build_label(p, "size", "", 0, "none");
	run_all(p, "labels without key or value", false);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_all_operations, setup, teardown),
		cmocka_unit_test_setup_teardown(test_divisors_and_header, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sums, setup, teardown),
		cmocka_unit_test_setup_teardown(test_merge, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ratios, setup, teardown),
		cmocka_unit_test_setup_teardown(test_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(test_empty, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
