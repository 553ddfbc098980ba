/*
 * pp_samples_sum.c
 *		Adding up pprof.samples: the accumulator.
 *
 * Per dictionary, stack ids index pages of 512 sums through two levels of
 * pointers, all made when an id first needs them: memory follows the ids that
 * occur, not the greatest one.  Ids of a row ascend, so the page changes rarely,
 * and an addition is a varint, a mask and a checked add.
 */
#include "core/pp_samples.h"

#include <string.h>

#include "core/pp_samples_bytes.h"

#define PAGE_BITS PP_SUM_PAGE_BITS
#define PAGE_IDS  (1 << PAGE_BITS)
#define PAGE_MASK (PAGE_IDS - 1)
#define MAP_BITS  9
#define MAP_PAGES (1 << MAP_BITS)
#define MAP_MASK  (MAP_PAGES - 1)

/* Entries added between two polls. */
#define POLL_ENTRIES (1 << 16)

typedef struct PageMap
{
	int64_t *pages[MAP_PAGES];
} PageMap;

typedef struct DictSum
{
	uint64_t dict_id;
	uint32_t nmaps;
	PageMap **maps;
} DictSum;

struct PpSamplesSum
{
	const PpAlloc *alloc;
	size_t memory;
	uint32_t ndicts, room;
	uint32_t last;	/* index of the dictionary used last */
	DictSum *dicts; /* ascending by dict_id */
	void *scratch;
	size_t scratch_size;
};

PpSamplesSum *
pp_samples_sum_new(const PpAlloc *alloc)
{
	PpSamplesSum *sum = alloc->alloc(alloc->ctx, sizeof(PpSamplesSum));

	if (sum == NULL)
		return NULL;
	memset(sum, 0, sizeof(*sum));
	sum->alloc = alloc;
	sum->memory = sizeof(*sum);
	return sum;
}

void
pp_samples_sum_free(PpSamplesSum *sum)
{
	if (sum == NULL)
		return;

	const PpAlloc *alloc = sum->alloc;

	for (uint32_t i = 0; i < sum->ndicts; i++)
	{
		for (uint32_t j = 0; j < sum->dicts[i].nmaps; j++)
		{
			PageMap *map = sum->dicts[i].maps[j];

			for (uint32_t k = 0; map != NULL && k < MAP_PAGES; k++)
				alloc->release(alloc->ctx, map->pages[k]);
			alloc->release(alloc->ctx, map);
		}
		alloc->release(alloc->ctx, sum->dicts[i].maps);
	}
	alloc->release(alloc->ctx, sum->dicts);
	alloc->release(alloc->ctx, sum->scratch);
	alloc->release(alloc->ctx, sum);
}

size_t
pp_samples_sum_memory(const PpSamplesSum *sum)
{
	return sum->memory;
}

static void *
sum_zalloc(PpSamplesSum *sum, size_t size)
{
	void *ptr = sum->alloc->alloc(sum->alloc->ctx, size);

	if (ptr == NULL)
		return NULL;
	memset(ptr, 0, size);
	sum->memory += size;
	return ptr;
}

/* Make an array of n elements of the given size at least `wanted` long; the rest is zeroed. */
static void *
sum_grow(PpSamplesSum *sum, void *array, uint32_t n, uint32_t wanted, size_t size)
{
	char *grown = sum->alloc->resize(sum->alloc->ctx, array, wanted * size);

	if (grown == NULL)
		return NULL;
	memset(grown + n * size, 0, (wanted - n) * size);
	sum->memory += (wanted - n) * size;
	return grown;
}

