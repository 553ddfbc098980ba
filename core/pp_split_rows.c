/*
 * pp_split_rows.c
 *		Samples of a series, with their stack ids, as entries of a row.
 */
#include "core/pp_spans.h"
#include "core/pp_split.h"

#include <stdlib.h>
#include <string.h>

#define RADIX_BITS 8
#define RADIX	   (1u << RADIX_BITS)

void
pp_split_sort(uint32_t *samples, uint32_t n, const uint32_t *stacks, uint32_t *scratch)
{
	uint32_t most = 0, *from = samples, *to = scratch;

	for (uint32_t i = 0; i < n; i++)
		most |= stacks[samples[i]];
	/* least significant digit first; stable */
	for (uint32_t shift = 0; shift < 32 && (most >> shift) != 0; shift += RADIX_BITS)
	{
		uint32_t at[RADIX] = {0}, sum = 0, *t;

		for (uint32_t i = 0; i < n; i++)
			at[(stacks[from[i]] >> shift) & (RADIX - 1)]++;
		for (uint32_t d = 0; d < RADIX; d++)
		{
			uint32_t count = at[d];

			at[d] = sum;
			sum += count;
		}
		for (uint32_t i = 0; i < n; i++)
			to[at[(stacks[from[i]] >> shift) & (RADIX - 1)]++] = from[i];
		t = from;
		from = to;
		to = t;
	}
	if (from != samples && n > 0)
		memcpy(samples, from, n * sizeof(uint32_t));
}

/* Add to the last entry, or begin the next. */
static PpCode
push_entry(PpSampleEntry *out, uint32_t *nout, uint32_t stack, int64_t value, PpError *err)
{
	if (*nout > 0 && out[*nout - 1].stack == stack)
	{
		if (__builtin_add_overflow(out[*nout - 1].value, value, &out[*nout - 1].value))
			return pp_fail(err, PP_EOVERFLOW, PP_NO_OFFSET, "sum of values is out of range");
		return PP_OK;
	}
	out[(*nout)++] = (PpSampleEntry){stack, value};
	return PP_OK;
}

PpCode
pp_split_entries(const PpProfile *profile, const uint32_t *samples, uint32_t n,
				 const uint32_t *stacks, uint32_t column, PpSampleEntry *out, uint32_t *nout,
				 PpError *err)
{
	*nout = 0;
	for (uint32_t i = 0; i < n; i++)
	{
		int64_t value = profile->values[(size_t) samples[i] * profile->ntypes + column];
		PpCode code;

		if (value != 0 && (code = push_entry(out, nout, stacks[samples[i]], value, err)) != PP_OK)
			return code;
	}
	return PP_OK;
}

static int
compare_groups(const void *a, const void *b)
{
	const PpSpanGroup *x = a, *y = b;

	return memcmp(&x->id, &y->id, sizeof(PpSpan));
}

PpCode
pp_split_spans(const PpProfile *profile, const PpSplit *split, const uint32_t *samples, uint32_t n,
			   const uint32_t *stacks, uint32_t column, PpArena *arena, PpSpanGroup **groups,
			   uint32_t *ngroups, PpError *err)
{
	PpSpanGroup *all;
	uint32_t kept = 0;

	*ngroups = 0;
	*groups = NULL;
	if (split->span_of == NULL)
		return PP_OK;
	if ((all = pp_arena_zalloc(arena, split->nspans * sizeof(PpSpanGroup))) == NULL)
		return pp_fail_nomem(err);
	for (uint32_t i = 0; i < n; i++)
		if (split->span_of[samples[i]] != 0)
			all[split->span_of[samples[i]] - 1].n++;
	for (uint32_t i = 0; i < split->nspans; i++)
	{
		all[i].id = split->spans[i];
		all[i].entries = pp_arena_array(arena, all[i].n, sizeof(PpSampleEntry));
		if (all[i].entries == NULL)
			return pp_fail_nomem(err);
		all[i].n = 0;
	}
	for (uint32_t i = 0; i < n; i++)
	{
		uint32_t span = split->span_of[samples[i]];
		int64_t value = profile->values[(size_t) samples[i] * profile->ntypes + column];
		PpCode code;

		if (span != 0 && value != 0 &&
			(code =
				 push_entry(all[span - 1].entries, &all[span - 1].n, stacks[samples[i]], value, err)) !=
				PP_OK)
			return code;
	}
	for (uint32_t i = 0; i < split->nspans; i++)
		if (all[i].n > 0)
			all[kept++] = all[i];
	qsort(all, kept, sizeof(PpSpanGroup), compare_groups);
	*groups = all;
	*ngroups = kept;
	return PP_OK;
}
