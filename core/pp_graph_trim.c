/*
 * pp_graph_trim.c
 *		The order of nodes and edges, and what is left out of a report.
 */
#include "core/pp_graph.h"

#include <inttypes.h>
#include <string.h>

/* Keep the first n listed nodes and no other. */
void
pp_graph_keep_listed(PpGraph *g, uint32_t n)
{
	for (uint32_t i = 0; i < g->nnodes; i++)
		g->nodes[i].kept = false;
	for (uint32_t i = 0; i < n; i++)
		g->nodes[g->listed[i]].kept = true;
}

/* |trunc(sum of flat * fraction)| */
PpCode
pp_graph_cutoff(const PpGraph *g, double fraction, uint64_t *result, PpError *err)
{
	__int128 sum = 0;
	int64_t scaled;

	for (uint32_t i = 0; i < g->nlisted; i++)
		sum += g->nodes[g->listed[i]].flat;
	if (!pp_double_to_int64((double) sum * fraction, &scaled))
		return pp_fail(err, PP_EOVERFLOW, PP_NO_OFFSET, "cutoff is out of range for bigint");
	*result = pp_graph_absolute(scaled);
	return PP_OK;
}

PpCode
pp_graph_drop_small(PpGraph *g, uint64_t smallest, PpError *err)
{
	uint32_t kept = 0, before = g->nlisted;

	for (uint32_t i = 0; i < before; i++)
		if (pp_graph_absolute(g->nodes[g->listed[i]].cum) >= smallest)
			g->listed[kept++] = g->listed[i];
	g->dropped = before - kept;
	if (g->dropped == 0)
		return PP_OK;
	pp_graph_keep_listed(g, kept);
	return pp_graph_add_up(g, err);
}

/* The last resort of the order: all of a node's fields as one text. */
static PpBytes
identity(const PpGraph *g, const PpGraphNode *node, int scratch)
{
	PpBuf *text = (PpBuf *) &g->identity[scratch];

	text->len = 0;
	pp_buf_char(text, '{');
	pp_buf_bytes(text, g->names.names[node->name]);
	pp_buf_printf(text, "  %" PRIu64 " ", node->address);
	pp_buf_bytes(text, g->names.names[node->file]);
	pp_buf_printf(text,
				  " %" PRId64 " %" PRId64 " %" PRId64 " ",
				  node->start_line,
				  node->line,
				  node->column);
	pp_buf_bytes(text, g->names.names[node->object]);
	pp_buf_char(text, '}');
	return (PpBytes){text->data, (uint32_t) text->len};
}

static int
cmp_larger(int64_t a, int64_t b)
{
	return pp_graph_absolute(a) > pp_graph_absolute(b) ? -1
													   : pp_graph_absolute(a) < pp_graph_absolute(b);
}

/* Printed name, the other value, identity. */
static int
cmp_ties(const PpGraph *g, uint32_t a, uint32_t b, bool by_flat)
{
	const PpGraphNode *x = &g->nodes[a], *y = &g->nodes[b];
	int cmp = pp_bytes_cmp(x->printed, y->printed);

	if (cmp == 0)
		cmp = by_flat ? cmp_larger(x->flat, y->flat) : cmp_larger(x->cum, y->cum);
	if (cmp == 0 && a != b)
		cmp = pp_bytes_cmp(identity(g, x, 0), identity(g, y, 1));
	return cmp;
}

int
pp_graph_cmp_names(const PpGraph *g, uint32_t a, uint32_t b)
{
	return cmp_ties(g, a, b, true);
}

int
pp_graph_cmp_flat(const void *graph, uint32_t a, uint32_t b)
{
	const PpGraph *g = graph;
	int cmp = cmp_larger(g->nodes[a].flat, g->nodes[b].flat);

	return cmp != 0 ? cmp : cmp_ties(g, a, b, false);
}

int
pp_graph_cmp_cum(const void *graph, uint32_t a, uint32_t b)
{
	const PpGraph *g = graph;
	int cmp = cmp_larger(g->nodes[a].cum, g->nodes[b].cum);

	return cmp != 0 ? cmp : cmp_ties(g, a, b, true);
}

int
pp_graph_cmp_edges(const void *graph, uint32_t a, uint32_t b)
{
	const PpGraph *g = graph;
	const PpGraphEdge *x = &g->edges[a], *y = &g->edges[b];
	int cmp = cmp_larger(x->weight, y->weight);

	if (cmp == 0)
		cmp = (x->weight < 0) - (y->weight < 0);
	if (cmp == 0)
		cmp = pp_bytes_cmp(g->nodes[x->from].printed, g->nodes[y->from].printed);
	if (cmp == 0)
		cmp = pp_bytes_cmp(g->nodes[x->to].printed, g->nodes[y->to].printed);
	return cmp; /* the sort is stable: then the first one seen */
}

