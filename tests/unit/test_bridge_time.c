/*
 * test_bridge_time.c
 *		from= and until=, time lines and their steps, URLs.
 */
#include "bridge/attime.h"
#include "bridge/timeline.h"
#include "bridge/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NS	INT64_C(1000000000)
#define NOW (INT64_C(1795184055) * NS + 123)

typedef struct TimeCase
{
	const char *text;
	int64_t expected;
} TimeCase;

static void
check_times(const TimeCase *cases, size_t n, bool all_pairs)
{
	for (size_t i = 0; i < n; i++)
	{
		int64_t got = attime_parse(cases[i].text, NOW, all_pairs);

		if (got != cases[i].expected)
			fail_msg("\"%s\": %lld, not %lld",
					 cases[i].text,
					 (long long) got,
					 (long long) cases[i].expected);
	}
}

static void
absolute_times(void **state)
{
	static const TimeCase cases[] = {
		{"1700000000", 1700000000 * NS},
		{"1700000000123", INT64_C(1700000000123) * 1000000},
		{"1700000000123456", INT64_C(1700000000123456) * 1000},
		{"1700000000123456789", INT64_C(1700000000123456789)},
		{"1_700_000_000", 1700000000 * NS},
		{" 1,700,000,000 ", 1700000000 * NS},
		{"20240131", 1706659200 * NS},
		{"20240229", 1709164800 * NS},
		{"20230229", 20230229 * NS}, /* no such day: seconds */
		{"19690101", -31536000 * NS},
		{"99991231", NOW}, /* beyond int64 nanoseconds */
		{"19000101", 19000101 * NS},
		{"99999999", 99999999 * NS},
		{"0", 0},
		{"5", 5 * NS},
		{"9223372036854775807", INT64_MAX},
		{"9223372036854775808", NOW}, /* beyond int64 */
		{"17000000001234", NOW},	  /* seconds beyond int64 nanoseconds */
		{"9999999999999999", NOW},	  /* microseconds beyond it */
		{"9999999999999", NOW},
		{"17000000001234567890123", NOW},
	};

	check_times(cases, sizeof(cases) / sizeof(cases[0]), false);
	check_times(cases, sizeof(cases) / sizeof(cases[0]), true);
}

static void
relative_times(void **state)
{
	static const TimeCase cases[] = {
		{"now", NOW},
		{"", NOW},
		{"abc", NOW},
		{"1700000000.5", NOW},
		{"now-1", NOW},
		{"-", NOW},
		{"now-h", NOW},
		{"-90s", NOW - 90 * NS},
		{"+10s", NOW + 10 * NS},
		{"midnight-1h", NOW - 3600 * NS},
		{"now-1M", NOW - 30 * 86400 * NS},
		{"now-1mon", NOW - 30 * 86400 * NS},
		{"now-2min", NOW - 120 * NS},
		{"now-1m", NOW - 60 * NS},
		{"now-1ms", NOW - 60 * NS},
		{"now-1d", NOW - 86400 * NS},
		{"now-1w", NOW - 604800 * NS},
		{"now-1y", NOW - 31536000 * NS},
		{"now - 6 h", NOW - 6 * 3600 * NS},
		{"now-3x", NOW},
		{"now-99999999999999999999h", NOW},
		{"now-9223372036854775807y", NOW},
	};

	check_times(cases, sizeof(cases) / sizeof(cases[0]), false);
	check_times(cases, sizeof(cases) / sizeof(cases[0]), true);
}

static void
pairs_of_units(void **state)
{
	assert_true(attime_parse("now-1h30m", NOW, false) == NOW - 3600 * NS);
	assert_true(attime_parse("now-1h30m", NOW, true) == NOW - 5400 * NS);
	assert_true(attime_parse("-1d2h3m4s", NOW, true) == NOW - 93784 * NS);
	assert_true(attime_parse("-1h-30m", NOW, true) == NOW - 3600 * NS);
}

static void
steps_by_range(void **state)
{
	static const int64_t table[][2] = {{60, 15},
									   {3600, 15},
									   {6 * 3600, 15},
									   {86400, 60},
									   {7 * 86400, 300},
									   {30 * 86400, 1800},
									   {182 * 86400, 10800},
									   {365 * 86400, 21600},
									   {730 * 86400, 43200}};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_int_equal(timeline_step(table[i][0] * 1000), table[i][1]);
	assert_int_equal(timeline_step(0), 15);
	assert_int_equal(timeline_step(INT64_MAX), 365 * 86400);
}

static void
check_timeline(const SeriesPoint *points, uint32_t n, const char *samples)
{
	char expected[200];
	Buf out = {0};

	timeline_json(&out, INT64_C(1692395965000), INT64_C(1692396025000), 15, points, n);
	buf_char(&out, '\0');
	assert_false(out.failed);
	snprintf(expected,
			 sizeof(expected),
			 "{\"startTime\":1692395955,\"samples\":[%s],\"durationDelta\":15,\"watermarks\":null}",
			 samples);
	assert_string_equal(out.data, expected);
	buf_free(&out);
}

static void
timelines(void **state)
{
	static const SeriesPoint first[] = {{INT64_C(1692395970000), 10.9},
										{INT64_C(1692395985000), 5},
										{INT64_C(1692396015000), 3}};
	static const SeriesPoint second[] = {{INT64_C(1692395965000), 10.9},
										 {INT64_C(1692395980000), 5},
										 {INT64_C(1692396010000), 3},
										 {INT64_C(1692396025000), 7}};

	check_timeline(first, 3, "0,10,5,0");
	check_timeline(second, 4, "10,5,0,3");
	check_timeline(NULL, 0, "0,0,0,0");
}

static void
queries(void **state)
{
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	Query query;

	assert_true(url_query("name=a%7Bb%3Dc%7D+d&x=1&x=2&bad=%zz&cut=%4&semi=a;b&&nul=%00&utf=%ff"
						  "&flag&empty=&%6Eamed=yes",
						  arena,
						  &query));
	assert_string_equal(query_get(&query, "name"), "a{b=c} d");
	assert_string_equal(query_get(&query, "x"), "1");
	assert_null(query_get(&query, "bad"));
	assert_null(query_get(&query, "cut"));
	assert_null(query_get(&query, "semi"));
	assert_null(query_get(&query, "nul"));
	assert_null(query_get(&query, "utf"));
	assert_string_equal(query_get(&query, "flag"), "");
	assert_string_equal(query_get(&query, "empty"), "");
	assert_string_equal(query_get(&query, "named"), "yes");
	assert_true(url_query("", arena, &query));
	assert_int_equal(query.n, 0);
	pp_arena_free(arena);
}

static void
paths(void **state)
{
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);

	assert_string_equal(url_path("//ingest", 8, arena), "/ingest");
	assert_string_equal(url_path("/a///b//", 8, arena), "/a/b/");
	assert_string_equal(url_path("/%69ngest", 9, arena), "/ingest");
	assert_null(url_path("/%00", 4, arena));
	assert_null(url_path("/%", 2, arena));
	assert_string_equal(url_path("", 0, arena), "");
	pp_arena_free(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(absolute_times),
		cmocka_unit_test(relative_times),
		cmocka_unit_test(pairs_of_units),
		cmocka_unit_test(steps_by_range),
		cmocka_unit_test(timelines),
		cmocka_unit_test(queries),
		cmocka_unit_test(paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
