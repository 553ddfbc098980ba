/*
 * pp_segment.h
 *		A run of profiles of one service, profile type and hour, as the bytes of
 *		a row of pprof.segments.
 *
 * Four columns, so that a reader takes what it needs.  `u` is an unsigned varint,
 * `z` one of a zigzag-coded number; ids of a list ascend strictly, the first as
 * it is, then the gap less one.
 *
 *   head
 *     u8  version (1)
 *     u8  flags: 1 durations differ, 2 scales differ, 4 some rows have spans,
 *         8 some sum is out of range, so there are none, 16 there are more scales
 *     u   rows; they are sorted by (at, series_id, id), no two are equal
 *     u   series, then 8 bytes each, ascending
 *     z   first time, in microseconds; u unit of the steps, then a step for each
 *         other row: u (at - at before) / unit
 *     per row u index of its series, unless there is only one series
 *     z   first duration; where durations differ: u unit, then for each other row
 *         z (duration - duration before) / unit
 *     u   unit of the totals, then per row z total / unit
 *     u   scale << 1 | counted of the first row; where scales differ of each other row
 *     where some rows have spans: per row u length of its spans
 *     u   bytes of samples up to the end of the sums
 *
 *   ids
 *     16 bytes per row
 *
 *   samples
 *     u8  version (1)
 *     u8  flags: 1 some values are negative
 *     u8  order k of the code of values
 *     u   unit of the sums
 *     u   dictionaries; per dictionary, ascending: 8 bytes dict_id, u stacks (> 0)
 *     per dictionary, per stack that occurs: u id, a list; unless there are none:
 *         z sum of its values / unit
 *     u   scales that the head does not have, as they are not of the first part of
 *         a row; per scale, by (dictionary, row): u dictionary - the one before, u row, u scale
 *     u   entries
 *     bits, the lowest of a byte first: per stack in the order above
 *         number of its rows less one, Golomb of order 0
 *         per row its number (a list), Rice; and v, Golomb of order k: value / scale is
 *         v + 1 or, where some are negative, zigzag-coded v + 1
 *
 *   Rice with b bits: x >> b in unary (zeros and a one), then b low bits; b is the
 *   exponent of the greatest power of 2 in rows * 11 / (rows of the stack * 16),
 *   0 if that is 0.  Golomb of order k: with y = x + 2^k, for each bit that y has
 *   beyond k + 1 a zero, then a one, then y without its highest bit.  Bits of the
 *   last byte that are left are 0.
 *
 *   spans
 *     those of each row, as they are
 *
 * All profiles of a segment are added up by reading the sums alone, which come
 * first.  What a stack has in single profiles takes about a byte for each.
 */
#ifndef PP_SEGMENT_H
#define PP_SEGMENT_H

#include "core/pp_samples.h"

#define PP_SEGMENT_VERSION	   1
#define PP_SEGMENT_MAX_ROWS	   65536
#define PP_SEGMENT_MAX_ENTRIES (1 << 26) /* values over all rows */

typedef struct PpSegmentRow
{
	int64_t at; /* microseconds */
	int64_t series_id;
	int64_t duration, total;
	uint8_t id[16];
	const uint8_t *samples; /* bytes of pprof.samples */
	size_t samples_len;
	const uint8_t *spans; /* bytes of raw.spans */
	size_t spans_len;
} PpSegmentRow;

typedef struct PpSegmentBytes
{
	uint8_t *head, *ids, *samples, *spans;
	size_t head_len, ids_len, samples_len, spans_len;
} PpSegmentBytes;

/* As (at, series_id, id) sort: below, at or above zero. */
extern int pp_segment_compare(const PpSegmentRow *a, const PpSegmentRow *b);

/*
 * Rows are sorted by (at, series_id, id) and distinct.  All that *out points to
 * comes from alloc.  Samples come back with the very bytes they had, if a writer
 * of this library made them.
 */
