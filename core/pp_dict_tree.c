/*
 * pp_dict_tree.c
 *		Function-level nodes of a dictionary, and the scatter of samples over them.
 *
 * A reader gives every node of the dictionary the function-level node that its
 * innermost line stands for, once, when its chunk is loaded.  A flame graph then
 * is one addition per stack.  Nodes carry the frame names of both rule sets, and
 * frames that only one of them has are told apart by their name.
 */
#include "core/pp_dict_internal.h"

static const PpBytes unknown_name = {"<unknown>", 9};

enum
{
	NAME_NO_LINES,	/* a location without lines */
	NAME_EMPTY_NAME /* a line whose function has no name */
};

void
dict_tree_free(PpDict *dict)
{
	FunctionTree *t = &dict->functree;
	void *arrays[] = {t->parent,
					  t->name,
					  t->table.slots,
					  t->names,
					  t->by_string,
					  t->by_mapping,
					  t->node,
					  t->location_of};

	for (size_t i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++)
		if (arrays[i] != NULL)
			dict->alloc->release(dict->alloc->ctx, arrays[i]);
}

static uint64_t
hash_node(const PpDict *dict, uint32_t id)
{
	return dict_hash_pair(dict, dict->functree.parent[id], dict->functree.name[id]);
}

/* The last element of a path, in brackets: how pprof names what has no symbols. */
static PpCode
bracketed_base(PpDict *dict, PpBytes path, PpBytes *name, PpError *err)
{
	uint32_t end = path.len, start;
	char *text;

	while (end > 1 && path.data[end - 1] == '/')
		end--;
	for (start = end; start > 0 && path.data[start - 1] != '/'; start--)
		;
	if (start == end)
		start = end - 1; /* "/" */
	if ((text = pp_arena_alloc(dict->bytes, (size_t) (end - start) + 2)) == NULL)
		return pp_fail_nomem(err);
	text[0] = '[';
	memcpy(text + 1, path.data + start, end - start);
	text[end - start + 1] = ']';
	*name = (PpBytes){text, end - start + 2};
	return PP_OK;
}

static PpCode
add_name(PpDict *dict, FrameName name, uint32_t *id, PpError *err)
{
	FunctionTree *t = &dict->functree;
	PpCode code = dict_grow(dict,
							(void **) &t->names,
							&t->names_cap,
							(uint64_t) t->nnames + 1,
							sizeof(FrameName),
							err);

	if (code != PP_OK)
		return code;
	*id = t->nnames++;
	t->names[*id] = name;
	t->no_frames += name.no_frame;
	return PP_OK;
}

/* The name of a frame without a function name, per mapping and kind. */
static PpCode
nameless(PpDict *dict, uint32_t mapping, int kind, uint32_t *id, PpError *err)
{
	FunctionTree *t = &dict->functree;
	uint32_t *known = mapping == PP_NONE ? &t->none[kind] : &t->by_mapping[mapping * 2 + kind];
	FrameName name = {.pprof = unknown_name, .pyroscope = {"", 0}, .no_frame = kind == NAME_NO_LINES};
	PpCode code;

	if (*known == 0)
	{
		PpBytes file =
			mapping == PP_NONE ? (PpBytes){"", 0} : dict->strings[dict->mappings[mapping].filename];

		if (file.len > 0 && (code = bracketed_base(dict, file, &name.pprof, err)) != PP_OK)
			return code;
		if ((code = add_name(dict, name, id, err)) != PP_OK)
			return code;
		*known = *id + 1;
	}
	*id = *known - 1;
	return PP_OK;
}

static PpCode
line_name(PpDict *dict, const DictLocation *l, const PpLine *line, uint32_t *id, PpError *err)
{
	FunctionTree *t = &dict->functree;
	uint32_t string = dict->functions[line->function].name;
	PpBytes bytes = dict->strings[string];
	PpCode code;

	if (bytes.len == 0)
		return nameless(dict, l->mapping, NAME_EMPTY_NAME, id, err);
	if (t->by_string[string] == 0)
	{
		if ((code = add_name(dict, (FrameName){bytes, bytes, false}, id, err)) != PP_OK)
			return code;
		t->by_string[string] = *id + 1;
	}
	*id = t->by_string[string] - 1;
	return PP_OK;
}