PpCode
pp_graph_sort(PpGraph *g, PpIndexCompare compare, PpError *err)
{
	PpCode code =
		pp_sort_indexes(g->listed, g->nlisted, compare, g, pp_arena_allocator(g->report->arena), err);

	if (code == PP_OK)
		code = pp_buf_check(&g->identity[0], err);
	return code == PP_OK ? pp_buf_check(&g->identity[1], err) : code;
}

PpCode
pp_graph_trim_edges(PpGraph *g, uint64_t smallest, PpError *err)
{
	bool *listed = pp_arena_zalloc(g->report->arena, g->nnodes * sizeof(*listed));

	if (listed == NULL)
		return pp_fail_nomem(err);
	for (uint32_t i = 0; i < g->nlisted; i++)
		listed[g->listed[i]] = true;
	g->dropped_edges = 0;
	for (uint32_t i = 0; i < g->nedges; i++)
	{
		PpGraphEdge *edge = &g->edges[i];

		if (edge->trimmed || !listed[edge->to] || pp_graph_absolute(edge->weight) >= smallest)
			continue;
		edge->trimmed = true;
		g->dropped_edges++;
	}
	return PP_OK;
}

/* Distribute sorted edges to the nodes they come from and go to. */
static PpCode
share_out(PpGraph *g, const uint32_t *order, uint32_t n, PpError *err)
{
	PpArena *arena = g->report->arena;
	uint32_t *next_in = pp_arena_array(arena, (size_t) g->nnodes + 1, sizeof(uint32_t));
	uint32_t *next_out = pp_arena_array(arena, (size_t) g->nnodes + 1, sizeof(uint32_t));

	g->in = pp_arena_array(arena, n, sizeof(uint32_t));
	g->out = pp_arena_array(arena, n, sizeof(uint32_t));
	g->first_in = pp_arena_zalloc(arena, ((size_t) g->nnodes + 1) * sizeof(uint32_t));
	g->first_out = pp_arena_zalloc(arena, ((size_t) g->nnodes + 1) * sizeof(uint32_t));
	if (next_in == NULL || next_out == NULL || g->in == NULL || g->out == NULL ||
		g->first_in == NULL || g->first_out == NULL)
		return pp_fail_nomem(err);
	for (uint32_t i = 0; i < n; i++)
	{
		g->first_in[g->edges[order[i]].to + 1]++;
		g->first_out[g->edges[order[i]].from + 1]++;
	}
	for (uint32_t i = 0; i < g->nnodes; i++)
	{
		g->first_in[i + 1] += g->first_in[i];
		g->first_out[i + 1] += g->first_out[i];
	}
	memcpy(next_in, g->first_in, ((size_t) g->nnodes + 1) * sizeof(uint32_t));
	memcpy(next_out, g->first_out, ((size_t) g->nnodes + 1) * sizeof(uint32_t));
	for (uint32_t i = 0; i < n; i++)
	{
		const PpGraphEdge *edge = &g->edges[order[i]];

		g->in[next_in[edge->to]++] = order[i];
		g->out[next_out[edge->from]++] = order[i];
	}
	return PP_OK;
}

PpCode
pp_graph_link(PpGraph *g, PpError *err)
{
	const PpAlloc *alloc = pp_arena_allocator(g->report->arena);
	uint32_t *order = pp_arena_array(g->report->arena, g->nedges, sizeof(*order));
	uint32_t n = 0;
	PpCode code;

	if (order == NULL)
		return pp_fail_nomem(err);
	for (uint32_t i = 0; i < g->nedges; i++)
		if (!g->edges[i].trimmed)
			order[n++] = i;
	g->nlinked = n;
	g->linked = order;
	code = pp_sort_indexes(order, n, pp_graph_cmp_edges, g, alloc, err);
	return code == PP_OK ? share_out(g, order, n, err) : code;
}

PpCode
pp_graph_build(PpGraph *g, PpError *err)
{
	const PpReport *r = g->report;
	PpIndexCompare compare = r->options->cum ? pp_graph_cmp_cum : pp_graph_cmp_flat;
	uint64_t node_cutoff, edge_cutoff;
	PpCode code;

	if ((code = pp_graph_full(g, err)) != PP_OK ||
		(code = pp_graph_cutoff(g, r->nodefraction, &node_cutoff, err)) != PP_OK ||
		(code = pp_graph_cutoff(g, r->edgefraction, &edge_cutoff, err)) != PP_OK)
		return code;
	if (node_cutoff > 0 && (code = pp_graph_drop_small(g, node_cutoff, err)) != PP_OK)
		return code;
	g->before_count = g->nlisted;
	if ((code = pp_graph_sort(g, compare, err)) != PP_OK)
		return code;
	if (r->nodecount > 0 && r->nodecount < (int64_t) g->nlisted)
	{
		pp_graph_keep_listed(g, (uint32_t) r->nodecount);
		if ((code = pp_graph_add_up(g, err)) != PP_OK ||
			(code = pp_graph_sort(g, compare, err)) != PP_OK)
			return code;
	}
	return pp_graph_trim_edges(g, edge_cutoff, err);
}
