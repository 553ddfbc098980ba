/*
 * pp_dict_intern.c
 *		Writing: profiles in, stack ids out.
 *
 * A profile's strings, functions and locations are hashed by content once each;
 * a stack is the hash of its locations.  Whoever finds it in the table is done.
 * Only a new stack has its locations looked up (exactly, by ids) and the tree
 * walked.  Slots are prefetched a whole profile ahead: the table is larger than
 * the caches of the processor.
 */
#include "core/pp_dict_internal.h"

#include <stdlib.h>

/* What is known of one profile while it is interned; 0 is "not yet" in all id arrays. */
typedef struct Intern
{
	PpDict *dict;
	const PpProfile *profile;
	PpError *err;
	uint64_t *string_hash, *function_hash, *mapping_hash, *location_hash;
	uint32_t *string_id, *function_id, *mapping_id, *location_id; /* + 1 */
	PpArena *arena;
	const PpSample *last; /* whose path is known, or NULL */
	uint32_t *path;		  /* its nodes, from the root */
	uint32_t path_cap;
} Intern;

/* --- hashes of what the dictionary holds --- */

static uint64_t
hash_string(const PpDict *dict, uint32_t id)
{
	return dict->string_hash[id];
}

static uint64_t
hash_function_ids(const PpDict *dict, const DictFunction *f)
{
	uint64_t h = dict_hash_pair(dict, f->name, f->system_name);

	h = dict_hash_add(h, f->filename);
	return dict_hash_add(h, (uint64_t) f->start_line);
}

static uint64_t
hash_function(const PpDict *dict, uint32_t id)
{
	return hash_function_ids(dict, &dict->functions[id]);
}

static uint64_t
hash_mapping(const PpDict *dict, uint32_t id)
{
	return dict->mapping_hash[id];
}

static uint64_t
hash_location(const PpDict *dict, uint32_t id)
{
	return dict->location_hash[id];
}

static uint64_t
hash_node(const PpDict *dict, uint32_t id)
{
	return dict_hash_pair(dict, dict->node_parent[id], dict->node_location[id]);
}

static const DictHash table_hash[PP_DICT_STACKS] = {hash_string,
													hash_function,
													hash_mapping,
													hash_location,
													hash_node};

static uint64_t
content_of_function(const PpDict *dict, const DictFunction *f)
{
	return dict_hash_function(dict,
							  dict->string_hash[f->name],
							  dict->string_hash[f->system_name],
							  dict->string_hash[f->filename],
							  f->start_line);
}

static uint64_t
content_of_mapping(const PpDict *dict, const DictMapping *m)
{
	return dict_hash_mapping(dict, m, dict->string_hash[m->filename], dict->string_hash[m->build_id]);
}

static uint64_t
content_of_location(const PpDict *dict, const DictLocation *l)
{
	return dict_hash_location(dict,
							  l->mapping == PP_NONE ? 0 : dict->mapping_hash[l->mapping],
							  l->address,
							  l->is_folded,
							  dict->lines + l->line_off,
							  l->nlines,
							  dict->function_hash);
}

/* --- stacks --- */

static void
stack_put(PpDict *dict, StackHash h, uint32_t id)
{
	uint32_t slot = h.hash & dict->stack_mask;

	while (dict->stack_slots[slot].stack != 0)
		slot = (slot + 1) & dict->stack_mask;
	dict->stack_slots[slot] = (StackSlot){h.hash, (uint32_t) h.check, id + 1};
	dict->stacks_used++;
}

static PpCode
stacks_reserve(PpDict *dict, uint32_t more, PpError *err)
{
	uint64_t need = ((uint64_t) dict->stacks_used + more) * 3 / 2 + 1;
	uint64_t size = dict->stack_slots == NULL ? 64 : (uint64_t) dict->stack_mask + 1;
	StackSlot *old = dict->stack_slots, *slots;
	uint64_t old_size = old == NULL ? 0 : size;

	if (old != NULL && need <= size)
		return PP_OK;
	while (size < need)
		size *= 2;
	if ((slots = dict->alloc->alloc(dict->alloc->ctx, size * sizeof(StackSlot))) == NULL)
		return pp_fail_nomem(err);
	memset(slots, 0, size * sizeof(StackSlot));
	dict->stack_slots = slots;
	dict->stack_mask = (uint32_t) (size - 1);
	dict->stacks_used = 0;
	for (uint64_t i = 0; i < old_size; i++)
		if (old[i].stack != 0)
			stack_put(dict, (StackHash){old[i].hash, old[i].check}, old[i].stack - 1);
	dict->held += (size - old_size) * sizeof(StackSlot);
	if (old != NULL)
		dict->alloc->release(dict->alloc->ctx, old);
	return PP_OK;
}

