/*
 * label_summary.h
 *		pprof.label_days: which labels there are, by service, type and day.
 */
#ifndef LABEL_SUMMARY_H
#define LABEL_SUMMARY_H

#include "postgres.h"

#include "utils/date.h"

/* Longest name, in bytes, whose values are there: as in pprof.label_summary(). */
#define LABEL_SUMMARY_NAME 1000

/* Series that are new on a day. */
typedef struct LabelSummary
{
	MemoryContext context; /* of the entries; set by who begins */
	int n, cap;
	struct LabelSummaryEntry *entries;
} LabelSummary;

/* The row of pprof.series_days was just inserted by this transaction. */
extern void label_summary_note(LabelSummary *summary, int64 service_id, DateADT day, int64 type_id,
							   int64 series_id);
/* Store the labels of what was noted. */
extern void label_summary_store(LabelSummary *summary);

#endif
