/*
 * pp_truncate.c
 *		Fold what is small.
 */
#include "core/pp_truncate.h"

#include "core/pp_merge.h"
#include "core/pp_names.h"

#include <stdlib.h>
#include <string.h>

typedef struct PathTree
{
	uint32_t n; /* node 0 is the root */
	uint32_t *parent, *location;
	int64_t *total;
	uint32_t *slots; /* node, 0 is free */
	uint64_t mask;
	uint32_t *leaf; /* by sample */
} PathTree;

static uint32_t
child(PathTree *tree, uint32_t parent, uint32_t location)
{
	uint64_t at = pp_stable_mix(parent, location) & tree->mask;

	for (; tree->slots[at] != 0; at = (at + 1) & tree->mask)
		if (tree->parent[tree->slots[at]] == parent && tree->location[tree->slots[at]] == location)
			return tree->slots[at];
	tree->parent[tree->n] = parent;
	tree->location[tree->n] = location;
	tree->slots[at] = tree->n;
	return tree->n++;
}

static PpCode
build(const PpProfile *p, PathTree *tree, PpArena *arena, PpError *err)
{
	uint64_t most = (uint64_t) p->nlocrefs + 1, size = 64;

	while (size < most * 2)
		size *= 2;
	tree->n = 1;
	tree->mask = size - 1;
	tree->parent = pp_arena_array(arena, most, sizeof(uint32_t));
	tree->location = pp_arena_array(arena, most, sizeof(uint32_t));
	tree->total = pp_arena_zalloc(arena, most * sizeof(int64_t));
	tree->slots = pp_arena_zalloc(arena, size * sizeof(uint32_t));
	tree->leaf = pp_arena_array(arena, p->nsamples, sizeof(uint32_t));
	if (!tree->parent || !tree->location || !tree->total || !tree->slots || !tree->leaf)
		return pp_fail_nomem(err);
	tree->parent[0] = tree->location[0] = 0;
	for (uint32_t i = 0; i < p->nsamples; i++)
	{
		const PpSample *sample = &p->samples[i];
		uint32_t node = 0;

		for (uint32_t j = sample->nlocs; j > 0; j--)
			node = child(tree, node, p->locrefs[sample->loc_off + j - 1]);
		tree->leaf[i] = node;
		if (__builtin_add_overflow(tree->total[node],
								   p->values[(size_t) i * p->ntypes],
								   &tree->total[node]))
			return pp_fail(err, PP_EOVERFLOW, PP_NO_OFFSET, "sum of values is out of range");
	}
	for (uint32_t node = tree->n - 1; node > 0; node--)
	{
		int64_t *up = &tree->total[tree->parent[node]];

		if (__builtin_add_overflow(*up, tree->total[node], up))
			return pp_fail(err, PP_EOVERFLOW, PP_NO_OFFSET, "sum of values is out of range");
	}
	return PP_OK;
}

static int
compare_descending(const void *a, const void *b)
{
	int64_t x = *(const int64_t *) a, y = *(const int64_t *) b;

	return (x < y) - (x > y);
}

/* The profile with one more location, "other"; its tables are new, the rest is shared. */
static PpProfile *
with_other(const PpProfile *p, PpArena *arena)
{
	PpProfile *q = pp_arena_alloc(arena, sizeof(PpProfile));
	uint64_t max_id = 0, max_function = 0;

	if (q == NULL)
		return NULL;
	*q = *p;
	q->strings = pp_arena_array(arena, (size_t) p->nstrings + 1, sizeof(PpBytes));
	q->functions = pp_arena_array(arena, (size_t) p->nfunctions + 1, sizeof(PpFunction));
	q->lines = pp_arena_array(arena, (size_t) p->nlines + 1, sizeof(PpLine));
	q->locations = pp_arena_array(arena, (size_t) p->nlocations + 1, sizeof(PpLocation));
	q->samples = pp_arena_array(arena, p->nsamples, sizeof(PpSample));
	q->locrefs = pp_arena_array(arena, (size_t) p->nlocrefs + p->nsamples, sizeof(uint32_t));
	if (!q->strings || !q->functions || !q->lines || !q->locations || !q->samples || !q->locrefs)
		return NULL;
	memcpy(q->strings, p->strings, p->nstrings * sizeof(PpBytes));
	for (uint32_t i = 0; i < p->nfunctions; i++)
	{
		q->functions[i] = p->functions[i];
		max_function = p->functions[i].id > max_function ? p->functions[i].id : max_function;
	}
	for (uint32_t i = 0; i < p->nlines; i++)
		q->lines[i] = p->lines[i];
	for (uint32_t i = 0; i < p->nlocations; i++)
	{
		q->locations[i] = p->locations[i];
		max_id = p->locations[i].id > max_id ? p->locations[i].id : max_id;
	}
	q->strings[q->nstrings++] = pp_bytes_cstr("other");
	q->functions[q->nfunctions++] =
		(PpFunction){.id = max_function + 1, .name = p->nstrings, .system_name = p->nstrings};
	q->lines[q->nlines++] = (PpLine){.function = p->nfunctions};
	q->locations[q->nlocations++] =
		(PpLocation){.id = max_id + 1, .mapping = PP_NONE, .line_off = p->nlines, .nlines = 1};
	return q;
}

static void
cut_samples(const PpProfile *p, PpProfile *q, const PathTree *tree, int64_t threshold)
{
	q->nlocrefs = 0;
	for (uint32_t i = 0; i < p->nsamples; i++)
	{
		uint32_t node = tree->leaf[i];

		q->samples[i] = p->samples[i];
		q->samples[i].loc_off = q->nlocrefs;
		if (node != 0 && tree->total[node] < threshold)
		{
			q->locrefs[q->nlocrefs++] = p->nlocations;
			while (node != 0 && tree->total[node] < threshold)
				node = tree->parent[node];
		}
		for (; node != 0; node = tree->parent[node])
			q->locrefs[q->nlocrefs++] = tree->location[node];
		q->samples[i].nlocs = q->nlocrefs - q->samples[i].loc_off;
	}
}

PpCode
pp_profile_truncate(PpProfile *p, int64_t max_nodes, PpArena *arena, PpProfile **out, PpError *err)
{
	PathTree tree;
	PpProfile *q;
	int64_t *totals;
	PpCode code;

	*out = p;
	if (max_nodes < 1 || p->ntypes == 0)
		return PP_OK;
	if ((code = build(p, &tree, arena, err)) != PP_OK)
		return code;
	if (tree.n - 1 <= max_nodes)
		return PP_OK;
	totals = (int64_t *) pp_arena_copy(arena, tree.total + 1, (tree.n - 1) * sizeof(int64_t));
	if (totals == NULL || (q = with_other(p, arena)) == NULL)
		return pp_fail_nomem(err);
	qsort(totals, tree.n - 1, sizeof(int64_t), compare_descending);
	cut_samples(p, q, &tree, totals[max_nodes - 1]);
	return pp_profile_compact(q, arena, out, err);
}
