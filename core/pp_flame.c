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
	int64_t total; /* of a pair, the larger one */
	uint32_t node;
} Sibling;

/* Work space of one call; all arrays have one entry per node. */
typedef struct Flame
{
	const PpTree *tree;
	PpArena *arena;
	uint64_t threshold;
	/* of one tree, or of the left one of a pair; then the right one's, else NULL */
	int64_t *total, *right_total;
	int64_t *folded, *right_folded; /* sum of the children that were folded */
	const int64_t *right_self;
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
sum_totals(const PpTree *tree, const int64_t *self, int64_t *total, PpError *err)
{
	memcpy(total, self, tree->n * sizeof(int64_t));
	for (uint32_t i = tree->n; i-- > 1;)
	{
		int64_t *above = &total[tree->parent[i]];

		if (__builtin_add_overflow(*above, total[i], above))
			return pp_fail(err, PP_EOVERFLOW, PP_NO_OFFSET, "sum of values is out of range");
	}
	return PP_OK;
}

/* What a node counts for when little of the tree is to be shown. */
static inline uint64_t
weight(const Flame *f, uint32_t node)
{
	uint64_t left = magnitude(f->total[node]), right;

	if (f->right_self == NULL)
		return left;
	right = magnitude(f->right_total[node]);
	return left > right ? left : right;
}

/* Fold a node into its parent's last leaf. */
static PpCode
fold_node(Flame *f, uint32_t node, PpError *err)
{
	uint32_t parent = f->tree->parent[node];

	if (__builtin_add_overflow(f->folded[parent], f->total[node], &f->folded[parent]) ||
		(f->right_self != NULL && __builtin_add_overflow(f->right_folded[parent],
														 f->right_total[node],
														 &f->right_folded[parent])))
		return pp_fail(err, PP_EOVERFLOW, PP_NO_OFFSET, "sum of values is out of range");
	return PP_OK;
}

/* Does the node have a last leaf? */
static inline bool
has_leaf(const Flame *f, uint32_t node)
{
	return f->folded[node] != 0 || (f->right_self != NULL && f->right_folded[node] != 0);
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
	/* Pyroscope counts the root when it compares */
	uint32_t first = f->right_self != NULL && tree->rules == PP_RULES_PYROSCOPE ? 0 : 1;
	size_t n = tree->n - first;
	uint64_t *values;

	f->threshold = 0;
	if (max_nodes < 1 || n <= (uint64_t) max_nodes)
		return PP_OK;
	values = alloc->alloc(alloc->ctx, n * sizeof(*values));
	if (values == NULL)
		return pp_fail_nomem(err);
	for (size_t i = 0; i < n; i++)
		values[i] = weight(f, (uint32_t) i + first);
	f->threshold = kth_largest(values, n, max_nodes, tree->names.seed);
	alloc->release(alloc->ctx, values);
	return PP_OK;
}

/* Is it a function that Pyroscope folds into the last leaf, whatever its size? */
static bool
is_joined(const Flame *f, uint32_t node)
{
	const PpTree *tree = f->tree;
	PpBytes name = tree->names.names[tree->name[node]];

	if (tree->rules != PP_RULES_PYROSCOPE || f->right_self != NULL)
		return false;
	return name.len == other_name.len && memcmp(name.data, other_name.data, name.len) == 0;
}

/* Decide which nodes stay; children of a node that goes do not count again. */
static PpCode
fold_nodes(Flame *f, int64_t *hidden, PpError *err)
{
	const PpTree *tree = f->tree;
	PpCode code;

	*hidden = 0;
	for (uint32_t i = 1; i < tree->n; i++)
	{
		uint32_t parent = tree->parent[i];
		uint8_t fate = f->fate[parent];

		if (fate == NODE_KEPT)
		{
			if (weight(f, i) < f->threshold)
				fate = NODE_HIDDEN;
			else if (is_joined(f, i))
				fate = NODE_JOINED;
			if (fate == NODE_KEPT)
				f->nkept[parent]++;
			else if ((code = fold_node(f, i, err)) != PP_OK)
				return code;
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

static inline int64_t
larger_total(const Flame *f, uint32_t node)
{
	if (f->right_self == NULL || f->total[node] >= f->right_total[node])
		return f->total[node];
	return f->right_total[node];
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
				(Sibling){tree->names.names[tree->name[i]], larger_total(f, i), i};
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
		f->nrows[i] += 1 + has_leaf(f, i);
		if (i > 0)
			f->nrows[tree->parent[i]] += f->nrows[i];
	}
}

/* Fill in the rows below a node whose own row stands. */
static void
emit_children(Flame *f, uint32_t node, PpFlameRow *rows, PpFlameRight *right)
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
		if (right != NULL)
			right[place] = (PpFlameRight){f->right_total[child], f->right_self[child]};
		place += f->nrows[child];
	}
	if (!has_leaf(f, node))
		return;
	rows[place] =
		(PpFlameRow){level, f->folded[node], f->folded[node], other_name, f->has_hidden[node] != 0};
	if (right != NULL)
		right[place] = (PpFlameRight){f->right_folded[node], f->right_folded[node]};
}

static PpCode
flame_new(Flame *f, const PpTree *tree, const int64_t *right_self, PpArena *arena, PpError *err)
{
	size_t n = tree->n;

	memset(f, 0, sizeof(*f));
	f->tree = tree;
	f->arena = arena;
	f->right_self = right_self;
	if (right_self != NULL &&
		((f->right_total = pp_arena_array(arena, n, sizeof(int64_t))) == NULL ||
		 (f->right_folded = pp_arena_zalloc(arena, n * sizeof(int64_t))) == NULL))
		return pp_fail_nomem(err);
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

/* Rows of a tree; those of the other side too, if there is one. */
typedef struct FlameRows
{
	PpFlameRow *left;
	PpFlameRight *right;
	size_t n;
	int64_t hidden;
} FlameRows;

/* Room for n rows, the first of which is the root's. */
static PpCode
new_rows(FlameRows *rows, size_t n, bool pair, PpFlameRow root, PpFlameRight right_root,
		 PpArena *arena, PpError *err)
{
	rows->n = n;
	rows->left = pp_arena_array(arena, n, sizeof(PpFlameRow));
	rows->right = pair ? pp_arena_array(arena, n, sizeof(PpFlameRight)) : NULL;
	if (rows->left == NULL || (pair && rows->right == NULL))
		return pp_fail_nomem(err);
	rows->left[0] = root;
	if (pair)
		rows->right[0] = right_root;
	return PP_OK;
}

static PpCode
make_rows(Flame *f, int64_t max_nodes, PpArena *arena, FlameRows *rows, PpError *err)
{
	const PpTree *tree = f->tree;
	bool pair = f->right_self != NULL;
	PpFlameRight right_root = {0, 0};
	PpCode code;

	if ((code = sum_totals(tree, tree->self, f->total, err)) != PP_OK ||
		(pair && (code = sum_totals(tree, f->right_self, f->right_total, err)) != PP_OK) ||
		(code = find_threshold(f, max_nodes, err)) != PP_OK ||
		(code = fold_nodes(f, &rows->hidden, err)) != PP_OK ||
		(code = order_siblings(f, err)) != PP_OK)
		return code;
	if (pp_poll(tree->alloc))
		return pp_fail_canceled(err);
	count_rows(f);
	if (pair)
		right_root = (PpFlameRight){f->right_total[0], f->right_self[0]};
	code = new_rows(rows,
					f->nrows[0],
					pair,
					(PpFlameRow){0, f->total[0], tree->self[0], total_name, false},
					right_root,
					arena,
					err);
	if (code != PP_OK)
		return code;
	f->place[0] = 0;
	for (uint32_t i = 0; i < tree->n; i++)
	{
		if (f->fate[i] == NODE_KEPT)
			emit_children(f, i, rows->left, rows->right);
	}
	return PP_OK;
}

static PpCode
flame(PpTree *tree, const int64_t *right_self, bool pair, int64_t max_nodes, PpArena *arena,
	  FlameRows *rows, PpError *err)
{
	PpArena *scratch;
	Flame f;
	PpCode code;

	rows->hidden = 0;
	if (tree->n == 0)
		return new_rows(rows,
						1,
						pair,
						(PpFlameRow){0, 0, 0, total_name, false},
						(PpFlameRight){0, 0},
						arena,
						err);
	scratch = pp_arena_new(tree->alloc);
	if (scratch == NULL)
		return pp_fail_nomem(err);
	code = flame_new(&f, tree, right_self, scratch, err);
	if (code == PP_OK)
		code = make_rows(&f, max_nodes, arena, rows, err);
	pp_arena_free(scratch);
	return code;
}

PpCode
pp_tree_flame(PpTree *tree, int64_t max_nodes, PpArena *arena, PpFlameRow **rows, size_t *nrows,
			  int64_t *hidden, PpError *err)
{
	FlameRows result;
	PpCode code = flame(tree, NULL, false, max_nodes, arena, &result, err);

	if (code != PP_OK)
		return code;
	*rows = result.left;
	*nrows = result.n;
	*hidden = result.hidden;
	return PP_OK;
}

PpCode
pp_tree_flame_pair(PpTree *tree, const int64_t *right_self, int64_t max_nodes, PpArena *arena,
				   PpFlameRow **rows, PpFlameRight **right, size_t *nrows, int64_t *hidden,
				   PpError *err)
{
	FlameRows result;
	PpCode code = flame(tree, right_self, true, max_nodes, arena, &result, err);

	if (code != PP_OK)
		return code;
	*rows = result.left;
	*right = result.right;
	*nrows = result.n;
	*hidden = result.hidden;
	return PP_OK;
}