static PpCode
append(PpDict *dict, uint32_t parent, uint32_t name, uint32_t *id, PpError *err)
{
	FunctionTree *t = &dict->functree;
	uint32_t cap = t->cap;
	PpCode code;

	if ((code =
			 dict_grow(dict, (void **) &t->parent, &cap, (uint64_t) t->n + 1, sizeof(uint32_t), err)) !=
		PP_OK)
		return code;
	cap = t->cap;
	if ((code = dict_grow(dict, (void **) &t->name, &cap, (uint64_t) t->n + 1, sizeof(uint32_t), err)) !=
		PP_OK)
		return code;
	t->cap = cap;
	*id = t->n++;
	t->parent[*id] = parent;
	t->name[*id] = name;
	return PP_OK;
}

static PpCode
child(PpDict *dict, uint32_t parent, uint32_t name, uint32_t *id, PpError *err)
{
	FunctionTree *t = &dict->functree;
	uint64_t hash = dict_hash_pair(dict, parent, name);
	PpCode code;

	if ((code = dict_table_reserve(dict, &t->table, 1, hash_node, err)) != PP_OK)
		return code;
	for (uint32_t slot = hash & t->table.mask; t->table.slots[slot] != 0;
		 slot = (slot + 1) & t->table.mask)
	{
		uint32_t other = t->table.slots[slot] - 1;

		if (t->parent[other] == parent && t->name[other] == name)
		{
			*id = other;
			return PP_OK;
		}
	}
	if ((code = append(dict, parent, name, id, err)) == PP_OK)
		dict_table_put(&t->table, hash, *id);
	return code;
}

/* The function-level node under parent that a location leads to. */
static PpCode
descend(PpDict *dict, uint32_t parent, const DictLocation *l, uint32_t *node, PpError *err)
{
	uint32_t name;
	PpCode code;

	*node = parent;
	if (l->nlines == 0)
	{
		if ((code = nameless(dict, l->mapping, NAME_NO_LINES, &name, err)) != PP_OK)
			return code;
		return child(dict, parent, name, node, err);
	}
	/* the outermost line is the last */
	for (uint32_t i = l->nlines; i > 0; i--)
		if ((code = line_name(dict, l, &dict->lines[l->line_off + i - 1], &name, err)) != PP_OK ||
			(code = child(dict, *node, name, node, err)) != PP_OK)
			return code;
	return PP_OK;
}

/* From now on nodes are looked for: those that are there go into the table. */
static PpCode
look_up_from_now(PpDict *dict, PpError *err)
{
	FunctionTree *t = &dict->functree;
	PpCode code = dict_table_reserve(dict, &t->table, t->n, hash_node, err);

	if (code != PP_OK)
		return code;
	for (uint32_t i = 0; i < t->n; i++)
		dict_table_put(&t->table, hash_node(dict, i), i);
	t->appends = false;
	return PP_OK;
}

/* Is the location the only one of its name?  If not, nodes are looked for from now on. */
static PpCode
only_location(PpDict *dict, uint32_t location, uint32_t name, PpError *err)
{
	FunctionTree *t = &dict->functree;
	PpCode code =
		dict_grow(dict, (void **) &t->location_of, &t->locations_cap, t->nnames, sizeof(uint32_t), err);

	if (code != PP_OK)
		return code;
	for (; t->names_done < t->nnames; t->names_done++)
		t->location_of[t->names_done] = 0;
	if (t->location_of[name] == 0)
		t->location_of[name] = location + 1;
	return t->location_of[name] == location + 1 ? PP_OK : look_up_from_now(dict, err);
}

