/*
 * pp_idmap.c
 *		Building and searching id maps.
 */
#include "core/pp_idmap.h"

#include <string.h>

#include "core/pp_hash.h"

#define POLL_EVERY 4096

static inline uint64_t
entry_id(const PpIdMap *map, uint32_t index)
{
	uint64_t id;

	memcpy(&id, map->base + map->stride * index, sizeof(id));
	return id;
}

/* Largest id, or 0 if the ids count from 1 in order. */
static uint64_t
largest_unless_sequential(const PpIdMap *map)
{
	uint64_t largest = 0;
	bool sequential = true;

	for (uint32_t i = 0; i < map->n; i++)
	{
		uint64_t id = entry_id(map, i);

		sequential &= id == (uint64_t) i + 1;
		if (id > largest)
			largest = id;
	}
	return sequential ? 0 : largest;
}

/* The slot of an id: the one that holds it, or the free one where it belongs. */
static uint32_t *
slot_of(const PpIdMap *map, uint64_t id)
{
	if (!map->hashed)
		return &map->slots[id];

	uint64_t mask = map->nslots - 1;
	uint64_t at = pp_hash_u64(id, map->seed) & mask;

	while (map->slots[at] != 0 && entry_id(map, map->slots[at] - 1) != id)
		at = (at + 1) & mask;
	return &map->slots[at];
}

static PpCode
fill(PpIdMap *map, PpIdProblem *problem, PpError *err)
{
	for (uint32_t i = 0; i < map->n; i++)
	{
		uint64_t id = entry_id(map, i);
		uint32_t *slot = NULL;

		if (i % POLL_EVERY == 0 && pp_poll(map->alloc))
			return pp_fail_canceled(err);
		if (id != 0)
			slot = slot_of(map, id);
		if ((id == 0 || *slot != 0) && problem->index == PP_NONE)
			*problem = (PpIdProblem){i, id};
		if (slot != NULL)
			*slot = i + 1;
	}
	return PP_OK;
}

PpCode
pp_idmap_build(PpIdMap *map, const PpAlloc *alloc, const void *base, size_t stride, uint32_t n,
			   PpIdProblem *problem, PpError *err)
{
	*map = (PpIdMap){.base = base, .stride = stride, .n = n, .alloc = alloc};
	*problem = (PpIdProblem){PP_NONE, 0};

	/* a table whose only id is 0 is not sequential either: its largest is 0, so look */
	uint64_t largest = largest_unless_sequential(map);

	if (largest == 0 && (n == 0 || entry_id(map, 0) == 1))
		return PP_OK;

	map->nslots = largest + 1;
	if (largest / 4 > n)
	{
		map->hashed = true;
		map->seed = pp_hash_seed(map);
		for (map->nslots = 16; map->nslots < (uint64_t) n * 2;)
			map->nslots *= 2;
	}

	size_t bytes = (size_t) map->nslots * sizeof(uint32_t);

	map->slots = alloc->alloc(alloc->ctx, bytes);
	if (map->slots == NULL)
		return pp_fail_nomem(err);
	memset(map->slots, 0, bytes);
	return fill(map, problem, err);
}

void
pp_idmap_free(PpIdMap *map)
{
	if (map->slots != NULL)
		map->alloc->release(map->alloc->ctx, map->slots);
	map->slots = NULL;
}

uint32_t
pp_idmap_find_hashed(const PpIdMap *map, uint64_t id)
{
	return *slot_of(map, id) - 1;
}
