/*
 * fuzz_gperftools.c
 *		Bytes as a CPU profile, a heap profile and a memory map of gperftools, and as
 *		formats that are refused by name.
 */
#include "core/pp_foreign.h"
#include "core/pp_gperftools.h"
#include "core/pp_memory_map.h"
#include "fuzz_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The rule of pp_memory_map_assign(), address by address and range by range. */
static uint32_t
find_plainly(PpMapping *mappings, uint32_t n, uint32_t nreal, uint64_t address)
{
	for (uint32_t i = 0; i < n; i++)
		if (mappings[i].start <= address && address < mappings[i].limit)
			return i;
	for (uint32_t i = 0; i < nreal && n == nreal; i++)
	{
		PpMapping *m = &mappings[i];

		if (m->offset != 0 && m->start - m->offset <= address && address < m->start)
		{
			m->start -= m->offset;
			m->offset = 0;
			return i;
		}
	}
	return nreal;
}

/* Locations around each boundary, in the order of the map, against the plain search. */
static void
check_map(const uint8_t *data, size_t size)
{
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	PpLines lines = pp_lines_of(data, size);
	PpMemoryMap map = {.n = 0};
	PpMapping plain[64];
	PpLocation locations[256];
	uint32_t n = 0, nreal, nplain;
	PpError err;

	if (pp_memory_map_read(&lines, &fuzz_limits, arena, arena, &map, &err) == PP_OK)
	{
		pp_memory_map_tidy(&map);
		for (uint32_t i = 0; i < map.n; i++)
		{
			const PpMapping *m = &map.mappings[i];
			uint64_t near[] = {m->start, m->limit - 1, m->limit, m->start - 1, m->start - m->offset};

			for (uint32_t k = 0; k < 5; k++)
				locations[n++] = (PpLocation){.address = near[k], .mapping = PP_NONE};
		}
		/* the first pass repairs the first mapping, once and for all */
		fuzz_require(pp_memory_map_assign(&map, NULL, 0, arena, &err) == PP_OK);
		nreal = nplain = map.n;
		if (nreal > 0)
			memcpy(plain, map.mappings, nreal * sizeof(PpMapping));
		if (nreal < 2 || plain[0].limit != plain[1].start)
		{
			fuzz_require(pp_memory_map_assign(&map, locations, n, arena, &err) == PP_OK);
			for (uint32_t i = 0; i < n; i++)
			{
				uint32_t found;

				if (locations[i].address == 0)
					continue;
				found = find_plainly(plain, nplain, nreal, locations[i].address);
				fuzz_require(found == locations[i].mapping);
				if (found == nreal && nplain == nreal)
					plain[nplain++] = (PpMapping){.limit = UINT64_MAX};
			}
		}
	}
	pp_arena_free(arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	PpError err = {0};
	bool is_cpu = pp_is_gperftools_cpu(data, size);
	bool is_heap = pp_is_gperftools_heap(data, size);

	fuzz_require(!is_cpu || !is_heap);
	fuzz_require(!fuzz_reader(pp_gperftools_cpu_read, data, size) || is_cpu);
	fuzz_require(!fuzz_reader(pp_gperftools_heap_read, data, size) || is_heap || is_cpu);
	if (pp_foreign_refuse(data, size, &err))
		fuzz_require(err.code == PP_EUNSUPPORTED && strstr(err.message, "; ") != NULL);
	else
		fuzz_require(!is_cpu && !is_heap);
	check_map(data, size);
	return 0;
}
