/*
 * pp_sort.c
 *		Bottom-up merge sort: no recursion, no bad cases, stable.
 */
#include "core/pp_sort.h"

#include <string.h>

#define RUN		   8		 /* sorted by insertion first */
#define POLL_EVERY (1 << 14) /* elements moved between two looks at poll() */

static void
insertion_sort(uint32_t *indexes, size_t n, PpIndexCompare compare, const void *ctx)
{
	for (size_t i = 1; i < n; i++)
	{
		uint32_t moving = indexes[i];
		size_t j = i;

		for (; j > 0 && compare(ctx, indexes[j - 1], moving) > 0; j--)
			indexes[j] = indexes[j - 1];
		indexes[j] = moving;
	}
}

/* Merge from[0 .. left) and from[left .. n) into to. */
static void
merge_runs(const uint32_t *from, size_t left, size_t n, uint32_t *to, PpIndexCompare compare,
		   const void *ctx)
{
	size_t i = 0, j = left, k = 0;

	if (left >= n || compare(ctx, from[left - 1], from[left]) <= 0)
	{
		memcpy(to, from, n * sizeof(*to));
		return;
	}
	while (i < left && j < n)
		to[k++] = compare(ctx, from[i], from[j]) <= 0 ? from[i++] : from[j++];
	memcpy(to + k, from + i, (left - i) * sizeof(*to));
	k += left - i;
	memcpy(to + k, from + j, (n - j) * sizeof(*to));
}

PpCode
pp_sort_indexes(uint32_t *indexes, size_t n, PpIndexCompare compare, const void *ctx,
				const PpAlloc *alloc, PpError *err)
{
	uint32_t *spare, *from = indexes, *to;
	size_t moved = 0;

	for (size_t i = 0; i < n; i += RUN)
		insertion_sort(indexes + i, n - i < RUN ? n - i : RUN, compare, ctx);
	if (n <= RUN)
		return PP_OK;
	if ((spare = alloc->alloc(alloc->ctx, n * sizeof(uint32_t))) == NULL)
		return pp_fail_nomem(err);
	to = spare;
	for (size_t width = RUN; width < n; width *= 2)
	{
		uint32_t *swap = from;

		for (size_t i = 0; i < n; i += 2 * width)
		{
			size_t len = n - i < 2 * width ? n - i : 2 * width;

			merge_runs(from + i, width < len ? width : len, len, to + i, compare, ctx);
			moved += len;
			if (moved >= POLL_EVERY)
			{
				moved = 0;
				if (pp_poll(alloc))
				{
					alloc->release(alloc->ctx, spare);
					return pp_fail_canceled(err);
				}
			}
		}
		from = to;
		to = swap;
	}
	if (from != indexes)
		memcpy(indexes, from, n * sizeof(uint32_t));
	alloc->release(alloc->ctx, spare);
	return PP_OK;
}