/* The path is walked up into scratch, then down. */
PpCode
dict_stack_hash(PpDict *dict, uint32_t stack, uint32_t **path, uint32_t *cap, StackHash *h,
				PpError *err)
{
	uint32_t n = 0;

	for (uint32_t node = dict->stack_leaf[stack]; node != 0; node = dict->node_parent[node])
	{
		if (n == *cap)
		{
			size_t size = ((size_t) *cap * 2 + 256) * sizeof(uint32_t);
			uint32_t *grown = dict->alloc->resize(dict->alloc->ctx, *path, size);

			if (grown == NULL)
				return pp_fail_nomem(err);
			*path = grown;
			*cap = (uint32_t) (size / sizeof(uint32_t));
		}
		(*path)[n++] = node;
	}
	*h = dict_stack_begin(dict);
	while (n > 0)
		dict_stack_add(h, dict->location_hash[dict->node_location[(*path)[--n]]]);
	*h = dict_stack_end(*h);
	return PP_OK;
}

static PpCode
index_stacks(PpDict *dict, uint32_t first, uint32_t n, PpError *err)
{
	uint32_t *path = NULL, cap = 0;
	PpCode code = PP_OK;

	for (uint32_t i = first; i < first + n && code == PP_OK; i++)
	{
		StackHash h;

		if ((i & 4095) == 4095 && pp_poll(dict->alloc))
			code = pp_fail_canceled(err);
		else if ((code = dict_stack_hash(dict, i, &path, &cap, &h, err)) == PP_OK)
			stack_put(dict, h, i);
	}
	if (path != NULL)
		dict->alloc->release(dict->alloc->ctx, path);
	return code;
}

static void
hash_contents(PpDict *dict, const uint32_t *first, const uint32_t *n)
{
	uint32_t end = first[PP_DICT_STRINGS] + n[PP_DICT_STRINGS];

	for (uint32_t i = first[PP_DICT_STRINGS]; i < end; i++)
		dict->string_hash[i] = dict_hash_bytes(dict->seed[0], dict->strings[i]);
	end = first[PP_DICT_FUNCTIONS] + n[PP_DICT_FUNCTIONS];
	for (uint32_t i = first[PP_DICT_FUNCTIONS]; i < end; i++)
		dict->function_hash[i] = content_of_function(dict, &dict->functions[i]);
	end = first[PP_DICT_MAPPINGS] + n[PP_DICT_MAPPINGS];
	for (uint32_t i = first[PP_DICT_MAPPINGS]; i < end; i++)
		dict->mapping_hash[i] = content_of_mapping(dict, &dict->mappings[i]);
	end = first[PP_DICT_LOCATIONS] + n[PP_DICT_LOCATIONS];
	for (uint32_t i = first[PP_DICT_LOCATIONS]; i < end; i++)
		dict->location_hash[i] = content_of_location(dict, &dict->locations[i]);
}

uint64_t
dict_entry_hash(const PpDict *dict, PpDictKind kind, uint32_t id)
{
	return table_hash[kind](dict, id);
}

void
dict_put_entries(PpDict *dict, const uint32_t *first, const uint32_t *n)
{
	for (int kind = 0; kind < PP_DICT_STACKS; kind++)
		for (uint32_t i = first[kind]; i < first[kind] + n[kind]; i++)
			if (dict_has(dict, kind, i))
				dict_table_put(&dict->table[kind], table_hash[kind](dict, i), i);
}

