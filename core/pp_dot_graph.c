/*
 * pp_dot_graph.c
 *		The graph that -dot shows: which nodes, in which order.
 */
#include "core/pp_dot_impl.h"

#include "core/pp_entropy.h"

/* Nodes whose cum is too small go. */
static PpCode
drop_small(PpDotGraph *d, uint64_t smallest, PpError *err)
{
	if (smallest == 0)
		return PP_OK;
	return d->tree.graph != NULL ? pp_call_tree_drop_small(&d->tree, smallest, err)
								 : pp_graph_drop_small(&d->graph, smallest, err);
}

/* Keep the first n nodes of the list. */
static PpCode
keep_first(PpDotGraph *d, uint32_t n, PpError *err)
{
	PpCode code;

	if (n == d->graph.nlisted)
		return PP_OK;
	if (d->tree.graph != NULL)
		code = pp_call_tree_cut(&d->tree, n, err);
	else
	{
		pp_graph_keep_listed(&d->graph, n);
		code = pp_graph_add_up(&d->graph, err);
	}
	return code == PP_OK ? pp_entropy_sort(&d->graph, err) : code;
}

/* As many nodes as the report may have, their boxes counted in. */
static PpCode
select_nodes(PpDotGraph *d, uint64_t node_cutoff, uint64_t edge_cutoff, PpError *err)
{
	uint32_t n;
	PpCode code = pp_boxes_start(&d->boxes, node_cutoff, err);

	if (code != PP_OK || (code = pp_boxes_select(&d->boxes, d->report.nodecount, &n, err)) != PP_OK ||
		(code = pp_graph_trim_edges(&d->graph, edge_cutoff, err)) != PP_OK)
		return code;
	return keep_first(d, n, err);
}

static PpCode
build(PpDotGraph *d, PpError *err)
{
	PpGraph *g = &d->graph;
	uint64_t node_cutoff, edge_cutoff;
	uint32_t removed = 0;
	PpCode code;

	if ((code = pp_graph_cutoff(g, d->report.nodefraction, &node_cutoff, err)) != PP_OK ||
		(code = pp_graph_cutoff(g, d->report.edgefraction, &edge_cutoff, err)) != PP_OK ||
		(code = drop_small(d, node_cutoff, err)) != PP_OK)
		return code;
	g->before_count = g->nlisted;
	if ((code = pp_entropy_sort(g, err)) != PP_OK)
		return code;
	if (d->report.nodecount > 0 && (code = select_nodes(d, node_cutoff, edge_cutoff, err)) != PP_OK)
		return code;
	if ((code = pp_boxes_start(&d->boxes, node_cutoff, err)) != PP_OK ||
		(code = pp_graph_trim_edges(g, edge_cutoff, err)) != PP_OK ||
		(code = pp_graph_link(g, err)) != PP_OK)
		return code;
	/* a tree has no other way */
	if (d->tree.graph == NULL)
		code = pp_dot_remove_redundant(g, &removed, err);
	return code == PP_OK && removed > 0 ? pp_graph_link(g, err) : code;
}

PpCode
pp_dot_graph_build(PpDotGraph *d, PpError *err)
{
	bool tree = d->report.options->call_tree;
	PpCode code;

	if ((code = pp_graph_init(&d->graph, &d->report, err)) != PP_OK)
		return code;
	code = tree ? pp_call_tree_build(&d->tree, &d->graph, err) : pp_graph_full(&d->graph, err);
	if (code == PP_OK)
		code = pp_boxes_init(&d->boxes, &d->graph, tree ? &d->tree : NULL, err);
	return code == PP_OK ? build(d, err) : code;
}

void
pp_dot_graph_clear(PpDotGraph *d)
{
	pp_boxes_clear(&d->boxes);
	pp_call_tree_clear(&d->tree);
	if (d->graph.report != NULL)
		pp_graph_clear(&d->graph);
}
