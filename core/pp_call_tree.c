/*
 * pp_call_tree.c
 *		A graph with one node per path from a root.
 *
 * What the graph knows as nodes are the frames here.  A tree is never rebuilt
 * from samples: nodes that are left out are cut out of it, in one walk, because
 * parents have lower numbers than their children.
 */
#include "core/pp_call_tree.h"

#include <string.h>

#define POLL_EVERY 4096 /* samples between two looks at poll() */

typedef struct Builder
{
	PpCallTree *tree;
	const PpAlloc *alloc;
	uint32_t nframes;
	PpGraphNode *frames; /* what were the graph's nodes */
	PpTable children;	 /* parent and frame -> node */
	uint32_t *frame;	 /* by node */
	uint32_t cap_frame;
} Builder;

static PpCode
fail_sum(PpError *err)
{
	return pp_fail(err, PP_EOVERFLOW, PP_NO_OFFSET, "sum of a frame is out of range for bigint");
}

static PpCode
fail_nodes(PpError *err)
{
	return pp_fail_limit(err,
						 PP_NO_OFFSET,
						 NULL,
						 PP_CALL_TREE_NODES,
						 "call tree has more than %u nodes",
						 PP_CALL_TREE_NODES);
}

/* Room for one more node and its edge. */
static PpCode
grow(Builder *b, PpError *err)
{
	PpCallTree *t = b->tree;
	PpGraph *g = t->graph;
	PpGraphNode *nodes;
	PpGraphEdge *edges;
	uint32_t *numbers;

	if (g->nnodes == PP_CALL_TREE_NODES)
		return fail_nodes(err);
	if ((nodes = pp_graph_grow(b->alloc, g->nodes, g->nnodes, &g->cap_nodes, sizeof(*nodes))) == NULL)
		return pp_fail_nomem(err);
	g->nodes = nodes;
	if ((edges = pp_graph_grow(b->alloc, g->edges, g->nedges, &g->cap_edges, sizeof(*edges))) == NULL)
		return pp_fail_nomem(err);
	g->edges = edges;
	numbers = pp_graph_grow(b->alloc, t->parent, g->nnodes, &t->cap_parent, sizeof(uint32_t));
	if (numbers == NULL)
		return pp_fail_nomem(err);
	t->parent = numbers;
	numbers = pp_graph_grow(b->alloc, t->edge, g->nnodes, &t->cap_edge, sizeof(uint32_t));
	if (numbers == NULL)
		return pp_fail_nomem(err);
	t->edge = numbers;
	numbers = pp_graph_grow(b->alloc, b->frame, g->nnodes, &b->cap_frame, sizeof(uint32_t));
	if (numbers == NULL)
		return pp_fail_nomem(err);
	b->frame = numbers;
	return pp_table_reserve(&b->children, b->alloc) ? PP_OK : pp_fail_nomem(err);
}

static PpCode
find_child(Builder *b, uint32_t parent, uint32_t frame, uint32_t *id, PpError *err)
{
	PpCallTree *t = b->tree;
	PpGraph *g = t->graph;
	uint32_t hash = pp_table_fold(pp_table_mix(g->names.seed, (uint64_t) parent << 32 | frame));
	size_t at = pp_table_first(&b->children, hash);
	PpCode code;

	while ((*id = pp_table_next(&b->children, hash, &at)) != PP_NONE)
		if (t->parent[*id] == parent && b->frame[*id] == frame)
			return PP_OK;
	if ((code = grow(b, err)) != PP_OK)
		return code;
	*id = g->nnodes++;
	g->nodes[*id] = b->frames[frame];
	b->frame[*id] = frame;
	t->parent[*id] = parent;
	t->edge[*id] = PP_NONE;
	if (parent != PP_NONE)
	{
		t->edge[*id] = g->nedges;
		g->edges[g->nedges++] = (PpGraphEdge){.from = parent, .to = *id, .inlined = true};
	}
	pp_table_insert(&b->children, hash, *id);
	return PP_OK;
}

static bool
add(int64_t *sum, int64_t value)
{
	return !__builtin_add_overflow(*sum, value, sum);
}

/* A sample passes a node: the edge into it always weighs what the node has. */
static PpCode
pass(PpCallTree *t, uint32_t id, int64_t value, int64_t divisor, bool inlined, PpError *err)
{
	PpGraphNode *node = &t->graph->nodes[id];

	if (!add(&node->cum, value) || !add(&node->cum_divisor, divisor))
		return fail_sum(err);
	if (t->edge[id] != PP_NONE)
	{
		PpGraphEdge *edge = &t->graph->edges[t->edge[id]];

		edge->weight = node->cum;
		edge->divisor = node->cum_divisor;
		edge->inlined = edge->inlined && inlined;
	}
	return PP_OK;
}

static PpCode
add_sample(Builder *b, uint32_t sample, int64_t value, int64_t divisor, PpError *err)
{
	PpGraph *g = b->tree->graph;
	const PpProfile *p = g->report->p;
	const PpSample *s = &p->samples[sample];
	uint32_t parent = PP_NONE;
	PpCode code;

	for (uint32_t i = s->nlocs; i-- > 0;)
	{
		uint32_t loc = p->locrefs[s->loc_off + i];
		uint32_t first = g->first_node[loc], end = g->first_node[loc + 1];

		for (uint32_t k = end; k-- > first;)
			if ((code = find_child(b, parent, g->location_nodes[k], &parent, err)) != PP_OK ||
				(code = pass(b->tree, parent, value, divisor, k != end - 1, err)) != PP_OK)
				return code;
	}
	b->tree->leaf[sample] = parent;
	if (parent != PP_NONE &&
		(!add(&g->nodes[parent].flat, value) || !add(&g->nodes[parent].flat_divisor, divisor)))
		return fail_sum(err);
	return PP_OK;
}

