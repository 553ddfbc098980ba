/*
 * pp_split.h
 *		One profile into series: its samples by their text labels.
 *
 * Text labels of samples become labels of the series, except the ids of spans
 * and traces, which stay with the sample, those on a deny list, and private ones
 * ("__..."); labels of the request win.  Number labels go.  Samples with a
 * negative value, or without any value, are left out and counted.
 */
#ifndef PP_SPLIT_H
#define PP_SPLIT_H

#include "core/pp_labels.h"
#include "core/pp_samples.h"

struct PpSpanGroup; /* pp_spans.h */

typedef struct PpSpan
{
	uint8_t span[8];   /* zeros: none */
	uint8_t trace[16]; /* zeros: none */
} PpSpan;

typedef struct PpSplitSeries
{
	PpLabelSet labels; /* of the request and of the samples, normalised */
	uint32_t n;
	uint32_t *samples; /* indexes in the profile, ascending */
} PpSplitSeries;

typedef struct PpSplit
{
	uint32_t nseries;
	PpSplitSeries *series;
	uint32_t *span_of; /* by sample of the profile: index in spans + 1, 0 without; NULL: none */
	uint32_t nspans;
	PpSpan *spans;			   /* distinct */
	uint32_t nnegative, nzero; /* samples left out */
} PpSplit;

/* Everything in the result is in the arena, or in the profile and the request's labels. */
extern PpCode pp_split_profile(const PpProfile *profile, const PpLabelSet *request,
							   const PpBytes *deny, uint32_t ndeny, PpArena *arena, PpSplit *split,
							   PpError *err);

/*
 * Is one sample type the other times the period: cpu/nanoseconds beside
 * samples/count?  Looked at for the samples of one series.  *count and *main are
 * columns.
 */
extern bool pp_split_counted(const PpProfile *profile, const PpSplitSeries *series, uint32_t *count,
							 uint32_t *main);

/*
 * Sort sample indexes by the stack ids that interning gave them; scratch has
 * room for n.  Entries and span groups below are made of samples in this order.
 */
extern void pp_split_sort(uint32_t *samples, uint32_t n, const uint32_t *stacks, uint32_t *scratch);

/* Entries of one column: equal stacks added up, zeros left out.  out has room for n. */
extern PpCode pp_split_entries(const PpProfile *profile, const uint32_t *samples, uint32_t n,
							   const uint32_t *stacks, uint32_t column, PpSampleEntry *out,
							   uint32_t *nout, PpError *err);

/* The same by span, in the arena, sorted as pp_spans.h wants it. */
extern PpCode pp_split_spans(const PpProfile *profile, const PpSplit *split, const uint32_t *samples,
							 uint32_t n, const uint32_t *stacks, uint32_t column, PpArena *arena,
							 struct PpSpanGroup **groups, uint32_t *ngroups, PpError *err);

/* 2 * nbytes hexadecimal digits; false for anything else. */
extern bool pp_hex_bytes(PpBytes text, uint8_t *out, uint32_t nbytes);

/* 128 bits of content, for an id; the same on every machine. */
extern void pp_content_hash(const uint8_t *data, size_t len, uint8_t *out16);

#endif
