/*
 * pp_graph.h
 *		The call graph of a prepared profile: who called whom, how much.
 */
#ifndef PP_GRAPH_H
#define PP_GRAPH_H

#include "core/pp_report_impl.h"
#include "core/pp_sort.h"
#include "core/pp_table.h"

/*
 * Frames with the same name, address, file, line and column are one node.  The
 * start line and the mapping's file count only where there is no name, or where
 * the report says so (by_object).
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
	size_t printed_bytes; /* of all nodes together */
	PpTable node_table;
	uint32_t nedges, cap_edges;
	PpGraphEdge *edges;
	PpTable edge_table;
	uint32_t *location_nodes; /* nodes of each location's lines, by first_node */
	uint32_t *first_node;	  /* by location; one more at the end */

	uint32_t nlisted; /* nodes of the report, in its order */
	uint32_t *listed;
	uint32_t dropped; /* below the cutoff */
	uint32_t dropped_edges;
	uint32_t before_count; /* nodes before nodecount was applied */

	/*
	 * Edges that were not trimmed, heaviest first, by node: those into node i are
	 * in[first_in[i]] up to in[first_in[i + 1]].
	 */
	uint32_t *in, *first_in, *out, *first_out;
	uint32_t nlinked, *linked; /* all of them, in that order */

	PpBuf identity[2]; /* scratch of the last sort key */
} PpGraph;

/* Nodes without values.  Must be cleared in any case. */
extern PpCode pp_graph_init(PpGraph *graph, const PpReport *report, PpError *err);
extern void pp_graph_clear(PpGraph *graph);

/* Add up values, sort and trim as the report says. */
extern PpCode pp_graph_build(PpGraph *graph, PpError *err);

/*
 * The steps of that, for graphs that are trimmed in another way.
 */

/* Values of all nodes and edges, nothing left out; lists nodes with a value. */
extern PpCode pp_graph_full(PpGraph *graph, PpError *err);
/* The same again with the nodes that are kept. */
extern PpCode pp_graph_add_up(PpGraph *graph, PpError *err);
/* List the nodes that are kept and have a value. */
extern void pp_graph_list(PpGraph *graph);
/* |trunc(sum of flat values listed * fraction)| */
extern PpCode pp_graph_cutoff(const PpGraph *graph, double fraction, uint64_t *result, PpError *err);
/* Drop nodes with a smaller cum; adds up anew if there are any. */
extern PpCode pp_graph_drop_small(PpGraph *graph, uint64_t smallest, PpError *err);
/* Keep the first n listed nodes and no other. */
extern void pp_graph_keep_listed(PpGraph *graph, uint32_t n);
/* Order of the nodes listed; comparisons get the graph as context. */
extern PpCode pp_graph_sort(PpGraph *graph, PpIndexCompare compare, PpError *err);
extern int pp_graph_cmp_flat(const void *graph, uint32_t a, uint32_t b);
extern int pp_graph_cmp_cum(const void *graph, uint32_t a, uint32_t b);
/* Where another value is the same: printed name, flat, identity. */
extern int pp_graph_cmp_names(const PpGraph *graph, uint32_t a, uint32_t b);
extern int pp_graph_cmp_edges(const void *graph, uint32_t a, uint32_t b);
/* Light edges into listed nodes; counts those that were not trimmed before. */
extern PpCode pp_graph_trim_edges(PpGraph *graph, uint64_t smallest, PpError *err);

/* Sort edges and fill in and out; once more after others were trimmed. */
extern PpCode pp_graph_link(PpGraph *graph, PpError *err);

/* Means of all listed nodes' flat values, added up. */
extern PpCode pp_graph_flat_sum(const PpGraph *graph, int64_t *result, PpError *err);

/* array with room for one more than n elements; NULL without memory. */
extern void *pp_graph_grow(const PpAlloc *alloc, void *array, uint32_t n, uint32_t *cap, size_t size);

static inline uint64_t
pp_graph_absolute(int64_t value)
{
	return value < 0 ? -(uint64_t) value : (uint64_t) value;
}

static inline int64_t
pp_graph_mean(int64_t value, int64_t divisor)
{
	/* the least int64 divided by -1 does not fit; it has no better mean */
	return divisor == 0 || (divisor == -1 && value == INT64_MIN) ? value : value / divisor;
}

static inline int64_t
pp_graph_flat(const PpGraphNode *node)
{
	return pp_graph_mean(node->flat, node->flat_divisor);
}

static inline int64_t
pp_graph_cum(const PpGraphNode *node)
{
	return pp_graph_mean(node->cum, node->cum_divisor);
}

#endif
