/*
 * pp_report.h
 *		Filters and reports of the pprof tool: rows for SQL, and the exact text.
 *
 * A report works on a profile as the tool does: label frames, total, filters,
 * granularity, graph, trimming.  Nothing of the profile passed in is changed.
 */
#ifndef PP_REPORT_H
#define PP_REPORT_H

#include "core/pp_buf.h"
#include "core/pp_profile.h"

/*
 * Regular expressions come from outside.  search() tells whether the expression
 * matches anywhere in the text.
 */
typedef struct PpSearch
{
	/* NULL on a bad pattern, with err filled */
	void *(*compile)(void *ctx, PpBytes pattern, PpError *err);
	bool (*search)(void *ctx, void *regex, PpBytes text);
	void *ctx;
} PpSearch;

typedef enum PpGranularity
{
	PP_BY_FUNCTIONS,
	PP_BY_FILEFUNCTIONS,
	PP_BY_FILES,
	PP_BY_LINES,
	PP_BY_ADDRESSES
} PpGranularity;

/*
 * The tool's options by their names there.  An empty text is an option that was
 * not given.  Start from pp_report_defaults().
 */
typedef struct PpReportOptions
{
	PpBytes sample_index; /* a column, see pp_profile_column */
	PpGranularity granularity;
	bool noinlines, showcolumns;
	bool cum;  /* sort by cum instead of flat */
	bool mean; /* divide by column 0 */
	bool relative_percentages;
	bool drop_negative;
	bool call_tree;		 /* dot and callgrind: a node per path */
	bool compact_labels; /* no profile header */
	bool trim;			 /* false: nodecount and fractions are 0 */
	int64_t nodecount;	 /* 0: all; < 0: as many as the report shows unasked */
	double nodefraction, edgefraction;
	PpBytes unit;	  /* "minimum" */
	double divide_by; /* 1 */

	PpBytes focus, ignore, hide, show, show_from, prune_from;
	PpBytes tagfocus, tagignore; /* [key=]regexp,... or [key=]range */
	PpBytes tagshow, taghide;	 /* regexps on keys */
	PpBytes tagroot, tagleaf;	 /* keys, separated by commas */
} PpReportOptions;

extern PpReportOptions pp_report_defaults(void);

/*
 * What the tool does with each profile as it is loaded, before several are
 * merged: one without mappings gets an empty mapping for all its locations.
 */
extern PpCode pp_report_add_mapping(const PpProfile *p, PpArena *arena, PpProfile **out,
									PpError *err);

/*
 * What the tool does with a profile once it is loaded and merged: a profile
 * without mappings gets an empty one, drop_frames is applied (unless
 * all_frames), file names that look like URLs are emptied.  The result shares
 * what did not change with p.
 */
extern PpCode pp_report_load(const PpProfile *p, bool all_frames, const PpSearch *search,
							 PpArena *arena, PpProfile **out, PpError *err);

/*
 * The filters of the options in the tool's order, tagroot and tagleaf first, but
 * not the granularity (-proto prints this).
 */
extern PpCode pp_report_filter(const PpProfile *p, const PpReportOptions *options,
							   const PpSearch *search, PpArena *arena, PpProfile **out, PpError *err);

/*
 * What percentages refer to: the sum of the absolute values of a column; only that
 * of the base samples of a difference where there is one.  A mean is divided by
 * the sum of column 0.
 */
extern PpCode pp_report_total(const PpProfile *p, uint32_t column, bool mean, int64_t *total,
							  PpError *err);

typedef enum PpInlined
{
	PP_NOT_INLINED,
	PP_PARTLY_INLINED,
	PP_INLINED
} PpInlined;

typedef struct PpTopRow
{
	PpBytes name; /* as the tool prints it */
	int64_t flat, cum;
	PpInlined inlined; /* of the callers left after trimming */
} PpTopRow;

typedef struct PpTop
{
	uint32_t nrows;
	PpTopRow *rows; /* in report order */
	int64_t total;	/* what percentages refer to */
	int64_t flat_sum;
	uint32_t column;
	PpBytes unit;		   /* all numbers of the text use it */
	uint32_t dropped;	   /* nodes below the cutoff */
	uint32_t before_count; /* nodes before nodecount was applied */
} PpTop;

