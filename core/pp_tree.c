/*
 * pp_tree.c
 *		Building the call tree by function name.
 *
 * Nodes are kept as arrays in order of arrival, so that a parent comes before
 * its children and every pass over the tree is a loop over an array; depth
 * costs nothing.  A child is found by a hash of (parent, interned name).
 */
#include "core/pp_mean.h"
#include "core/pp_tree_impl.h"

#include <string.h>

#define FIRST_NODES 64
/* How many nodes ahead a new hash asks for slots, so that misses of the cache overlap. */
#define PREFETCH 8

/* What pprof prints for a frame without function and mapping. */
static const PpBytes unknown_name = {"<unknown>", 9};

PpTree *
pp_tree_new(const PpAlloc *alloc, PpFlameRules rules)
{
	PpTree *tree = alloc->alloc(alloc->ctx, sizeof(*tree));

	if (tree == NULL)
		return NULL;
	memset(tree, 0, sizeof(*tree));
	tree->alloc = alloc;
	tree->rules = rules;
	pp_names_init(&tree->names, alloc);
	return tree;
}

void
pp_tree_free(PpTree *tree)
{
	if (tree == NULL)
		return;

	const PpAlloc *alloc = tree->alloc;

	pp_names_clear(&tree->names);
	alloc->release(alloc->ctx, tree->parent);
	alloc->release(alloc->ctx, tree->name);
	alloc->release(alloc->ctx, tree->self);
	alloc->release(alloc->ctx, tree->slots);
	alloc->release(alloc->ctx, tree);
}

PpFlameRules
pp_tree_rules(const PpTree *tree)
{
	return tree->rules;
}

size_t
pp_tree_memory(const PpTree *tree)
{
	return sizeof(*tree) + pp_names_memory(&tree->names) +
		   tree->cap * (2 * sizeof(uint32_t) + sizeof(int64_t)) + tree->nslots * sizeof(TreeSlot);
}

uint32_t
pp_tree_size(const PpTree *tree)
{
	return tree->n > 0 ? tree->n - 1 : 0;
}

PpCode
pp_tree_reserve(PpTree *tree, size_t extra, PpError *err)
{
	const PpAlloc *alloc = tree->alloc;
	size_t want = (size_t) tree->n + extra + 1, cap = tree->cap;
	void *ptr;

	if (want > UINT32_MAX)
		return pp_fail_nomem(err);
	if (want > cap)
	{
		cap = cap * 2 > want ? cap * 2 : want;
		if (cap < FIRST_NODES)
			cap = FIRST_NODES;
		if (cap > UINT32_MAX)
			cap = UINT32_MAX;
		if ((ptr = alloc->resize(alloc->ctx, tree->parent, cap * sizeof(*tree->parent))) == NULL)
			return pp_fail_nomem(err);
		tree->parent = ptr;
		if ((ptr = alloc->resize(alloc->ctx, tree->name, cap * sizeof(*tree->name))) == NULL)
			return pp_fail_nomem(err);
		tree->name = ptr;
		if ((ptr = alloc->resize(alloc->ctx, tree->self, cap * sizeof(*tree->self))) == NULL)
			return pp_fail_nomem(err);
		tree->self = ptr;
		tree->cap = cap;
	}
	if (tree->n == 0)
	{
		tree->parent[0] = 0;
		tree->name[0] = PP_NONE;
		tree->self[0] = 0;
		tree->n = 1;
	}
	return PP_OK;
}

static inline size_t
node_hash(const PpTree *tree, uint32_t parent, uint32_t name)
{
	return pp_stable_mix(tree->names.seed ^ parent, ((uint64_t) name << 32) | 1);
}

/* Ask the processor for a slot that is looked at soon. */
static inline void
prefetch_slot(const PpTree *tree, uint32_t parent, uint32_t name)
{
	__builtin_prefetch(&tree->slots[node_hash(tree, parent, name) & (tree->nslots - 1)]);
}

/* The slot of a child, or the free one where it would be. */
static inline TreeSlot *
find_slot(const PpTree *tree, uint32_t parent, uint32_t name)
{
	size_t mask = tree->nslots - 1, at = node_hash(tree, parent, name) & mask;

	while (tree->slots[at].node != 0 &&
		   (tree->slots[at].parent != parent || tree->slots[at].name != name))
		at = (at + 1) & mask;
	return &tree->slots[at];
}

