/*
 * pp_dot_impl.h
 *		The graph that -dot shows.
 */
#ifndef PP_DOT_IMPL_H
#define PP_DOT_IMPL_H

#include "core/pp_boxes.h"
#include "core/pp_report_graph.h"

typedef struct PpDotGraph
{
	PpReport report;
	PpGraph graph;
	PpCallTree tree; /* built if the options say call_tree */
	PpBoxes boxes;
} PpDotGraph;

/*
 * The graph of a prepared report, sorted by entropy, trimmed, edges linked, the
 * boxes of its nodes ready.  What is there is cleared by pp_dot_graph_clear().
 */
extern PpCode pp_dot_graph_build(PpDotGraph *dot, PpError *err);
extern void pp_dot_graph_clear(PpDotGraph *dot);

/*
 * Remove residual edges beside which there is another way, the lightest of each
 * node first, none that is heavier than a direct call.  Edges must be linked, and
 * linked again if *removed is not 0.
 */
extern PpCode pp_dot_remove_redundant(PpGraph *graph, uint32_t *removed, PpError *err);

/* Label boxes of the node at a place of the list; *any tells whether there are some. */
extern PpCode pp_dot_boxes(PpDotGraph *dot, uint32_t place, PpBuf *out, bool *any, PpError *err);

/* A number of the report, escaped: units come from profiles too. */
extern PpCode pp_dot_number(const PpReport *report, int64_t value, PpBuf *out, PpError *err);

#endif
