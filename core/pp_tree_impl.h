/*
 * pp_tree_impl.h
 *		The inside of PpTree, for pp_tree.c (building), pp_flame.c and the
 *		renderings (reading).
 */
#ifndef PP_TREE_IMPL_H
#define PP_TREE_IMPL_H

#include "core/pp_names.h"
#include "core/pp_tree.h"

/* How many nodes are handled between two looks at poll(). */
#define PP_TREE_POLL_EVERY 65536

/* (parent, name) -> node; the root is nobody's child, so node 0 is a free slot. */
typedef struct TreeSlot
{
	uint32_t parent, name, node;
} TreeSlot;

struct PpTree
{
	const PpAlloc *alloc;
	PpFlameRules rules;

	/* nodes in order of arrival: parent[i] < i; node 0 is the root, without a name */
	uint32_t n, cap;
	uint32_t *parent;
	uint32_t *name; /* in names */
	int64_t *self;

	PpNames names;

	/*
	 * Built when a node must be found for the first time: a tree that is filled
	 * once by pp_tree_add_nodes never needs it.
	 */
	TreeSlot *slots;
	size_t nslots; /* a power of two, or 0 */
};

/* Room for `extra` more nodes, and a root. */
extern PpCode pp_tree_reserve(PpTree *tree, size_t extra, PpError *err);
/* The child of that name (a number in names), made if there is none. */
extern PpCode pp_tree_child(PpTree *tree, uint32_t parent, uint32_t name, uint32_t *child,
							PpError *err);

#endif
