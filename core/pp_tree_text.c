/*
 * pp_tree_text.c
 *		-tree and -peek: each node between its callers and its callees.
 */
#include "core/pp_report_graph.h"
#include "core/pp_text.h"

static void
append_separator(PpBuf *out)
{
	pp_buf_fill(out, '-', 58);
	pp_buf_char(out, '+');
	pp_buf_fill(out, '-', 13);
	pp_buf_char(out, '\n');
}

/* Edges of a node whose cum is given; other: their far ends. */
static PpCode
append_edges(const PpGraph *g, const uint32_t *edges, uint32_t n, bool callers, int64_t cum,
			 PpBuf *out, PpError *err)
{
	for (uint32_t i = 0; i < n; i++)
	{
		const PpGraphEdge *edge = &g->edges[edges[i]];
		char percentage[PP_PERCENTAGE_SIZE];
		/* the tool shows the sum here even where means are asked for */
		PpCode code = pp_report_number(g->report, out, edge->weight, 50, err);

		if (code != PP_OK)
			return code;
		pp_measure_percentage(percentage, edge->weight, cum);
		pp_buf_printf(out, " %s |   ", percentage);
		pp_buf_bytes(out, g->nodes[callers ? edge->from : edge->to].printed);
		pp_buf_text(out, edge->inlined ? " (inline)\n" : "\n");
		if (i % 4096 == 4095 && pp_poll(out->alloc))
			return pp_fail_canceled(err);
	}
	return PP_OK;
}

static PpCode
append_node(const PpGraph *g, uint32_t id, int64_t *sum, PpBuf *out, PpError *err)
{
	const PpGraphNode *node = &g->nodes[id];
	uint32_t in = g->first_in[id], out_edges = g->first_out[id];
	int64_t cum = pp_graph_cum(node);
	PpCode code;

	append_separator(out);
	code = append_edges(g, g->in + in, g->first_in[id + 1] - in, true, cum, out, err);
	if (code != PP_OK || (code = pp_report_node(g->report, node, sum, out, err)) != PP_OK)
		return code;
	pp_buf_fill(out, ' ', 16);
	pp_buf_text(out, "| ");
	pp_buf_bytes(out, node->printed);
	pp_buf_char(out, '\n');
	return append_edges(g, g->out + out_edges, g->first_out[id + 1] - out_edges, false, cum, out, err);
}

/* All nodes listed, or with an expression those that match it. */
static PpCode
append_nodes(const PpGraph *g, const PpSearch *search, void *regex, PpBuf *out, uint32_t *shown,
			 PpError *err)
{
	int64_t sum = 0;
	PpCode code;

	append_separator(out);
	pp_buf_text(out, "      flat  flat%   sum%        cum   cum%   calls calls% + context \t \t \n");
	*shown = 0;
	for (uint32_t i = 0; i < g->nlisted; i++)
	{
		if (regex != NULL && !search->search(search->ctx, regex, g->nodes[g->listed[i]].printed))
			continue;
		(*shown)++;
		if ((code = append_node(g, g->listed[i], &sum, out, err)) != PP_OK)
			return code;
		if (i % 4096 == 4095 && pp_poll(out->alloc))
			return pp_fail_canceled(err);
	}
	if (g->nlisted > 0)
		append_separator(out);
	return PP_OK;
}

/* The caller ends report and graph. */
static PpCode
append_report(PpReport *r, PpGraph *g, const PpGraphRequest *request, const PpProfile *p,
			  const PpReportOptions *options, const PpBytes *regexp, const PpSearch *search,
			  PpArena *arena, PpBuf *out, PpError *err)
{
	const PpGraphHeader header = {.profile = !options->compact_labels};
	PpCode code = pp_report_graph_start(r, g, request, p, options, search, arena, err);
	void *regex = NULL;
	uint32_t shown;
	char quoted[64];

	if (code == PP_OK && regexp != NULL)
		code = pp_pattern_compile(search, *regexp, "peek", &regex, err);
	if (code == PP_OK)
		code = pp_report_graph_header(r, g, &header, out, NULL, err);
	if (code == PP_OK)
		code = append_nodes(g, search, regex, out, &shown, err);
	if (code == PP_OK && regexp != NULL && shown == 0)
		code = pp_fail(err,
					   PP_EINVALID,
					   PP_NO_OFFSET,
					   "no matches found for regexp: %s",
					   pp_quote_short(*regexp, quoted, sizeof(quoted)));
	return code != PP_OK ? code : pp_buf_check(out, err);
}

PpCode
pp_tree_text(const PpProfile *p, const PpReportOptions *options, const PpSearch *search,
			 PpArena *arena, PpBuf *out, PpError *err)
{
	const PpGraphRequest request = {.nodecount = PP_DEFAULT_NODECOUNT};
	PpReport r;
	PpGraph g;
	PpCode code = append_report(&r, &g, &request, p, options, NULL, search, arena, out, err);

	pp_report_graph_end(&r, &g);
	return code;
}

PpCode
pp_peek_text(const PpProfile *p, const PpReportOptions *options, PpBytes regexp,
			 const PpSearch *search, PpArena *arena, PpBuf *out, PpError *err)
{
	const PpGraphRequest request = {.untrimmed = true};
	PpReport r;
	PpGraph g;
	PpCode code = append_report(&r, &g, &request, p, options, &regexp, search, arena, out, err);

	pp_report_graph_end(&r, &g);
	return code;
}
