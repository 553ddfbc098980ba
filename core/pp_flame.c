/*
 * pp_flame.c
 *		Flame graph rows out of the call tree.
 *
 * Every step is a loop over the node arrays (parents come before children):
 * totals from the last node to the first, what is kept from the first to the
 * last, sizes of subtrees backwards, places in the pre-order forwards.  So no
 * depth of stack can exhaust anything.
 */
#include "core/pp_tree_impl.h"

#include <stdlib.h>
#include <string.h>

typedef enum NodeFate
{
	NODE_KEPT,
	NODE_HIDDEN, /* it, or a node above it, is below the threshold */
	NODE_JOINED	 /* it, or a node above it, is a function named "other" */
} NodeFate;

/* A kept node among its siblings. */
typedef struct Sibling
{
	PpBytes name;
	int64_t total;
	uint32_t node;
} Sibling;

/* Work space of one call; all arrays have one entry per node. */
typedef struct Flame
{
	const PpTree *tree;
	PpArena *arena;
	uint64_t threshold;
	int64_t *total;
	int64_t *folded;	 /* sum of the children that were folded */
	uint8_t *fate;		 /* NodeFate */
	uint8_t *has_hidden; /* a child is NODE_HIDDEN */
	uint32_t *nkept;	 /* kept children; then where they end in siblings */
	Sibling *siblings;	 /* kept nodes by parent, in drawing order */
	size_t *nrows;		 /* rows of the subtree, "other" leaves included */
	size_t *place;		 /* row of the node */
} Flame;

static const PpBytes other_name = {"other", 5};
static const PpBytes total_name = {"total", 5};

static inline uint64_t
magnitude(int64_t value)
{
	return value < 0 ? -(uint64_t) value : (uint64_t) value;
}

/* Totals from the leaves up. */
static PpCode
sum_totals(Flame *f, PpError *err)
{
	const PpTree *tree = f->tree;

	memcpy(f->total, tree->self, tree->n * sizeof(int64_t));
	for (uint32_t i = tree->n; i-- > 1;)
	{
		int64_t *above = &f->total[tree->parent[i]];

		if (__builtin_add_overflow(*above, f->total[i], above))
			return pp_fail(err, PP_EOVERFLOW, PP_NO_OFFSET, "sum of values is out of range");
	}
	return PP_OK;
}

static void
swap_values(uint64_t *a, uint64_t *b)
{
	uint64_t t = *a;

	*a = *b;
	*b = t;
}

static inline uint64_t
median(uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t low = a < b ? a : b, high = a < b ? b : a;

	return c < low ? low : (c > high ? high : c);
}

/*
 * The k-th largest (from 1) of n values, which are reordered.  Three-way
 * partitions: many equal values, the usual case here, end the search early.
 * Pivots are drawn, so that no order of the input makes this quadratic.
 */
static uint64_t
kth_largest(uint64_t *v, size_t n, size_t k, uint64_t seed)
{
	size_t low = 0, high = n; /* the answer is in v[low .. high) */

	for (;;)
	{
		size_t width = high - low;
		uint64_t draw = seed = pp_stable_mix(seed, width);
		uint64_t pivot = median(v[low + draw % width],
								v[low + (draw >> 21) % width],
								v[low + (draw >> 42) % width]);
		size_t more = low, i = low, less = high;

		while (i < less)
		{
			if (v[i] > pivot)
				swap_values(&v[i++], &v[more++]);
			else if (v[i] < pivot)
				swap_values(&v[i], &v[--less]);
			else
				i++;
		}
		/* [low, more) is larger, [more, less) equal, [less, high) smaller */
		if (k <= more)
			high = more;
		else if (k > less)
			low = less;
		else
			return pivot;
	}
}