/* A hash with room for `extra` nodes more than there are. */
static PpCode
reserve_slots(PpTree *tree, size_t extra, PpError *err)
{
	const PpAlloc *alloc = tree->alloc;
	size_t nslots = FIRST_NODES;
	TreeSlot *slots;

	if (((uint64_t) tree->n + extra) * 4 <= (uint64_t) tree->nslots * 3)
		return PP_OK;
	while (nslots * 3 < (tree->n + extra) * 4)
		nslots *= 2;
	slots = alloc->alloc(alloc->ctx, nslots * sizeof(*slots));
	if (slots == NULL)
		return pp_fail_nomem(err);
	memset(slots, 0, nslots * sizeof(*slots));
	alloc->release(alloc->ctx, tree->slots);
	tree->slots = slots;
	tree->nslots = nslots;
	for (uint32_t node = 1; node < tree->n; node++)
	{
		uint32_t soon = node + PREFETCH < tree->n ? node + PREFETCH : node;

		prefetch_slot(tree, tree->parent[soon], tree->name[soon]);
		*find_slot(tree, tree->parent[node], tree->name[node]) =
			(TreeSlot){tree->parent[node], tree->name[node], node};
	}
	return PP_OK;
}

PpCode
pp_tree_child(PpTree *tree, uint32_t parent, uint32_t name, uint32_t *child, PpError *err)
{
	TreeSlot *slot;
	PpCode code;

	if ((code = pp_tree_reserve(tree, 1, err)) != PP_OK ||
		(code = reserve_slots(tree, 1, err)) != PP_OK)
		return code;
	slot = find_slot(tree, parent, name);
	if (slot->node == 0)
	{
		*slot = (TreeSlot){parent, name, tree->n};
		tree->parent[tree->n] = parent;
		tree->name[tree->n] = name;
		tree->self[tree->n++] = 0;
	}
	*child = slot->node;
	return PP_OK;
}

static inline PpCode
add_self(PpTree *tree, uint32_t node, int64_t value, PpError *err)
{
	int64_t sum;

	if (__builtin_add_overflow(tree->self[node], value, &sum))
		return pp_fail(err, PP_EOVERFLOW, PP_NO_OFFSET, "sum of values is out of range");
	tree->self[node] = sum;
	return PP_OK;
}

/* Does a value count under the rules of the tree? */
static inline bool
value_counts(const PpTree *tree, int64_t value)
{
	return tree->rules == PP_RULES_PYROSCOPE ? value > 0 : value != 0;
}

static PpCode
intern_name(PpTree *tree, PpBytes name, uint32_t *id, PpError *err)
{
	if (tree->rules == PP_RULES_PPROF && name.len == 0)
		name = unknown_name;
	return pp_names_intern(&tree->names, name, id, err);
}

PpCode
pp_tree_add(PpTree *tree, const PpBytes *names, size_t depth, int64_t value, PpError *err)
{
	uint32_t node = 0, name;
	PpCode code;

	if (!value_counts(tree, value) || (depth == 0 && tree->rules == PP_RULES_PYROSCOPE))
		return PP_OK;
	if ((code = pp_tree_reserve(tree, 0, err)) != PP_OK)
		return code;
	for (size_t i = 0; i < depth; i++)
	{
		if ((code = intern_name(tree, names[i], &name, err)) != PP_OK ||
			(code = pp_tree_child(tree, node, name, &node, err)) != PP_OK)
			return code;
	}
	return add_self(tree, node, value, err);
}

/*
 * Profiles.  Names are interned once per string and, for locations without
 * lines, once per mapping.
 */
typedef struct ProfileNames
{
	uint32_t *of_string;  /* id + 1, or 0: not interned yet */
	uint32_t *of_mapping; /* the same; the last entry is for no mapping */
} ProfileNames;

/* The last element of a path, as Go's path/filepath.Base. */
static PpBytes
base_name(PpBytes path)
{
	uint32_t end = path.len, start;

	while (end > 1 && path.data[end - 1] == '/')
		end--;
	for (start = end; start > 0 && path.data[start - 1] != '/'; start--)
		;
	if (start == end)
		start = end - 1; /* "/" */
	return (PpBytes){path.data + start, end - start};
}

