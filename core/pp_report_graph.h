/*
 * pp_report_graph.h
 *		What the reports made of a call graph share: top, tree, peek, dot, callgrind.
 */
#ifndef PP_REPORT_GRAPH_H
#define PP_REPORT_GRAPH_H

#include "core/pp_graph.h"

/*
 * One unit for all numbers: fit for the least value listed, unless the total is
 * more than a hundred times larger and of another unit; then the least may have
 * two decimals (not where numbers must be whole).  Sets the report's unit.
 */
extern PpCode pp_report_choose_unit(PpReport *report, const PpGraph *graph, bool whole, PpError *err);

/*
 * The lines above a graph's report: the profile's header (unless it is omitted),
 * active filters, what is shown and what was dropped.
 */
typedef struct PpGraphHeader
{
	bool profile;
	uint32_t dropped_edges; /* 0 where the report does not say */
} PpGraphHeader;

/* *first (may be NULL) is the length of the profile's first line. */
extern PpCode pp_report_graph_header(const PpReport *report, const PpGraph *graph,
									 const PpGraphHeader *header, PpBuf *out, size_t *first,
									 PpError *err);

/*
 * A node's numbers, in columns: flat, its percentage, that of *sum (which flat is
 * added to), cum and its percentage.
 */
extern PpCode pp_report_node(const PpReport *report, const PpGraphNode *node, int64_t *sum,
							 PpBuf *out, PpError *err);

/* What a report that is a list of nodes asks for. */
typedef struct PpGraphRequest
{
	bool untrimmed;
	int64_t nodecount; /* where the options leave it open; 0: all */
	bool join_files;
} PpGraphRequest;

/*
 * The prepared profile, its graph with linked edges, and the unit.  Both are to
 * be ended by pp_report_graph_end() in any case.
 */
extern PpCode pp_report_graph_start(PpReport *report, PpGraph *graph, const PpGraphRequest *request,
									const PpProfile *p, const PpReportOptions *options,
									const PpSearch *search, PpArena *arena, PpError *err);
extern void pp_report_graph_end(PpReport *report, PpGraph *graph);

#endif