static PpCode
add_samples(Builder *b, PpError *err)
{
	const PpReport *r = b->tree->graph->report;

	for (uint32_t i = 0; i < r->p->nsamples; i++)
	{
		int64_t value = pp_report_value(r, i), divisor = pp_report_divisor(r, i);
		PpCode code;

		if (i % POLL_EVERY == POLL_EVERY - 1 && pp_poll(b->alloc))
			return pp_fail_canceled(err);
		if (value == 0 && divisor == 0)
			continue;
		if ((code = add_sample(b, i, value, divisor, err)) != PP_OK)
			return code;
	}
	return PP_OK;
}

PpCode
pp_call_tree_build(PpCallTree *t, PpGraph *g, PpError *err)
{
	const PpAlloc *alloc = pp_arena_allocator(g->report->arena);
	uint32_t nsamples = g->report->p->nsamples;
	Builder b = {.tree = t, .alloc = alloc, .nframes = g->nnodes, .frames = g->nodes};
	PpCode code;

	memset(t, 0, sizeof(*t));
	t->graph = g;
	g->nodes = NULL;
	g->nnodes = g->cap_nodes = 0;
	t->leaf = pp_arena_array(g->report->arena, nsamples, sizeof(uint32_t));
	code = t->leaf != NULL ? PP_OK : pp_fail_nomem(err);
	if (code == PP_OK)
	{
		memset(t->leaf, 0xFF, nsamples * sizeof(uint32_t)); /* PP_NONE */
		code = add_samples(&b, err);
	}
	pp_table_free(&b.children, alloc);
	alloc->release(alloc->ctx, b.frame);
	alloc->release(alloc->ctx, b.frames);
	if (code != PP_OK)
		return code;
	if ((g->listed = pp_arena_array(g->report->arena, g->nnodes, sizeof(uint32_t))) == NULL)
		return pp_fail_nomem(err);
	for (uint32_t i = 0; i < g->nnodes; i++)
		g->nodes[i].kept = true;
	pp_graph_list(g);
	return PP_OK;
}

void
pp_call_tree_clear(PpCallTree *t)
{
	const PpAlloc *alloc;

	if (t->graph == NULL)
		return;
	alloc = pp_arena_allocator(t->graph->report->arena);
	alloc->release(alloc->ctx, t->parent);
	alloc->release(alloc->ctx, t->edge);
	memset(t, 0, sizeof(*t));
}

/* The edge into a node that is there, or NULL for a root. */
static PpGraphEdge *
edge_into(const PpCallTree *t, uint32_t id)
{
	PpGraphEdge *edge = t->edge[id] == PP_NONE ? NULL : &t->graph->edges[t->edge[id]];

	return edge == NULL || edge->trimmed ? NULL : edge;
}

/* Hang a node on the caller of the node that called it and is cut out. */
static void
hang_higher(PpCallTree *t, PpGraphEdge *edge)
{
	const PpGraphEdge *above = edge_into(t, edge->from);

	if (above == NULL)
	{
		edge->trimmed = true;
		return;
	}
	edge->from = above->from;
	edge->residual = true;
	edge->inlined = edge->inlined && above->inlined;
}

PpCode
pp_call_tree_cut(PpCallTree *t, uint32_t n, PpError *err)
{
	PpGraph *g = t->graph;
	bool *cut = pp_arena_zalloc(g->report->arena, g->nnodes * sizeof(*cut));

	if (cut == NULL)
		return pp_fail_nomem(err);
	for (uint32_t i = n; i < g->nlisted; i++)
		cut[g->listed[i]] = true;
	/* what is cut out keeps its edge until its callees have been hung higher */
	for (uint32_t i = 0; i < g->nnodes; i++)
	{
		PpGraphEdge *edge = edge_into(t, i);

		if (edge != NULL && cut[edge->from])
			hang_higher(t, edge);
	}
	for (uint32_t i = 0; i < g->nnodes; i++)
		if (cut[i] && t->edge[i] != PP_NONE)
			g->edges[t->edge[i]].trimmed = true;
	g->nlisted = n;
	return PP_OK;
}

PpCode
pp_call_tree_drop_small(PpCallTree *t, uint64_t smallest, PpError *err)
{
	PpGraph *g = t->graph;
	uint32_t *small = pp_arena_array(g->report->arena, g->nlisted, sizeof(uint32_t));
	uint32_t kept = 0, nsmall = 0;

	if (small == NULL)
		return pp_fail_nomem(err);
	for (uint32_t i = 0; i < g->nlisted; i++)
		if (pp_graph_absolute(g->nodes[g->listed[i]].cum) >= smallest)
			g->listed[kept++] = g->listed[i];
		else
			small[nsmall++] = g->listed[i];
	memcpy(g->listed + kept, small, nsmall * sizeof(uint32_t));
	g->dropped = nsmall;
	return nsmall > 0 ? pp_call_tree_cut(t, kept, err) : PP_OK;
}