/* Id of the name of a frame without function name: "[libz.so.1]", or "<unknown>". */
static PpCode
unsymbolised_name(PpTree *tree, const PpProfile *p, uint32_t mapping, uint32_t *cached,
				  uint32_t *id, PpError *err)
{
	PpBytes file = {NULL, 0}, base;
	PpCode code;

	if (*cached != 0)
	{
		*id = *cached - 1;
		return PP_OK;
	}
	if (mapping != PP_NONE)
		file = pp_str(p, p->mappings[mapping].filename);
	if (file.len == 0)
		code = pp_names_intern(&tree->names, unknown_name, id, err);
	else
	{
		const PpAlloc *alloc = tree->alloc;
		char *text;

		base = base_name(file);
		text = alloc->alloc(alloc->ctx, (size_t) base.len + 2);
		if (text == NULL)
			return pp_fail_nomem(err);
		text[0] = '[';
		memcpy(text + 1, base.data, base.len);
		text[base.len + 1] = ']';
		code = pp_names_intern(&tree->names, (PpBytes){text, base.len + 2}, id, err);
		alloc->release(alloc->ctx, text);
	}
	*cached = *id + 1;
	return code;
}

static PpCode
string_name(PpTree *tree, const PpProfile *p, uint32_t string, uint32_t *cached, uint32_t *id,
			PpError *err)
{
	PpCode code = PP_OK;

	if (*cached == 0)
	{
		code = pp_names_intern(&tree->names, pp_str(p, string), id, err);
		*cached = *id + 1;
	}
	*id = *cached - 1;
	return code;
}

/* Go down from *node along the frames of a location, the outermost line first. */
static PpCode
descend_location(PpTree *tree, const PpProfile *p, const PpLocation *loc, ProfileNames *cache,
				 uint32_t *node, PpError *err)
{
	uint32_t mapping_slot = loc->mapping == PP_NONE ? p->nmappings : loc->mapping;
	uint32_t *of_mapping = &cache->of_mapping[mapping_slot];
	bool pprof = tree->rules == PP_RULES_PPROF;
	uint32_t name;
	PpCode code;

	if (loc->nlines == 0 && pprof)
	{
		code = unsymbolised_name(tree, p, loc->mapping, of_mapping, &name, err);
		return code != PP_OK ? code : pp_tree_child(tree, *node, name, node, err);
	}
	for (uint32_t i = loc->nlines; i-- > 0;)
	{
		uint32_t function = p->lines[loc->line_off + i].function;
		uint32_t string = function == PP_NONE ? 0 : p->functions[function].name;

		if (pprof && pp_str(p, string).len == 0)
			code = unsymbolised_name(tree, p, loc->mapping, of_mapping, &name, err);
		else
			code = string_name(tree, p, string, &cache->of_string[string], &name, err);
		if (code != PP_OK || (code = pp_tree_child(tree, *node, name, node, err)) != PP_OK)
			return code;
	}
	return PP_OK;
}

static PpCode
add_samples(PpTree *tree, const PpProfile *p, uint32_t column, ProfileNames *cache, PpError *err)
{
	for (uint32_t s = 0; s < p->nsamples; s++)
	{
		const PpSample *sample = &p->samples[s];
		int64_t value = p->values[(size_t) s * p->ntypes + column];
		uint32_t node = 0;
		PpCode code;

		if (s % 1024 == 1023 && pp_poll(tree->alloc))
			return pp_fail_canceled(err);
		if (!value_counts(tree, value))
			continue;
		for (uint32_t i = sample->nlocs; i-- > 0;)
		{
			const PpLocation *loc = &p->locations[p->locrefs[sample->loc_off + i]];

			if ((code = descend_location(tree, p, loc, cache, &node, err)) != PP_OK)
				return code;
		}
		if (node == 0 && tree->rules == PP_RULES_PYROSCOPE)
			continue;
		if ((code = add_self(tree, node, value, err)) != PP_OK)
			return code;
	}
	return PP_OK;
}

PpCode
pp_tree_add_profile(PpTree *tree, const PpProfile *p, uint32_t column, PpError *err)
{
	const PpAlloc *alloc = tree->alloc;
	size_t nnames = (size_t) p->nstrings + p->nmappings + 1;
	uint32_t *names;
	ProfileNames cache;
	PpCode code;

	if (column >= p->ntypes)
		return pp_fail(err, PP_EINVALID, PP_NO_OFFSET, "profile has no sample type %u", column);
	if ((code = pp_tree_reserve(tree, 0, err)) != PP_OK)
		return code;
	names = alloc->alloc(alloc->ctx, nnames * sizeof(*names));
	if (names == NULL)
		return pp_fail_nomem(err);
	memset(names, 0, nnames * sizeof(*names));
	cache = (ProfileNames){names, names + p->nstrings};
	code = add_samples(tree, p, column, &cache, err);
	alloc->release(alloc->ctx, names);
	return code;
}

