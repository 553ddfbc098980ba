/*
 * pp_entropy.c
 *		How much a node tells about its graph.
 *
 * The entropy of the calls into a node and of those out of it: a node with one
 * caller and one callee adds nothing.  The tool computes in 64 bits that wrap;
 * the order of its graphs depends on it, and nothing else does.
 */
#include "core/pp_entropy.h"

#include <math.h>

/* Edges on one side of a node. */
typedef struct Side
{
	__int128 total; /* of positive weights, and of what the node has itself */
	double entropy;
	bool any;
} Side;

/* frexp() first, as the tool's library does: powers of two are exact. */
static double
log_2(double x)
{
	int exponent;
	double fraction = frexp(x, &exponent);

	return fraction == 0.5 ? exponent - 1 : exponent + log(fraction) * M_LOG2E;
}

static void
add_share(Side *side, int64_t value)
{
	double share;

	if (side->total == 0)
		return;
	share = (double) pp_graph_absolute(value) / (double) side->total;
	side->entropy += -share * log_2(share);
}

/* What a double becomes on the machines the tool runs on most. */
static int64_t
truncated(double x)
{
	int64_t whole;

	return pp_double_to_int64(x, &whole) ? whole : INT64_MIN;
}

static void
add_edges(const PpGraph *g, Side *in, Side *out)
{
	for (uint32_t i = 0; i < g->nnodes; i++)
		out[i].total = g->nodes[i].flat;
	for (uint32_t i = 0; i < g->nedges; i++)
	{
		const PpGraphEdge *edge = &g->edges[i];

		if (edge->trimmed)
			continue;
		in[edge->to].any = out[edge->from].any = true;
		if (edge->weight > 0)
		{
			in[edge->to].total += edge->weight;
			out[edge->from].total += edge->weight;
		}
	}
	for (uint32_t i = 0; i < g->nedges; i++)
	{
		const PpGraphEdge *edge = &g->edges[i];

		if (edge->trimmed)
			continue;
		add_share(&in[edge->to], edge->weight);
		add_share(&out[edge->from], edge->weight);
	}
}

PpCode
pp_entropy_scores(const PpGraph *g, int64_t **scores, PpError *err)
{
	PpArena *arena = g->report->arena;
	const PpAlloc *alloc = pp_arena_allocator(arena);
	Side *sides = alloc->alloc(alloc->ctx, ((size_t) g->nnodes * 2 + 1) * sizeof(*sides));
	Side *in, *out;

	*scores = pp_arena_array(arena, g->nnodes, sizeof(**scores));
	if (sides == NULL || *scores == NULL)
	{
		alloc->release(alloc->ctx, sides);
		return pp_fail_nomem(err);
	}
	for (size_t i = 0; i < (size_t) g->nnodes * 2; i++)
		sides[i] = (Side){0};
	in = sides;
	out = sides + g->nnodes;
	add_edges(g, in, out);
	for (uint32_t i = 0; i < g->nnodes; i++)
	{
		const PpGraphNode *node = &g->nodes[i];
		double score;

		if (out[i].any && node->flat > 0)
			add_share(&out[i], node->flat);
		score = (in[i].any ? in[i].entropy : 1) + (out[i].any ? out[i].entropy : 1);
		/* unsigned, because it may wrap */
		(*scores)[i] =
			(int64_t) ((uint64_t) truncated(score * (double) node->cum) + (uint64_t) node->flat);
	}
	alloc->release(alloc->ctx, sides);
	return PP_OK;
}

typedef struct Scored
{
	const PpGraph *graph;
	const int64_t *scores;
} Scored;

static int
cmp_scores(const void *ctx, uint32_t a, uint32_t b)
{
	const Scored *scored = ctx;
	int64_t x = (int64_t) pp_graph_absolute(scored->scores[a]);
	int64_t y = (int64_t) pp_graph_absolute(scored->scores[b]);

	if (x != y)
		return x > y ? -1 : 1;
	return pp_graph_cmp_names(scored->graph, a, b);
}

PpCode
pp_entropy_sort(PpGraph *g, PpError *err)
{
	const PpAlloc *alloc = pp_arena_allocator(g->report->arena);
	int64_t *scores;
	Scored scored = {.graph = g};
	PpCode code = pp_entropy_scores(g, &scores, err);

	if (code != PP_OK)
		return code;
	scored.scores = scores;
	code = pp_sort_indexes(g->listed, g->nlisted, cmp_scores, &scored, alloc, err);
	if (code == PP_OK && (g->identity[0].failed || g->identity[1].failed))
		code = pp_fail_nomem(err);
	return code;
}
