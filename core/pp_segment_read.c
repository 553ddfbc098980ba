/*
 * pp_segment_read.c
 *		Reading segments: the head, stacks, single rows, and whether all is well.
 */
#include "core/pp_segment.h"

#include <string.h>

#include "core/pp_segment_bytes.h"

static PpCode
fail_at(const PpColumnReader *r, const char *column, PpError *err)
{
	return pp_fail(err, PP_EMALFORMED, r->wrong_at, "%s of a segment: %s", column, r->wrong);
}

static PpColumnReader
open_column(const uint8_t *data, size_t len)
{
	return (PpColumnReader){data, data, data + len, NULL, 0};
}

static void
read_version(PpColumnReader *r)
{
	if (r->p == r->end)
		pp_column_wrong(r, "no bytes");
	else if (*r->p != PP_SEGMENT_VERSION)
		pp_column_wrong(r, "unknown version");
	else
		r->p++;
}

/* ---- head ---- */

static uint8_t
read_flags(PpColumnReader *r)
{
	uint8_t flags = r->p < r->end ? *r->p : 0xff;

	if ((flags & ~PP_SEGMENT_KNOWN_FLAGS) != 0)
		pp_column_wrong(r, "unknown flags");
	else
		r->p++;
	return flags;
}

static PpCode
make_rows(PpSegmentHead *head, PpArena *arena, PpError *err)
{
	size_t n = head->n;

	head->series = pp_arena_array(arena, head->nseries, sizeof(int64_t));
	head->at = pp_arena_array(arena, n, sizeof(int64_t));
	head->series_index = pp_arena_array(arena, n, sizeof(uint32_t));
	head->duration = pp_arena_array(arena, n, sizeof(int64_t));
	head->total = pp_arena_array(arena, n, sizeof(int64_t));
	head->scale = pp_arena_array(arena, n, sizeof(uint64_t));
	head->counted = pp_arena_array(arena, n, sizeof(uint8_t));
	head->samples_len = pp_arena_array(arena, n, sizeof(uint32_t));
	head->spans_len = pp_arena_array(arena, n, sizeof(uint32_t));
	head->samples_at = pp_arena_array(arena, n + 1, sizeof(uint64_t));
	head->spans_at = pp_arena_array(arena, n + 1, sizeof(uint64_t));
	if (head->series == NULL || head->at == NULL || head->series_index == NULL ||
		head->duration == NULL || head->total == NULL || head->scale == NULL ||
		head->counted == NULL || head->samples_len == NULL || head->spans_len == NULL ||
		head->samples_at == NULL || head->spans_at == NULL)
		return pp_fail_nomem(err);
	return PP_OK;
}

static void
read_times(PpColumnReader *r, PpSegmentHead *head)
{
	uint64_t unit;

	head->at[0] = pp_column_z(r);
	unit = (uint64_t) pp_column_unit(r);
	for (uint32_t i = 1; i < head->n; i++)
	{
		uint64_t step;

		if (__builtin_mul_overflow(pp_column_u(r), unit, &step))
			pp_column_wrong(r, "time is out of range");
		/* as far as the greatest time at most */
		if (step > (uint64_t) INT64_MAX - (uint64_t) head->at[i - 1])
			pp_column_wrong(r, "time is out of range");
		head->at[i] = (int64_t) ((uint64_t) head->at[i - 1] + step);
	}
}

static void
read_series(PpColumnReader *r, PpSegmentHead *head)
{
	for (uint32_t i = 0; i < head->n; i++)
	{
		uint64_t index = head->nseries > 1 ? pp_column_u(r) : 0;

		if (index >= head->nseries)
		{
			pp_column_wrong(r, "unknown series");
			index = 0;
		}
		head->series_index[i] = (uint32_t) index;
	}
}

static void
read_durations(PpColumnReader *r, PpSegmentHead *head, bool differ)
{
	int64_t unit;

	head->duration[0] = pp_column_z(r);
	unit = differ ? pp_column_unit(r) : 0;
	for (uint32_t i = 1; i < head->n; i++)
	{
		int64_t step = differ ? pp_column_times(r, pp_column_z(r), unit) : 0;

		head->duration[i] = (int64_t) ((uint64_t) head->duration[i - 1] + (uint64_t) step);
	}
}

