/*
 * pp_merge_order.c
 *		The canonical orders of locations, by mapping and address first, and of
 *		samples: by stack, compared from the root, shorter first; equal stacks by
 *		labels.
 *
 * The latter is the order in which a walk meets the nodes of the tree, parents first and
 * children by rank of their location.  Counting does it without comparing stacks,
 * in time that is linear in nodes and samples.
 */
#include "core/pp_merge_state.h"

typedef struct Order
{
	const PpMerge *m;
	PpArena *scratch;
	PpError *err;
	uint32_t *from, *to; /* what is sorted, and where to */
	uint32_t *counts;
} Order;

static uint32_t *
numbers(Order *o, size_t n)
{
	return pp_arena_array(o->scratch, n, sizeof(uint32_t));
}

/* counts[k]: how many have key k; afterwards how many have a lesser one. */
static void
add_up(uint32_t *counts, size_t n)
{
	uint32_t before = 0;

	for (size_t i = 0; i < n; i++)
	{
		uint32_t count = counts[i];

		counts[i] = before;
		before += count;
	}
}

/* Nodes but the root, by rank of location. */
static void
sort_by_location(const Order *o, const uint32_t *rank, uint32_t nranks)
{
	const MergeNode *nodes = o->m->nodes;

	memset(o->counts, 0, ((size_t) nranks + 1) * sizeof(uint32_t));
	for (uint32_t i = 1; i < o->m->nnodes; i++)
	{
		uint32_t key = rank[nodes[i].location];

		/* those that nothing refers to have none, and no samples */
		o->counts[key < nranks ? key : nranks]++;
	}
	add_up(o->counts, (size_t) nranks + 1);
	for (uint32_t i = 1; i < o->m->nnodes; i++)
	{
		uint32_t key = rank[nodes[i].location];

		o->to[o->counts[key < nranks ? key : nranks]++] = i;
	}
}

/* Those together that have one parent; afterwards counts[i] is where those of i end. */
static void
sort_by_parent(const Order *o)
{
	const MergeNode *nodes = o->m->nodes;
	uint32_t n = o->m->nnodes;

	memset(o->counts, 0, n * sizeof(uint32_t));
	for (uint32_t i = 1; i < n; i++)
		o->counts[nodes[i].parent]++;
	add_up(o->counts, n);
	for (uint32_t i = 0; i < n - 1; i++)
		o->to[o->counts[nodes[o->from[i]].parent]++] = o->from[i];
}

/* When the walk meets each node; children lists as sort_by_parent left them. */
static void
number_nodes(const Order *o, const uint32_t *children, uint32_t *size, uint32_t *when)
{
	const MergeNode *nodes = o->m->nodes;
	uint32_t n = o->m->nnodes, child = 0;

	for (uint32_t i = 0; i < n; i++)
		size[i] = 1;
	for (uint32_t i = n - 1; i > 0; i--)
		size[nodes[i].parent] += size[i];
	when[0] = 0;
	for (uint32_t i = 0; i < n; i++)
	{
		uint32_t next = when[i] + 1;

		for (; child < o->counts[i]; child++)
		{
			when[children[child]] = next;
			next += size[children[child]];
		}
	}
}

static void
swap(Order *o)
{
	uint32_t *from = o->from;

	o->from = o->to;
	o->to = from;
}

/* By label sets, then by nodes; both stably. */
static void
sort_samples(Order *o, uint32_t n, const uint32_t *label_rank, const uint32_t *when)
{
	const MergeSample *samples = o->m->samples;

	memset(o->counts, 0, o->m->nlabel_sets * sizeof(uint32_t));
	for (uint32_t i = 0; i < n; i++)
		o->counts[label_rank[samples[o->from[i]].labels]]++;
	add_up(o->counts, o->m->nlabel_sets);
	for (uint32_t i = 0; i < n; i++)
		o->to[o->counts[label_rank[samples[o->from[i]].labels]]++] = o->from[i];
	swap(o);
	memset(o->counts, 0, o->m->nnodes * sizeof(uint32_t));
	for (uint32_t i = 0; i < n; i++)
		o->counts[when[samples[o->from[i]].node]]++;
	add_up(o->counts, o->m->nnodes);
	for (uint32_t i = 0; i < n; i++)
		o->to[o->counts[when[samples[o->from[i]].node]]++] = o->from[i];
}