/* Find or add the sums of a dictionary; NULL without memory. */
static DictSum *
sum_dict(PpSamplesSum *sum, uint64_t dict_id)
{
	uint32_t low = 0, high = sum->ndicts;

	if (sum->last < sum->ndicts && sum->dicts[sum->last].dict_id == dict_id)
		return &sum->dicts[sum->last];
	while (low < high)
	{
		uint32_t middle = low + (high - low) / 2;

		if (sum->dicts[middle].dict_id < dict_id)
			low = middle + 1;
		else
			high = middle;
	}
	sum->last = low;
	if (low < sum->ndicts && sum->dicts[low].dict_id == dict_id)
		return &sum->dicts[low];
	if (sum->ndicts == sum->room)
	{
		uint32_t room = sum->room == 0 ? 4 : sum->room * 2;
		DictSum *grown = sum_grow(sum, sum->dicts, sum->room, room, sizeof(DictSum));

		if (grown == NULL)
			return NULL;
		sum->dicts = grown;
		sum->room = room;
	}
	memmove(&sum->dicts[low + 1], &sum->dicts[low], (sum->ndicts - low) * sizeof(DictSum));
	memset(&sum->dicts[low], 0, sizeof(DictSum));
	sum->dicts[low].dict_id = dict_id;
	sum->ndicts++;
	return &sum->dicts[low];
}

/* Find or make the page of a stack id; NULL without memory. */
static int64_t *
dict_page(PpSamplesSum *sum, DictSum *dict, uint32_t stack)
{
	uint32_t nmap = stack >> (PAGE_BITS + MAP_BITS);
	int64_t **page;

	if (nmap >= dict->nmaps)
	{
		PageMap **grown = sum_grow(sum, dict->maps, dict->nmaps, nmap + 1, sizeof(PageMap *));

		if (grown == NULL)
			return NULL;
		dict->maps = grown;
		dict->nmaps = nmap + 1;
	}
	if (dict->maps[nmap] == NULL && (dict->maps[nmap] = sum_zalloc(sum, sizeof(PageMap))) == NULL)
		return NULL;
	page = &dict->maps[nmap]->pages[(stack >> PAGE_BITS) & MAP_MASK];
	if (*page == NULL)
		*page = sum_zalloc(sum, PAGE_IDS * sizeof(int64_t));
	return *page;
}

/* Where a list is being added: the reader's place, the next id and its page. */
typedef struct Adder
{
	PpSamplesSum *sum;
	DictSum *dict;
	PpSamplesReader *reader;
	int64_t factor; /* units to values */
	uint64_t next;	/* least id that may follow */
	uint64_t npage; /* page of the last id */
	int64_t *page;
} Adder;

static PpCode
adder_overflow(PpError *err)
{
	return pp_fail(err, PP_EOVERFLOW, PP_NO_OFFSET, "sum of samples is out of range");
}

/* The page of an id that is not in the adder's. */
static PpCode
adder_turn(Adder *adder, uint64_t stack, PpError *err)
{
	if (stack > UINT32_MAX)
		return pp_samples_fail(adder->reader, "samples have a bad stack id", err);
	adder->page = dict_page(adder->sum, adder->dict, (uint32_t) stack);
	if (adder->page == NULL)
		return pp_fail_nomem(err);
	adder->npage = stack >> PAGE_BITS;
	return PP_OK;
}

/* Ids are below 2^32, so with gaps bounded like this no sum of the two wraps. */
#define GAP_MAX UINT32_MAX

/* n ids whose value is the factor itself: the hottest loop of all. */
static PpCode
add_ones(Adder *adder, uint64_t n, PpError *err)
{
	const uint8_t *p = adder->reader->p, *end = adder->reader->end;
	const int64_t factor = adder->factor;
	uint64_t next = adder->next;
	PpCode code;

	for (uint64_t i = 0; i < n; i++)
	{
		uint64_t stack;
		int64_t *cell;

		if (!pp_samples_fast_uvarint(&p, end, &stack) || stack > GAP_MAX)
			return pp_samples_fail(adder->reader, "samples have a bad stack id", err);
		stack += next;
		next = stack + 1;
		if (stack >> PAGE_BITS != adder->npage && (code = adder_turn(adder, stack, err)) != PP_OK)
			return code;
		cell = &adder->page[stack & PAGE_MASK];
		if (__builtin_add_overflow(*cell, factor, cell))
			return adder_overflow(err);
	}
	adder->reader->p = p;
	adder->next = next;
	return PP_OK;
}

