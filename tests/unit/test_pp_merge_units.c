/*
 * test_pp_merge_units.c
 *		Which types meet in a canonical merge, and in which unit.
 */
#include "pp_build.h"

#include "core/pp_measure.h"
#include "core/pp_merge.h"

static PpArena *arena; /* of one test */
static PpError err;

static int
start_test(void **state)
{
	arena = pp_arena_new(&pp_alloc_malloc);
	return arena == NULL;
}

static int
end_test(void **state)
{
	pp_arena_free(arena);
	return 0;
}

/* One sample without a stack, whose period is measured like its values. */
static PpProfile *
one(const char *type, const char *unit, int64_t value)
{
	PpProfile *p = build_empty(arena);

	build_type(p, type, unit);
	p->period_type = p->types[0];
	p->period = value;
	build_sample(p, (uint32_t[3]){PP_NONE, PP_NONE, PP_NONE}, &value);
	return p;
}

/* The code of adding up, and the sum. */
static PpCode
add(size_t n, PpProfile *const *profiles, PpProfile **sum)
{
	PpMerge *merge = pp_merge_new(&pp_alloc_malloc, PP_MERGE_CANONICAL);
	PpCode code = PP_OK;

	for (size_t i = 0; code == PP_OK && i < n; i++)
		code = pp_merge_add(merge, profiles[i], &err);
	if (code == PP_OK)
		code = pp_merge_finish(merge, arena, sum, &err);
	pp_merge_free(merge);
	return code;
}

#define ADD(sum, ...)                                                                              \
	add(sizeof((PpProfile *[]){__VA_ARGS__}) / sizeof(PpProfile *), (PpProfile *[]){__VA_ARGS__}, sum)

static void
assert_sum(const PpProfile *p, const char *type, const char *unit, int64_t value, int64_t period)
{
	assert_true(pp_bytes_eq(pp_str(p, p->types[0].type), text(type)));
	assert_true(pp_bytes_eq(pp_str(p, p->types[0].unit), text(unit)));
	assert_true(pp_bytes_eq(pp_str(p, p->period_type.unit), text(unit)));
	assert_int_equal(p->nsamples, 1);
	assert_int_equal(p->values[0], value);
	assert_int_equal(p->period, period);
}

static void
test_finest_unit(void **state)
{
	PpProfile *s = one("cpu", "s", 1), *ms = one("cpu", "ms", 2), *us = one("cpu", "us", 3), *sum;

	assert_int_equal(ADD(&sum, s, ms, us), PP_OK);
	assert_sum(sum, "cpu", "us", 1002003, 1000000);
	assert_int_equal(ADD(&sum, us, ms, s), PP_OK);
	assert_sum(sum, "cpu", "us", 1002003, 1000000);
	assert_int_equal(ADD(&sum, ms, s, us, ms), PP_OK);
	assert_sum(sum, "cpu", "us", 1004003, 1000000);
	/* the profiles passed in are as they were */
	assert_int_equal(s->values[0], 1);
}

static void
test_spellings(void **state)
{
	PpProfile *sum;

	assert_int_equal(ADD(&sum, one("cpus", "ns", 1), one("cpu", "nanoseconds", 2)), PP_OK);
	assert_sum(sum, "cpu", "nanoseconds", 3, 2);
	assert_int_equal(ADD(&sum, one("cpu", "nanoseconds", 1), one("cpus", "ns", 2)), PP_OK);
	assert_sum(sum, "cpu", "nanoseconds", 3, 2);
}

/* The default names the column even if it came in another spelling. */
static void
test_default_sample_type(void **state)
{
	PpProfile *a = one("samples", "count", 1), *b = one("sample", "count", 1), *sum;

	build_type(a, "cpu", "ns");
	build_type(b, "cpu", "ns");
	a->default_sample_type = a->types[0].type;
	a->nsamples = b->nsamples = 0;
	assert_int_equal(ADD(&sum, a, b), PP_OK);
	assert_true(pp_bytes_eq(pp_str(sum, sum->default_sample_type), text("sample")));
	assert_int_equal(ADD(&sum, b, a), PP_OK);
	assert_true(pp_bytes_eq(pp_str(sum, sum->default_sample_type), text("sample")));
}