PpCode
dict_index(PpDict *dict, const uint32_t *first, const uint32_t *n, PpError *err)
{
	PpCode code;

	for (int kind = 0; kind < PP_DICT_STACKS; kind++)
		if ((code = dict_table_reserve(dict, &dict->table[kind], n[kind], table_hash[kind], err)) !=
			PP_OK)
			return code;
	if ((code = stacks_reserve(dict, n[PP_DICT_STACKS], err)) != PP_OK)
		return code;
	hash_contents(dict, first, n);
	dict_put_entries(dict, first, n);
	return index_stacks(dict, first[PP_DICT_STACKS], n[PP_DICT_STACKS], err);
}

/* Is the id of a slot (+ 1) one that was cut off? */
static bool
stack_is_gone(const PpDict *dict, uint32_t stack)
{
	return stack > dict->count[PP_DICT_STACKS] ||
		   (stack > 0 && !dict_has(dict, PP_DICT_STACKS, stack - 1));
}

/* Take the stacks that were cut off out of their table, by moving the rest. */
static void
restack(PpDict *dict)
{
	uint64_t size = (uint64_t) dict->stack_mask + 1;
	uint64_t hole = 0;

	for (uint64_t i = 0; i < size; i++)
		if (stack_is_gone(dict, dict->stack_slots[i].stack))
		{
			dict->stack_slots[i].stack = 0;
			dict->stacks_used--;
		}
	/* start behind a free slot, so that no run of entries is met in its middle */
	while (dict->stack_slots[hole].stack != 0)
		hole++;
	for (uint64_t i = 1; i < size; i++)
	{
		StackSlot *slot = &dict->stack_slots[(hole + i) & dict->stack_mask];
		StackSlot entry = *slot;

		if (entry.stack == 0)
			continue;
		slot->stack = 0;
		dict->stacks_used--;
		stack_put(dict, (StackHash){entry.hash, entry.check}, entry.stack - 1);
	}
}

void
dict_reindex(PpDict *dict)
{
	uint32_t none[PP_DICT_KINDS] = {0};

	for (int kind = 0; kind < PP_DICT_STACKS; kind++)
	{
		memset(dict->table[kind].slots, 0, ((size_t) dict->table[kind].mask + 1) * sizeof(uint32_t));
		dict->table[kind].used = 0;
	}
	dict_put_entries(dict, none, dict->count);
	restack(dict);
}

/* --- exact look-ups, for new stacks only --- */

static PpCode
intern_string(Intern *in, uint32_t index, uint32_t *id)
{
	PpDict *dict = in->dict;
	DictTable *table = &dict->table[PP_DICT_STRINGS];
	PpBytes bytes = in->profile->strings[index];
	uint64_t hash = in->string_hash[index];
	PpCode code;

	if (in->string_id[index] != 0)
	{
		*id = in->string_id[index] - 1;
		return PP_OK;
	}
	if ((code = dict_table_reserve(dict, table, 1, hash_string, in->err)) != PP_OK)
		return code;
	for (uint32_t slot = hash & table->mask; table->slots[slot] != 0; slot = (slot + 1) & table->mask)
	{
		uint32_t other = table->slots[slot] - 1;

		if (dict->string_hash[other] == hash && dict->strings[other].len == bytes.len &&
			(bytes.len == 0 || memcmp(dict->strings[other].data, bytes.data, bytes.len) == 0))
		{
			in->string_id[index] = other + 1;
			*id = other;
			return PP_OK;
		}
	}
	if ((code = dict_reserve(dict, PP_DICT_STRINGS, 1, in->err)) != PP_OK)
		return code;
	if ((bytes.data = pp_arena_copy(dict->bytes, bytes.data, bytes.len)) == NULL)
		return pp_fail_nomem(in->err);
	*id = dict->count[PP_DICT_STRINGS]++;
	dict->strings[*id] = bytes;
	dict->string_hash[*id] = hash;
	dict_table_put(table, hash, *id);
	in->string_id[index] = *id + 1;
	return PP_OK;
}

static bool
same_function(const DictFunction *a, const DictFunction *b)
{
	return a->name == b->name && a->system_name == b->system_name && a->filename == b->filename &&
		   a->start_line == b->start_line;
}