/* n pairs of an id and a number of units. */
static PpCode
add_pairs(Adder *adder, uint64_t n, PpError *err)
{
	const uint8_t *p = adder->reader->p, *end = adder->reader->end;
	const int64_t factor = adder->factor;
	uint64_t next = adder->next;
	PpCode code;

	for (uint64_t i = 0; i < n; i++)
	{
		uint64_t stack, zigzag;
		int64_t value, *cell;

		if (!pp_samples_fast_uvarint(&p, end, &stack) || stack > GAP_MAX)
			return pp_samples_fail(adder->reader, "samples have a bad stack id", err);
		if (!pp_samples_fast_uvarint(&p, end, &zigzag) || zigzag == 0)
			return pp_samples_fail(adder->reader, "samples have a bad value", err);
		stack += next;
		next = stack + 1;
		if (stack >> PAGE_BITS != adder->npage && (code = adder_turn(adder, stack, err)) != PP_OK)
			return code;
		value = (int64_t) (zigzag >> 1) ^ -(int64_t) (zigzag & 1);
		if (__builtin_mul_overflow(value, factor, &value))
			return pp_samples_fail(adder->reader, "value of samples is out of range", err);
		cell = &adder->page[stack & PAGE_MASK];
		if (__builtin_add_overflow(*cell, value, cell))
			return adder_overflow(err);
	}
	adder->reader->p = p;
	adder->next = next;
	return PP_OK;
}

static PpCode
add_list(Adder *adder, bool ones, PpError *err)
{
	uint64_t n = 0;
	PpCode code = pp_samples_count(adder->reader, ones ? 1 : 2, &n, err);

	adder->next = 0;
	while (code == PP_OK && n > 0)
	{
		uint64_t now = n < POLL_ENTRIES ? n : POLL_ENTRIES;

		code = ones ? add_ones(adder, now, err) : add_pairs(adder, now, err);
		if (code == PP_OK && pp_poll(adder->sum->alloc))
			code = pp_fail_canceled(err);
		n -= now;
	}
	return code;
}

PpCode
pp_samples_sum_add(PpSamplesSum *sum, const uint8_t *data, size_t len, uint64_t divisor, PpError *err)
{
	PpSamplesReader reader;
	PpCode code = pp_samples_open(&reader, data, len, err);

	for (uint32_t i = 0; code == PP_OK && i < reader.nparts; i++)
	{
		Adder adder = {.sum = sum, .reader = &reader, .npage = UINT64_MAX};

		if ((code = pp_samples_part(&reader, err)) != PP_OK)
			break;
		if (divisor == 0 || reader.scale % divisor != 0)
			return pp_fail(err,
						   PP_EINVALID,
						   PP_NO_OFFSET,
						   "scale of samples is not a multiple of the divisor");
		adder.factor = (int64_t) (reader.scale / divisor);
		if ((adder.dict = sum_dict(sum, reader.dict_id)) == NULL)
			return pp_fail_nomem(err);
		if ((code = add_list(&adder, true, err)) == PP_OK)
			code = add_list(&adder, false, err);
	}
	return code != PP_OK ? code : pp_samples_close(&reader, err);
}

/* ---- adding by stack ---- */

void *
pp_samples_sum_scratch(PpSamplesSum *sum, size_t size)
{
	if (size <= sum->scratch_size)
		return sum->scratch;
	sum->alloc->release(sum->alloc->ctx, sum->scratch);
	sum->memory -= sum->scratch_size;
	size += size / 4; /* the next may be a little larger */
	sum->scratch = sum->alloc->alloc(sum->alloc->ctx, size);
	sum->scratch_size = sum->scratch != NULL ? size : 0;
	sum->memory += sum->scratch_size;
	return sum->scratch;
}

