/*
 * pp_graph.h
 *		The call graph of a prepared profile: who called whom, how much.
 */
#ifndef PP_GRAPH_H
#define PP_GRAPH_H

#include "core/pp_report_impl.h"
#include "core/pp_table.h"

/*
 * Frames with the same name, address, file, line and column are one node.  The
 * start line and the mapping's file count only where there is no name.
 */
typedef struct PpGraphNode
{
	uint32_t name, file, object; /* in names */
	uint64_t address;
	int64_t start_line, line, column;
	PpBytes printed;
	int64_t flat, flat_divisor, cum, cum_divisor;
	uint32_t seen; /* sample + 1 that added to cum last */
	bool kept;	   /* not kept: the next frame's edge skips it */
} PpGraphNode;

typedef struct PpGraphEdge
{
	uint32_t from, to; /* caller, callee */
	int64_t weight, divisor;
	uint32_t seen;
	bool residual; /* over nodes that were not kept */
	bool inlined;  /* all calls were inlined */
	bool trimmed;
} PpGraphEdge;

typedef struct PpGraph
{
	const PpReport *report;
	PpNames names;
	uint32_t nnodes, cap_nodes;
	PpGraphNode *nodes;
	PpTable node_table;
	uint32_t nedges, cap_edges;
	PpGraphEdge *edges;
	PpTable edge_table;
	uint32_t *location_nodes; /* nodes of each location's lines, by first_node */
	uint32_t *first_node;	  /* by location; one more at the end */

	uint32_t nlisted; /* nodes of the report, in its order */
	uint32_t *listed;
	uint32_t dropped; /* below the cutoff */
	uint32_t before_count;

	PpBuf identity[2]; /* scratch of the last sort key */
} PpGraph;

/* The full graph without values: nodes only.  Must be cleared in any case. */
extern PpCode pp_graph_init(PpGraph *graph, const PpReport *report, PpError *err);
extern void pp_graph_clear(PpGraph *graph);

/* Add up values, sort and trim as the options say. */
extern PpCode pp_graph_build(PpGraph *graph, PpError *err);

static inline int64_t
pp_graph_mean(int64_t value, int64_t divisor)
{
	/* the least int64 divided by -1 does not fit; it has no better mean */
	return divisor == 0 || (divisor == -1 && value == INT64_MIN) ? value : value / divisor;
}

#endif