static void
read_totals(PpColumnReader *r, PpSegmentHead *head)
{
	int64_t unit = pp_column_unit(r);

	for (uint32_t i = 0; i < head->n; i++)
		head->total[i] = pp_column_times(r, pp_column_z(r), unit);
}

static void
read_scales(PpColumnReader *r, PpSegmentHead *head, bool differ)
{
	uint64_t scale = 0;

	for (uint32_t i = 0; i < head->n; i++)
	{
		if (i == 0 || differ)
			scale = pp_column_u(r);
		head->scale[i] = scale >> 1;
		head->counted[i] = scale & 1;
	}
}

static void
read_lengths(PpColumnReader *r, PpSegmentHead *head, bool spans)
{
	head->samples_at[0] = head->spans_at[0] = 0;
	for (uint32_t i = 0; i < head->n; i++)
	{
		uint64_t samples = pp_column_u(r);
		uint64_t span = spans ? pp_column_u(r) : 0;

		if (samples > UINT32_MAX || span > UINT32_MAX)
		{
			pp_column_wrong(r, "bad length");
			samples = span = 0;
		}
		head->samples_len[i] = (uint32_t) samples;
		head->spans_len[i] = (uint32_t) span;
		head->samples_at[i + 1] = head->samples_at[i] + samples;
		head->spans_at[i + 1] = head->spans_at[i] + span;
	}
}

PpCode
pp_segment_head(const uint8_t *data, size_t len, PpArena *arena, PpSegmentHead *head, PpError *err)
{
	PpColumnReader r = open_column(data, len);
	uint8_t flags;
	PpCode code;

	memset(head, 0, sizeof(*head));
	read_version(&r);
	flags = read_flags(&r);
	head->n = pp_column_count(&r, 1);
	head->nseries = pp_column_count(&r, 8);
	if (head->n == 0 || head->n > PP_SEGMENT_MAX_ROWS || head->nseries == 0 ||
		head->nseries > head->n)
		pp_column_wrong(&r, "bad number of rows or series");
	if (r.wrong != NULL)
		return fail_at(&r, "head", err);
	if ((code = make_rows(head, arena, err)) != PP_OK)
		return code;
	for (uint32_t i = 0; i < head->nseries; i++)
	{
		head->series[i] = (int64_t) pp_column_fixed64(&r);
		if (i > 0 && head->series[i] <= head->series[i - 1])
			pp_column_wrong(&r, "series do not ascend");
	}
	read_times(&r, head);
	read_series(&r, head);
	read_durations(&r, head, (flags & PP_SEGMENT_DURATIONS_DIFFER) != 0);
	read_totals(&r, head);
	read_scales(&r, head, (flags & PP_SEGMENT_SCALES_DIFFER) != 0);
	read_lengths(&r, head, (flags & PP_SEGMENT_HAS_SPANS) != 0);
	if (r.wrong == NULL && r.p != r.end)
		pp_column_wrong(&r, "bytes after the end");
	return r.wrong == NULL ? PP_OK : fail_at(&r, "head", err);
}

/* ---- stacks ---- */

