/*
 * test_pp_sort.c
 *		Both sorts against each other: strings of numbers, ties, interruption.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/pp_sort.h"

#define N		  3000
#define MAX_WORDS (N * 40)

typedef struct Strings
{
	uint32_t words[MAX_WORDS], offsets[N + 1];
	uint32_t labels[N]; /* decide between equal strings */
} Strings;

static Strings strings;
static uint64_t seed = 1;

static uint64_t
next_random(void)
{
	uint64_t z = seed += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static int
by_label(const void *ctx, uint32_t a, uint32_t b)
{
	const Strings *s = ctx;

	return s->labels[a] < s->labels[b] ? -1 : s->labels[a] > s->labels[b];
}

static int
by_words(const void *ctx, uint32_t a, uint32_t b)
{
	const Strings *s = ctx;
	uint32_t na = s->offsets[a + 1] - s->offsets[a], nb = s->offsets[b + 1] - s->offsets[b];

	for (uint32_t i = 0; i < na && i < nb; i++)
	{
		uint32_t x = s->words[s->offsets[a] + i], y = s->words[s->offsets[b] + i];

		if (x != y)
			return x < y ? -1 : 1;
	}
	return na != nb ? (na < nb ? -1 : 1) : by_label(ctx, a, b);
}

/* Strings that share prefixes: each goes on from a part of the one before. */
static void
make_strings(uint32_t alphabet)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < N; i++)
	{
		uint32_t shared = 0, fresh = (uint32_t) (next_random() % 4);

		strings.offsets[i] = at;
		strings.labels[i] = i * 7919 % N;
		if (i > 0)
			shared = (uint32_t) (next_random() % (at - strings.offsets[i - 1] + 1));
		if (shared > 35)
			shared = 35;
		if (i > 0)
			memcpy(strings.words + at,
				   strings.words + strings.offsets[i - 1],
				   shared * sizeof(uint32_t));
		at += shared;
		for (uint32_t j = 0; j < fresh; j++)
			strings.words[at++] =
				next_random() % 8 ? (uint32_t) (next_random() % alphabet) : UINT32_MAX;
	}
	strings.offsets[N] = at;
}

static void
test_same_order(void **state)
{
	static uint32_t by_compare[N], by_radix[N];
	PpError err;

	for (int round = 0; round < 30; round++)
	{
		make_strings(1 + (uint32_t) (next_random() % 100));
		for (uint32_t i = 0; i < N; i++)
			by_compare[i] = by_radix[i] = (uint32_t) (i * UINT64_C(1237) % N);
		assert_int_equal(pp_sort_indexes(by_compare, N, by_words, &strings, &pp_alloc_malloc, &err),
						 PP_OK);
		assert_int_equal(pp_sort_words(by_radix,
									   N,
									   strings.words,
									   strings.offsets,
									   by_label,
									   &strings,
									   &pp_alloc_malloc,
									   &err),
						 PP_OK);
		assert_memory_equal(by_compare, by_radix, sizeof(by_compare));
	}
}

static bool
always(void *ctx)
{
	return true;
}

/* Equal strings as long as can be: the sort asks before it is through. */
static void
test_interruption(void **state)
{
	static uint32_t indexes[N];
	PpAlloc alloc = pp_alloc_malloc;
	PpError err;

	alloc.poll = always;
	memset(strings.words, 0, sizeof(strings.words));
	for (uint32_t i = 0; i <= N; i++)
		strings.offsets[i] = i * 40;
	for (uint32_t i = 0; i < N; i++)
		indexes[i] = i;
	assert_int_equal(pp_sort_words(indexes,
								   N,
								   strings.words,
								   strings.offsets,
								   by_label,
								   &strings,
								   &alloc,
								   &err),
					 PP_ECANCELED);
	assert_int_equal(pp_sort_words(indexes, 0, strings.words, strings.offsets, by_label, NULL, &alloc, &err),
					 PP_OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_order),
		cmocka_unit_test(test_interruption),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
