/*
 * pp_dict_rebase.c
 *		What is new gets other ids, because somebody else took the next ones.
 *
 * A writer interns at the end of its arrays; the range that is its own is settled
 * only when it stores the chunk.  New entries are taken out of the tables, moved
 * up, and put back: what was known before stays where it is.
 */
#include "core/pp_dict_internal.h"

/* Take an id out of a table, closing the gap that its run of slots would have. */
static void
table_remove(const PpDict *dict, DictTable *table, PpDictKind kind, uint32_t id)
{
	uint32_t mask = table->mask;
	uint32_t slot = dict_entry_hash(dict, kind, id) & mask, next;

	while (table->slots[slot] != id + 1)
		slot = (slot + 1) & mask;
	for (next = (slot + 1) & mask; table->slots[next] != 0; next = (next + 1) & mask)
	{
		uint32_t home = dict_entry_hash(dict, kind, table->slots[next] - 1) & mask;

		/* it may move back unless its home lies behind the free slot */
		if (((next - home) & mask) >= ((next - slot) & mask))
		{
			table->slots[slot] = table->slots[next];
			slot = next;
		}
	}
	table->slots[slot] = 0;
	table->used--;
}

static inline void
shift_id(uint32_t *id, uint32_t from, uint32_t by)
{
	if (*id >= from && *id != PP_NONE)
		*id += by;
}

/* Slots of stacks hold their hash, so the id changes in place. */
static PpCode
shift_stack_slots(PpDict *dict, uint32_t by, PpError *err)
{
	uint32_t *path = NULL, cap = 0;
	PpCode code = PP_OK;

	/* from the last on: no id is met that another has just got */
	for (uint32_t i = dict->count[PP_DICT_STACKS]; i > dict->emitted[PP_DICT_STACKS] && by > 0; i--)
	{
		StackHash h;
		uint32_t slot;

		if ((code = dict_stack_hash(dict, i - 1, &path, &cap, &h, err)) != PP_OK)
			break;
		slot = h.hash & dict->stack_mask;
		while (dict->stack_slots[slot].stack != i)
			slot = (slot + 1) & dict->stack_mask;
		dict->stack_slots[slot].stack += by;
	}
	if (path != NULL)
		dict->alloc->release(dict->alloc->ctx, path);
	return code;
}

/* What the new entries refer to moves with them. */
static void
shift_references(PpDict *dict, const uint32_t *by)
{
	const uint32_t *from = dict->emitted;

	for (uint32_t i = from[PP_DICT_FUNCTIONS]; i < dict->count[PP_DICT_FUNCTIONS]; i++)
	{
		shift_id(&dict->functions[i].name, from[PP_DICT_STRINGS], by[PP_DICT_STRINGS]);
		shift_id(&dict->functions[i].system_name, from[PP_DICT_STRINGS], by[PP_DICT_STRINGS]);
		shift_id(&dict->functions[i].filename, from[PP_DICT_STRINGS], by[PP_DICT_STRINGS]);
	}
	for (uint32_t i = from[PP_DICT_MAPPINGS]; i < dict->count[PP_DICT_MAPPINGS]; i++)
	{
		shift_id(&dict->mappings[i].filename, from[PP_DICT_STRINGS], by[PP_DICT_STRINGS]);
		shift_id(&dict->mappings[i].build_id, from[PP_DICT_STRINGS], by[PP_DICT_STRINGS]);
	}
	for (uint32_t i = from[PP_DICT_LOCATIONS]; i < dict->count[PP_DICT_LOCATIONS]; i++)
	{
		const DictLocation *l = &dict->locations[i];

		shift_id(&dict->locations[i].mapping, from[PP_DICT_MAPPINGS], by[PP_DICT_MAPPINGS]);
		for (uint32_t j = 0; j < l->nlines; j++)
			shift_id(&dict->lines[l->line_off + j].function,
					 from[PP_DICT_FUNCTIONS],
					 by[PP_DICT_FUNCTIONS]);
	}
	for (uint32_t i = from[PP_DICT_NODES]; i < dict->count[PP_DICT_NODES]; i++)
	{
		shift_id(&dict->node_parent[i], from[PP_DICT_NODES], by[PP_DICT_NODES]);
		shift_id(&dict->node_location[i], from[PP_DICT_LOCATIONS], by[PP_DICT_LOCATIONS]);
	}
	for (uint32_t i = from[PP_DICT_STACKS]; i < dict->count[PP_DICT_STACKS]; i++)
		shift_id(&dict->stack_leaf[i], from[PP_DICT_NODES], by[PP_DICT_NODES]);
}