PpCode
pp_segment_stacks(const PpSegmentHead *head, const uint8_t *samples, size_t len, PpArena *arena,
				  PpSegmentStacks *stacks, PpError *err)
{
	PpSegmentTable table;
	PpColumnReader r;
	PpCode code = pp_segment_table(head, samples, len, &table, err);

	if (code != PP_OK)
		return code;
	stacks->ndicts = table.ndicts;
	stacks->dict_id = pp_arena_array(arena, table.ndicts, sizeof(uint64_t));
	stacks->first = pp_arena_array(arena, (size_t) table.ndicts + 1, sizeof(uint32_t));
	stacks->stacks = pp_arena_array(arena, table.nstacks, sizeof(uint32_t));
	if (stacks->dict_id == NULL || stacks->first == NULL || stacks->stacks == NULL)
		return pp_fail_nomem(err);
	stacks->first[0] = 0;
	r = open_column(table.dicts, (size_t) (table.ids - table.dicts));
	for (uint32_t i = 0; i < table.ndicts; i++)
	{
		stacks->dict_id[i] = pp_column_fixed64(&r);
		stacks->first[i + 1] = stacks->first[i] + (uint32_t) pp_column_u(&r);
	}
	r = open_column(table.ids, (size_t) (table.rows - table.ids));
	for (uint32_t i = 0; i < table.ndicts; i++)
	{
		uint64_t next = 0;

		for (uint32_t j = stacks->first[i]; j < stacks->first[i + 1]; j++)
		{
			uint64_t gap = pp_column_u(&r);

			if (gap > UINT32_MAX || next + gap > UINT32_MAX)
				pp_column_wrong(&r, "bad stack id");
			stacks->stacks[j] = (uint32_t) (next + gap);
			next = (uint64_t) stacks->stacks[j] + 1;
		}
	}
	if (r.wrong == NULL && r.p != r.end)
		pp_column_wrong(&r, "bytes after the stacks");
	return r.wrong == NULL ? PP_OK : fail_at(&r, "samples", err);
}

/* ---- single rows ---- */

/* A row on its way back to bytes of pprof.samples. */
typedef struct RowWriter
{
	const PpSegmentStacks *stacks;
	PpColumnReader r;
	uint8_t *out; /* NULL: count the bytes only */
	size_t len;
} RowWriter;

static void
write_u(RowWriter *w, uint64_t value)
{
	uint8_t bytes[PP_VARINT_MAX];
	size_t len = (size_t) (pp_put_varint(bytes, value) - bytes);

	if (w->out != NULL)
		memcpy(w->out + w->len, bytes, len);
	w->len += len;
}

/* One list of indexes, as stacks. */
static uint32_t
write_list(RowWriter *w, uint32_t dict, int64_t scale, bool ones)
{
	uint32_t first = w->stacks->first[dict], end = w->stacks->first[dict + 1];
	uint32_t n = pp_column_count(&w->r, ones ? 1 : 2);
	uint64_t index = first, next = 0;

	write_u(w, n);
	for (uint32_t i = 0; i < n && w->r.wrong == NULL; i++, index++)
	{
		uint64_t gap = pp_column_u(&w->r);
		uint32_t stack;

		if (gap >= end - index)
		{
			pp_column_wrong(&w->r, "unknown stack");
			break;
		}
		index += gap;
		stack = w->stacks->stacks[index];
		write_u(w, stack - next);
		next = (uint64_t) stack + 1;
		if (!ones)
		{
			int64_t units = pp_column_z(&w->r);

			if (units == 0 || units == 1)
				pp_column_wrong(&w->r, "bad value");
			(void) pp_column_times(&w->r, units, scale);
			write_u(w, pp_zigzag(units));
		}
	}
	return n;
}

static void
write_part(RowWriter *w, uint32_t *next_dict, int64_t scale, bool first)
{
	uint64_t dict = pp_column_u(&w->r);
	uint8_t id[8];

	if (dict >= w->stacks->ndicts - *next_dict)
	{
		pp_column_wrong(&w->r, "unknown dictionary");
		return;
	}
	dict += *next_dict;
	if (!first)
		scale = pp_column_unit(&w->r);
	(void) pp_put_fixed64(id, w->stacks->dict_id[dict]);
	if (w->out != NULL)
		memcpy(w->out + w->len, id, sizeof(id));
	w->len += sizeof(id);
	write_u(w, (uint64_t) scale);
	if (write_list(w, (uint32_t) dict, scale, true) + write_list(w, (uint32_t) dict, scale, false) ==
		0)
		pp_column_wrong(&w->r, "no samples of a dictionary");
	*next_dict = (uint32_t) dict + 1;
}

