/*
 * select.h
 *		Queries over stored profiles, as querier.v1 and /pyroscope/render ask them:
 *		checks in the words of the protocol, then the database.
 */
#ifndef BRIDGE_SELECT_H
#define BRIDGE_SELECT_H

#include "bridge/db.h"
#include "core/pp_labels.h"
#include "core/pp_tree.h"

#define MAX_NODES_DEFAULT 8192
#define MAX_NODES_MOST	  1048576

typedef struct Selection
{
	const char *type;		  /* five parts */
	const char *selector;	  /* as sent */
	int64_t start_ms, end_ms; /* closed at both ends */
} Selection;

/* All of these answer with an error and return false when a check fails. */
extern bool select_check_range(Request *request, int64_t start_ms, int64_t end_ms);
extern bool select_check_nodes(Request *request, int64_t asked, int64_t *max_nodes);
/* *type gets the five-part form, in the arena. */
extern bool select_check_type(Request *request, const char *text, const char **type);
extern bool select_check_selector(Request *request, const char *text, const char *what);

/* The two bounds of a closed range of milliseconds, as arguments [since, until). */
extern void select_arg_range(DbArgs *args, int64_t start_ms, int64_t end_ms);
/* A statement failed: `what` and `text` name the selector that may be to blame, or are NULL. */
extern bool select_db_error(Request *request, const DbError *err, const char *what, const char *text);

/*
 * Rows of the flame graph, in the arena.  With call_site only stacks that begin
 * with these functions count.
 */
typedef struct FlameRows
{
	PpFlameRow *rows;
	size_t n;
} FlameRows;

extern bool select_flame(Request *request, Db *db, const Selection *selection, int64_t max_nodes,
						 const PpBytes *call_site, size_t ncall_site, FlameRows *out);

typedef struct SeriesPoint
{
	int64_t ms;
	double value;
} SeriesPoint;

typedef struct PointSeries
{
	PpLabelSet labels; /* in the order of group_by; absent ones are left out */
	uint32_t n;
	SeriesPoint *points;
	double sum;
} PointSeries;

typedef struct SelectedSeries
{
	uint32_t n;
	PointSeries *series; /* by sum, greatest first, then by labels */
} SelectedSeries;

extern bool select_series(Request *request, Db *db, const Selection *selection, int64_t step_ms,
						  char *const *group_by, size_t ngroup_by, bool average, SelectedSeries *out);

/* Does the client want label names beyond [a-zA-Z_][a-zA-Z0-9_]*? */
extern bool accepts_utf8_names(const Request *request);
extern bool legacy_label_name(const char *name, size_t len);

/* Labels of a jsonb object of strings, sorted by name, in the arena. */
extern bool select_labels(Request *request, const char *json, size_t len, PpLabelSet *labels);
extern int label_sets_cmp(const PpLabelSet *a, const PpLabelSet *b);

#endif