static PpCode
intern_function(Intern *in, uint32_t index, uint32_t *id)
{
	PpDict *dict = in->dict;
	DictTable *table = &dict->table[PP_DICT_FUNCTIONS];
	const PpFunction *from = &in->profile->functions[index];
	DictFunction f = {.start_line = from->start_line};
	uint64_t hash;
	PpCode code;

	if (in->function_id[index] != 0)
	{
		*id = in->function_id[index] - 1;
		return PP_OK;
	}
	if ((code = intern_string(in, from->name, &f.name)) != PP_OK ||
		(code = intern_string(in, from->system_name, &f.system_name)) != PP_OK ||
		(code = intern_string(in, from->filename, &f.filename)) != PP_OK ||
		(code = dict_table_reserve(dict, table, 1, hash_function, in->err)) != PP_OK)
		return code;
	hash = hash_function_ids(dict, &f);
	for (uint32_t slot = hash & table->mask; table->slots[slot] != 0; slot = (slot + 1) & table->mask)
		if (same_function(&dict->functions[table->slots[slot] - 1], &f))
		{
			*id = table->slots[slot] - 1;
			in->function_id[index] = *id + 1;
			return PP_OK;
		}
	if ((code = dict_reserve(dict, PP_DICT_FUNCTIONS, 1, in->err)) != PP_OK)
		return code;
	*id = dict->count[PP_DICT_FUNCTIONS]++;
	dict->functions[*id] = f;
	dict->function_hash[*id] = in->function_hash[index];
	dict_table_put(table, hash, *id);
	in->function_id[index] = *id + 1;
	return PP_OK;
}

/* What is stored of a mapping: where it lay in memory matters only while names are missing. */
static DictMapping
stored_mapping(const PpMapping *from)
{
	DictMapping m = {.flags = from->flags};

	if ((from->flags & PP_HAS_FUNCTIONS) == 0)
	{
		m.start = from->start;
		m.limit = from->limit;
		m.offset = from->offset;
	}
	return m;
}

static bool
same_mapping(const DictMapping *a, const DictMapping *b)
{
	return a->start == b->start && a->limit == b->limit && a->offset == b->offset &&
		   a->filename == b->filename && a->build_id == b->build_id && a->flags == b->flags;
}

static PpCode
intern_mapping(Intern *in, uint32_t index, uint32_t *id)
{
	PpDict *dict = in->dict;
	DictTable *table = &dict->table[PP_DICT_MAPPINGS];
	const PpMapping *from = &in->profile->mappings[index];
	DictMapping m = stored_mapping(from);
	uint64_t hash = in->mapping_hash[index];
	PpCode code;

	if (in->mapping_id[index] != 0)
	{
		*id = in->mapping_id[index] - 1;
		return PP_OK;
	}
	if ((code = intern_string(in, from->filename, &m.filename)) != PP_OK ||
		(code = intern_string(in, from->build_id, &m.build_id)) != PP_OK ||
		(code = dict_table_reserve(dict, table, 1, hash_mapping, in->err)) != PP_OK)
		return code;
	for (uint32_t slot = hash & table->mask; table->slots[slot] != 0; slot = (slot + 1) & table->mask)
		if (same_mapping(&dict->mappings[table->slots[slot] - 1], &m))
		{
			*id = table->slots[slot] - 1;
			in->mapping_id[index] = *id + 1;
			return PP_OK;
		}
	if ((code = dict_reserve(dict, PP_DICT_MAPPINGS, 1, in->err)) != PP_OK)
		return code;
	*id = dict->count[PP_DICT_MAPPINGS]++;
	dict->mappings[*id] = m;
	dict->mapping_hash[*id] = hash;
	dict_table_put(table, hash, *id);
	in->mapping_id[index] = *id + 1;
	return PP_OK;
}

static uint64_t
stored_address(const PpProfile *profile, const PpLocation *l)
{
	if (l->mapping != PP_NONE && (profile->mappings[l->mapping].flags & PP_HAS_FUNCTIONS) != 0)
		return 0;
	return l->address;
}

/* The location's lines with the dictionary's functions, behind the lines in use. */
static PpCode
place_lines(Intern *in, const PpLocation *from)
{
	PpDict *dict = in->dict;
	PpCode code = dict_reserve_lines(dict, from->nlines, in->err);

	for (uint32_t i = 0; i < from->nlines && code == PP_OK; i++)
	{
		PpLine *line = &dict->lines[dict->nlines + i];

		*line = in->profile->lines[from->line_off + i];
		code = intern_function(in, line->function, &line->function);
	}
	return code;
}