/* The whole row; its number of parts is known once it was counted. */
static uint32_t
write_row(RowWriter *w, const PpSegmentHead *head, uint32_t row, uint32_t nparts)
{
	uint32_t dict = 0, n = 0;

	w->len = 0;
	if (w->out != NULL)
	{
		w->out[0] = PP_SAMPLES_VERSION;
		w->out[1] = head->counted[row] ? PP_SAMPLES_COUNTED : 0;
	}
	w->len = 2;
	write_u(w, nparts);
	while (w->r.p < w->r.end && w->r.wrong == NULL)
		write_part(w, &dict, (int64_t) head->scale[row], n++ == 0);
	return n;
}

static void
open_row(RowWriter *w, const PpSegmentHead *head, const uint8_t *samples, size_t len, uint32_t row)
{
	const uint8_t *start = samples + (len - head->samples_at[head->n]) + head->samples_at[row];

	w->r = open_column(start, head->samples_len[row]);
	if (head->samples_len[row] > 0 && (head->scale[row] == 0 || head->scale[row] > INT64_MAX))
		pp_column_wrong(&w->r, "bad scale");
}

PpCode
pp_segment_row(const PpSegmentHead *head, const PpSegmentStacks *stacks, const uint8_t *samples,
			   size_t len, uint32_t row, const PpAlloc *alloc, uint8_t **out, size_t *out_len,
			   PpError *err)
{
	RowWriter w = {.stacks = stacks};
	uint32_t nparts;

	if (row >= head->n || head->samples_at[head->n] > len)
		return pp_fail(err, PP_EINVALID, PP_NO_OFFSET, "the segment does not have row %u", row);
	open_row(&w, head, samples, len, row);
	nparts = write_row(&w, head, row, 0);
	if (w.r.wrong != NULL)
		return fail_at(&w.r, "samples", err);
	/* the number of parts may take more bytes than that of none */
	if ((w.out = alloc->alloc(alloc->ctx, w.len + 5)) == NULL)
		return pp_fail_nomem(err);
	open_row(&w, head, samples, len, row);
	(void) write_row(&w, head, row, nparts);
	*out = w.out;
	*out_len = w.len;
	return PP_OK;
}

PpCode
pp_segment_row_samples(const PpSegmentHead *head, const uint8_t *samples, size_t len, uint32_t row,
					   const PpAlloc *alloc, uint8_t **out, size_t *out_len, PpError *err)
{
	PpArena *arena = pp_arena_new(alloc);
	PpSegmentStacks stacks;
	PpCode code;

	if (arena == NULL)
		return pp_fail_nomem(err);
	if ((code = pp_segment_stacks(head, samples, len, arena, &stacks, err)) == PP_OK)
		code = pp_segment_row(head, &stacks, samples, len, row, alloc, out, out_len, err);
	pp_arena_free(arena);
	return code;
}

PpCode
pp_segment_row_spans(const PpSegmentHead *head, const uint8_t *spans, size_t len, uint32_t row,
					 const uint8_t **out, size_t *out_len, PpError *err)
{
	if (row >= head->n)
		return pp_fail(err, PP_EINVALID, PP_NO_OFFSET, "the segment does not have row %u", row);
	if (head->spans_at[head->n] != len)
		return pp_fail(err, PP_EMALFORMED, PP_NO_OFFSET, "spans of a segment have a wrong length");
	*out = spans + head->spans_at[row];
	*out_len = head->spans_len[row];
	return PP_OK;
}

/* ---- all of it ---- */

static PpCode
decode_row(const PpSegmentHead *head, const PpSegmentStacks *stacks, const PpSegmentBytes *bytes,
		   uint32_t i, PpArena *arena, PpSegmentRow *row, PpError *err)
{
	uint8_t *samples = NULL;
	PpCode code = pp_segment_row(head,
								 stacks,
								 bytes->samples,
								 bytes->samples_len,
								 i,
								 pp_arena_allocator(arena),
								 &samples,
								 &row->samples_len,
								 err);

	if (code != PP_OK)
		return code;
	row->samples = (const uint8_t *) pp_arena_copy(arena, samples, row->samples_len);
	pp_arena_allocator(arena)->release(pp_arena_allocator(arena)->ctx, samples);
	if (row->samples == NULL)
		return pp_fail_nomem(err);
	row->at = head->at[i];
	row->series_id = head->series[head->series_index[i]];
	row->duration = head->duration[i];
	row->total = head->total[i];
	memcpy(row->id, bytes->ids + (size_t) i * 16, 16);
	return pp_segment_row_spans(head, bytes->spans, bytes->spans_len, i, &row->spans, &row->spans_len, err);
}

