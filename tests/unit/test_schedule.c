/*
 * test_schedule.c
 *		What is due when.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bgworker/schedule.h"

#define S SCHEDULE_SECOND

static void
test_phase_is_pinned_to_the_wall_clock(void **state)
{
	/* whenever one starts, the first tick lies on phase 4 of the interval */
	static const int64_t starts[] = {0, 1, 4, 7, 14, 15, 1700000000};

	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
	{
		int64_t now = starts[i] * S;
		int64_t wait = schedule_wait(now, 15 * S, 4 * S);

		assert_true(wait >= 0 && wait < 15 * S);
		assert_int_equal((now + wait) % (15 * S), 4 * S);
	}
	assert_int_equal(schedule_wait(4 * S, 15 * S, 4 * S), 0);
	assert_int_equal(schedule_wait(-S, 15 * S, 0), S);
}

static void
test_phase_spreads_by_hash(void **state)
{
	assert_int_equal(schedule_phase(19, 15), 4);
	assert_int_equal(schedule_phase(UINT64_MAX, 2), 1);
	assert_int_equal(schedule_phase(0, 15 * S), 0);
}

static void
test_missed_ticks_are_counted(void **state)
{
	int64_t missed = 0;

	/* in time */
	assert_int_equal(schedule_next(0, 15, 3, &missed), 15);
	assert_int_equal(missed, 0);
	/* one tick came during the work: it is served at once */
	assert_int_equal(schedule_next(0, 15, 24, &missed), 15);
	assert_int_equal(missed, 0);
	/* two came: the later one is served, the other is lost */
	assert_int_equal(schedule_next(15, 15, 48, &missed), 45);
	assert_int_equal(missed, 1);
	/* a long sleep of the machine gives one tick, not a burst */
	assert_int_equal(schedule_next(0, 15, 3600, &missed), 3600);
	assert_int_equal(missed, 1 + 239);
	/* the clock went back */
	assert_int_equal(schedule_next(100, 15, 50, &missed), 115);
}

static void
test_backoff_doubles_and_recovers(void **state)
{
	int64_t pause = 0;
	static const int64_t expected[] = {1, 2, 4, 8, 16, 30, 30};

	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
	{
		pause = schedule_backoff(pause, 0, 1, 30);
		assert_int_equal(pause, expected[i]);
	}
	assert_int_equal(schedule_backoff(pause, 29, 1, 30), 30);
	assert_int_equal(schedule_backoff(pause, 30, 1, 30), 1);
	/* what is killed now and then is no failure */
	assert_int_equal(schedule_backoff(1, 4, 1, 30), 2);
	assert_int_equal(schedule_backoff(1, 5, 1, 30), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_phase_is_pinned_to_the_wall_clock),
		cmocka_unit_test(test_phase_spreads_by_hash),
		cmocka_unit_test(test_missed_ticks_are_counted),
		cmocka_unit_test(test_backoff_doubles_and_recovers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