/* The max_nodes-th largest total, or 0 when all nodes may stay. */
static PpCode
find_threshold(Flame *f, int64_t max_nodes, PpError *err)
{
	const PpTree *tree = f->tree;
	const PpAlloc *alloc = tree->alloc;
	size_t n = tree->n - 1;
	uint64_t *values;

	f->threshold = 0;
	if (max_nodes < 1 || n <= (uint64_t) max_nodes)
		return PP_OK;
	values = alloc->alloc(alloc->ctx, n * sizeof(*values));
	if (values == NULL)
		return pp_fail_nomem(err);
	for (size_t i = 0; i < n; i++)
		values[i] = magnitude(f->total[i + 1]);
	f->threshold = kth_largest(values, n, max_nodes, tree->names.seed);
	alloc->release(alloc->ctx, values);
	return PP_OK;
}

static bool
is_other(const PpTree *tree, uint32_t node)
{
	PpBytes name = tree->names.names[tree->name[node]];

	return name.len == other_name.len && memcmp(name.data, other_name.data, name.len) == 0;
}

/* Decide which nodes stay; children of a node that goes do not count again. */
static PpCode
fold_nodes(Flame *f, int64_t *hidden, PpError *err)
{
	const PpTree *tree = f->tree;

	*hidden = 0;
	for (uint32_t i = 1; i < tree->n; i++)
	{
		uint32_t parent = tree->parent[i];
		uint8_t fate = f->fate[parent];

		if (fate == NODE_KEPT)
		{
			if (magnitude(f->total[i]) < f->threshold)
				fate = NODE_HIDDEN;
			else if (tree->rules == PP_RULES_PYROSCOPE && is_other(tree, i))
				fate = NODE_JOINED;
			if (fate == NODE_KEPT)
				f->nkept[parent]++;
			else if (__builtin_add_overflow(f->folded[parent], f->total[i], &f->folded[parent]))
				return pp_fail(err, PP_EOVERFLOW, PP_NO_OFFSET, "sum of values is out of range");
			if (fate == NODE_HIDDEN)
				f->has_hidden[parent] = 1;
		}
		if (fate == NODE_HIDDEN)
			(*hidden)++;
		f->fate[i] = fate;
	}
	return PP_OK;
}

static int
name_order(const Sibling *a, const Sibling *b)
{
	size_t len = a->name.len < b->name.len ? a->name.len : b->name.len;
	int order = len == 0 ? 0 : memcmp(a->name.data, b->name.data, len);

	if (order != 0)
		return order;
	return (a->name.len > b->name.len) - (a->name.len < b->name.len);
}

static int
by_name(const void *a, const void *b)
{
	return name_order(a, b);
}

static int
by_total(const void *a, const void *b)
{
	const Sibling *x = a, *y = b;

	if (x->total != y->total)
		return x->total < y->total ? 1 : -1;
	return name_order(x, y);
}

/* Kept nodes grouped by parent, each group in the order of the rules. */
static PpCode
order_siblings(Flame *f, PpError *err)
{
	const PpTree *tree = f->tree;
	uint32_t end = 0, start = 0;

	for (uint32_t i = 0; i < tree->n; i++)
	{
		uint32_t n = f->nkept[i];

		f->nkept[i] = end; /* for now: where the next child of i goes */
		end += n;
	}
	f->siblings = pp_arena_array(f->arena, end, sizeof(Sibling));
	if (f->siblings == NULL)
		return pp_fail_nomem(err);
	for (uint32_t i = 1; i < tree->n; i++)
	{
		if (f->fate[i] == NODE_KEPT)
			f->siblings[f->nkept[tree->parent[i]]++] =
				(Sibling){tree->names.names[tree->name[i]], f->total[i], i};
	}
	for (uint32_t i = 0; i < tree->n; i++)
	{
		size_t n = f->nkept[i] - start;

		if (n > 1)
			qsort(f->siblings + start,
				  n,
				  sizeof(Sibling),
				  tree->rules == PP_RULES_PYROSCOPE ? by_name : by_total);
		start = f->nkept[i];
	}
	return PP_OK;
}

/* Rows of every subtree, from the leaves up. */
static void
count_rows(Flame *f)
{
	const PpTree *tree = f->tree;

	for (uint32_t i = tree->n; i-- > 0;)
	{
		if (f->fate[i] != NODE_KEPT)
			continue;
		f->nrows[i] += 1 + (f->folded[i] != 0);
		if (i > 0)
			f->nrows[tree->parent[i]] += f->nrows[i];
	}
}

