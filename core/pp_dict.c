/*
 * pp_dict.c
 *		Life of a dictionary: its arrays, tables and content hashes.
 */
#include "core/pp_dict_internal.h"

static const size_t kind_size[PP_DICT_KINDS] = {
	sizeof(PpBytes),
	sizeof(DictFunction),
	sizeof(DictMapping),
	sizeof(DictLocation),
	sizeof(uint32_t),
	sizeof(uint32_t),
};

static const char *const kind_name[PP_DICT_KINDS] =
	{"strings", "functions", "mappings", "locations", "nodes", "stacks"};

PpDict *
pp_dict_new(const PpAlloc *alloc, bool writer, uint64_t seed)
{
	PpDict *dict = alloc->alloc(alloc->ctx, sizeof(PpDict));

	if (dict == NULL)
		return NULL;
	memset(dict, 0, sizeof(*dict));
	dict->alloc = alloc;
	dict->writer = writer;
	for (int i = 0; i < 3; i++)
		dict->seed[i] = dict_mix(seed ^ (DICT_K2 + i), DICT_K1) | 1;
	dict->bytes = pp_arena_new(alloc);

	/* string 0 is empty, node 0 is the root: every dictionary has them, no chunk says so */
	if (dict->bytes == NULL || dict_reserve(dict, PP_DICT_STRINGS, 1, NULL) != PP_OK ||
		dict_reserve(dict, PP_DICT_NODES, 1, NULL) != PP_OK)
	{
		pp_dict_free(dict);
		return NULL;
	}
	dict->strings[0] = (PpBytes){"", 0};
	dict->node_parent[0] = dict->node_location[0] = 0;
	dict->count[PP_DICT_STRINGS] = dict->count[PP_DICT_NODES] = 1;
	memcpy(dict->emitted, dict->count, sizeof(dict->count));
	if (writer)
	{
		uint32_t none[PP_DICT_KINDS] = {0};

		if (dict_index(dict, none, dict->count, NULL) != PP_OK)
		{
			pp_dict_free(dict);
			return NULL;
		}
	}
	return dict;
}

static void
release(PpDict *dict, void *ptr)
{
	if (ptr != NULL)
		dict->alloc->release(dict->alloc->ctx, ptr);
}

void
pp_dict_free(PpDict *dict)
{
	if (dict == NULL)
		return;
	pp_arena_free(dict->bytes);
	release(dict, dict->strings);
	release(dict, dict->functions);
	release(dict, dict->mappings);
	release(dict, dict->locations);
	release(dict, dict->node_parent);
	release(dict, dict->node_location);
	release(dict, dict->stack_leaf);
	release(dict, dict->lines);
	release(dict, dict->string_hash);
	release(dict, dict->function_hash);
	release(dict, dict->mapping_hash);
	release(dict, dict->location_hash);
	for (int i = 0; i < PP_DICT_STACKS; i++)
		release(dict, dict->table[i].slots);
	release(dict, dict->stack_slots);
	dict_tree_free(dict);
	release(dict, dict);
}

size_t
pp_dict_memory(const PpDict *dict)
{
	return sizeof(PpDict) + dict->held + pp_arena_used(dict->bytes);
}

uint32_t
pp_dict_count(const PpDict *dict, PpDictKind kind)
{
	return dict->count[kind];
}

uint32_t
pp_dict_holes(const PpDict *dict, PpDictKind kind)
{
	return dict->holes[kind];
}

bool
pp_dict_knows(const PpDict *dict, const PpSamplesPart *part)
{
	uint32_t count = dict->count[PP_DICT_STACKS];

	/* ascending */
	if (part->n > 0 && part->entries[part->n - 1].stack >= count)
		return false;
	if (dict->holes[PP_DICT_STACKS] > 0)
		for (uint32_t i = 0; i < part->n; i++)
			if (dict->stack_leaf[part->entries[i].stack] == PP_NONE)
				return false;
	return true;
}

bool
pp_dict_pending(const PpDict *dict, uint32_t *n)
{
	bool any = false;

	for (int kind = 0; kind < PP_DICT_KINDS; kind++)
	{
		n[kind] = dict->count[kind] - dict->emitted[kind];
		any = any || n[kind] > 0;
	}
	return any;
}

