/*
 * pp_call_tree.h
 *		A graph with one node per path from a root.
 */
#ifndef PP_CALL_TREE_H
#define PP_CALL_TREE_H

#include "core/pp_graph.h"

/* More would need gigabytes. */
#define PP_CALL_TREE_NODES (1u << 21)

typedef struct PpCallTree
{
	PpGraph *graph;	  /* its nodes are those of the tree, parents first */
	uint32_t *leaf;	  /* by sample; PP_NONE for one without value or stack */
	uint32_t *parent; /* as called, whatever is cut out; PP_NONE for a root */
	uint32_t *edge;	  /* the one into a node, or PP_NONE */
	uint32_t cap_parent, cap_edge;
} PpCallTree;

/*
 * Take the place of a graph's nodes and edges, and add up their values; lists
 * nodes with a value.  Must be cleared in any case.
 */
extern PpCode pp_call_tree_build(PpCallTree *tree, PpGraph *graph, PpError *err);
extern void pp_call_tree_clear(PpCallTree *tree);

/*
 * Cut the listed nodes from the n-th on out of the tree: their callees are hung
 * on their callers by residual edges, or become roots.
 */
extern PpCode pp_call_tree_cut(PpCallTree *tree, uint32_t n, PpError *err);
/* The same with nodes of a smaller cum. */
extern PpCode pp_call_tree_drop_small(PpCallTree *tree, uint64_t smallest, PpError *err);

#endif