/* Fill in the rows below a node whose own row stands. */
static void
emit_children(Flame *f, uint32_t node, PpFlameRow *rows)
{
	uint32_t start = node == 0 ? 0 : f->nkept[node - 1];
	size_t place = f->place[node] + 1;
	int32_t level = rows[f->place[node]].level + 1;

	for (uint32_t s = start; s < f->nkept[node]; s++)
	{
		uint32_t child = f->siblings[s].node;

		f->place[child] = place;
		rows[place] =
			(PpFlameRow){level, f->total[child], f->tree->self[child], f->siblings[s].name, false};
		place += f->nrows[child];
	}
	if (f->folded[node] != 0)
		rows[place] =
			(PpFlameRow){level, f->folded[node], f->folded[node], other_name, f->has_hidden[node] != 0};
}

static PpCode
flame_new(Flame *f, const PpTree *tree, PpArena *arena, PpError *err)
{
	size_t n = tree->n;

	memset(f, 0, sizeof(*f));
	f->tree = tree;
	f->arena = arena;
	if ((f->total = pp_arena_array(arena, n, sizeof(int64_t))) == NULL ||
		(f->folded = pp_arena_zalloc(arena, n * sizeof(int64_t))) == NULL ||
		(f->fate = pp_arena_zalloc(arena, n)) == NULL ||
		(f->has_hidden = pp_arena_zalloc(arena, n)) == NULL ||
		(f->nkept = pp_arena_zalloc(arena, n * sizeof(uint32_t))) == NULL ||
		(f->nrows = pp_arena_zalloc(arena, n * sizeof(size_t))) == NULL ||
		(f->place = pp_arena_array(arena, n, sizeof(size_t))) == NULL)
		return pp_fail_nomem(err);
	return PP_OK;
}

static PpCode
make_rows(Flame *f, int64_t max_nodes, PpArena *arena, PpFlameRow **rows, size_t *nrows,
		  int64_t *hidden, PpError *err)
{
	const PpTree *tree = f->tree;
	PpCode code;

	if ((code = sum_totals(f, err)) != PP_OK || (code = find_threshold(f, max_nodes, err)) != PP_OK ||
		(code = fold_nodes(f, hidden, err)) != PP_OK || (code = order_siblings(f, err)) != PP_OK)
		return code;
	if (pp_poll(tree->alloc))
		return pp_fail_canceled(err);
	count_rows(f);
	*nrows = f->nrows[0];
	*rows = pp_arena_array(arena, *nrows, sizeof(PpFlameRow));
	if (*rows == NULL)
		return pp_fail_nomem(err);
	f->place[0] = 0;
	(*rows)[0] = (PpFlameRow){0, f->total[0], tree->self[0], total_name, false};
	for (uint32_t i = 0; i < tree->n; i++)
	{
		if (f->fate[i] == NODE_KEPT)
			emit_children(f, i, *rows);
	}
	return PP_OK;
}

PpCode
pp_tree_flame(PpTree *tree, int64_t max_nodes, PpArena *arena, PpFlameRow **rows, size_t *nrows,
			  int64_t *hidden, PpError *err)
{
	PpArena *scratch;
	Flame f;
	PpCode code;

	if (tree->n == 0)
	{
		*rows = pp_arena_array(arena, 1, sizeof(PpFlameRow));
		if (*rows == NULL)
			return pp_fail_nomem(err);
		(*rows)[0] = (PpFlameRow){0, 0, 0, total_name, false};
		*nrows = 1;
		*hidden = 0;
		return PP_OK;
	}
	scratch = pp_arena_new(tree->alloc);
	if (scratch == NULL)
		return pp_fail_nomem(err);
	code = flame_new(&f, tree, scratch, err);
	if (code == PP_OK)
		code = make_rows(&f, max_nodes, arena, rows, nrows, hidden, err);
	pp_arena_free(scratch);
	return code;
}
