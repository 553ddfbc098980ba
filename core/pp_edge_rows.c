/*
 * pp_edge_rows.c
 *		Calls between functions as rows: all edges of a graph, or those of some nodes.
 */
#include "core/pp_report_graph.h"

/* Which nodes the edges are wanted of: nodes listed, and matching if there is an expression. */
static PpCode
mark_wanted(const PpGraph *g, PpBytes regexp, const PpSearch *search, bool *wanted, PpError *err)
{
	void *regex = NULL;

	if (regexp.len > 0)
	{
		PpCode code = pp_pattern_compile(search, regexp, "regexp", &regex, err);

		if (code != PP_OK)
			return code;
	}
	for (uint32_t i = 0; i < g->nlisted; i++)
	{
		uint32_t id = g->listed[i];

		wanted[id] = regex == NULL || search->search(search->ctx, regex, g->nodes[id].printed);
		if (i % 4096 == 4095 && pp_poll(pp_arena_allocator(g->report->arena)))
			return pp_fail_canceled(err);
	}
	return PP_OK;
}

static bool
is_wanted(const PpGraphEdge *edge, PpEdgeSide side, const bool *wanted)
{
	switch (side)
	{
		case PP_EDGES_CALLERS:
			return wanted[edge->to];
		case PP_EDGES_CALLEES:
			return wanted[edge->from];
		default:
			return wanted[edge->from] || wanted[edge->to];
	}
}

static PpCode
make_rows(const PpGraph *g, PpEdgeSide side, const bool *wanted, PpEdgeRow **rows, size_t *n,
		  PpError *err)
{
	const PpAlloc *alloc = pp_arena_allocator(g->report->arena);
	uint32_t *order = pp_arena_array(g->report->arena, g->nedges, sizeof(*order));
	uint32_t count = 0;
	PpCode code;

	if (order == NULL)
		return pp_fail_nomem(err);
	for (uint32_t i = 0; i < g->nedges; i++)
		if (!g->edges[i].trimmed && is_wanted(&g->edges[i], side, wanted))
			order[count++] = i;
	if ((code = pp_sort_indexes(order, count, pp_graph_cmp_edges, g, alloc, err)) != PP_OK)
		return code;
	if ((*rows = pp_arena_array(g->report->arena, count, sizeof(**rows))) == NULL)
		return pp_fail_nomem(err);
	for (uint32_t i = 0; i < count; i++)
	{
		const PpGraphEdge *edge = &g->edges[order[i]];

		(*rows)[i] = (PpEdgeRow){.caller = g->nodes[edge->from].printed,
								 .callee = g->nodes[edge->to].printed,
								 .weight = pp_graph_mean(edge->weight, edge->divisor),
								 .inlined = edge->inlined,
								 .residual = edge->residual};
	}
	*n = count;
	return PP_OK;
}

PpCode
pp_edge_rows(const PpProfile *p, const PpReportOptions *options, PpEdgeSide side, PpBytes regexp,
			 const PpSearch *search, PpArena *arena, PpEdgeRow **rows, size_t *n, PpError *err)
{
	const PpGraphRequest request = {.untrimmed = side != PP_EDGES_ALL, .join_files = true};
	PpReport r;
	PpGraph g;
	PpCode code = pp_report_graph_start(&r, &g, &request, p, options, search, arena, err);
	bool *wanted = code == PP_OK ? pp_arena_zalloc(arena, g.nnodes) : NULL;

	*n = 0;
	*rows = NULL;
	if (code == PP_OK && wanted == NULL)
		code = pp_fail_nomem(err);
	if (code == PP_OK && (code = mark_wanted(&g, regexp, search, wanted, err)) == PP_OK)
		code = make_rows(&g, side, wanted, rows, n, err);
	pp_report_graph_end(&r, &g);
	return code;
}
