/*
 * test_pp_bucket.c
 *		Which point of a series a moment belongs to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/pp_bucket.h"

#define MS 1000
#define NO INT64_C(-1)

/* Closed millisecond ranges, as clients ask for them. */
static int64_t
point_ms(int64_t start, int64_t end, int64_t step, int64_t at)
{
	int64_t point;

	if (!pp_bucket_point(start * MS, end * MS + 1, step * MS, at * MS, &point))
		return NO;
	assert_int_equal(point % MS, 0);
	return point / MS;
}

static void
check_aligned(void **state)
{
	static const int64_t cases[][2] = {
		{984999, NO},
		{985000, 1000000}, /* the left edge of the first one */
		{1000000, 1000000},
		{1000001, 1015000},
		{1010000, 1015000},
		{1015000, 1015000},
		{1015001, 1030000},
		{1030001, 1045000},
		{1045000, 1045000},
		{1045001, NO}, /* inside the range, behind the last point */
		{1059000, NO},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(point_ms(1000000, 1050000, 15000, cases[i][0]), cases[i][1]);
}

static void
check_unaligned(void **state)
{
	static const int64_t cases[][2] = {{1000100, 1007000},
									   {1007000, 1007000},
									   {1022000, 1022000},
									   {1022001, NO},
									   {1030000, NO}};
	int64_t from, to;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(point_ms(1007000, 1030000, 15000, cases[i][0]), cases[i][1]);
	assert_true(pp_bucket_range(1007000, 1030001, 15000, &from, &to));
	assert_int_equal(from, 992000);
	assert_int_equal(to, 1022001);
}

static void
check_edges(void **state)
{
	int64_t point, from, to;

	/* one point if the range is a moment, none if it is empty */
	assert_int_equal(point_ms(1000, 1000, 15, 1000), 1000);
	assert_false(pp_bucket_range(1000, 1000, 15, &from, &to));
	assert_false(pp_bucket_point(1000, 999, 15, 999, &point));
	assert_false(pp_bucket_point(1000, 2000, 0, 1000, &point));
	assert_false(pp_bucket_point(1000, 2000, -5, 1000, &point));
	/* the point at the end of a half-open range is not in it */
	assert_false(pp_bucket_point(0, 30, 15, 16, &point));
	assert_true(pp_bucket_point(0, 31, 15, 16, &point));
	assert_int_equal(point, 30);
	/* before the epoch */
	assert_true(pp_bucket_point(-100, 100, 30, -99, &point));
	assert_int_equal(point, -70);
	assert_true(pp_bucket_point(-100, 100, 30, -130, &point));
	assert_int_equal(point, -100);
	/* the ends of time */
	assert_true(pp_bucket_point(INT64_MIN, INT64_MAX, INT64_MAX, INT64_MIN, &point));
	assert_int_equal(point, INT64_MIN);
	assert_true(pp_bucket_point(INT64_MIN, INT64_MAX, INT64_MAX, 5, &point) == false ||
				point == INT64_MAX - 1);
	assert_true(pp_bucket_range(INT64_MIN, INT64_MAX, 1, &from, &to));
	assert_int_equal(from, INT64_MIN);
	assert_int_equal(to, INT64_MAX);
}

/* Every moment near a range against the definition. */
static void
check_definition(void **state)
{
	for (int64_t since = -7; since < 8; since++)
		for (int64_t until = since - 1; until < since + 20; until++)
			for (int64_t step = 1; step < 9; step++)
				for (int64_t at = since - 12; at < until + 12; at++)
				{
					int64_t expected = 0, found;
					bool any = false;

					for (int64_t t = since; t < until; t += step)
					{
						if ((t - step < at || (t == since && t - step == at)) && at <= t)
						{
							expected = t;
							any = true;
						}
					}
					assert_int_equal(pp_bucket_point(since, until, step, at, &found), any);
					if (any)
						assert_int_equal(found, expected);
				}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(check_aligned),
		cmocka_unit_test(check_unaligned),
		cmocka_unit_test(check_edges),
		cmocka_unit_test(check_definition),
	};

	return cmocka_run_group_tests_name("pp_bucket", tests, NULL, NULL);
}
