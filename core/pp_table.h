/*
 * pp_table.h
 *		A fast seeded hash, and a table from hashes to dense 32-bit indexes.
 *
 * The table keeps 32 bits of the hash beside each index, so that a miss costs
 * one cache line and growing needs no look at the entries.  The caller compares
 * candidates itself:
 *
 *		for (size_t at = pp_table_first(&t, h);
 *			 (i = pp_table_next(&t, h, &at)) != PP_NONE;)
 *			if (entry i is the one wanted) ...
 *		pp_table_insert(&t, h, new_index)		after pp_table_reserve()
 */
#ifndef PP_TABLE_H
#define PP_TABLE_H

#include "core/pp_alloc.h"
#include "core/pp_profile.h"

#include <string.h>

static inline uint64_t
pp_table_mum(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128) a * b;

	return (uint64_t) product ^ (uint64_t) (product >> 64);
}

/* Fold one number into a hash. */
static inline uint64_t
pp_table_mix(uint64_t h, uint64_t v)
{
	return pp_table_mum(h ^ v ^ UINT64_C(0xa0761d6478bd642f), UINT64_C(0xe7037ed1a0b428db));
}

static inline uint64_t
pp_table_bytes(uint64_t seed, const char *data, size_t len)
{
	uint64_t h = seed ^ len;
	uint64_t tail = 0;

	for (; len >= 8; data += 8, len -= 8)
	{
		uint64_t word;

		memcpy(&word, data, 8);
		h = pp_table_mix(h, word);
	}
	if (len > 0)
		memcpy(&tail, data, len);
	return pp_table_mix(h, tail);
}

/* 32 bits for a table. */
static inline uint32_t
pp_table_fold(uint64_t h)
{
	return (uint32_t) (h ^ (h >> 32));
}

/* A seed nobody outside knows, so that no input can be made of collisions. */
extern uint64_t pp_table_seed(void);

typedef struct PpTable
{
	uint64_t *slots; /* hash << 32 | index + 1; 0 is free */
	uint32_t nslots; /* a power of two, or 0 */
	uint32_t n;
} PpTable;

/* Make room for one more; false without memory. */
extern bool pp_table_reserve(PpTable *table, const PpAlloc *alloc);
extern void pp_table_free(PpTable *table, const PpAlloc *alloc);
extern size_t pp_table_memory(const PpTable *table);

static inline size_t
pp_table_first(const PpTable *table, uint32_t hash)
{
	return hash;
}

/* Index of the next entry with this hash, or PP_NONE. */
static inline uint32_t
pp_table_next(const PpTable *table, uint32_t hash, size_t *at)
{
	if (table->nslots == 0)
		return PP_NONE;
	for (;;)
	{
		uint64_t slot = table->slots[*at & (table->nslots - 1)];

		if (slot == 0)
			return PP_NONE;
		(*at)++;
		if (slot >> 32 == hash)
			return (uint32_t) slot - 1;
	}
}

static inline void
pp_table_insert(PpTable *table, uint32_t hash, uint32_t index)
{
	size_t at = hash;

	while (table->slots[at & (table->nslots - 1)] != 0)
		at++;
	table->slots[at & (table->nslots - 1)] = (uint64_t) hash << 32 | (index + 1);
	table->n++;
}

#endif
