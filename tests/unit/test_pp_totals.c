/*
 * test_pp_totals.c
 *		Totals of an hour: what goes in comes out, and damage is found.
 */
#include "pp_test.h"

#include "core/pp_totals.h"

#define POINTS 50

static uint64_t random_state = 88172645463325252u;

static uint64_t
next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static void
assert_round_trip(const PpTotalsSeries *series, uint32_t n, bool split)
{
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	PpTotalsBytes bytes;
	PpTotalsHead head;
	PpError err;

	assert_int_equal(pp_totals_encode(series, n, split, &pp_alloc_malloc, &bytes, &err), PP_OK);
	assert_int_equal(pp_totals_check(&bytes, &pp_alloc_malloc, &err), PP_OK);
	assert_int_equal(pp_totals_head(bytes.head, bytes.head_len, arena, &head, &err), PP_OK);
	assert_int_equal(head.nseries, n);
	assert_int_equal(head.split, split);
	for (uint32_t i = 0; i < n; i++)
	{
		const PpTotalsSeries *s = &series[i], *got = &head.series[i];
		int64_t at[POINTS], total[POINTS];
		uint64_t scales[POINTS];
		__int128 sum = 0;

		assert_true(got->series_id == s->series_id && got->n == s->n);
		assert_int_equal(pp_totals_points(&head, got, bytes.data, bytes.data_len, at, total, scales, &err),
						 PP_OK);
		for (uint32_t j = 0; j < s->n; j++)
		{
			assert_true(at[j] == s->at[j] && total[j] == s->total[j] && scales[j] == s->scales[j]);
			assert_true(at[j] >= head.first_at && at[j] <= head.last_at);
			if (got->counted == PP_TOTALS_COUNTED)
				assert_true(got->scale == s->scales[j]);
			if (got->counted == PP_TOTALS_NOT_COUNTED)
				assert_true(s->scales[j] == 0);
			sum += total[j];
		}
		assert_true(sum == got->sum);
	}
	pp_totals_release(&pp_alloc_malloc, &bytes);
	pp_arena_free(arena);
}

/* Series with points a quarter of a minute apart; mixed: only some are counted. */
static void
random_series(PpTotalsSeries *series, int64_t *at, int64_t *total, uint64_t *scales, bool mixed)
{
	series->n = 1 + (uint32_t) (next_random() % POINTS);
	for (uint32_t i = 0; i < series->n; i++)
	{
		at[i] = (i > 0 ? at[i - 1] : 700000000000000) + (int64_t) (next_random() % 30) * 1000;
		total[i] = (int64_t) (next_random() % 1000) * 10000000;
		scales[i] = mixed && next_random() % 2 == 0 ? 0 : 10000000;
	}
	series->at = at;
	series->total = total;
	series->scales = scales;
}

static void
test_round_trips(void **state)
{
	static int64_t at[20][POINTS], total[20][POINTS];
	static uint64_t scales[20][POINTS];
	PpTotalsSeries series[20] = {{0}};

	assert_round_trip(NULL, 0, false);
	for (int round = 0; round < 50; round++)
	{
		for (int i = 0; i < 20; i++)
		{
			series[i].series_id = (i - 10) * INT64_C(0x0123456789abcdef);
			random_series(&series[i], at[i], total[i], scales[i], next_random() % 2 == 0);
		}
		assert_round_trip(series, 1 + (uint32_t) (next_random() % 20), round % 2 == 0);
	}
}

/* A sum that no int64 holds, times at both ends. */
static void
test_extremes(void **state)
{
	int64_t at[] = {INT64_MIN, -1, INT64_MAX}, most[] = {INT64_MAX, INT64_MAX, INT64_MAX};
	int64_t least[] = {INT64_MIN, INT64_MIN, INT64_MIN};
	uint64_t scales[] = {INT64_MAX, 0, 1};
	PpTotalsSeries series[] =
		{{.series_id = INT64_MIN, .n = 3, .at = at, .total = most, .scales = scales},
		 {.series_id = INT64_MAX, .n = 3, .at = at, .total = least, .scales = scales}};

	assert_round_trip(series, 2, true);
}

static void
test_refusals(void **state)
{
	int64_t falling[] = {2, 1}, total[] = {1, 1};
	uint64_t scales[] = {0, 0}, wide[] = {UINT64_MAX, 0};
	int64_t rising[] = {1, 2};
	PpTotalsSeries bad[][2] = {
		{{.series_id = 1, .n = 2, .at = falling, .total = total, .scales = scales}},
		{{.series_id = 1, .n = 2, .at = rising, .total = total, .scales = wide}},
		{{.series_id = 1, .n = 0, .at = rising, .total = total, .scales = scales}},
		{{.series_id = 1, .n = 2, .at = rising, .total = total, .scales = scales},
		 {.series_id = 1, .n = 2, .at = rising, .total = total, .scales = scales}},
	};
	PpTotalsBytes bytes;
	PpError err;

	for (int i = 0; i < 4; i++)
		assert_int_equal(pp_totals_encode(bad[i], i == 3 ? 2 : 1, false, &pp_alloc_malloc, &bytes, &err),
						 PP_EINVALID);
}

/* Cut bytes are found, changed ones do no harm. */
static void
test_hostile(void **state)
{
	int64_t at[] = {1000, 16000, 31000}, total[] = {50, 20, 70};
	uint64_t scales[] = {10, 10, 0};
	PpTotalsSeries series[] = {{.series_id = -5, .n = 3, .at = at, .total = total, .scales = scales},
							   {.series_id = 9, .n = 2, .at = at, .total = total, .scales = scales}};
	PpTotalsBytes bytes;
	PpError err;

	assert_int_equal(pp_totals_encode(series, 2, true, &pp_alloc_malloc, &bytes, &err), PP_OK);
	for (size_t cut = 0; cut < bytes.head_len; cut++)
	{
		PpTotalsBytes shorter = {bytes.head, bytes.data, cut, bytes.data_len};

		assert_int_not_equal(pp_totals_check(&shorter, &pp_alloc_malloc, &err), PP_OK);
	}
	for (size_t cut = 0; cut < bytes.data_len; cut++)
	{
		PpTotalsBytes shorter = {bytes.head, bytes.data, bytes.head_len, cut};

		assert_int_not_equal(pp_totals_check(&shorter, &pp_alloc_malloc, &err), PP_OK);
	}
	for (size_t i = 0; i < bytes.head_len + bytes.data_len; i++)
		for (int value = 0; value < 256; value++)
		{
			uint8_t *byte = i < bytes.head_len ? &bytes.head[i] : &bytes.data[i - bytes.head_len];
			uint8_t saved = *byte;

			*byte = (uint8_t) value;
			(void) pp_totals_check(&bytes, &pp_alloc_malloc, &err);
			*byte = saved;
		}
	assert_int_equal(pp_totals_check(&bytes, &pp_alloc_malloc, &err), PP_OK);
	pp_totals_release(&pp_alloc_malloc, &bytes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trips),
		cmocka_unit_test(test_extremes),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
