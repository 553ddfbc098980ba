/*
 * pp_spans.h
 *		Which samples of a stored row belong to which span and trace.
 *
 *   u8      version (1)
 *   uvarint number of groups
 *   per group, ascending by (span, trace)
 *     u8      1: a span id follows, 2: a trace id follows
 *     8 bytes span id, 16 bytes trace id, as far as the flags say
 *     uvarint n, then n pairs: stack (the first as it is, then gap - 1), uvarint value
 *
 * Stacks belong to the one dictionary of the row's samples, and are part of
 * them.  Zero groups are no bytes at all.
 */
#ifndef PP_SPANS_H
#define PP_SPANS_H

#include "core/pp_samples.h"
#include "core/pp_split.h"

#define PP_SPANS_VERSION 1

typedef struct PpSpanGroup
{
	PpSpan id;
	uint32_t n;
	PpSampleEntry *entries; /* ascending by stack, distinct, values above 0 */
} PpSpanGroup;

/* *out comes from alloc; empty for no groups. */
extern PpCode pp_spans_encode(const PpSpanGroup *groups, uint32_t n, const PpAlloc *alloc,
							  uint8_t **out, size_t *out_len, PpError *err);
extern PpCode pp_spans_decode(const uint8_t *data, size_t len, PpArena *arena, PpSpanGroup **groups,
							  uint32_t *n, PpError *err);

#endif