void
dict_make_holes(PpDict *dict, PpDictKind kind, uint32_t first, uint32_t n)
{
	for (uint32_t i = first; i < first + n; i++)
		switch (kind)
		{
			case PP_DICT_STRINGS:
				dict->strings[i] = (PpBytes){NULL, 0};
				break;
			case PP_DICT_FUNCTIONS:
				dict->functions[i] = (DictFunction){.name = PP_NONE};
				break;
			case PP_DICT_MAPPINGS:
				dict->mappings[i] = (DictMapping){.filename = PP_NONE};
				break;
			case PP_DICT_LOCATIONS:
				dict->locations[i] = (DictLocation){.nlines = PP_NONE};
				break;
			case PP_DICT_NODES:
				dict->node_parent[i] = PP_NONE;
				break;
			default:
				dict->stack_leaf[i] = PP_NONE;
		}
}

PpCode
dict_grow(PpDict *dict, void **array, uint32_t *cap, uint64_t need, size_t size, PpError *err)
{
	uint64_t grown = *cap + *cap / 2 + 64;
	void *resized;

	if (need <= *cap && *array != NULL)
		return PP_OK;
	if (need > DICT_MAX_ENTRIES)
		return pp_fail(err, PP_ELIMIT, PP_NO_OFFSET, "dictionary is full");
	if (grown < need)
		grown = need;
	if (grown > SIZE_MAX / size)
		return pp_fail_nomem(err);
	resized = dict->alloc->resize(dict->alloc->ctx, *array, grown * size);
	if (resized == NULL)
		return pp_fail_nomem(err);
	dict->held += (grown - *cap) * size;
	*array = resized;
	*cap = (uint32_t) grown;
	return PP_OK;
}

/* A second array beside one whose capacity has been settled: grown to cap when that changed. */
static PpCode
grow_beside(PpDict *dict, void **array, uint32_t old_cap, uint32_t cap, size_t size, PpError *err)
{
	void *resized;

	if (*array != NULL && old_cap == cap)
		return PP_OK;
	if ((resized = dict->alloc->resize(dict->alloc->ctx, *array, (size_t) cap * size)) == NULL)
		return pp_fail_nomem(err);
	dict->held += (size_t) (cap - (*array != NULL ? old_cap : 0)) * size;
	*array = resized;
	return PP_OK;
}

static void **
kind_array(PpDict *dict, PpDictKind kind)
{
	void **const arrays[PP_DICT_KINDS] = {
		(void **) &dict->strings,
		(void **) &dict->functions,
		(void **) &dict->mappings,
		(void **) &dict->locations,
		(void **) &dict->node_parent,
		(void **) &dict->stack_leaf,
	};

	return arrays[kind];
}

/* The array of content hashes of a kind, or of locations for nodes; NULL if it has none. */
static void **
kind_beside(PpDict *dict, PpDictKind kind, size_t *size)
{
	*size = sizeof(uint64_t);
	if (kind == PP_DICT_NODES)
	{
		*size = sizeof(uint32_t);
		return (void **) &dict->node_location;
	}
	if (!dict->writer)
		return NULL;
	switch (kind)
	{
		case PP_DICT_STRINGS:
			return (void **) &dict->string_hash;
		case PP_DICT_FUNCTIONS:
			return (void **) &dict->function_hash;
		case PP_DICT_MAPPINGS:
			return (void **) &dict->mapping_hash;
		case PP_DICT_LOCATIONS:
			return (void **) &dict->location_hash;
		default:
			return NULL;
	}
}