static void
test_refusals(void **state)
{
	PpProfile *ns = one("cpu", "ns", 1), *sum;

	assert_int_equal(ADD(&sum, ns, one("cpu", "bytes", 1)), PP_EINCOMPATIBLE);
	assert_non_null(strstr(err.message, "\"cpu/ns\" and \"cpu/bytes\""));
	assert_int_equal(ADD(&sum, ns, one("wall", "ns", 1)), PP_EINCOMPATIBLE);
	assert_int_equal(ADD(&sum, one("n", "count", 1), one("n", "things", 1)), PP_EINCOMPATIBLE);
	assert_int_equal(ADD(&sum, ns, one("cpu", "hours", 1000000000)), PP_EOVERFLOW);
	assert_int_equal(ADD(&sum, one("cpu", "hours", 1000000000), ns), PP_EOVERFLOW);
	/* a petagcu has more nanogcu than fit */
	assert_int_equal(ADD(&sum, one("x", "petagcu", 1), one("x", "nanogcu", 1)), PP_EINCOMPATIBLE);
	/* types too long for a message are cut, not run over */
	{
		char longest[2000];

		memset(longest, 'x', sizeof(longest) - 1);
		longest[sizeof(longest) - 1] = '\0';
		assert_int_equal(ADD(&sum, ns, one(longest, longest, 1)), PP_EINCOMPATIBLE);
		assert_true(strlen(err.message) < sizeof(err.message));
	}
}

/* A refusal leaves the state as it was, also when an earlier column would have agreed. */
static void
test_refusal_changes_nothing(void **state)
{
	PpMerge *merge = pp_merge_new(&pp_alloc_malloc, PP_MERGE_CANONICAL);
	PpProfile *a = one("cpu", "ms", 5), *b = one("cpu", "ns", 5), *sum;

	build_type(a, "space", "bytes");
	build_type(b, "space", "things");
	a->nsamples = b->nsamples = 0;
	assert_int_equal(pp_merge_add(merge, a, &err), PP_OK);
	assert_int_equal(pp_merge_add(merge, b, &err), PP_EINCOMPATIBLE);
	assert_int_equal(pp_merge_add(merge, a, &err), PP_OK);
	assert_int_equal(pp_merge_finish(merge, arena, &sum, &err), PP_OK);
	assert_true(pp_bytes_eq(pp_str(sum, sum->types[0].unit), text("ms")));
	pp_merge_free(merge);
}

static void
test_neutral(void **state)
{
	PpProfile *none = pp_profile_new(arena), *ns = one("cpu", "ns", 1), *sum;

	none->duration_nanos = 7;
	assert_int_equal(ADD(&sum, none, ns, none), PP_OK);
	assert_sum(sum, "cpu", "ns", 1, 1);
	assert_int_equal(sum->duration_nanos, 14);
	assert_int_equal(ADD(&sum, none, none), PP_OK);
	assert_int_equal(sum->ntypes, 0);
}

static void
test_whole_ratio(void **state)
{
	int64_t ratio;

	assert_true(pp_measure_whole_ratio(text("hours"), text("ns"), &ratio));
	assert_true(ratio == INT64_C(3600000000000));
	assert_true(pp_measure_whole_ratio(text("gcu"), text("nanogcu"), &ratio));
	assert_int_equal(ratio, 1000000000);
	assert_true(pp_measure_whole_ratio(text("gigagcu"), text("nanogcu"), &ratio));
	assert_true(ratio == INT64_C(1000000000000000000));
	assert_true(pp_measure_whole_ratio(text("PB"), text("bytes"), &ratio));
	assert_true(ratio == INT64_C(1125899906842624));
	assert_true(pp_measure_whole_ratio(text("ns"), text("nanoseconds"), &ratio));
	assert_int_equal(ratio, 1);
	assert_false(pp_measure_whole_ratio(text("ns"), text("us"), &ratio));
	assert_false(pp_measure_whole_ratio(text("ns"), text("bytes"), &ratio));
	assert_false(pp_measure_whole_ratio(text("count"), text("count"), &ratio));
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, start_test, end_test)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(finest_unit),
		TEST(spellings),
		TEST(default_sample_type),
		TEST(refusals),
		TEST(refusal_changes_nothing),
		TEST(neutral),
		TEST(whole_ratio),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
