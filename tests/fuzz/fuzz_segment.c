/*
 * fuzz_segment.c
 *		Bytes as a segment and as totals: read, checked, added up; what is good
 *		must give the same sum as its rows, and come back equal.
 *
 * An input is columns, one after the other: head, samples, ids, spans, or head
 * and data of totals.  Each but the last begins with its length in two bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "core/pp_segment.h"
#include "core/pp_totals.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool truth)
{
	if (!truth)
		abort();
}

/* A column in memory of its own, so that sanitizers see its end. */
static uint8_t *
take_column(const uint8_t **data, size_t *size, bool last, size_t *len)
{
	uint8_t *column;

	*len = *size;
	if (!last && *size >= 2)
	{
		size_t wanted = (size_t) (*data)[0] | (size_t) (*data)[1] << 8;

		*data += 2;
		*size -= 2;
		*len = wanted < *size ? wanted : *size;
	}
	column = malloc(*len + 1);
	column = realloc(column, *len > 0 ? *len : 1);
	memcpy(column, *data, *len);
	*data += *len;
	*size -= *len;
	return column;
}

static void
add_rows(const PpSegmentBytes *bytes, PpSamplesSum *sum, bool *overflow)
{
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	PpSegmentRow *rows;
	uint32_t n;
	PpError err;

	require(pp_segment_decode(bytes, arena, &rows, &n, &err) == PP_OK);
	for (uint32_t i = 0; i < n && !*overflow; i++)
		*overflow = pp_samples_sum_add(sum, rows[i].samples, rows[i].samples_len, 1, &err) != PP_OK;
	pp_arena_free(arena);
}

/* The sum of a good segment is that of its rows. */
static void
check_sum(const PpSegmentBytes *bytes, const PpSamplesSum *sum)
{
	PpSamplesSum *rows = pp_samples_sum_new(&pp_alloc_malloc);
	uint8_t *a, *b;
	size_t a_len, b_len;
	bool overflow = false;
	PpError err;

	add_rows(bytes, rows, &overflow);
	if (!overflow)
	{
		require(pp_samples_sum_encode(sum, &pp_alloc_malloc, &a, &a_len, &err) == PP_OK);
		require(pp_samples_sum_encode(rows, &pp_alloc_malloc, &b, &b_len, &err) == PP_OK);
		require(a_len == b_len && memcmp(a, b, a_len) == 0);
		free(a);
		free(b);
	}
	pp_samples_sum_free(rows);
}

static void
fuzz_segment(const PpSegmentBytes *bytes)
{
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	PpSamplesSum *all = pp_samples_sum_new(&pp_alloc_malloc);
	PpSamplesSum *some = pp_samples_sum_new(&pp_alloc_malloc);
	PpSegmentHead head;
	PpError err;

	if (pp_segment_head(bytes->head, bytes->head_len, arena, &head, &err) == PP_OK)
	{
		uint8_t *chosen = pp_arena_zalloc(arena, head.n);
		PpCode code;

		memset(chosen, 1, head.n / 2);
		code = pp_segment_sum(&head, bytes->samples, bytes->samples_len, NULL, false, all, &err);
		(void) pp_segment_sum(&head, bytes->samples, bytes->samples_len, chosen, false, some, &err);
		(void) pp_segment_sum(&head, bytes->samples, bytes->samples_len, chosen, true, some, &err);
		if (pp_segment_check(bytes, &pp_alloc_malloc, &err) == PP_OK && code == PP_OK)
			check_sum(bytes, all);
	}
	pp_samples_sum_free(all);
	pp_samples_sum_free(some);
	pp_arena_free(arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	PpSegmentBytes segment;
	PpTotalsBytes totals;
	PpError err;

	segment.head = take_column(&data, &size, false, &segment.head_len);
	segment.samples = take_column(&data, &size, false, &segment.samples_len);
	segment.ids = take_column(&data, &size, false, &segment.ids_len);
	segment.spans = take_column(&data, &size, true, &segment.spans_len);
	fuzz_segment(&segment);
	totals = (PpTotalsBytes){segment.head, segment.samples, segment.head_len, segment.samples_len};
	(void) pp_totals_check(&totals, &pp_alloc_malloc, &err);
	free(segment.head);
	free(segment.samples);
	free(segment.ids);
	free(segment.spans);
	return 0;
}
