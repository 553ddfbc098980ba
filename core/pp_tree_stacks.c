/*
 * pp_tree_stacks.c
 *		The stacks of a call tree as texts, in the order of their names.
 *
 * Siblings are brought in order without comparing nodes: names are ranked once,
 * nodes are distributed by the rank of their name and then to their parents.
 * Walking is a loop over the pre-order, so depth costs nothing.
 */
#include "core/pp_render.h"
#include "core/pp_sort.h"
#include "core/pp_tree_impl.h"

#define POLL_EVERY 4096 /* nodes between two looks at poll() */

/* A walk over the tree: the node at each place of the pre-order, and its depth. */
typedef struct Walk
{
	uint32_t *node;
	uint32_t *depth;
	uint32_t max_depth;
	size_t *ends; /* by depth, see write_stacks */
	bool *used;	  /* by node */
} Walk;

static int
compare_names(const void *ctx, uint32_t a, uint32_t b)
{
	const PpNames *names = ctx;

	return pp_bytes_cmp(names->names[a], names->names[b]);
}

/* Nodes (without the root) by the order of their names; sorted has room for n. */
static PpCode
sort_nodes(const PpTree *tree, PpArena *arena, uint32_t *sorted, PpError *err)
{
	uint32_t nnames = tree->names.n;
	uint32_t *by_name = pp_arena_array(arena, nnames, sizeof(uint32_t));
	uint32_t *start = pp_arena_zalloc(arena, ((size_t) nnames + 1) * sizeof(uint32_t));
	uint32_t at = 0;
	PpCode code;

	if (by_name == NULL || start == NULL)
		return pp_fail_nomem(err);
	for (uint32_t i = 0; i < nnames; i++)
		by_name[i] = i;
	code = pp_sort_indexes(by_name, nnames, compare_names, &tree->names, tree->alloc, err);
	if (code != PP_OK)
		return code;
	for (uint32_t i = 1; i < tree->n; i++)
		start[tree->name[i]]++;
	for (uint32_t i = 0; i < nnames; i++)
	{
		uint32_t n = start[by_name[i]];

		start[by_name[i]] = at;
		at += n;
	}
	for (uint32_t i = 1; i < tree->n; i++)
		sorted[start[tree->name[i]]++] = i;
	return PP_OK;
}

/* Where each node stands in the pre-order: sizes of subtrees upwards, places downwards. */
static PpCode
order_nodes(const PpTree *tree, PpArena *arena, Walk *walk, PpError *err)
{
	size_t n = tree->n;
	uint32_t *sorted = pp_arena_array(arena, n, sizeof(uint32_t));
	uint32_t *size = pp_arena_array(arena, n, sizeof(uint32_t));
	uint32_t *first = pp_arena_zalloc(arena, (n + 1) * sizeof(uint32_t));
	uint32_t *children = pp_arena_array(arena, n, sizeof(uint32_t));
	uint32_t *place = pp_arena_zalloc(arena, n * sizeof(uint32_t));
	PpCode code;

	if (sorted == NULL || size == NULL || first == NULL || children == NULL || place == NULL)
		return pp_fail_nomem(err);
	if ((code = sort_nodes(tree, arena, sorted, err)) != PP_OK)
		return code;
	for (uint32_t i = 0; i < n; i++)
		size[i] = 1;
	for (uint32_t i = (uint32_t) n; i-- > 1;)
	{
		size[tree->parent[i]] += size[i];
		first[tree->parent[i] + 1]++;
	}
	for (uint32_t i = 0; i < n; i++)
		first[i + 1] += first[i];
	for (uint32_t i = 0; i + 1 < n; i++)
		children[first[tree->parent[sorted[i]]]++] = sorted[i];
	/* first[i] has moved on to where the children of i end */
	for (uint32_t i = 0; i < n; i++)
	{
		uint32_t next = place[i] + 1;

		walk->node[place[i]] = i;
		for (uint32_t c = i == 0 ? 0 : first[i - 1]; c < first[i]; c++)
		{
			place[children[c]] = next;
			walk->depth[next] = walk->depth[place[i]] + 1;
			if (walk->depth[next] > walk->max_depth)
				walk->max_depth = walk->depth[next];
			next += size[children[c]];
		}
	}
	return PP_OK;
}

/* Nodes without any value at or below them are in no stack. */
static void
mark_used(const PpTree *tree, bool *used)
{
	for (uint32_t i = 0; i < tree->n; i++)
		used[i] = tree->self[i] != 0;
	for (uint32_t i = tree->n; i-- > 1;)
		used[tree->parent[i]] |= used[i];
}

static PpCode
write_stacks(const PpTree *tree, const Walk *walk, const PpStackWriter *writer, PpError *err)
{
	PpBuf path; /* of the node that is visited; ends[d] is where its first d frames end */
	PpCode code = PP_OK;

	pp_buf_init(&path, tree->alloc);
	walk->ends[0] = 0;
	for (uint32_t i = 0; i < tree->n && code == PP_OK; i++)
	{
		uint32_t node = walk->node[i], depth = walk->depth[i];

		if (i % POLL_EVERY == POLL_EVERY - 1 && pp_poll(tree->alloc))
			code = pp_fail_canceled(err);
		if (!walk->used[node] || code != PP_OK)
			continue;
		if (depth > 0)
		{
			path.len = walk->ends[depth - 1];
			if (depth > 1)
				pp_buf_char(&path, writer->separator);
			pp_buf_bytes(&path, writer->item(writer->ctx, tree->name[node]));
			walk->ends[depth] = path.len;
		}
		code = pp_buf_check(&path, err);
		if (code == PP_OK && tree->self[node] != 0)
			code = writer->stack(writer->ctx,
								 (PpBytes){path.data, (uint32_t) path.len},
								 tree->self[node],
								 err);
	}
	pp_buf_free(&path);
	return code;
}

PpCode
pp_tree_stacks(const PpTree *tree, const PpStackWriter *writer, PpError *err)
{
	PpArena *arena;
	Walk walk = {0};
	PpCode code = PP_OK;

	if (tree->n == 0)
		return PP_OK;
	arena = pp_arena_new(tree->alloc);
	if (arena == NULL)
		return pp_fail_nomem(err);
	walk.node = pp_arena_array(arena, tree->n, sizeof(uint32_t));
	walk.depth = pp_arena_zalloc(arena, tree->n * sizeof(uint32_t));
	walk.used = pp_arena_array(arena, tree->n, sizeof(bool));
	if (walk.node == NULL || walk.depth == NULL || walk.used == NULL)
		code = pp_fail_nomem(err);
	if (code == PP_OK && (code = order_nodes(tree, arena, &walk, err)) == PP_OK)
	{
		mark_used(tree, walk.used);
		walk.ends = pp_arena_array(arena, (size_t) walk.max_depth + 1, sizeof(size_t));
		code = walk.ends == NULL ? pp_fail_nomem(err) : write_stacks(tree, &walk, writer, err);
	}
	pp_arena_free(arena);
	return code;
}

uint32_t
pp_tree_clip(PpTree *tree)
{
	uint32_t clipped = 0;

	for (uint32_t i = 0; i < tree->n; i++)
	{
		if (tree->self[i] >= 0)
			continue;
		tree->self[i] = 0;
		clipped++;
	}
	return clipped;
}