/* Move the new entries of a kind up and leave holes. */
static void
move_entries(PpDict *dict, PpDictKind kind, uint32_t by)
{
	uint32_t from = dict->emitted[kind], n = dict->count[kind] - from;

#define MOVE(array) memmove((array) + from + by, (array) + from, (size_t) n * sizeof(*(array)))
	switch (kind)
	{
		case PP_DICT_STRINGS:
			MOVE(dict->strings);
			MOVE(dict->string_hash);
			break;
		case PP_DICT_FUNCTIONS:
			MOVE(dict->functions);
			MOVE(dict->function_hash);
			break;
		case PP_DICT_MAPPINGS:
			MOVE(dict->mappings);
			MOVE(dict->mapping_hash);
			break;
		case PP_DICT_LOCATIONS:
			MOVE(dict->locations);
			MOVE(dict->location_hash);
			break;
		case PP_DICT_NODES:
			MOVE(dict->node_parent);
			MOVE(dict->node_location);
			break;
		default:
			MOVE(dict->stack_leaf);
	}
#undef MOVE
	dict_make_holes(dict, kind, from, by);
	dict->holes[kind] += by;
	dict->count[kind] += by;
	dict->emitted[kind] += by;
}

/* Room for all, before anything moves. */
static PpCode
reserve(PpDict *dict, const uint32_t *by, PpError *err)
{
	PpCode code = PP_OK;

	for (int kind = 0; kind < PP_DICT_KINDS && code == PP_OK; kind++)
		code = dict_reserve(dict, kind, by[kind], err);
	return code;
}

PpCode
pp_dict_rebase(PpDict *dict, const uint32_t *first, uint32_t *moved, uint32_t *by, PpError *err)
{
	uint32_t shift[PP_DICT_KINDS], n[PP_DICT_KINDS];
	bool any = false;
	PpCode code;

	(void) pp_dict_pending(dict, n);
	for (int kind = 0; kind < PP_DICT_KINDS; kind++)
	{
		if (n[kind] > 0 && first[kind] < dict->emitted[kind])
			return pp_fail(err,
						   PP_EINVALID,
						   PP_NO_OFFSET,
						   "id %u of kind %d is taken already",
						   first[kind],
						   kind);
		shift[kind] = n[kind] > 0 ? first[kind] - dict->emitted[kind] : 0;
		any = any || shift[kind] > 0;
	}
	*moved = dict->emitted[PP_DICT_STACKS];
	*by = shift[PP_DICT_STACKS];
	if (!any)
		return PP_OK;
	if ((code = reserve(dict, shift, err)) != PP_OK ||
		(code = shift_stack_slots(dict, *by, err)) != PP_OK)
		return code;
	for (int kind = 0; kind < PP_DICT_STACKS; kind++)
		for (uint32_t i = dict->emitted[kind]; i < dict->count[kind]; i++)
			table_remove(dict, &dict->table[kind], kind, i);
	shift_references(dict, shift);
	for (int kind = 0; kind < PP_DICT_KINDS; kind++)
		if (shift[kind] > 0)
			move_entries(dict, kind, shift[kind]);
	dict_put_entries(dict, dict->emitted, n);
	return PP_OK;
}