/* As descend, where a node that is new leads to a node that is new. */
static PpCode
descend_new(PpDict *dict, uint32_t parent, uint32_t location, uint32_t *node, PpError *err)
{
	const DictLocation *l = &dict->locations[location];
	uint32_t name;
	PpCode code;

	if (l->nlines > 1)
		code = look_up_from_now(dict, err);
	else if ((code = l->nlines == 0
						 ? nameless(dict, l->mapping, NAME_NO_LINES, &name, err)
						 : line_name(dict, l, &dict->lines[l->line_off], &name, err)) == PP_OK)
		code = only_location(dict, location, name, err);
	if (code != PP_OK)
		return code;
	return dict->functree.appends ? append(dict, parent, name, node, err)
								  : descend(dict, parent, l, node, err);
}

/* Arrays that run along those of the dictionary, with zeros where they grew. */
static PpCode
extend_arrays(PpDict *dict, PpError *err)
{
	FunctionTree *t = &dict->functree;
	uint32_t nstrings = dict->count[PP_DICT_STRINGS], nmappings = dict->count[PP_DICT_MAPPINGS];
	PpCode code;

	if ((code =
			 dict_grow(dict, (void **) &t->by_string, &t->strings_cap, nstrings, sizeof(uint32_t), err)) !=
			PP_OK ||
		(code = dict_grow(dict,
						  (void **) &t->by_mapping,
						  &t->mappings_cap,
						  (uint64_t) nmappings * 2,
						  sizeof(uint32_t),
						  err)) != PP_OK ||
		(code = dict_grow(dict,
						  (void **) &t->node,
						  &t->nodes_cap,
						  dict->count[PP_DICT_NODES],
						  sizeof(uint32_t),
						  err)) != PP_OK)
		return code;
	for (; t->strings_done < nstrings; t->strings_done++)
		t->by_string[t->strings_done] = 0;
	for (; t->mappings_done < nmappings; t->mappings_done++)
		t->by_mapping[t->mappings_done * 2] = t->by_mapping[t->mappings_done * 2 + 1] = 0;
	return PP_OK;
}

/* Node 0, which is nobody's child; its name is never looked at. */
static PpCode
begin(PpDict *dict, PpError *err)
{
	FunctionTree *t = &dict->functree;

	if (t->n > 0)
		return PP_OK;
	return t->appends ? append(dict, UINT32_MAX, UINT32_MAX, &t->node[0], err)
					  : child(dict, UINT32_MAX, UINT32_MAX, &t->node[0], err);
}

void
pp_dict_expect_distinct(PpDict *dict)
{
	dict->functree.appends = true;
}

PpCode
dict_tree_extend(PpDict *dict, uint32_t first, uint32_t n, PpError *err)
{
	FunctionTree *t = &dict->functree;
	PpCode code;

	if ((code = extend_arrays(dict, err)) != PP_OK || (code = begin(dict, err)) != PP_OK ||
		(t->appends && t->was_cut && (code = look_up_from_now(dict, err)) != PP_OK))
		return code;
	for (uint32_t node = first; node < first + n; node++)
	{
		if ((node & 4095) == 0 && pp_poll(dict->alloc))
			return pp_fail_canceled(err);

		uint32_t parent = t->node[dict->node_parent[node]], location = dict->node_location[node];

		code = t->appends ? descend_new(dict, parent, location, &t->node[node], err)
						  : descend(dict, parent, &dict->locations[location], &t->node[node], err);
		if (code != PP_OK)
			return code;
	}
	return PP_OK;
}

/* Function-level nodes that nothing leads to any more stay: they have no values. */
void
dict_tree_cut(PpDict *dict, const uint32_t *first, const uint32_t *n)
{
	FunctionTree *t = &dict->functree;

	t->was_cut = true;
	for (uint32_t i = 0; i < n[PP_DICT_STRINGS] && first[PP_DICT_STRINGS] + i < t->strings_done; i++)
		t->by_string[first[PP_DICT_STRINGS] + i] = 0;
	for (uint32_t i = 0; i < n[PP_DICT_MAPPINGS] && first[PP_DICT_MAPPINGS] + i < t->mappings_done;
		 i++)
		for (int kind = 0; kind < 2; kind++)
			t->by_mapping[(first[PP_DICT_MAPPINGS] + i) * 2 + kind] = 0;
}

/* --- scatter --- */

/*
 * Pyroscope's rules have no frame where a location has no lines: such nodes
 * hand their value to the parent and their children as well.
 */