/*
 * The rows of -top.  Names live in the arena or in p.  By files there is one row
 * per file, where the tool's text may show a file several times.
 */
extern PpCode pp_top_rows(const PpProfile *p, const PpReportOptions *options,
						  const PpSearch *search, PpArena *arena, PpTop *top, PpError *err);

typedef enum PpEdgeSide
{
	PP_EDGES_ALL,
	PP_EDGES_CALLERS, /* into the nodes that match */
	PP_EDGES_CALLEES  /* out of them */
} PpEdgeSide;

typedef struct PpEdgeRow
{
	PpBytes caller, callee; /* as the tool prints them */
	int64_t weight;			/* a mean, where means are asked for */
	bool inlined;			/* all calls were inlined */
	bool residual;			/* over frames that are not shown */
} PpEdgeRow;

/*
 * Calls, heaviest first: all of the graph of -top, or as -peek those of nodes
 * whose printed names match the expression (an empty one matches all), which
 * trims nothing.
 */
extern PpCode pp_edge_rows(const PpProfile *p, const PpReportOptions *options, PpEdgeSide side,
						   PpBytes regexp, const PpSearch *search, PpArena *arena, PpEdgeRow **rows,
						   size_t *n, PpError *err);

typedef struct PpLabelValue
{
	PpBytes key;
	bool is_number;
	PpBytes text; /* of a text label */
	int64_t num;
	PpBytes unit;  /* as recorded, maybe empty */
	int64_t total; /* sum of the samples' values */
} PpLabelValue;

/*
 * Label values with their sums, each unit for itself (-tags reads all numbers of
 * a key in one unit), ordered by key and size.  Of one key, or of all for NULL.
 */
extern PpCode pp_label_values(const PpProfile *p, const PpReportOptions *options,
							  const PpBytes *key, const PpSearch *search, PpArena *arena,
							  PpLabelValue **rows, size_t *n, PpError *err);

/* The texts of -top, -tree, -peek=REGEXP, -raw, -traces, -tags and -comments. */
extern PpCode pp_top_text(const PpProfile *p, const PpReportOptions *options,
						  const PpSearch *search, PpArena *arena, PpBuf *out, PpError *err);
extern PpCode pp_tree_text(const PpProfile *p, const PpReportOptions *options,
						   const PpSearch *search, PpArena *arena, PpBuf *out, PpError *err);
extern PpCode pp_peek_text(const PpProfile *p, const PpReportOptions *options, PpBytes regexp,
						   const PpSearch *search, PpArena *arena, PpBuf *out, PpError *err);
extern PpCode pp_raw_text(const PpProfile *p, const PpReportOptions *options,
						  const PpSearch *search, PpArena *arena, PpBuf *out, PpError *err);
extern PpCode pp_traces_text(const PpProfile *p, const PpReportOptions *options,
							 const PpSearch *search, PpArena *arena, PpBuf *out, PpError *err);
extern PpCode pp_tags_text(const PpProfile *p, const PpReportOptions *options,
						   const PpSearch *search, PpArena *arena, PpBuf *out, PpError *err);
extern PpCode pp_comments_text(const PpProfile *p, const PpReportOptions *options,
							   const PpSearch *search, PpArena *arena, PpBuf *out, PpError *err);

/* The texts of -dot and -callgrind. */
extern PpCode pp_dot_text(const PpProfile *p, const PpReportOptions *options,
						  const PpSearch *search, PpArena *arena, PpBuf *out, PpError *err);
extern PpCode pp_callgrind_text(const PpProfile *p, const PpReportOptions *options,
								const PpSearch *search, PpArena *arena, PpBuf *out, PpError *err);

/* -topproto: a profile of the nodes -top lists, in the arena. */
extern PpCode pp_topproto(const PpProfile *p, const PpReportOptions *options,
						  const PpSearch *search, PpArena *arena, PpProfile **out, PpError *err);

#endif
