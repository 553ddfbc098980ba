/*
 * counted_sum.c
 *		A sum of samples that also knows the numbers of their events.
 */
#include "postgres.h"

#include "core_glue.h"
#include "counted_sum.h"
#include "storage.h"

static PpSamplesSum *
sum_new(const PpAlloc *alloc)
{
	PpSamplesSum *sum = pp_samples_sum_new(alloc);

	if (sum == NULL)
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
	return sum;
}

void
counted_sum_init(CountedSum *sum)
{
	const PpAlloc *alloc = core_alloc_create(CurrentMemoryContext);

	*sum = (CountedSum){.alloc = alloc, .sum = sum_new(alloc)};
}

void
counted_sum_free(CountedSum *sum)
{
	pp_samples_sum_free(sum->sum);
	pp_samples_sum_free(sum->counts);
	sum->sum = sum->counts = NULL;
}

void
counted_sum_count(CountedSum *sum)
{
	sum->counts = sum_new(sum->alloc);
}

static bytea *
encode(const PpSamplesSum *sum, uint64 scale, uint32 flags)
{
	PpAlloc *alloc = core_alloc_create(CurrentMemoryContext);
	PpArena *arena = core_arena_create();
	PpSamplesPart *parts;
	uint32_t nparts;
	uint8_t *data;
	size_t len;
	bytea *result;
	PpError err;

	CORE_CHECK(pp_samples_sum_parts(sum, arena, &parts, &nparts, &err), &err);
	for (uint32 i = 0; i < nparts; i++)
		parts[i].scale = scale;
	CORE_CHECK(pp_samples_encode(parts, nparts, flags, alloc, &data, &len, &err), &err);
	result = storage_bytea(data, len);
	pfree(data);
	pp_arena_free(arena);
	return result;
}

void
counted_sum_values(const CountedSum *sum, bytea **samples, bytea **counts)
{
	if (sum->counted && !counted_sum_mixed(sum))
		*samples = encode(sum->sum, sum->scale, PP_SAMPLES_COUNTED);
	else
		*samples = encode(sum->sum, 0, 0);
	*counts = sum->counts == NULL ? NULL : encode(sum->counts, 0, 0);
}