/*
 * Is the stored location the one with this content hash?  The hash covers all of
 * it, and is what stacks are recognised by; the rest is a check at hand.
 */
static bool
is_location(const PpDict *dict, uint32_t id, uint64_t hash, const Intern *in, const PpLocation *from)
{
	const DictLocation *l = &dict->locations[id];

	return dict->location_hash[id] == hash && l->nlines == from->nlines &&
		   l->is_folded == (from->is_folded != 0) &&
		   l->address == stored_address(in->profile, from) &&
		   (l->nlines == 0 ||
			dict->lines[l->line_off].line == in->profile->lines[from->line_off].line);
}

static PpCode
intern_location(Intern *in, uint32_t index, uint32_t *id)
{
	PpDict *dict = in->dict;
	DictTable *table = &dict->table[PP_DICT_LOCATIONS];
	const PpLocation *from = &in->profile->locations[index];
	uint64_t hash = in->location_hash[index];
	DictLocation l;
	PpCode code;

	if (in->location_id[index] != 0)
	{
		*id = in->location_id[index] - 1;
		return PP_OK;
	}
	if ((code = dict_table_reserve(dict, table, 1, hash_location, in->err)) != PP_OK)
		return code;
	for (uint32_t slot = hash & table->mask; table->slots[slot] != 0; slot = (slot + 1) & table->mask)
		if (is_location(dict, table->slots[slot] - 1, hash, in, from))
		{
			*id = table->slots[slot] - 1;
			in->location_id[index] = *id + 1;
			return PP_OK;
		}
	l = (DictLocation){.address = stored_address(in->profile, from),
					   .mapping = PP_NONE,
					   .line_off = dict->nlines,
					   .nlines = from->nlines,
					   .is_folded = from->is_folded != 0};
	if ((from->mapping != PP_NONE && (code = intern_mapping(in, from->mapping, &l.mapping)) != PP_OK) ||
		(code = place_lines(in, from)) != PP_OK)
		return code;
	if ((code = dict_reserve(dict, PP_DICT_LOCATIONS, 1, in->err)) != PP_OK)
		return code;
	*id = dict->count[PP_DICT_LOCATIONS]++;
	dict->locations[*id] = l;
	dict->location_hash[*id] = hash;
	dict->nlines += l.nlines;
	dict_table_put(table, hash, *id);
	in->location_id[index] = *id + 1;
	return PP_OK;
}

static PpCode
intern_node(Intern *in, uint32_t parent, uint32_t location, uint32_t *id)
{
	PpDict *dict = in->dict;
	DictTable *table = &dict->table[PP_DICT_NODES];
	uint64_t hash = dict_hash_pair(dict, parent, location);
	PpCode code;

	if ((code = dict_table_reserve(dict, table, 1, hash_node, in->err)) != PP_OK)
		return code;
	for (uint32_t slot = hash & table->mask; table->slots[slot] != 0; slot = (slot + 1) & table->mask)
	{
		uint32_t other = table->slots[slot] - 1;

		/* the root stands for no location: it is nobody's child */
		if (dict->node_parent[other] == parent && dict->node_location[other] == location && other != 0)
		{
			*id = other;
			return PP_OK;
		}
	}
	if ((code = dict_reserve(dict, PP_DICT_NODES, 1, in->err)) != PP_OK)
		return code;
	*id = dict->count[PP_DICT_NODES]++;
	dict->node_parent[*id] = parent;
	dict->node_location[*id] = location;
	dict_table_put(table, hash, *id);
	return PP_OK;
}

static bool
path_reserve(Intern *in, uint32_t depth)
{
	uint32_t *path;

	if (depth <= in->path_cap)
		return true;
	if ((path = pp_arena_array(in->arena, (size_t) depth * 2, sizeof(uint32_t))) == NULL)
		return false;
	if (in->path_cap > 0)
		memcpy(path, in->path, in->path_cap * sizeof(uint32_t));
	in->path = path;
	in->path_cap = depth * 2;
	return true;
}