PpCode
pp_segment_decode(const PpSegmentBytes *bytes, PpArena *arena, PpSegmentRow **rows, uint32_t *n,
				  PpError *err)
{
	PpSegmentHead head;
	PpSegmentStacks stacks;
	PpSegmentRow *row;
	PpCode code = pp_segment_head(bytes->head, bytes->head_len, arena, &head, err);

	if (code != PP_OK ||
		(code = pp_segment_stacks(&head, bytes->samples, bytes->samples_len, arena, &stacks, err)) !=
			PP_OK)
		return code;
	if (bytes->ids_len != (size_t) head.n * 16)
		return pp_fail(err, PP_EMALFORMED, PP_NO_OFFSET, "ids of a segment have a wrong length");
	*n = head.n;
	if ((*rows = row = pp_arena_array(arena, head.n, sizeof(PpSegmentRow))) == NULL)
		return pp_fail_nomem(err);
	for (uint32_t i = 0; i < head.n; i++)
	{
		if ((code = decode_row(&head, &stacks, bytes, i, arena, &row[i], err)) != PP_OK)
			return code;
		if (i > 0 && pp_segment_compare(&row[i - 1], &row[i]) >= 0)
			return pp_fail(err, PP_EMALFORMED, PP_NO_OFFSET, "rows of a segment do not ascend");
		if (pp_poll(pp_arena_allocator(arena)))
			return pp_fail_canceled(err);
	}
	return PP_OK;
}

static PpCode
add_value(void *ctx, uint64_t dict_id, uint32_t stack, int64_t value, PpError *err)
{
	*(__int128 *) ctx += value;
	return PP_OK;
}

static PpCode
check_row(const PpSegmentRow *row, uint32_t number, PpError *err)
{
	__int128 sum = 0;
	PpCode code = pp_samples_check(row->samples, row->samples_len, err);

	if (code == PP_OK)
		code = pp_samples_visit(row->samples, row->samples_len, add_value, &sum, err);
	if (code == PP_OK && sum != row->total)
		return pp_fail(err,
					   PP_EMALFORMED,
					   PP_NO_OFFSET,
					   "total of row %u of a segment is not the sum of its values",
					   number);
	return code;
}

/* What decodes is what encoding gives: so nothing is there that nobody uses. */
static PpCode
check_same(const PpSegmentBytes *a, const PpSegmentBytes *b, PpError *err)
{
	if (a->head_len == b->head_len && memcmp(a->head, b->head, a->head_len) == 0 &&
		a->samples_len == b->samples_len && memcmp(a->samples, b->samples, a->samples_len) == 0)
		return PP_OK;
	return pp_fail(err, PP_EMALFORMED, PP_NO_OFFSET, "a segment is not written as segments are");
}

static PpCode
check_rows(const PpSegmentBytes *bytes, PpArena *arena, PpError *err)
{
	const PpAlloc *alloc = pp_arena_allocator(arena);
	PpSegmentBytes again;
	PpSegmentRow *rows;
	uint32_t n = 0;
	PpCode code = pp_segment_decode(bytes, arena, &rows, &n, err);

	for (uint32_t i = 0; code == PP_OK && i < n; i++)
		code = check_row(&rows[i], i, err);
	if (code != PP_OK || (code = pp_segment_encode(rows, n, alloc, &again, err)) != PP_OK)
		return code;
	code = check_same(bytes, &again, err);
	pp_segment_release(alloc, &again);
	return code;
}

PpCode
pp_segment_check(const PpSegmentBytes *bytes, const PpAlloc *alloc, PpError *err)
{
	PpArena *arena = pp_arena_new(alloc);
	PpCode code;

	if (arena == NULL)
		return pp_fail_nomem(err);
	code = check_rows(bytes, arena, err);
	pp_arena_free(arena);
	return code;
}
