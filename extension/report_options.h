/*
 * report_options.h
 *		The options of reports, filters and renderings, as jsonb spells them.
 */
#ifndef REPORT_OPTIONS_H
#define REPORT_OPTIONS_H

#include "core/pp_report.h"
#include "utils/jsonb.h"

typedef struct ReportOptions
{
	PpReportOptions core;
	bool all_frames; /* leave drop_frames unapplied */
} ReportOptions;

/*
 * Options by their names in the pprof tool, '{}' being what the tool does unasked;
 * null is an option that was not given.  ERROR 22023 for an unknown name, which
 * lists the known ones, and for a value of another type.  Texts are copied into
 * the current memory context.
 */
extern void report_options_read(Jsonb *options, ReportOptions *out);

/*
 * The same for functions that return rows: nothing is left out unless nodecount,
 * nodefraction or edgefraction say so, and options of the text are refused.
 */
extern void report_options_read_rows(Jsonb *options, ReportOptions *out);

/* The same for report(), where "peek" is the expression of that report. */
extern void report_options_read_peek(Jsonb *options, ReportOptions *out, PpBytes *peek);

/* Words that are arguments of their own; ERROR 22023 lists what there is. */
extern PpGranularity report_granularity(const text *word);
extern bool report_sort_by_cum(const text *word); /* flat or cum */

/* The server's expressions, matching anywhere, as the reports want them. */
extern PpSearch report_search(void);

#endif
