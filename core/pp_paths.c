/*
 * pp_paths.c
 *		Samples by function: the stacks of a dictionary in a dictionary of paths.
 *
 * Values are added up by function-level node first, so every path is looked up
 * once, whatever the number of stacks that lead to it; what was looked up stays
 * in the map.  New paths go through interning as the samples of profiles, some
 * ten thousand at a time.
 */
#include "core/pp_paths.h"
#include "core/pp_dict_internal.h"

/* A profile is interned when it has this many samples or frames. */
#define BATCH_SAMPLES (1 << 14)
#define BATCH_FRAMES  (1 << 19)

struct PpPathMap
{
	const PpAlloc *alloc;
	const PpDict *dict;
	PpDict *paths;
	uint32_t n, cap;
	uint32_t *stack; /* by function-level node: id + 1, 0: not known yet */
	uint32_t names_cap;
	uint32_t *location; /* by name: index + 1 in the profile that is being made */
};

PpPathMap *
pp_path_map_new(const PpDict *dict, PpDict *paths, const PpAlloc *alloc)
{
	PpPathMap *map = alloc->alloc(alloc->ctx, sizeof(PpPathMap));

	if (map != NULL)
		*map = (PpPathMap){.alloc = alloc, .dict = dict, .paths = paths};
	return map;
}

void
pp_path_map_free(PpPathMap *map)
{
	if (map == NULL)
		return;
	map->alloc->release(map->alloc->ctx, map->stack);
	map->alloc->release(map->alloc->ctx, map->location);
	map->alloc->release(map->alloc->ctx, map);
}

/* An array of n zeros after what is there. */
static bool
extend(const PpAlloc *alloc, uint32_t **array, uint32_t *have, uint32_t n)
{
	uint32_t *grown;

	if (n <= *have)
		return true;
	if ((grown = alloc->resize(alloc->ctx, *array, (size_t) n * sizeof(uint32_t))) == NULL)
		return false;
	memset(grown + *have, 0, (size_t) (n - *have) * sizeof(uint32_t));
	*array = grown;
	*have = n;
	return true;
}

/* --- new paths as profiles --- */

typedef struct Batch
{
	PpPathMap *map;
	PpProfile *profile;
	uint32_t *nodes;   /* by sample */
	uint32_t *names;   /* by location */
	uint32_t *locrefs; /* those of the profile, growing */
	uint32_t frames_cap;
	PpError *err;
} Batch;

/* The name of a mapping's file out of the brackets in which pprof's rules show it. */
static PpBytes
file_of(PpBytes bracketed)
{
	if (bracketed.len > 2 && bracketed.data[0] == '[')
		return (PpBytes){bracketed.data + 1, bracketed.len - 2};
	return (PpBytes){"", 0};
}

/* The location that stands for a name. */
static uint32_t
add_location(Batch *batch, uint32_t name)
{
	const FrameName *frame = &batch->map->dict->functree.names[name];
	PpProfile *p = batch->profile;
	uint32_t index = p->nlocations++;
	PpLocation *l = &p->locations[index];
	PpBytes file = {"", 0};

	batch->names[index] = name;
	batch->map->location[name] = index + 1;
	*l = (PpLocation){.id = (uint64_t) index + 1, .mapping = PP_NONE, .line_off = p->nlines};
	if (frame->no_frame || frame->pyroscope.len == 0)
		file = file_of(frame->pprof);
	if (file.len > 0)
	{
		p->strings[p->nstrings] = file;
		p->mappings[p->nmappings] =
			(PpMapping){.id = (uint64_t) p->nmappings + 1, .filename = p->nstrings++};
		l->mapping = p->nmappings++;
	}
	if (!frame->no_frame)
	{
		uint32_t string = 0;

		if (frame->pyroscope.len > 0)
		{
			string = p->nstrings++;
			p->strings[string] = frame->pyroscope;
		}
		p->functions[p->nfunctions] =
			(PpFunction){.id = (uint64_t) p->nfunctions + 1, .name = string};
		p->lines[p->nlines++] = (PpLine){p->nfunctions++, 0, 0};
		l->nlines = 1;
	}
	return index;
}