PpCode
pp_sum_cursor_open(PpSumCursor *cursor, PpSamplesSum *sum, uint64_t dict_id, PpError *err)
{
	*cursor = (PpSumCursor){.sum = sum, .npage = UINT64_MAX};
	cursor->dict = sum_dict(sum, dict_id);
	return cursor->dict != NULL ? PP_OK : pp_fail_nomem(err);
}

PpCode
pp_sum_cursor_turn(PpSumCursor *cursor, uint32_t stack, PpError *err)
{
	cursor->page = dict_page(cursor->sum, cursor->dict, stack);
	if (cursor->page == NULL)
		return pp_fail_nomem(err);
	cursor->npage = stack >> PP_SUM_PAGE_BITS;
	return PP_OK;
}

PpCode
pp_sum_poll(const PpSamplesSum *sum, PpError *err)
{
	return pp_poll(sum->alloc) ? pp_fail_canceled(err) : PP_OK;
}

PpCode
pp_samples_sum_add_part(PpSamplesSum *sum, const PpSamplesPart *part, PpError *err)
{
	DictSum *dict = sum_dict(sum, part->dict_id);

	if (dict == NULL)
		return pp_fail_nomem(err);
	for (uint32_t i = 0; i < part->n; i++)
	{
		int64_t *page = dict_page(sum, dict, part->entries[i].stack);

		if (page == NULL)
			return pp_fail_nomem(err);
		page += part->entries[i].stack & PAGE_MASK;
		if (__builtin_add_overflow(*page, part->entries[i].value, page))
			return adder_overflow(err);
	}
	return pp_poll(sum->alloc) ? pp_fail_canceled(err) : PP_OK;
}

/* ---- what came of it ---- */

/* Write the non-zero sums of a dictionary to entries, unless NULL; returns how many. */
static uint32_t
dict_entries(const DictSum *dict, PpSampleEntry *entries)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < dict->nmaps; i++)
	{
		for (uint32_t j = 0; dict->maps[i] != NULL && j < MAP_PAGES; j++)
		{
			const int64_t *page = dict->maps[i]->pages[j];

			for (uint32_t k = 0; page != NULL && k < PAGE_IDS; k++)
			{
				if (page[k] == 0)
					continue;
				if (entries != NULL)
				{
					entries[n].stack = ((i << MAP_BITS | j) << PAGE_BITS) | k;
					entries[n].value = page[k];
				}
				n++;
			}
		}
	}
	return n;
}

PpCode
pp_samples_sum_parts(const PpSamplesSum *sum, PpArena *arena, PpSamplesPart **parts,
					 uint32_t *nparts, PpError *err)
{
	PpSamplesPart *result = pp_arena_array(arena, sum->ndicts, sizeof(PpSamplesPart));
	uint32_t n = 0;

	if (result == NULL)
		return pp_fail_nomem(err);
	for (uint32_t i = 0; i < sum->ndicts; i++)
	{
		PpSamplesPart part = {.dict_id = sum->dicts[i].dict_id};

		part.n = dict_entries(&sum->dicts[i], NULL);
		if (part.n == 0)
			continue;
		part.entries = pp_arena_array(arena, part.n, sizeof(PpSampleEntry));
		if (part.entries == NULL)
			return pp_fail_nomem(err);
		dict_entries(&sum->dicts[i], part.entries);
		result[n++] = part;
		if (pp_poll(sum->alloc))
			return pp_fail_canceled(err);
	}
	*parts = result;
	*nparts = n;
	return PP_OK;
}

PpCode
pp_samples_sum_encode(const PpSamplesSum *sum, const PpAlloc *alloc, uint8_t **out, size_t *out_len,
					  PpError *err)
{
	PpArena *arena = pp_arena_new(alloc);
	PpSamplesPart *parts;
	uint32_t nparts;
	PpCode code;

	if (arena == NULL)
		return pp_fail_nomem(err);
	code = pp_samples_sum_parts(sum, arena, &parts, &nparts, err);
	if (code == PP_OK)
		code = pp_samples_encode(parts, nparts, 0, alloc, out, out_len, err);
	pp_arena_free(arena);
	return code;
}