extern PpCode pp_segment_encode(const PpSegmentRow *rows, uint32_t n, const PpAlloc *alloc,
								PpSegmentBytes *out, PpError *err);
/* Give back what encoding made. */
extern void pp_segment_release(const PpAlloc *alloc, PpSegmentBytes *bytes);

typedef struct PpSegmentHead
{
	uint32_t n, nseries;
	int64_t *series; /* ascending */
	int64_t *at;
	uint32_t *series_index; /* into series */
	int64_t *duration, *total;
	uint64_t *scale;  /* of the first part of the samples; 0 without samples */
	uint8_t *counted; /* bool: value / scale is a number of events */
	uint32_t *spans_len;
	uint64_t *spans_at; /* sums of the lengths of the rows before; n + 1 of them */
	uint64_t sums_len;	/* bytes of samples up to the end of the sums */
	bool has_sums;
	bool more_scales; /* some row has samples of several dictionaries */
} PpSegmentHead;

extern PpCode pp_segment_head(const uint8_t *data, size_t len, PpArena *arena, PpSegmentHead *head,
							  PpError *err);

/*
 * Add the samples of the rows that are chosen (a byte per row; NULL: all of
 * them).  With counts: value / scale of those that are counted, nothing of the
 * others.  After an error the sum is unusable.
 *
 * pp_segment_sum_len tells how many bytes from the start of samples that takes;
 * less than all of them where sums do.
 */
extern uint64_t pp_segment_sum_len(const PpSegmentHead *head, const uint8_t *chosen, bool counts);
extern PpCode pp_segment_sum(const PpSegmentHead *head, const uint8_t *samples, size_t len,
							 const uint8_t *chosen, bool counts, PpSamplesSum *sum, PpError *err);

/* The samples of a segment by row, for whoever reads many of its rows. */
typedef struct PpSegmentStacks
{
	uint32_t ndicts;
	uint64_t *dict_id; /* ascending */
	uint32_t *first;   /* of each dictionary in stacks; ndicts + 1 */
	uint32_t *stacks;
	uint64_t *row_first; /* of each row in the next two; one more than rows */
	uint32_t *index;	 /* into stacks, ascending in a row */
	int64_t *units;		 /* value / scale */
	struct PpSegmentScale
	{
		uint32_t dict, row;
		uint64_t scale;
	} * scales; /* that are not in the head, by (dict, row) */
	uint32_t nscales;
} PpSegmentStacks;

extern PpCode pp_segment_stacks(const PpSegmentHead *head, const uint8_t *samples, size_t len,
								PpArena *arena, PpSegmentStacks *stacks, PpError *err);
/* One row as bytes of pprof.samples, from alloc. */
extern PpCode pp_segment_row(const PpSegmentHead *head, const PpSegmentStacks *stacks,
							 const uint8_t *samples, size_t len, uint32_t row, const PpAlloc *alloc,
							 uint8_t **out, size_t *out_len, PpError *err);
/* The same for whoever reads one. */
extern PpCode pp_segment_row_samples(const PpSegmentHead *head, const uint8_t *samples, size_t len,
									 uint32_t row, const PpAlloc *alloc, uint8_t **out,
									 size_t *out_len, PpError *err);
/* Spans of a row: *out points into spans. */
extern PpCode pp_segment_row_spans(const PpSegmentHead *head, const uint8_t *spans, size_t len,
								   uint32_t row, const uint8_t **out, size_t *out_len, PpError *err);

/*
 * All rows, in the arena, samples decoded; ids and spans point into bytes.  As
 * strict as can be: lengths fit, rows ascend, each stack is used.
 */
extern PpCode pp_segment_decode(const PpSegmentBytes *bytes, PpArena *arena, PpSegmentRow **rows,
								uint32_t *n, PpError *err);
/* Everything that can be told from the bytes, totals against samples included. */
extern PpCode pp_segment_check(const PpSegmentBytes *bytes, const PpAlloc *alloc, PpError *err);

#endif