/* Tables that hold as much as one batch can have. */
static bool
batch_begin(Batch *batch, PpArena *arena)
{
	uint32_t nnames = batch->map->dict->functree.nnames;
	PpProfile *p = batch->profile = pp_profile_new(arena);

	if (p == NULL)
		return false;
	p->strings = pp_arena_array(arena, (size_t) nnames + 1, sizeof(PpBytes));
	p->samples = pp_arena_array(arena, BATCH_SAMPLES, sizeof(PpSample));
	p->locations = pp_arena_array(arena, nnames, sizeof(PpLocation));
	p->lines = pp_arena_array(arena, nnames, sizeof(PpLine));
	p->functions = pp_arena_array(arena, nnames, sizeof(PpFunction));
	p->mappings = pp_arena_array(arena, nnames, sizeof(PpMapping));
	batch->nodes = pp_arena_array(arena, BATCH_SAMPLES, sizeof(uint32_t));
	batch->names = pp_arena_array(arena, nnames, sizeof(uint32_t));
	if (!p->strings || !p->samples || !p->locations || !p->lines || !p->functions || !p->mappings ||
		!batch->nodes || !batch->names)
		return false;
	p->strings[0] = (PpBytes){"", 0};
	return true;
}

static PpCode
batch_flush(Batch *batch)
{
	PpPathMap *map = batch->map;
	PpProfile *p = batch->profile;
	uint32_t *stacks;
	PpCode code;

	if (p->nsamples == 0)
		return PP_OK;
	p->locrefs = batch->locrefs;
	if ((stacks = map->alloc->alloc(map->alloc->ctx, p->nsamples * sizeof(uint32_t))) == NULL)
		return pp_fail_nomem(batch->err);
	code = pp_dict_intern(map->paths, p, stacks, batch->err);
	for (uint32_t i = 0; i < p->nsamples && code == PP_OK; i++)
		map->stack[batch->nodes[i]] = stacks[i] + 1;
	map->alloc->release(map->alloc->ctx, stacks);
	for (uint32_t i = 0; i < p->nlocations; i++)
		map->location[batch->names[i]] = 0;
	p->nsamples = p->nlocrefs = p->nlocations = p->nlines = p->nfunctions = p->nmappings = 0;
	p->nstrings = 1;
	return code;
}

static PpCode
batch_frame(Batch *batch, uint32_t name)
{
	const PpAlloc *alloc = batch->map->alloc;
	uint32_t location = batch->map->location[name];

	if (batch->profile->nlocrefs == batch->frames_cap)
	{
		uint32_t cap = batch->frames_cap * 2 + 4096;
		uint32_t *grown =
			cap < batch->frames_cap
				? NULL
				: alloc->resize(alloc->ctx, batch->locrefs, (size_t) cap * sizeof(uint32_t));

		if (grown == NULL)
			return pp_fail_nomem(batch->err);
		batch->locrefs = grown;
		batch->frames_cap = cap;
	}
	batch->locrefs[batch->profile->nlocrefs++] =
		location != 0 ? location - 1 : add_location(batch, name);
	return PP_OK;
}

static PpCode
batch_add(Batch *batch, uint32_t node)
{
	const FunctionTree *t = &batch->map->dict->functree;
	PpProfile *p = batch->profile;
	PpSample *sample = &p->samples[p->nsamples];
	PpCode code;

	*sample = (PpSample){.loc_off = p->nlocrefs};
	batch->nodes[p->nsamples++] = node;
	for (uint32_t at = node; at != 0; at = t->parent[at])
		if ((code = batch_frame(batch, t->name[at])) != PP_OK)
			return code;
	sample->nlocs = p->nlocrefs - sample->loc_off;
	if (p->nsamples == BATCH_SAMPLES || p->nlocrefs >= BATCH_FRAMES)
		return batch_flush(batch);
	return PP_OK;
}

/* Look up the paths of all nodes that have a value and none yet. */
static PpCode
find_paths(PpPathMap *map, const int64_t *self, uint32_t n, PpError *err)
{
	Batch batch = {.map = map, .err = err};
	PpArena *arena = NULL;
	PpCode code = PP_OK;

	for (uint32_t i = 0; i < n && code == PP_OK; i++)
	{
		if (self[i] == 0 || map->stack[i] != 0)
			continue;
		if (arena == NULL &&
			((arena = pp_arena_new(map->alloc)) == NULL || !batch_begin(&batch, arena)))
			code = pp_fail_nomem(err);
		else
			code = batch_add(&batch, i);
	}
	if (code == PP_OK && arena != NULL)
		code = batch_flush(&batch);
	if (code != PP_OK && batch.names != NULL)
		for (uint32_t i = 0; i < batch.profile->nlocations; i++)
			map->location[batch.names[i]] = 0;
	map->alloc->release(map->alloc->ctx, batch.locrefs);
	pp_arena_free(arena);
	return code;
}

/* --- a part --- */

