/*
 * pp_sort_words.c
 *		Sort strings of numbers: three-way radix quicksort, without recursion.
 *
 * Stacks share long prefixes.  A sort by comparison walks those over and over;
 * this one looks at a number once per string and level, splitting a range into
 * what is less than, equal to and greater than a pivot, and goes on behind the
 * number in the equal part.  Pivots are drawn, so that no input can aim at them.
 */
#include "core/pp_sort.h"

#define SMALL	   12		 /* ranges up to this are sorted by insertion */
#define POLL_EVERY (1 << 16) /* elements looked at between two looks at poll() */

typedef struct Range
{
	uint32_t start, n;
	uint32_t depth; /* numbers that are equal in all of it */
} Range;

typedef struct WordSort
{
	uint32_t *indexes;
	const uint32_t *words, *offsets;
	PpIndexCompare ties;
	const void *ctx;
	const PpAlloc *alloc;
	uint64_t random;
	size_t looked_at;
	Range *ranges; /* disjoint, of two or more elements each: n / 2 at most */
	size_t nranges;
} WordSort;

/* The number at a depth, plus one; 0 behind the end. */
static inline uint64_t
word_at(const WordSort *sort, uint32_t index, uint32_t depth)
{
	uint32_t at = sort->offsets[index] + depth;

	return at < sort->offsets[index + 1] ? (uint64_t) sort->words[at] + 1 : 0;
}

static int
compare_from(const WordSort *sort, uint32_t a, uint32_t b, uint32_t depth)
{
	for (;; depth++)
	{
		uint64_t x = word_at(sort, a, depth), y = word_at(sort, b, depth);

		if (x != y)
			return x < y ? -1 : 1;
		if (x == 0)
			return sort->ties(sort->ctx, a, b);
	}
}

static void
sort_small(const WordSort *sort, const Range *range)
{
	uint32_t *indexes = sort->indexes + range->start;

	for (uint32_t i = 1; i < range->n; i++)
	{
		uint32_t moving = indexes[i], j = i;

		for (; j > 0 && compare_from(sort, indexes[j - 1], moving, range->depth) > 0; j--)
			indexes[j] = indexes[j - 1];
		indexes[j] = moving;
	}
}

static uint64_t
draw_pivot(WordSort *sort, const Range *range)
{
	/* an odd multiplier: a step of splitmix64 is more than enough */
	sort->random = sort->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return word_at(sort, sort->indexes[range->start + (sort->random >> 33) % range->n], range->depth);
}

static void
push_range(WordSort *sort, uint32_t start, uint32_t n, uint32_t depth)
{
	if (n > 1)
		sort->ranges[sort->nranges++] = (Range){start, n, depth};
}

/* Split a range around a pivot; strings that end here are equal but for ties. */
static PpCode
split_range(WordSort *sort, Range range, PpError *err)
{
	uint64_t pivot = draw_pivot(sort, &range);
	uint32_t *indexes = sort->indexes + range.start;
	uint32_t less = 0, greater = range.n;

	for (uint32_t i = 0; i < greater;)
	{
		uint64_t word = word_at(sort, indexes[i], range.depth);
		uint32_t index = indexes[i];

		if (word < pivot)
		{
			indexes[i++] = indexes[less];
			indexes[less++] = index;
		}
		else if (word > pivot)
		{
			indexes[i] = indexes[--greater];
			indexes[greater] = index;
		}
		else
			i++;
	}
	push_range(sort, range.start, less, range.depth);
	push_range(sort, range.start + greater, range.n - greater, range.depth);
	if (pivot == 0)
		return pp_sort_indexes(indexes + less, greater - less, sort->ties, sort->ctx, sort->alloc, err);
	push_range(sort, range.start + less, greater - less, range.depth + 1);
	return PP_OK;
}

PpCode
pp_sort_words(uint32_t *indexes, size_t n, const uint32_t *words, const uint32_t *offsets,
			  PpIndexCompare ties, const void *ctx, const PpAlloc *alloc, PpError *err)
{
	WordSort sort = {.indexes = indexes,
					 .words = words,
					 .offsets = offsets,
					 .ties = ties,
					 .ctx = ctx,
					 .alloc = alloc,
					 .random = (uintptr_t) indexes};
	PpCode code = PP_OK;

	if (n < 2)
		return PP_OK;
	if ((sort.ranges = alloc->alloc(alloc->ctx, (n / 2 + 1) * sizeof(Range))) == NULL)
		return pp_fail_nomem(err);
	push_range(&sort, 0, (uint32_t) n, 0);
	while (code == PP_OK && sort.nranges > 0)
	{
		Range range = sort.ranges[--sort.nranges];

		if (range.n <= SMALL)
			sort_small(&sort, &range);
		else
			code = split_range(&sort, range, err);
		sort.looked_at += range.n;
		if (sort.looked_at >= POLL_EVERY)
		{
			sort.looked_at = 0;
			if (code == PP_OK && pp_poll(alloc))
				code = pp_fail_canceled(err);
		}
	}
	alloc->release(alloc->ctx, sort.ranges);
	return code;
}