/* How many locations from the root a sample has in common with the last new stack. */
static uint32_t
shared_depth(const Intern *in, const PpSample *sample)
{
	const uint32_t *locrefs = in->profile->locrefs;
	uint32_t depth = 0;

	if (in->last == NULL)
		return 0;
	while (depth < sample->nlocs && depth < in->last->nlocs &&
		   locrefs[sample->loc_off + sample->nlocs - 1 - depth] ==
			   locrefs[in->last->loc_off + in->last->nlocs - 1 - depth])
		depth++;
	return depth;
}

static PpCode
add_stack(Intern *in, const PpSample *sample, StackHash h, uint32_t *stack)
{
	PpDict *dict = in->dict;
	uint32_t depth = shared_depth(in, sample);
	uint32_t node = depth > 0 ? in->path[depth - 1] : 0;
	PpCode code;

	if (!path_reserve(in, sample->nlocs))
		return pp_fail_nomem(in->err);
	in->last = NULL; /* until the path is whole */
	for (; depth < sample->nlocs; depth++)
	{
		uint32_t index = sample->loc_off + sample->nlocs - 1 - depth, location;

		if ((code = intern_location(in, in->profile->locrefs[index], &location)) != PP_OK ||
			(code = intern_node(in, node, location, &node)) != PP_OK)
			return code;
		in->path[depth] = node;
	}
	in->last = sample;
	if ((code = dict_reserve(dict, PP_DICT_STACKS, 1, in->err)) != PP_OK)
		return code;
	*stack = dict->count[PP_DICT_STACKS]++;
	dict->stack_leaf[*stack] = node;
	stack_put(dict, h, *stack);
	return PP_OK;
}

/* --- a whole profile --- */

static bool
hash_profile(Intern *in, PpArena *arena)
{
	const PpProfile *p = in->profile;
	const PpDict *dict = in->dict;

	in->string_hash = pp_arena_array(arena, p->nstrings, sizeof(uint64_t));
	in->function_hash = pp_arena_array(arena, p->nfunctions, sizeof(uint64_t));
	in->mapping_hash = pp_arena_array(arena, p->nmappings, sizeof(uint64_t));
	in->location_hash = pp_arena_array(arena, p->nlocations, sizeof(uint64_t));
	in->string_id = pp_arena_zalloc(arena, p->nstrings * sizeof(uint32_t));
	in->function_id = pp_arena_zalloc(arena, p->nfunctions * sizeof(uint32_t));
	in->mapping_id = pp_arena_zalloc(arena, p->nmappings * sizeof(uint32_t));
	in->location_id = pp_arena_zalloc(arena, p->nlocations * sizeof(uint32_t));
	if (!in->string_hash || !in->function_hash || !in->mapping_hash || !in->location_hash ||
		!in->string_id || !in->function_id || !in->mapping_id || !in->location_id)
		return false;

	for (uint32_t i = 0; i < p->nstrings; i++)
		in->string_hash[i] = dict_hash_bytes(dict->seed[0], p->strings[i]);
	for (uint32_t i = 0; i < p->nfunctions; i++)
		in->function_hash[i] = dict_hash_function(dict,
												  in->string_hash[p->functions[i].name],
												  in->string_hash[p->functions[i].system_name],
												  in->string_hash[p->functions[i].filename],
												  p->functions[i].start_line);
	for (uint32_t i = 0; i < p->nmappings; i++)
	{
		DictMapping m = stored_mapping(&p->mappings[i]);

		in->mapping_hash[i] = dict_hash_mapping(dict,
												&m,
												in->string_hash[p->mappings[i].filename],
												in->string_hash[p->mappings[i].build_id]);
	}
	for (uint32_t i = 0; i < p->nlocations; i++)
	{
		const PpLocation *l = &p->locations[i];

		in->location_hash[i] =
			dict_hash_location(dict,
							   l->mapping == PP_NONE ? 0 : in->mapping_hash[l->mapping],
							   stored_address(p, l),
							   l->is_folded,
							   p->lines + l->line_off,
							   l->nlines,
							   in->function_hash);
	}
	return true;
}

