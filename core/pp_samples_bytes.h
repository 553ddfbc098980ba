/*
 * pp_samples_bytes.h
 *		Reading the bytes of pprof.samples, shared by the files that do.
 */
#ifndef PP_SAMPLES_BYTES_H
#define PP_SAMPLES_BYTES_H

#include "core/pp_samples.h"

#define PP_SAMPLES_KNOWN_FLAGS PP_SAMPLES_COUNTED

typedef struct PpSamplesReader
{
	const uint8_t *start, *p, *end;
	uint32_t flags, nparts;
	uint32_t npart;			 /* parts begun */
	uint64_t dict_id, scale; /* of the part begun last; scale is 1 to INT64_MAX */
} PpSamplesReader;

/* PP_EMALFORMED at the byte the reader has come to. */
extern PpCode pp_samples_fail(const PpSamplesReader *reader, const char *what, PpError *err);

/* False when the bytes end first or the number does not fit 64 bits. */
extern bool pp_samples_uvarint(const uint8_t **p, const uint8_t *end, uint64_t *value);

/* Varints of one and two bytes are nearly all there are. */
static inline bool
pp_samples_fast_uvarint(const uint8_t **p, const uint8_t *end, uint64_t *value)
{
	const uint8_t *at = *p;

	if (end - at >= 2)
	{
		if (at[0] < 0x80)
		{
			*value = at[0];
			*p = at + 1;
			return true;
		}
		if (at[1] < 0x80)
		{
			*value = (at[0] & 0x7f) | (uint64_t) at[1] << 7;
			*p = at + 2;
			return true;
		}
	}
	return pp_samples_uvarint(p, end, value);
}

/* Header; then per part its head and two lists, each with its count; then the end. */
extern PpCode pp_samples_open(PpSamplesReader *reader, const uint8_t *data, size_t len, PpError *err);
extern PpCode pp_samples_part(PpSamplesReader *reader, PpError *err);
/* A count that the bytes left can hold, when an entry takes entry_bytes at least. */
extern PpCode pp_samples_count(PpSamplesReader *reader, uint32_t entry_bytes, uint64_t *n,
							   PpError *err);
extern PpCode pp_samples_close(const PpSamplesReader *reader, PpError *err);

/* Memory for whoever adds to the sum, valid until the next call; NULL if there is none. */
extern void *pp_samples_sum_scratch(PpSamplesSum *sum, size_t size);
/* Adds to the stacks of one dictionary; valid until something else is added to the sum. */
typedef struct PpSumCursor
{
	PpSamplesSum *sum;
	void *dict;
	uint64_t npage; /* of page; more than any: none */
	int64_t *page;
} PpSumCursor;

#define PP_SUM_PAGE_BITS 9

extern PpCode pp_sum_cursor_open(PpSumCursor *cursor, PpSamplesSum *sum, uint64_t dict_id,
								 PpError *err);
extern PpCode pp_sum_cursor_turn(PpSumCursor *cursor, uint32_t stack, PpError *err);
extern PpCode pp_sum_poll(const PpSamplesSum *sum, PpError *err);

static inline PpCode
pp_sum_cursor_add(PpSumCursor *cursor, uint32_t stack, int64_t value, PpError *err)
{
	int64_t *cell;
	PpCode code;

	if (stack >> PP_SUM_PAGE_BITS != cursor->npage &&
		(code = pp_sum_cursor_turn(cursor, stack, err)) != PP_OK)
		return code;
	cell = &cursor->page[stack & ((1 << PP_SUM_PAGE_BITS) - 1)];
	if (!__builtin_add_overflow(*cell, value, cell))
		return PP_OK;
	return pp_fail(err, PP_EOVERFLOW, PP_NO_OFFSET, "sum of samples is out of range");
}

#endif