/*
 * Trees given as arrays.
 */
typedef struct NodesInput
{
	uint32_t n;
	const uint32_t *parent, *name;
	const PpBytes *names;
	const int64_t *self;
	bool distinct;	   /* no two nodes have the same parent and number of a name */
	uint32_t *to_name; /* input name -> name of the tree + 1, or 0 */
	uint32_t *to_node; /* input node -> node of the tree; PP_NONE: no value below */
} NodesInput;

/* Names of nodes that are needed become names of the tree; marks are to_node != PP_NONE. */
static PpCode
mark_and_intern(PpTree *tree, NodesInput *in, PpError *err)
{
	uint32_t *mark = in->to_node;

	for (uint32_t i = 0; i < in->n; i++)
		mark[i] = value_counts(tree, in->self[i]) ? 0 : PP_NONE;
	for (uint32_t i = in->n; i-- > 1;)
	{
		if (mark[i] == PP_NONE)
			continue;
		mark[in->parent[i]] = 0;
		if (in->to_name[in->name[i]] == 0)
		{
			uint32_t id;
			PpCode code = intern_name(tree, in->names[in->name[i]], &id, err);

			if (code != PP_OK)
				return code;
			in->to_name[in->name[i]] = id + 1;
		}
	}
	return PP_OK;
}

/*
 * Nodes are added through the hash: the tree has nodes, or siblings share a name.
 */
static PpCode
merge_nodes(PpTree *tree, NodesInput *in, size_t nmarked, PpError *err)
{
	PpCode code;

	/* trees that are added up have most of their nodes in common: room for the larger one */
	nmarked = nmarked > tree->n ? nmarked - tree->n : 0;
	if ((code = reserve_slots(tree, nmarked, err)) != PP_OK)
		return code;
	for (uint32_t i = 1; i < in->n; i++)
	{
		uint32_t node;

		if (i % PP_TREE_POLL_EVERY == 0 && pp_poll(tree->alloc))
			return pp_fail_canceled(err);
		if (in->to_node[i] == PP_NONE)
			continue;
		code =
			pp_tree_child(tree, in->to_node[in->parent[i]], in->to_name[in->name[i]] - 1, &node, err);
		if (code != PP_OK)
			return code;
		in->to_node[i] = node;
		if (value_counts(tree, in->self[i]) &&
			(code = add_self(tree, node, in->self[i], err)) != PP_OK)
			return code;
	}
	return PP_OK;
}

/* The tree is empty: nodes are copied as they come. */
static PpCode
copy_nodes(PpTree *tree, NodesInput *in, size_t nmarked, PpError *err)
{
	PpCode code = pp_tree_reserve(tree, nmarked, err);

	if (code != PP_OK)
		return code;
	for (uint32_t i = 1; i < in->n; i++)
	{
		if (in->to_node[i] == PP_NONE)
			continue;
		tree->parent[tree->n] = in->to_node[in->parent[i]];
		tree->name[tree->n] = in->to_name[in->name[i]] - 1;
		tree->self[tree->n] = value_counts(tree, in->self[i]) ? in->self[i] : 0;
		in->to_node[i] = tree->n++;
	}
	return PP_OK;
}

/*
 * Do marked siblings have distinct names?  Children are listed per parent, and
 * every name remembers under which parent it was seen last: no hashing.
 */
static PpCode
siblings_distinct(PpTree *tree, const NodesInput *in, bool *distinct, PpError *err)
{
	const PpAlloc *alloc = tree->alloc;
	uint32_t nnames = tree->names.n;
	size_t bytes = ((size_t) in->n * 2 + nnames) * sizeof(uint32_t);
	uint32_t *first = alloc->alloc(alloc->ctx, bytes);
	uint32_t *next, *seen;

	if (first == NULL)
		return pp_fail_nomem(err);
	next = first + in->n;
	seen = next + in->n;
	memset(first, 0, bytes);
	for (uint32_t i = 1; i < in->n; i++)
	{
		if (in->to_node[i] == PP_NONE)
			continue;
		next[i] = first[in->parent[i]];
		first[in->parent[i]] = i;
	}
	*distinct = true;
	for (uint32_t i = 0; i < in->n && *distinct; i++)
	{
		for (uint32_t child = first[i]; child != 0; child = next[child])
		{
			uint32_t *under = &seen[in->to_name[in->name[child]] - 1];

			if (*under == i + 1)
				*distinct = false;
			*under = i + 1;
		}
	}
	alloc->release(alloc->ctx, first);
	return PP_OK;
}