PpCode
dict_reserve(PpDict *dict, PpDictKind kind, uint32_t more, PpError *err)
{
	uint64_t need = (uint64_t) dict->count[kind] + more;
	uint32_t cap = dict->cap[kind];
	size_t size;
	void **beside = kind_beside(dict, kind, &size);
	PpCode code;

	if (need > DICT_MAX_ENTRIES)
		return pp_fail(err, PP_ELIMIT, PP_NO_OFFSET, "dictionary is full: too many %s", kind_name[kind]);
	if ((code = dict_grow(dict, kind_array(dict, kind), &cap, need, kind_size[kind], err)) != PP_OK)
		return code;
	if (beside != NULL && (code = grow_beside(dict, beside, dict->cap[kind], cap, size, err)) != PP_OK)
	{
		/* the first array stays larger than cap says, which harms nobody */
		dict->held -= (size_t) (cap - dict->cap[kind]) * kind_size[kind];
		return code;
	}
	dict->cap[kind] = cap;
	return PP_OK;
}

PpCode
dict_reserve_lines(PpDict *dict, uint32_t more, PpError *err)
{
	return dict_grow(dict,
					 (void **) &dict->lines,
					 &dict->lines_cap,
					 (uint64_t) dict->nlines + more,
					 sizeof(PpLine),
					 err);
}

PpCode
dict_table_reserve(PpDict *dict, DictTable *table, uint32_t more, DictHash hash, PpError *err)
{
	uint64_t need = ((uint64_t) table->used + more) * 3 / 2 + 1; /* at most two thirds full */
	uint64_t size = table->slots == NULL ? 64 : (uint64_t) table->mask + 1;
	DictTable grown = {0};

	if (table->slots != NULL && need <= size)
		return PP_OK;
	while (size < need)
		size *= 2;
	grown.slots = dict->alloc->alloc(dict->alloc->ctx, size * sizeof(uint32_t));
	if (grown.slots == NULL)
		return pp_fail_nomem(err);
	memset(grown.slots, 0, size * sizeof(uint32_t));
	grown.mask = (uint32_t) (size - 1);
	if (table->slots != NULL)
	{
		for (uint64_t i = 0; i <= table->mask; i++)
			if (table->slots[i] != 0)
				dict_table_put(&grown, hash(dict, table->slots[i] - 1), table->slots[i] - 1);
		dict->held -= ((size_t) table->mask + 1) * sizeof(uint32_t);
		release(dict, table->slots);
	}
	dict->held += size * sizeof(uint32_t);
	*table = grown;
	return PP_OK;
}

/* --- content hashes --- */

uint64_t
dict_hash_bytes(uint64_t seed, PpBytes bytes)
{
	const char *p = bytes.data;
	size_t left = bytes.len;
	uint64_t h = seed ^ bytes.len, a = 0, b = 0;

	for (; left > 16; p += 16, left -= 16)
	{
		memcpy(&a, p, 8);
		memcpy(&b, p + 8, 8);
		h = dict_mix(a ^ DICT_K0 ^ h, b ^ DICT_K1 ^ seed);
	}
	a = b = 0;
	if (left >= 8)
	{
		/* two words that overlap cover 8 to 16 bytes */
		memcpy(&a, p, 8);
		memcpy(&b, p + left - 8, 8);
	}
	else if (left > 0)
		memcpy(&a, p, left);
	return dict_mix(a ^ DICT_K1 ^ h, b ^ DICT_K2 ^ seed) ^ h;
}

uint64_t
dict_hash_function(const PpDict *dict, uint64_t name, uint64_t system_name, uint64_t filename,
				   int64_t line)
{
	uint64_t h = dict_hash_add(dict->seed[0], name);

	h = dict_hash_add(h, system_name);
	h = dict_hash_add(h, filename);
	return dict_hash_add(h, (uint64_t) line);
}

uint64_t
dict_hash_mapping(const PpDict *dict, const DictMapping *mapping, uint64_t filename, uint64_t build_id)
{
	uint64_t h = dict_hash_add(dict->seed[1], mapping->start);

	h = dict_hash_add(h, mapping->limit);
	h = dict_hash_add(h, mapping->offset);
	h = dict_hash_add(h, filename);
	h = dict_hash_add(h, build_id);
	return dict_hash_add(h, mapping->flags);
}

