/*
 * pp_boxes.h
 *		Labels of the samples that pass a node, as graphs show them: boxes.
 *
 * All text labels of a sample together make one box.  Of number labels only
 * "bytes" is shown; each of its values makes a box that belongs to that of the
 * text labels it came with.
 *
 * Many labels on deep stacks make many boxes, so they are kept for some nodes at
 * a time: whoever wants those of all nodes asks in the order of the list.
 */
#ifndef PP_BOXES_H
#define PP_BOXES_H

#include "core/pp_call_tree.h"

#define PP_MAX_BOXES 4 /* shown per node, and per text box */

typedef struct PpBox
{
	uint32_t node;
	uint32_t labels; /* which text labels; 0 for none */
	uint32_t number; /* which printed number; PP_NONE for the box of the text labels */
	uint32_t next;	 /* of the same node, in order of appearance; PP_NONE */
	int64_t value;	 /* the number that was met first */
	int64_t flat, flat_divisor, cum, cum_divisor;
} PpBox;

typedef struct PpBoxes
{
	const PpGraph *graph;
	const PpCallTree *tree; /* NULL if the graph is none */
	uint64_t smallest;		/* boxes with less are not there */

	bool any;		/* the profile has labels to show */
	PpNames labels; /* texts of text labels, as they are compared */
	PpBytes *shown; /* and as they are printed, by id */
	uint32_t nshown, cap_shown;
	uint32_t *sample_labels; /* ids, by sample */
	PpNames numbers;
	PpBytes unit;			 /* of all of them */
	uint32_t *label_numbers; /* ids, by label; PP_NONE for one not shown */

	uint32_t *place;   /* in the list, by node; PP_NONE */
	uint64_t *visits;  /* how many boxes there can be, by place */
	uint32_t from, to; /* places whose boxes are there */
	uint32_t nboxes, cap_boxes;
	PpBox *boxes;
	PpTable table;
	uint32_t *first, *last; /* boxes by place less from */

	uint64_t stamp, *seen; /* by node: the walk that met it last */
	uint32_t *path, npath; /* nodes of the sample, each once */
	uint32_t leaf;		   /* whose flat it counts for, or PP_NONE */
} PpBoxes;

/* Must be cleared in any case.  The text of labels is escaped for dot. */
extern PpCode pp_boxes_init(PpBoxes *boxes, const PpGraph *graph, const PpCallTree *tree,
							PpError *err);
extern void pp_boxes_clear(PpBoxes *boxes);

/* The nodes listed have changed; boxes below `smallest` in both values do not count. */
extern PpCode pp_boxes_start(PpBoxes *boxes, uint64_t smallest, PpError *err);

/*
 * How many of the nodes listed are shown if they and their boxes with a flat
 * value, at most PP_MAX_BOXES each, may be `count`.
 */
extern PpCode pp_boxes_select(PpBoxes *boxes, int64_t count, uint32_t *selected, PpError *err);

/* First box of the node at a place of the list, or PP_NONE; those that do not count are there. */
extern PpCode pp_boxes_of(PpBoxes *boxes, uint32_t place, uint32_t *first, PpError *err);

static inline bool
pp_box_counts(const PpBoxes *boxes, const PpBox *box)
{
	return pp_graph_absolute(box->flat) >= boxes->smallest ||
		   pp_graph_absolute(box->cum) >= boxes->smallest;
}

#endif