/* Values by function-level node. */
static PpCode
sum_nodes(const PpDict *dict, const PpSamplesPart *part, int64_t *self, PpError *err)
{
	const FunctionTree *t = &dict->functree;

	for (uint32_t i = 0; i < part->n; i++)
	{
		uint32_t stack = part->entries[i].stack;
		int64_t *sum;

		if (stack >= dict->count[PP_DICT_STACKS] ||
			dict->stack_leaf[stack] >= dict->count[PP_DICT_NODES])
			return pp_fail(err, PP_EMALFORMED, PP_NO_OFFSET, "dictionary has no stack %u", stack);
		sum = &self[t->node[dict->stack_leaf[stack]]];
		if (__builtin_add_overflow(*sum, part->entries[i].value, sum))
			return pp_fail(err, PP_EOVERFLOW, PP_NO_OFFSET, "sum of values is out of range");
	}
	return PP_OK;
}

/* Sort entries by stack: by its halves, which costs two passes whatever the order was. */
static bool
sort_entries(PpSampleEntry *entries, uint32_t n, const PpAlloc *alloc)
{
	PpSampleEntry *other = alloc->alloc(alloc->ctx, ((size_t) n + 1) * sizeof(PpSampleEntry));
	uint32_t *first = alloc->alloc(alloc->ctx, (1 << 16) * sizeof(uint32_t));
	bool made = other != NULL && first != NULL;

	for (int shift = 0; made && shift < 32; shift += 16)
	{
		uint32_t at = 0;

		memset(first, 0, (1 << 16) * sizeof(uint32_t));
		for (uint32_t i = 0; i < n; i++)
			first[entries[i].stack >> shift & 0xffff]++;
		for (uint32_t i = 0; i < 1 << 16; i++)
		{
			uint32_t count = first[i];

			first[i] = at;
			at += count;
		}
		for (uint32_t i = 0; i < n; i++)
			other[first[entries[i].stack >> shift & 0xffff]++] = entries[i];
		memcpy(entries, other, (size_t) n * sizeof(PpSampleEntry));
	}
	alloc->release(alloc->ctx, other);
	alloc->release(alloc->ctx, first);
	return made;
}

/* Two nodes may have one path: frames without names of files of the same name. */
static PpCode
unite_entries(PpSamplesPart *part, PpError *err)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < part->n; i++)
	{
		PpSampleEntry *last = n == 0 ? NULL : &part->entries[n - 1];

		if (last == NULL || last->stack != part->entries[i].stack)
			part->entries[n++] = part->entries[i];
		else if (__builtin_add_overflow(last->value, part->entries[i].value, &last->value))
			return pp_fail(err, PP_EOVERFLOW, PP_NO_OFFSET, "sum of values is out of range");
		else if (last->value == 0)
			n--;
	}
	part->n = n;
	return PP_OK;
}

static PpCode
make_part(PpPathMap *map, const int64_t *self, uint32_t n, PpArena *arena, PpSamplesPart *out,
		  PpError *err)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < n; i++)
		count += self[i] != 0;
	out->n = 0;
	if ((out->entries = pp_arena_array(arena, count, sizeof(PpSampleEntry))) == NULL)
		return pp_fail_nomem(err);
	for (uint32_t i = 0; i < n; i++)
		if (self[i] != 0)
			out->entries[out->n++] = (PpSampleEntry){map->stack[i] - 1, self[i]};
	if (!sort_entries(out->entries, out->n, map->alloc))
		return pp_fail_nomem(err);
	return unite_entries(out, err);
}

PpCode
pp_path_map_part(PpPathMap *map, const PpSamplesPart *part, PpArena *arena, PpSamplesPart *out,
				 PpError *err)
{
	const PpAlloc *alloc = map->alloc;
	uint32_t n = map->dict->functree.n;
	int64_t *self;
	PpCode code;

	if (map->dict->writer)
		return pp_fail(err, PP_EINVALID, PP_NO_OFFSET, "dictionary is for writing");
	*out = (PpSamplesPart){.dict_id = part->dict_id, .scale = part->scale};
	if (part->n == 0)
		return PP_OK;
	if (!extend(alloc, &map->stack, &map->n, n) ||
		!extend(alloc, &map->location, &map->names_cap, map->dict->functree.nnames) ||
		(self = alloc->alloc(alloc->ctx, (size_t) n * sizeof(int64_t))) == NULL)
		return pp_fail_nomem(err);
	memset(self, 0, (size_t) n * sizeof(int64_t));
	if ((code = sum_nodes(map->dict, part, self, err)) == PP_OK &&
		(code = find_paths(map, self, n, err)) == PP_OK)
		code = make_part(map, self, n, arena, out, err);
	alloc->release(alloc->ctx, self);
	return code;
}