uint64_t
dict_hash_location(const PpDict *dict, uint64_t mapping, uint64_t address, uint32_t is_folded,
				   const PpLine *lines, uint32_t nlines, const uint64_t *function_hash)
{
	uint64_t h = dict_hash_add(dict->seed[2] ^ (is_folded != 0), mapping);

	h = dict_hash_add(h, address);
	for (uint32_t i = 0; i < nlines; i++)
	{
		h = dict_hash_add(h, function_hash[lines[i].function]);
		h = dict_hash_add(h, ((uint64_t) lines[i].line << 20) ^ (uint64_t) lines[i].column);
	}
	return dict_mix(h, DICT_K2);
}

/* --- cutting back, checking --- */

void
pp_dict_forget(PpDict *dict)
{
	if (memcmp(dict->count, dict->emitted, sizeof(dict->count)) == 0)
		return;
	memcpy(dict->count, dict->emitted, sizeof(dict->count));
	dict->nlines = dict->emitted_lines;
	if (dict->writer)
		dict_reindex(dict);
}

/* Is the id that of an entry? */
static bool
known(const PpDict *dict, PpDictKind kind, uint32_t id)
{
	return id < dict->count[kind] && dict_has(dict, kind, id);
}

static PpCode
verify_functions(const PpDict *dict, PpError *err)
{
	for (uint32_t i = 0; i < dict->count[PP_DICT_FUNCTIONS]; i++)
	{
		const DictFunction *f = &dict->functions[i];

		if (dict_has(dict, PP_DICT_FUNCTIONS, i) && (!known(dict, PP_DICT_STRINGS, f->name) ||
													 !known(dict, PP_DICT_STRINGS, f->system_name) ||
													 !known(dict, PP_DICT_STRINGS, f->filename)))
			return pp_fail(err, PP_EMALFORMED, PP_NO_OFFSET, "function %u has no name", i);
	}
	for (uint32_t i = 0; i < dict->count[PP_DICT_MAPPINGS]; i++)
		if (dict_has(dict, PP_DICT_MAPPINGS, i) &&
			(!known(dict, PP_DICT_STRINGS, dict->mappings[i].filename) ||
			 !known(dict, PP_DICT_STRINGS, dict->mappings[i].build_id)))
			return pp_fail(err, PP_EMALFORMED, PP_NO_OFFSET, "mapping %u has no name", i);
	return PP_OK;
}

static PpCode
verify_locations(const PpDict *dict, PpError *err)
{
	for (uint32_t i = 0; i < dict->count[PP_DICT_LOCATIONS]; i++)
	{
		const DictLocation *l = &dict->locations[i];

		if (!dict_has(dict, PP_DICT_LOCATIONS, i))
			continue;
		if (l->mapping != PP_NONE && !known(dict, PP_DICT_MAPPINGS, l->mapping))
			return pp_fail(err, PP_EMALFORMED, PP_NO_OFFSET, "location %u has no mapping", i);
		for (uint32_t j = 0; j < l->nlines; j++)
			if (!known(dict, PP_DICT_FUNCTIONS, dict->lines[l->line_off + j].function))
				return pp_fail(err, PP_EMALFORMED, PP_NO_OFFSET, "location %u has no function", i);
	}
	return PP_OK;
}

PpCode
pp_dict_verify(const PpDict *dict, PpError *err)
{
	PpCode code;

	if ((code = verify_functions(dict, err)) != PP_OK || (code = verify_locations(dict, err)) != PP_OK)
		return code;
	for (uint32_t i = 1; i < dict->count[PP_DICT_NODES]; i++)
		if (dict_has(dict, PP_DICT_NODES, i) &&
			(dict->node_parent[i] >= i || !dict_has(dict, PP_DICT_NODES, dict->node_parent[i]) ||
			 !known(dict, PP_DICT_LOCATIONS, dict->node_location[i])))
			return pp_fail(err, PP_EMALFORMED, PP_NO_OFFSET, "node %u hangs in the air", i);
	for (uint32_t i = 0; i < dict->count[PP_DICT_STACKS]; i++)
		if (dict_has(dict, PP_DICT_STACKS, i) && !known(dict, PP_DICT_NODES, dict->stack_leaf[i]))
			return pp_fail(err, PP_EMALFORMED, PP_NO_OFFSET, "stack %u has no leaf", i);
	return PP_OK;
}