static StackHash
hash_sample(const Intern *in, const PpSample *sample)
{
	const uint32_t *locrefs = in->profile->locrefs + sample->loc_off;
	StackHash h = dict_stack_begin(in->dict);

	for (uint32_t i = sample->nlocs; i > 0; i--)
		dict_stack_add(&h, in->location_hash[locrefs[i - 1]]);
	return dict_stack_end(h);
}

/* The slot of a stack, or the free one where it would be. */
static const StackSlot *
stack_slot(const PpDict *dict, StackHash h)
{
	uint32_t slot = h.hash & dict->stack_mask;
	const StackSlot *s;

	while ((s = &dict->stack_slots[slot])->stack != 0 &&
		   (s->hash != h.hash || s->check != (uint32_t) h.check))
		slot = (slot + 1) & dict->stack_mask;
	return s;
}

static PpCode
intern_samples(Intern *in, StackHash *hashes, uint32_t *stacks)
{
	PpDict *dict = in->dict;
	const PpProfile *p = in->profile;
	PpCode code;

	/* room for all first: the slots that are prefetched stay where they are */
	if ((code = stacks_reserve(dict, p->nsamples, in->err)) != PP_OK)
		return code;
	for (uint32_t i = 0; i < p->nsamples; i++)
	{
		hashes[i] = hash_sample(in, &p->samples[i]);
		__builtin_prefetch(&dict->stack_slots[hashes[i].hash & dict->stack_mask]);
	}
	for (uint32_t i = 0; i < p->nsamples; i++)
	{
		const StackSlot *s;

		if ((i & 4095) == 4095 && pp_poll(dict->alloc))
			return pp_fail_canceled(in->err);
		if ((s = stack_slot(dict, hashes[i]))->stack != 0)
			stacks[i] = s->stack - 1;
		else if ((code = add_stack(in, &p->samples[i], hashes[i], &stacks[i])) != PP_OK)
			return code;
	}
	return PP_OK;
}

PpCode
pp_dict_intern(PpDict *dict, const PpProfile *profile, uint32_t *stacks, PpError *err)
{
	Intern in = {.dict = dict, .profile = profile, .err = err};
	PpArena *arena;
	StackHash *hashes;
	PpCode code;

	if (!dict->writer)
		return pp_fail(err, PP_EINVALID, PP_NO_OFFSET, "dictionary is read only");
	if ((arena = pp_arena_new(dict->alloc)) == NULL)
		return pp_fail_nomem(err);
	in.arena = arena;
	hashes = pp_arena_array(arena, profile->nsamples, sizeof(StackHash));
	if (hashes == NULL || !hash_profile(&in, arena))
		code = pp_fail_nomem(err);
	else
		code = intern_samples(&in, hashes, stacks);
	pp_arena_free(arena);
	return code;
}

static int
compare_hashes(const void *a, const void *b)
{
	const StackHash *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return ((uint32_t) x->check > (uint32_t) y->check) - ((uint32_t) x->check < (uint32_t) y->check);
}

PpCode
pp_dict_new_stacks(const PpDict *dict, const PpProfile *profile, uint32_t *n, PpError *err)
{
	Intern in = {.dict = (PpDict *) dict, .profile = profile, .err = err};
	PpArena *arena = pp_arena_new(dict->alloc);
	uint32_t unknown = 0;
	StackHash *hashes;

	if (arena == NULL)
		return pp_fail_nomem(err);
	hashes = pp_arena_array(arena, profile->nsamples, sizeof(StackHash));
	if (hashes == NULL || !hash_profile(&in, arena))
	{
		pp_arena_free(arena);
		return pp_fail_nomem(err);
	}
	for (uint32_t i = 0; i < profile->nsamples; i++)
	{
		StackHash h = hash_sample(&in, &profile->samples[i]);

		if (dict->stack_slots == NULL || stack_slot(dict, h)->stack == 0)
			hashes[unknown++] = h;
	}
	qsort(hashes, unknown, sizeof(StackHash), compare_hashes);
	*n = 0;
	for (uint32_t i = 0; i < unknown; i++)
		*n += i == 0 || compare_hashes(&hashes[i - 1], &hashes[i]) != 0;
	pp_arena_free(arena);
	return PP_OK;
}