/* Is every name that is needed another text, of none that the tree had? */
static bool
names_distinct(const PpTree *tree, const NodesInput *in, uint32_t nnames, uint32_t names_before)
{
	uint32_t used = 0;

	for (uint32_t i = 0; i < nnames; i++)
		used += in->to_name[i] != 0;
	return tree->names.n - names_before == used;
}

static PpCode
check_nodes(const NodesInput *in, uint32_t nnames, PpError *err)
{
	for (uint32_t i = 1; i < in->n; i++)
	{
		if (in->parent[i] >= i || in->name[i] >= nnames)
			return pp_fail(err, PP_EMALFORMED, PP_NO_OFFSET, "node %u of a tree is out of order", i);
	}
	return PP_OK;
}

static PpCode
add_nodes(PpTree *tree, NodesInput *in, uint32_t nnames, PpError *err)
{
	bool straight = tree->n <= 1 && tree->nslots == 0;
	uint32_t names_before = tree->names.n;
	size_t nmarked = 0;
	PpCode code;

	if ((code = mark_and_intern(tree, in, err)) != PP_OK ||
		(code = pp_tree_reserve(tree, 0, err)) != PP_OK)
		return code;
	if (tree->rules == PP_RULES_PPROF && in->n > 0 &&
		(code = add_self(tree, 0, in->self[0], err)) != PP_OK)
		return code;
	if (in->n > 0)
		in->to_node[0] = 0;
	for (uint32_t i = 1; i < in->n; i++)
		nmarked += in->to_node[i] != PP_NONE;
	if (straight && !(in->distinct && names_distinct(tree, in, nnames, names_before)) &&
		(code = siblings_distinct(tree, in, &straight, err)) != PP_OK)
		return code;
	return straight ? copy_nodes(tree, in, nmarked, err) : merge_nodes(tree, in, nmarked, err);
}

PpCode
pp_tree_add_nodes(PpTree *tree, uint32_t n, const uint32_t *parent, const uint32_t *name,
				  const PpBytes *names, uint32_t nnames, const int64_t *self, bool distinct,
				  PpError *err)
{
	const PpAlloc *alloc = tree->alloc;
	size_t bytes = ((size_t) n + nnames + 1) * sizeof(uint32_t);
	NodesInput in = {n, parent, name, names, self, distinct, NULL, NULL};
	PpCode code = check_nodes(&in, nnames, err);

	if (code != PP_OK)
		return code;
	in.to_name = alloc->alloc(alloc->ctx, bytes);
	if (in.to_name == NULL)
		return pp_fail_nomem(err);
	memset(in.to_name, 0, nnames * sizeof(uint32_t));
	in.to_node = in.to_name + nnames;
	code = add_nodes(tree, &in, nnames, err);
	alloc->release(alloc->ctx, in.to_name);
	return code;
}

PpCode
pp_tree_mean(const PpTree *tree, int64_t n, PpTree **out, PpError *err)
{
	const PpAlloc *alloc = tree->alloc;
	PpTree *mean = pp_tree_new(alloc, tree->rules);
	int64_t *self = alloc->alloc(alloc->ctx, ((size_t) tree->n + 1) * sizeof(int64_t));
	PpCode code;

	*out = mean;
	if (mean == NULL || self == NULL)
	{
		pp_tree_free(mean);
		alloc->release(alloc->ctx, self);
		return pp_fail_nomem(err);
	}
	for (uint32_t i = 0; i < tree->n; i++)
		self[i] = pp_mean(tree->self[i], n);
	code = pp_tree_add_nodes(mean,
							 tree->n,
							 tree->parent,
							 tree->name,
							 tree->names.names,
							 tree->names.n,
							 self,
							 true,
							 err);
	alloc->release(alloc->ctx, self);
	if (code != PP_OK)
		pp_tree_free(mean);
	return code;
}
