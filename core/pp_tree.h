/*
 * pp_tree.h
 *		The call tree by function name, and flame graphs made of it.
 *
 * Nodes are numbered so that a parent comes before its children; node 0 is the
 * virtual root.  self and total are sums of the chosen column.
 */
#ifndef PP_TREE_H
#define PP_TREE_H

#include "core/pp_profile.h"

typedef enum PpFlameRules
{
	/*
	 * Siblings by value (descending), then name; an empty stack adds to the
	 * root's self; unsymbolised frames are named as pprof names them
	 * ("[libz.so.1]", "<unknown>"); zero values are skipped, negative ones kept;
	 * drop_frames is applied by the caller.
	 */
	PP_RULES_PPROF,
	/*
	 * As Pyroscope: siblings by name, samples with value <= 0 or without any
	 * frame are ignored, a location without lines gives no frame, functions
	 * named "other" fold into the truncation leaf.
	 */
	PP_RULES_PYROSCOPE
} PpFlameRules;

typedef struct PpTree PpTree;

extern PpTree *pp_tree_new(const PpAlloc *alloc, PpFlameRules rules);
extern void pp_tree_free(PpTree *tree);
extern PpFlameRules pp_tree_rules(const PpTree *tree);
extern size_t pp_tree_memory(const PpTree *tree);
extern uint32_t pp_tree_size(const PpTree *tree); /* nodes without the root */

/*
 * Add value to the self of the stack given root first; names are copied.  depth 0
 * is an empty stack.  Under PP_RULES_PPROF an empty name becomes "<unknown>".
 */
extern PpCode pp_tree_add(PpTree *tree, const PpBytes *names, size_t depth, int64_t value,
						  PpError *err);

/* Add all samples of one column of a profile. */
extern PpCode pp_tree_add_profile(PpTree *tree, const PpProfile *profile, uint32_t column,
								  PpError *err);

/*
 * Add a tree given as arrays: node i has parent[i] < i (node 0 is the root, its
 * parent is ignored), the name names[name[i]] and the value self[i].  Nodes whose
 * subtree has no value are left out.  The hot path of stored profiles: one pass,
 * no hashing when the tree is empty and siblings have distinct names; who knows
 * that no two nodes have the same parent and number of a name says so (distinct),
 * and it takes no look at siblings either.
 */
extern PpCode pp_tree_add_nodes(PpTree *tree, uint32_t n, const uint32_t *parent,
								const uint32_t *name, const PpBytes *names, uint32_t nnames,
								const int64_t *self, bool distinct, PpError *err);

/* A new tree with each self divided by n (above 0) and rounded; nodes left without a value are gone. */
extern PpCode pp_tree_mean(const PpTree *tree, int64_t n, PpTree **out, PpError *err);

/*
 * One row of a flame graph: pre-order, the root (level 0, label "total") first.
 * ord counts from 0.
 */
typedef struct PpFlameRow
{
	int32_t level;
	int64_t value, self;
	PpBytes label;	/* lives as long as the tree */
	bool truncated; /* this row stands for nodes that max_nodes hid */
} PpFlameRow;

/*
 * Rows of the tree, siblings in the order of its rules.  max_nodes < 1 means all.
 * Otherwise nodes below the max_nodes-th largest total (by magnitude: differences
 * have negative ones) are folded, per parent, into one last leaf "other" with
 * truncated set, which is left out if their sum is 0; ties at the threshold are
 * kept; sums are preserved.  *hidden is how many nodes were folded.  Functions
 * named "other" that Pyroscope's rules fold are not hidden, nor is a leaf that
 * stands for them alone truncated.  Rows come from the arena.
 */
extern PpCode pp_tree_flame(PpTree *tree, int64_t max_nodes, PpArena *arena, PpFlameRow **rows,
							size_t *nrows, int64_t *hidden, PpError *err);

/*
 * The same of two trees at once: right_self is the self of the other side by node
 * (pp_tree_align), right[i] belongs to rows[i].  A node counts by the larger of
 * its two totals.  Under Pyroscope's rules the root is one of max_nodes here, and
 * functions named "other" are nothing special.
 */
typedef struct PpFlameRight
{
	int64_t value, self;
} PpFlameRight;

extern PpCode pp_tree_flame_pair(PpTree *tree, const int64_t *right_self, int64_t max_nodes,
								 PpArena *arena, PpFlameRow **rows, PpFlameRight **right,
								 size_t *nrows, int64_t *hidden, PpError *err);

/*
 * The level encoding of Pyroscope (4-value groups: offset delta, total, self,
 * name index), made of pre-order rows.  Names are numbered in the order in which
 * a depth-first walk that visits the last sibling first meets them.
 */
typedef struct PpFlamebearer
{
	uint32_t nnames;
	PpBytes *names;
	uint32_t nlevels;
	uint32_t *level_len; /* numbers in each level */
	int64_t **levels;
	int64_t total, max_self;
} PpFlamebearer;

extern PpCode pp_flamebearer(const PpFlameRow *rows, size_t nrows, PpArena *arena,
							 PpFlamebearer *out, PpError *err);

#endif
