/*
 * pp_memory_map_assign.c
 *		Which mapping an address is in.
 *
 * The rule is: the first mapping in the list that holds the address; else the
 * first whose file would hold it if it began at its offset 0, which then does
 * begin there; else one mapping of everything.  A list of ranges that change
 * while it is searched, and a product of two numbers that strangers choose: so
 * the boundaries are sorted once and two trees of minima stand over the gaps
 * between them.
 */
#include <stdlib.h>

#include "core/pp_memory_map.h"

#define EXPECTED_START UINT64_C(0x400000) /* where programs of fixed address begin */
#define POLL_EVERY	   4096

/* An entry of the list that hangs on a node of the second tree. */
typedef struct Hang
{
	uint32_t mapping, next;
} Hang;

typedef struct Finder
{
	PpMemoryMap *map;
	uint64_t *bounds; /* sorted, each once: gap i is from bounds[i] to the next */
	uint32_t nbounds;
	uint32_t nleaves;  /* a power of two, >= nbounds */
	uint32_t *holders; /* per node: the first mapping that covers its gaps, or PP_NONE */
	uint32_t *heads;   /* per node: Hang of the first one that could be extended over them */
	Hang *hangs;
	uint32_t nhangs;
} Finder;

static int
compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;

	return (x > y) - (x < y);
}

/* Can the mapping begin earlier, where its file does? */
static bool
extensible(const PpMapping *mapping)
{
	return mapping->offset != 0 && mapping->offset <= mapping->start;
}

/* Last bound that is <= address, or PP_NONE. */
static uint32_t
gap_of(const Finder *f, uint64_t address)
{
	uint32_t low = 0, high = f->nbounds;

	while (low < high)
	{
		uint32_t middle = low + (high - low) / 2;

		if (f->bounds[middle] <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low - 1;
}

/* The nodes that make up the gaps of [from, to), at most two per level. */
static uint32_t
cover(const Finder *f, uint64_t from, uint64_t to, uint32_t *nodes)
{
	uint32_t n = 0;

	if (from >= to)
		return 0;
	for (uint32_t left = gap_of(f, from) + f->nleaves, right = gap_of(f, to) + f->nleaves;
		 left < right;
		 left /= 2, right /= 2)
	{
		if (left & 1)
			nodes[n++] = left++;
		if (right & 1)
			nodes[n++] = --right;
	}
	return n;
}

static void
hold(Finder *f, uint32_t mapping, uint64_t from, uint64_t to)
{
	uint32_t nodes[64], n = cover(f, from, to, nodes);

	for (uint32_t i = 0; i < n; i++)
		if (mapping < f->holders[nodes[i]])
			f->holders[nodes[i]] = mapping;
}

/* Mappings are hung up last one first, so that lists ascend. */
static void
hang(Finder *f, uint32_t mapping)
{
	const PpMapping *m = &f->map->mappings[mapping];
	uint32_t nodes[64], n = cover(f, m->start - m->offset, m->start, nodes);

	for (uint32_t i = 0; i < n; i++)
	{
		f->hangs[f->nhangs] = (Hang){mapping, f->heads[nodes[i]]};
		f->heads[nodes[i]] = f->nhangs++;
	}
}

static void
sort_bounds(Finder *f)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < f->map->n; i++)
	{
		const PpMapping *m = &f->map->mappings[i];

		f->bounds[n++] = m->start;
		f->bounds[n++] = m->limit;
		if (extensible(m))
			f->bounds[n++] = m->start - m->offset;
	}
	qsort(f->bounds, n, sizeof(uint64_t), compare_u64);
	for (uint32_t i = 0; i < n; i++)
		if (f->nbounds == 0 || f->bounds[f->nbounds - 1] != f->bounds[i])
			f->bounds[f->nbounds++] = f->bounds[i];
}

