/*
 * test_pp_sort.c
 *		The sort is stable, and asks whether to go on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/pp_sort.h"

#define N 20000

static uint32_t keys[N], indexes[N];
static uint64_t state = UINT64_C(88172645463325252);

static uint64_t
next_random(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	return state ^= state << 17;
}

static int
by_key(const void *ctx, uint32_t a, uint32_t b)
{
	return keys[a] < keys[b] ? -1 : keys[a] > keys[b];
}

static void
test_stable(void **unused)
{
	PpError err;

	for (uint32_t n = 0; n <= N; n = n * 3 + 1)
	{
		for (uint32_t i = 0; i < n; i++)
		{
			indexes[i] = i;
			keys[i] = (uint32_t) (next_random() % (n / 4 + 1));
		}
		assert_int_equal(pp_sort_indexes(indexes, n, by_key, NULL, &pp_alloc_malloc, &err), PP_OK);
		for (uint32_t i = 1; i < n; i++)
		{
			assert_true(keys[indexes[i - 1]] <= keys[indexes[i]]);
			if (keys[indexes[i - 1]] == keys[indexes[i]])
				assert_true(indexes[i - 1] < indexes[i]);
		}
	}
}

static bool
always(void *ctx)
{
	return true;
}

static void
test_interruption(void **unused)
{
	PpAlloc alloc = pp_alloc_malloc;
	PpError err;

	alloc.poll = always;
	for (uint32_t i = 0; i < N; i++)
		indexes[i] = i;
	assert_int_equal(pp_sort_indexes(indexes, N, by_key, NULL, &alloc, &err), PP_ECANCELED);
	assert_int_equal(pp_sort_indexes(indexes, 0, by_key, NULL, &alloc, &err), PP_OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stable),
		cmocka_unit_test(test_interruption),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
