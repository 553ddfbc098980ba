/*
 * pp_table.c
 *		Growing of hash tables, and seeds.
 */
#include "core/pp_table.h"

#include <sys/random.h>
#include <time.h>

#define FIRST_SLOTS 64

uint64_t
pp_table_seed(void)
{
	uint64_t seed;
	struct timespec now;

	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) == (ssize_t) sizeof(seed))
		return seed;
	/* early boot, or no such call: still different from process to process */
	clock_gettime(CLOCK_MONOTONIC, &now);
	return pp_table_mix((uint64_t) now.tv_nsec ^ (uintptr_t) &seed, (uint64_t) now.tv_sec);
}

bool
pp_table_reserve(PpTable *table, const PpAlloc *alloc)
{
	uint32_t nslots = table->nslots == 0 ? FIRST_SLOTS : table->nslots * 2;
	uint64_t *slots;

	/* half full at most */
	if (table->n < table->nslots / 2)
		return true;
	if (table->nslots >= UINT32_C(1) << 31)
		return table->n < table->nslots - table->nslots / 8;
	slots = alloc->alloc(alloc->ctx, nslots * sizeof(uint64_t));
	if (slots == NULL)
		return false;
	memset(slots, 0, nslots * sizeof(uint64_t));
	for (uint32_t i = 0; i < table->nslots; i++)
	{
		uint64_t slot = table->slots[i];
		size_t at = slot >> 32;

		if (slot == 0)
			continue;
		while (slots[at & (nslots - 1)] != 0)
			at++;
		slots[at & (nslots - 1)] = slot;
	}
	if (table->slots != NULL)
		alloc->release(alloc->ctx, table->slots);
	table->slots = slots;
	table->nslots = nslots;
	return true;
}

void
pp_table_free(PpTable *table, const PpAlloc *alloc)
{
	if (table->slots != NULL)
		alloc->release(alloc->ctx, table->slots);
	memset(table, 0, sizeof(*table));
}

size_t
pp_table_memory(const PpTable *table)
{
	return table->nslots * sizeof(uint64_t);
}
