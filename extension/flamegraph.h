/*
 * flamegraph.h
 *		Rows of a flame graph, from whatever made the tree.
 */
#ifndef FLAMEGRAPH_H
#define FLAMEGRAPH_H

#include "core/pp_tree.h"
#include "fmgr.h"

/* 'pprof' or 'pyroscope'; ERROR 22023 for anything else. */
extern PpFlameRules flame_rules(const text *name);

/*
 * Return the tree as rows (level, value, self, label, truncated, ord) of a
 * set-returning function; max_nodes below 1 shows all.
 */
extern Datum flame_rows(FunctionCallInfo fcinfo, PpTree *tree, int64 max_nodes);

#endif