static void
skip_no_frames(const FunctionTree *t, uint32_t *parent, int64_t *self, PpCode *code, PpError *err)
{
	for (uint32_t i = t->n - 1; i > 0 && *code == PP_OK; i--)
		if (t->names[t->name[i]].no_frame)
		{
			if (__builtin_add_overflow(self[t->parent[i]], self[i], &self[t->parent[i]]))
				*code = pp_fail(err, PP_EOVERFLOW, PP_NO_OFFSET, "sum of values is out of range");
			self[i] = 0;
		}
	for (uint32_t i = 1; i < t->n; i++)
	{
		uint32_t up = t->parent[i];

		/* parents come first, so theirs is settled */
		parent[i] = up != 0 && t->names[t->name[up]].no_frame ? parent[up] : up;
	}
}

/* Names of the tree by the rules; NULL without memory. */
static PpBytes *
frame_names(const FunctionTree *t, bool pyroscope, PpArena *arena)
{
	PpBytes *names = pp_arena_array(arena, t->nnames, sizeof(PpBytes));

	for (uint32_t i = 0; names != NULL && i < t->nnames; i++)
		names[i] = pyroscope ? t->names[i].pyroscope : t->names[i].pprof;
	return names;
}

static PpCode
add_tree(const PpDict *dict, PpTree *tree, int64_t *self, PpArena *arena, PpError *err)
{
	const FunctionTree *t = &dict->functree;
	bool pyroscope = pp_tree_rules(tree) == PP_RULES_PYROSCOPE;
	PpBytes *names = frame_names(t, pyroscope, arena);
	uint32_t *name = pp_arena_array(arena, t->n, sizeof(uint32_t));
	uint32_t *parent = t->parent;
	PpCode code = PP_OK;

	if (names == NULL || name == NULL)
		return pp_fail_nomem(err);
	memcpy(name, t->name, t->n * sizeof(uint32_t));
	name[0] = 0;
	if (pyroscope && t->no_frames > 0)
	{
		if ((parent = pp_arena_array(arena, t->n, sizeof(uint32_t))) == NULL)
			return pp_fail_nomem(err);
		parent[0] = 0;
		skip_no_frames(t, parent, self, &code, err);
		if (code != PP_OK)
			return code;
	}
	return pp_tree_add_nodes(tree, t->n, parent, name, names, t->nnames, self, parent == t->parent, err);
}

/* The function-level node of an entry of a part. */
static inline PpCode
node_of(const PpDict *dict, uint32_t stack, uint32_t *node, PpError *err)
{
	if (stack >= dict->count[PP_DICT_STACKS] || dict->stack_leaf[stack] == PP_NONE)
		return pp_fail(err, PP_EMALFORMED, PP_NO_OFFSET, "dictionary has no stack %u", stack);
	*node = dict->functree.node[dict->stack_leaf[stack]];
	return PP_OK;
}

/* Some nodes of a tree: a bit each, and how many there are before each word. */
typedef struct NodeSet
{
	uint64_t *bits;
	uint32_t *before;
	uint32_t nwords, n;
} NodeSet;

static inline uint32_t
set_rank(const NodeSet *set, uint32_t node)
{
	uint64_t below = set->bits[node >> 6] & ((UINT64_C(1) << (node & 63)) - 1);

	return set->before[node >> 6] + (uint32_t) __builtin_popcountll(below);
}

/* The nodes of a part and all above them, the root always. */
static PpCode
mark_paths(const PpDict *dict, const PpSamplesPart *part, PpArena *arena, NodeSet *set, PpError *err)
{
	const FunctionTree *t = &dict->functree;

	set->nwords = (t->n >> 6) + 1;
	set->bits = pp_arena_zalloc(arena, set->nwords * sizeof(uint64_t));
	set->before = pp_arena_array(arena, set->nwords, sizeof(uint32_t));
	if (set->bits == NULL || set->before == NULL)
		return pp_fail_nomem(err);
	set->bits[0] = 1;
	for (uint32_t i = 0; i < part->n; i++)
	{
		uint32_t node = 0;
		PpCode code = node_of(dict, part->entries[i].stack, &node, err);

		if (code != PP_OK)
			return code;
		for (; (set->bits[node >> 6] >> (node & 63) & 1) == 0; node = t->parent[node])
			set->bits[node >> 6] |= UINT64_C(1) << (node & 63);
	}
	set->n = 0;
	for (uint32_t w = 0; w < set->nwords; w++)
	{
		set->before[w] = set->n;
		set->n += (uint32_t) __builtin_popcountll(set->bits[w]);
	}
	return PP_OK;
}