PpCode
merge_order_samples(const PpMerge *m, const uint32_t *location_rank, uint32_t nlocations,
					const uint32_t *label_rank, uint32_t *samples, uint32_t nsamples,
					PpArena *scratch, PpError *err)
{
	Order o = {.m = m, .scratch = scratch, .err = err};
	size_t most = m->nnodes;
	uint32_t *a, *b, *size, *when;

	if (most < (size_t) nlocations + 1)
		most = (size_t) nlocations + 1;
	if (most < m->nlabel_sets)
		most = m->nlabel_sets;
	o.counts = numbers(&o, most);
	a = numbers(&o, m->nnodes > nsamples ? m->nnodes : nsamples);
	b = numbers(&o, m->nnodes);
	size = numbers(&o, m->nnodes);
	when = numbers(&o, m->nnodes);
	if (o.counts == NULL || a == NULL || b == NULL || size == NULL || when == NULL)
		return pp_fail_nomem(err);
	o.to = a;
	sort_by_location(&o, location_rank, nlocations);
	if (pp_poll(m->alloc))
		return pp_fail_canceled(err);
	o.from = a;
	o.to = b;
	sort_by_parent(&o);
	if (pp_poll(m->alloc))
		return pp_fail_canceled(err);
	number_nodes(&o, b, size, when);
	if (pp_poll(m->alloc))
		return pp_fail_canceled(err);
	/* two passes: what is in samples comes back to it */
	o.from = samples;
	o.to = a;
	sort_samples(&o, nsamples, label_rank, when);
	return PP_OK;
}

/* --- locations --- */

#define DIGITS 256

typedef struct Place
{
	uint64_t key;
	uint32_t index;
} Place;

/* Stably, by one byte of the keys; counts: how many have which. */
static void
sort_by_byte(const Place *from, Place *to, uint32_t n, uint32_t shift, uint32_t *counts)
{
	add_up(counts, DIGITS);
	for (uint32_t i = 0; i < n; i++)
		to[counts[from[i].key >> shift & (DIGITS - 1)]++] = from[i];
}

/* By keys, byte by byte; what is sorted comes back in *places, *spare is its like. */
static void
sort_places(Place **places, Place **spare, uint32_t n)
{
	for (uint32_t shift = 0; n > 0 && shift < 64; shift += 8)
	{
		uint32_t counts[DIGITS] = {0};
		Place *swap = *places;

		for (uint32_t i = 0; i < n; i++)
			counts[swap[i].key >> shift & (DIGITS - 1)]++;
		/* one for all: nothing to do */
		if (counts[swap[0].key >> shift & (DIGITS - 1)] == n)
			continue;
		sort_by_byte(swap, *spare, n, shift, counts);
		*places = *spare;
		*spare = swap;
	}
}

PpCode
merge_order_locations(const PpMerge *m, const uint32_t *mapping_rank, uint32_t *locations, uint32_t n,
					  PpIndexCompare compare, const void *ctx, PpArena *scratch, PpError *err)
{
	Place *places = pp_arena_array(scratch, (size_t) n + 1, sizeof(Place));
	Place *spare = pp_arena_array(scratch, (size_t) n + 1, sizeof(Place));
	PpCode code = PP_OK;

	if (places == NULL || spare == NULL)
		return pp_fail_nomem(err);
	for (uint32_t i = 0; i < n; i++)
		places[i] = (Place){m->locations[locations[i]].address, locations[i]};
	sort_places(&places, &spare, n);
	if (pp_poll(m->alloc))
		return pp_fail_canceled(err);
	for (uint32_t i = 0; i < n; i++)
	{
		uint32_t mapping = m->locations[places[i].index].mapping;

		/* none comes first */
		places[i].key = mapping == PP_NONE ? 0 : (uint64_t) mapping_rank[mapping] + 1;
	}
	sort_places(&places, &spare, n);
	for (uint32_t i = 0; i < n; i++)
		locations[i] = places[i].index;
	/* those of one address by what else there is to them */
	for (uint32_t i = 0, next; i < n && code == PP_OK; i = next)
	{
		const MergeLocation *first = &m->locations[locations[i]];

		for (next = i + 1; next < n; next++)
			if (m->locations[locations[next]].address != first->address ||
				m->locations[locations[next]].mapping != first->mapping)
				break;
		if (next - i > 1)
			code = pp_sort_indexes(locations + i, next - i, compare, ctx, m->alloc, err);
	}
	return code;
}
