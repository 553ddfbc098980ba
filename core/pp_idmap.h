/*
 * pp_idmap.h
 *		From the ids of a table to indexes into it.
 *
 * Ids are chosen by whoever wrote the profile.  Nearly always they count from 1
 * in order, which needs no table at all; else they are dense, which needs an
 * array; else a hash with a seed that nobody can guess.
 */
#ifndef PP_IDMAP_H
#define PP_IDMAP_H

#include "core/pp_profile.h"

typedef struct PpIdMap
{
	const char *base; /* entries of the table; each begins with its id (uint64) */
	size_t stride;
	uint32_t n;
	uint32_t *slots; /* NULL: id = index + 1; values are index + 1, 0 is free */
	uint64_t nslots; /* a power of two if hashed */
	bool hashed;
	uint64_t seed;
	const PpAlloc *alloc;
} PpIdMap;

/* What is wrong with the ids of a table: the first entry whose id is 0 or seen before. */
typedef struct PpIdProblem
{
	uint32_t index; /* PP_NONE if nothing is wrong */
	uint64_t id;
} PpIdProblem;

/* The table must outlive the map.  PP_ENOMEM and PP_ECANCELED only. */
extern PpCode pp_idmap_build(PpIdMap *map, const PpAlloc *alloc, const void *base, size_t stride,
							 uint32_t n, PpIdProblem *problem, PpError *err);
extern void pp_idmap_free(PpIdMap *map); /* a zeroed map is fine */

extern uint32_t pp_idmap_find_hashed(const PpIdMap *map, uint64_t id);

/* Index of the entry with that id, or PP_NONE. */
static inline uint32_t
pp_idmap_find(const PpIdMap *map, uint64_t id)
{
	if (map->slots == NULL)
		return id - 1 < map->n ? (uint32_t) (id - 1) : PP_NONE;
	if (!map->hashed)
		return id < map->nslots ? map->slots[id] - 1 : PP_NONE;
	return pp_idmap_find_hashed(map, id);
}

#endif
