/*
 * pp_top.c
 *		-top: nodes of the graph as rows and as text.
 */
#include "core/pp_report_graph.h"

#include <string.h>

/* What the edges that are left say about their callee. */
static PpInlined
inlined(const PpGraph *g, uint32_t node)
{
	uint32_t n = 0, all = g->first_in[node + 1] - g->first_in[node];

	for (uint32_t i = g->first_in[node]; i < g->first_in[node + 1]; i++)
		n += g->edges[g->in[i]].inlined;
	return n == 0 ? PP_NOT_INLINED : n < all ? PP_PARTLY_INLINED : PP_INLINED;
}

PpCode
pp_top_rows(const PpProfile *p, const PpReportOptions *options, const PpSearch *search,
			PpArena *arena, PpTop *top, PpError *err)
{
	const PpGraphRequest request = {.join_files = true};
	PpReport r;
	PpGraph g;
	PpCode code = pp_report_graph_start(&r, &g, &request, p, options, search, arena, err);

	memset(top, 0, sizeof(*top));
	if (code == PP_OK)
		code = pp_graph_flat_sum(&g, &top->flat_sum, err);
	if (code == PP_OK)
	{
		top->nrows = g.nlisted;
		top->total = r.total;
		top->column = r.column;
		top->unit = r.unit;
		top->dropped = g.dropped;
		top->before_count = g.before_count;
		top->rows = pp_arena_array(arena, g.nlisted, sizeof(*top->rows));
		if (top->rows == NULL)
			code = pp_fail_nomem(err);
	}
	for (uint32_t i = 0; code == PP_OK && i < g.nlisted; i++)
	{
		const PpGraphNode *node = &g.nodes[g.listed[i]];

		top->rows[i] = (PpTopRow){.name = node->printed,
								  .flat = pp_graph_flat(node),
								  .cum = pp_graph_cum(node),
								  .inlined = inlined(&g, g.listed[i])};
	}
	pp_report_graph_end(&r, &g);
	return code;
}

static PpCode
append_rows(const PpReport *r, const PpGraph *g, PpBuf *out, PpError *err)
{
	static const char *const marks[] = {"", " (partial-inline)", " (inline)"};
	int64_t sum = 0;
	PpCode code;

	pp_buf_text(out, "      flat  flat%   sum%        cum   cum%\n");
	for (uint32_t i = 0; i < g->nlisted; i++)
	{
		const PpGraphNode *node = &g->nodes[g->listed[i]];

		if ((code = pp_report_node(r, node, &sum, out, err)) != PP_OK)
			return code;
		pp_buf_text(out, "  ");
		pp_buf_bytes(out, node->printed);
		pp_buf_text(out, marks[inlined(g, g->listed[i])]);
		pp_buf_char(out, '\n');
	}
	return PP_OK;
}

PpCode
pp_top_text(const PpProfile *p, const PpReportOptions *options, const PpSearch *search,
			PpArena *arena, PpBuf *out, PpError *err)
{
	const PpGraphRequest request = {0};
	const PpGraphHeader header = {.profile = !options->compact_labels};
	PpReport r;
	PpGraph g;
	PpCode code = pp_report_graph_start(&r, &g, &request, p, options, search, arena, err);

	if (code == PP_OK)
		code = pp_report_graph_header(&r, &g, &header, out, NULL, err);
	if (code == PP_OK)
		code = append_rows(&r, &g, out, err);
	pp_report_graph_end(&r, &g);
	return code != PP_OK ? code : pp_buf_check(out, err);
}