/*
 * A part that has little of a large dictionary: only what it touches is looked
 * at, in the same order.
 */
static PpCode
scatter_few(const PpDict *dict, const PpSamplesPart *part, PpTree *tree, PpArena *arena, PpError *err)
{
	const FunctionTree *t = &dict->functree;
	PpBytes *names = frame_names(t, pp_tree_rules(tree) == PP_RULES_PYROSCOPE, arena);
	uint32_t *parent, *name, next = 0;
	int64_t *self;
	NodeSet set = {0};
	PpCode code = mark_paths(dict, part, arena, &set, err);

	if (code != PP_OK)
		return code;
	parent = pp_arena_array(arena, set.n, sizeof(uint32_t));
	name = pp_arena_array(arena, set.n, sizeof(uint32_t));
	self = pp_arena_zalloc(arena, set.n * sizeof(int64_t));
	if (names == NULL || parent == NULL || name == NULL || self == NULL)
		return pp_fail_nomem(err);
	for (uint32_t w = 0; w < set.nwords; w++)
		for (uint64_t bits = set.bits[w]; bits != 0; bits &= bits - 1, next++)
		{
			uint32_t node = (w << 6) + (uint32_t) __builtin_ctzll(bits);

			parent[next] = node == 0 ? 0 : set_rank(&set, t->parent[node]);
			name[next] = node == 0 ? 0 : t->name[node];
		}
	for (uint32_t i = 0; i < part->n; i++)
	{
		int64_t *sum = &self[set_rank(&set, t->node[dict->stack_leaf[part->entries[i].stack]])];

		if (__builtin_add_overflow(*sum, part->entries[i].value, sum))
			return pp_fail(err, PP_EOVERFLOW, PP_NO_OFFSET, "sum of values is out of range");
	}
	return pp_tree_add_nodes(tree, set.n, parent, name, names, t->nnames, self, true, err);
}

/* The same by arrays of all nodes. */
static PpCode
scatter_many(const PpDict *dict, const PpSamplesPart *part, PpTree *tree, PpArena *arena, PpError *err)
{
	int64_t *self = pp_arena_zalloc(arena, dict->functree.n * sizeof(int64_t));

	if (self == NULL)
		return pp_fail_nomem(err);
	for (uint32_t i = 0; i < part->n; i++)
	{
		uint32_t node = 0;
		PpCode code = node_of(dict, part->entries[i].stack, &node, err);

		if (code != PP_OK)
			return code;
		if (__builtin_add_overflow(self[node], part->entries[i].value, &self[node]))
			return pp_fail(err, PP_EOVERFLOW, PP_NO_OFFSET, "sum of values is out of range");
	}
	return add_tree(dict, tree, self, arena, err);
}

PpCode
pp_dict_scatter(const PpDict *dict, const PpSamplesPart *part, PpTree *tree, PpError *err)
{
	const FunctionTree *t = &dict->functree;
	bool skips = pp_tree_rules(tree) == PP_RULES_PYROSCOPE && t->no_frames > 0;
	PpArena *arena;
	PpCode code;

	if (dict->writer)
		return pp_fail(err, PP_EINVALID, PP_NO_OFFSET, "dictionary is for writing");
	if (part->n == 0)
		return PP_OK;
	if ((arena = pp_arena_new(dict->alloc)) == NULL)
		return pp_fail_nomem(err);
	code = !skips && part->n < t->n / 8 ? scatter_few(dict, part, tree, arena, err)
										: scatter_many(dict, part, tree, arena, err);
	pp_arena_free(arena);
	return code;
}
