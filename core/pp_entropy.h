/*
 * pp_entropy.h
 *		How much a node tells about its graph.
 */
#ifndef PP_ENTROPY_H
#define PP_ENTROPY_H

#include "core/pp_graph.h"

/*
 * The score of each node, by which graphs are sorted: its cum, less where calls
 * merely pass through it, plus its flat.  Edges that were trimmed do not count.
 * *scores lives in the report's arena.
 */
extern PpCode pp_entropy_scores(const PpGraph *graph, int64_t **scores, PpError *err);

/*
 * Sort the nodes listed by the size of their scores.  A node without a score
 * (the least int64, whose absolute value does not fit) is the last.
 */
extern PpCode pp_entropy_sort(PpGraph *graph, PpError *err);

#endif