static PpCode
finder_init(Finder *f, PpMemoryMap *map, PpArena *scratch, PpError *err)
{
	uint32_t levels = 1;

	*f = (Finder){.map = map, .nleaves = 1};
	f->bounds = pp_arena_array(scratch, map->n, 3 * sizeof(uint64_t));
	if (f->bounds == NULL)
		return pp_fail_nomem(err);
	sort_bounds(f);
	for (; f->nleaves < f->nbounds; levels++)
		f->nleaves *= 2;
	f->holders = pp_arena_array(scratch, f->nleaves, 2 * sizeof(uint32_t));
	f->heads = pp_arena_array(scratch, f->nleaves, 2 * sizeof(uint32_t));
	f->hangs = pp_arena_array(scratch, map->n, 2 * (size_t) levels * sizeof(Hang));
	if (f->holders == NULL || f->heads == NULL || f->hangs == NULL)
		return pp_fail_nomem(err);
	memset(f->holders, 0xff, f->nleaves * 2 * sizeof(uint32_t));
	memset(f->heads, 0xff, f->nleaves * 2 * sizeof(uint32_t));
	for (uint32_t i = map->n; i-- > 0;)
	{
		hold(f, i, map->mappings[i].start, map->mappings[i].limit);
		if (extensible(&map->mappings[i]))
			hang(f, i);
	}
	return PP_OK;
}

/* The first mapping that holds the address, or PP_NONE. */
static uint32_t
find_holder(const Finder *f, uint64_t address)
{
	uint32_t gap = gap_of(f, address), first = PP_NONE;

	if (gap == PP_NONE)
		return PP_NONE;
	for (uint32_t node = gap + f->nleaves; node > 0; node /= 2)
		if (f->holders[node] < first)
			first = f->holders[node];
	return first;
}

/* The first mapping that holds the address once it begins at its offset 0; it then does. */
static uint32_t
extend(Finder *f, uint64_t address)
{
	uint32_t gap = gap_of(f, address), first = PP_NONE;
	PpMapping *m;

	if (gap == PP_NONE)
		return PP_NONE;
	for (uint32_t node = gap + f->nleaves; node > 0; node /= 2)
	{
		uint32_t *head = &f->heads[node];

		/* those that were extended have no offset any more */
		while (*head != PP_NONE && f->map->mappings[f->hangs[*head].mapping].offset == 0)
			*head = f->hangs[*head].next;
		if (*head != PP_NONE && f->hangs[*head].mapping < first)
			first = f->hangs[*head].mapping;
	}
	if (first == PP_NONE)
		return PP_NONE;
	m = &f->map->mappings[first];
	/* a range that ends before it begins may begin before it ends now */
	hold(f, first, m->start - m->offset, m->limit < m->start ? m->limit : m->start);
	m->start -= m->offset;
	m->offset = 0;
	return first;
}

/* Repairs of a first mapping that some systems report wrongly. */
static void
repair_first(PpMemoryMap *map)
{
	PpMapping *first = map->mappings;

	if (map->n > 1 && pp_starts_with(map->texts[0], "/anon_hugepage") &&
		first[0].limit == first[1].start)
	{
		map->n--;
		memmove(map->mappings, map->mappings + 1, map->n * sizeof(PpMapping));
		memmove(map->texts, map->texts + 2, map->n * 2 * sizeof(PpBytes));
	}
	if (map->n > 0 && first->start - first->offset == EXPECTED_START)
	{
		first->start = EXPECTED_START;
		first->offset = 0;
	}
}

PpCode
pp_memory_map_assign(PpMemoryMap *map, PpLocation *locations, uint32_t nlocations, PpArena *scratch,
					 PpError *err)
{
	const PpAlloc *alloc = pp_arena_allocator(scratch);
	uint32_t everything = PP_NONE;
	Finder f;
	PpCode code;

	repair_first(map);
	if ((code = finder_init(&f, map, scratch, err)) != PP_OK)
		return code;
	for (uint32_t i = 0; i < nlocations; i++)
	{
		PpLocation *location = &locations[i];

		if (i % POLL_EVERY == 0 && pp_poll(alloc))
			return pp_fail_canceled(err);
		if (location->address == 0)
			continue;
		location->mapping = find_holder(&f, location->address);
		if (location->mapping == PP_NONE && everything == PP_NONE)
			location->mapping = extend(&f, location->address);
		if (location->mapping != PP_NONE)
			continue;
		if (everything == PP_NONE)
		{
			everything = map->n++;
			map->mappings[everything] = (PpMapping){.limit = UINT64_MAX};
			map->texts[2 * everything] = map->texts[2 * everything + 1] = (PpBytes){"", 0};
		}
		location->mapping = everything;
	}
	for (uint32_t i = 0; i < map->n; i++)
		map->mappings[i].id = i + 1;
	return PP_OK;
}
