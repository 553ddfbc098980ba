/*
 * pp_report_impl.h
 *		What the reports share: the prepared profile, and texts of its parts.
 */
#ifndef PP_REPORT_IMPL_H
#define PP_REPORT_IMPL_H

#include "core/pp_filter.h"
#include "core/pp_measure.h"

typedef struct PpReport
{
	const PpReportOptions *options;
	PpArena *arena;
	PpProfile *p;		/* after filters and granularity */
	PpLabelUnits units; /* of the profile before filtering */
	uint32_t column;
	int64_t total;
	PpBytes unit;  /* of the report; "minimum" until it is chosen */
	double ratio;  /* 1 / divide_by */
	bool prepared; /* units are to be cleared */
	/* what a graph leaves out, 0 for nothing: see pp_report_trim() */
	int64_t nodecount;
	double nodefraction, edgefraction;
	/*
	 * Frames without a name but with a file are one node per file.  The tool's
	 * text has one per start line and mapping instead, all printed alike.
	 */
	bool join_files;
	bool by_object; /* nodes of one name differ by start line and mapping */
} PpReport;

#define PP_DEFAULT_NODECOUNT 80 /* of tree and dot; top shows all */

/* Trim as the options say, or not at all; nodecount is what they default to. */
extern void pp_report_trim(PpReport *report, bool trim, int64_t nodecount);

typedef enum PpReportKind
{
	PP_REPORT_PLAIN,
	PP_REPORT_RAW,		/* by addresses, without column and total: all columns are shown */
	PP_REPORT_CALLGRIND /* by addresses, nothing trimmed */
} PpReportKind;

extern PpCode pp_report_prepare(PpReport *report, const PpProfile *p,
								const PpReportOptions *options, const PpSearch *search,
								PpReportKind kind, PpArena *arena, PpError *err);
extern void pp_report_end(PpReport *report);

static inline PpBytes
pp_report_sample_unit(const PpReport *r)
{
	return pp_str(r->p, r->p->types[r->column].unit);
}

/* The chosen column of a sample, and what a mean divides it by (else 0). */
static inline int64_t
pp_report_value(const PpReport *r, uint32_t sample)
{
	return r->p->values[(size_t) sample * r->p->ntypes + r->column];
}

static inline int64_t
pp_report_divisor(const PpReport *r, uint32_t sample)
{
	return r->options->mean ? r->p->values[(size_t) sample * r->p->ntypes] : 0;
}

/* Right-aligned in width; divide_by applies. */
extern PpCode pp_report_number(const PpReport *r, PpBuf *out, int64_t value, size_t width,
							   PpError *err);

/*
 * File, build id, comments, type, time, duration: a line each.  *first (may be
 * NULL) is how long the first of them is; a comment may have several lines.
 */
extern PpCode pp_report_header(const PpReport *r, PpBuf *out, size_t *first, PpError *err);

/*
 * Calls back for each key of the sample's text labels (or number labels) to
 * append a line, and appends the lines to out in the order of their bytes.
 */
typedef void (*PpLabelLine)(const PpReport *r, PpBuf *line, const PpLabel *labels, uint32_t n);
extern PpCode pp_report_label_lines(const PpReport *r, const PpSample *sample, bool numbers,
									PpLabelLine line, const char *separator, PpBuf *out,
									PpError *err);

/* The last element of a path, as basename(1) sees it. */
extern PpBytes pp_report_base_name(PpBytes path);

extern void pp_time_text(PpBuf *out, int64_t nanos, bool raw);
extern void pp_duration_text(PpBuf *out, int64_t nanos);

#endif
