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
	head->spans_len = pp_arena_array(arena, n, sizeof(uint32_t));
	head->spans_at = pp_arena_array(arena, n + 1, sizeof(uint64_t));
	if (head->series == NULL || head->at == NULL || head->series_index == NULL ||
		head->duration == NULL || head->total == NULL || head->scale == NULL ||
		head->counted == NULL || head->spans_len == NULL || head->spans_at == NULL)
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
read_spans(PpColumnReader *r, PpSegmentHead *head, bool spans)
{
	head->spans_at[0] = 0;
	for (uint32_t i = 0; i < head->n; i++)
	{
		uint64_t len = spans ? pp_column_u(r) : 0;

		if (len > UINT32_MAX)
		{
			pp_column_wrong(r, "bad length");
			len = 0;
		}
		head->spans_len[i] = (uint32_t) len;
		head->spans_at[i + 1] = head->spans_at[i] + len;
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
	read_spans(&r, head, (flags & PP_SEGMENT_HAS_SPANS) != 0);
	head->sums_len = pp_column_u(&r);
	head->has_sums = (flags & PP_SEGMENT_NO_SUMS) == 0;
	head->more_scales = (flags & PP_SEGMENT_MORE_SCALES) != 0;
	if (r.wrong == NULL && r.p != r.end)
		pp_column_wrong(&r, "bytes after the end");
	return r.wrong == NULL ? PP_OK : fail_at(&r, "head", err);
}

/* ---- samples by row ---- */

static PpCode
read_table(const PpSegmentHead *head, const PpSegmentTable *table, PpArena *arena,
		   PpSegmentStacks *stacks, PpError *err)
{
	PpColumnReader dicts = open_column(table->dicts, (size_t) (table->ids - table->dicts));
	PpColumnReader r = open_column(table->ids, (size_t) (table->ids_end - table->ids));

	stacks->ndicts = table->ndicts;
	stacks->dict_id = pp_arena_array(arena, table->ndicts, sizeof(uint64_t));
	stacks->first = pp_arena_array(arena, (size_t) table->ndicts + 1, sizeof(uint32_t));
	stacks->stacks = pp_arena_array(arena, table->nstacks, sizeof(uint32_t));
	if (stacks->dict_id == NULL || stacks->first == NULL || stacks->stacks == NULL)
		return pp_fail_nomem(err);
	stacks->first[0] = 0;
	for (uint32_t i = 0; i < table->ndicts; i++)
	{
		uint64_t next = 0;

		stacks->dict_id[i] = pp_column_fixed64(&dicts);
		stacks->first[i + 1] = stacks->first[i] + (uint32_t) pp_column_u(&dicts);
		for (uint32_t j = stacks->first[i]; j < stacks->first[i + 1]; j++)
		{
			uint64_t gap = pp_column_u(&r);

			if (gap > UINT32_MAX || next + gap > UINT32_MAX)
				pp_column_wrong(&r, "bad stack id");
			stacks->stacks[j] = (uint32_t) (next + gap);
			next = (uint64_t) stacks->stacks[j] + 1;
			if (head->has_sums)
				(void) pp_column_u(&r);
		}
	}
	if (r.wrong == NULL && r.p != r.end)
		pp_column_wrong(&r, "bytes behind the stacks");
	return r.wrong == NULL ? PP_OK : fail_at(&r, "samples", err);
}

static PpCode
read_more_scales(const PpSegmentHead *head, PpColumnReader *r, uint32_t n, PpArena *arena,
				 PpSegmentStacks *stacks, PpError *err)
{
	uint64_t dict = 0;

	stacks->nscales = n;
	stacks->scales = pp_arena_array(arena, n, sizeof(*stacks->scales));
	if (stacks->scales == NULL)
		return pp_fail_nomem(err);
	for (uint32_t i = 0; i < n; i++)
	{
		uint64_t step = pp_column_u(r), row = pp_column_u(r);

		dict = step <= UINT32_MAX ? dict + step : UINT32_MAX;
		stacks->scales[i].scale = (uint64_t) pp_column_unit(r);
		if (dict >= stacks->ndicts || row >= head->n ||
			(i > 0 && step == 0 && row <= stacks->scales[i - 1].row))
		{
			pp_column_wrong(r, "bad scale");
			return fail_at(r, "samples", err);
		}
		stacks->scales[i].dict = (uint32_t) dict;
		stacks->scales[i].row = (uint32_t) row;
	}
	return r->wrong == NULL ? PP_OK : fail_at(r, "samples", err);
}

/* An entry as it is read, stack by stack. */
typedef struct Entry
{
	uint32_t row, index;
	int64_t units;
} Entry;

/* The lists of all stacks; how many entries each row has is counted in row_first[row + 1]. */
static PpCode
read_entries(const PpSegmentHead *head, const PpSegmentTable *table, PpBitReader *bits,
			 PpSegmentStacks *stacks, Entry *entries, uint32_t nentries, PpError *err)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < table->nstacks; i++)
	{
		uint64_t count = pp_golomb_read(bits, 0) + 1, next = 0;
		uint32_t b;

		if (count > head->n || count > nentries - n || bits->wrong)
			return pp_fail(err, PP_EMALFORMED, PP_NO_OFFSET, "samples of a segment: bad list of rows");
		b = pp_rice_bits(head->n, (uint32_t) count);
		for (; count > 0; count--, n++)
		{
			uint64_t gap, code;
			int64_t units;

			pp_bits_pair(bits, b, head->n, table->order, &gap, &code);
			next += gap;
			units = table->is_signed ? pp_unzigzag(code + 1) : (int64_t) (code + 1);
			if (next >= head->n || units == 0 || (!table->is_signed && units < 0))
				return pp_fail(err, PP_EMALFORMED, PP_NO_OFFSET, "samples of a segment: bad entry");
			entries[n] = (Entry){(uint32_t) next, i, units};
			stacks->row_first[next + 1]++;
			next++;
		}
	}
	if (n != nentries)
		return pp_fail(err, PP_EMALFORMED, PP_NO_OFFSET, "samples of a segment: entries are missing");
	return pp_segment_lists_end(bits, err);
}

/* Put entries in the order of rows; in a row they stay in the order of stacks. */
static PpCode
sort_entries(const PpSegmentHead *head, const Entry *entries, uint32_t nentries, PpArena *arena,
			 PpSegmentStacks *stacks, PpError *err)
{
	uint64_t *next = pp_arena_array(arena, head->n, sizeof(uint64_t));

	stacks->index = pp_arena_array(arena, nentries, sizeof(uint32_t));
	stacks->units = pp_arena_array(arena, nentries, sizeof(int64_t));
	if (next == NULL || stacks->index == NULL || stacks->units == NULL)
		return pp_fail_nomem(err);
	for (uint32_t i = 0; i < head->n; i++)
	{
		stacks->row_first[i + 1] += stacks->row_first[i];
		next[i] = stacks->row_first[i];
	}
	for (uint32_t i = 0; i < nentries; i++)
	{
		uint64_t at = next[entries[i].row]++;

		stacks->index[at] = entries[i].index;
		stacks->units[at] = entries[i].units;
	}
	return PP_OK;
}

PpCode
pp_segment_stacks(const PpSegmentHead *head, const uint8_t *samples, size_t len, PpArena *arena,
				  PpSegmentStacks *stacks, PpError *err)
{
	PpSegmentTable table;
	PpColumnReader scales;
	PpBitReader bits;
	Entry *entries;
	uint32_t nscales, nentries;
	PpCode code = pp_segment_table(head, samples, len, &table, err);

	if (code != PP_OK ||
		(code = pp_segment_lists(&table, samples, len, &scales, &nscales, &bits, &nentries, err)) !=
			PP_OK ||
		(code = read_table(head, &table, arena, stacks, err)) != PP_OK ||
		(code = read_more_scales(head, &scales, nscales, arena, stacks, err)) != PP_OK)
		return code;
	stacks->row_first = pp_arena_zalloc(arena, ((size_t) head->n + 1) * sizeof(uint64_t));
	entries = pp_arena_array(arena, nentries, sizeof(Entry));
	if (stacks->row_first == NULL || entries == NULL)
		return pp_fail_nomem(err);
	if ((code = read_entries(head, &table, &bits, stacks, entries, nentries, err)) != PP_OK)
		return code;
	return sort_entries(head, entries, nentries, arena, stacks, err);
}

/* ---- single rows ---- */

/* Scale of a part that is not the first of its row; 0 if there is none. */
static uint64_t
find_scale(const PpSegmentStacks *stacks, uint32_t dict, uint32_t row)
{
	uint32_t low = 0, high = stacks->nscales;

	while (low < high)
	{
		uint32_t middle = low + (high - low) / 2;

		if (stacks->scales[middle].dict < dict ||
			(stacks->scales[middle].dict == dict && stacks->scales[middle].row < row))
			low = middle + 1;
		else
			high = middle;
	}
	if (low < stacks->nscales && stacks->scales[low].dict == dict && stacks->scales[low].row == row)
		return stacks->scales[low].scale;
	return 0;
}

/* Entries [from, to) of the row, all of one dictionary, as a part. */
static PpCode
make_part(const PpSegmentHead *head, const PpSegmentStacks *stacks, uint32_t row, uint64_t from,
		  uint64_t to, uint32_t dict, PpSampleEntry *entries, PpSamplesPart *part, PpError *err)
{
	bool first = from == stacks->row_first[row];
	uint64_t scale = first ? head->scale[row] : find_scale(stacks, dict, row);

	if (scale == 0 || scale > INT64_MAX)
		return pp_fail(err, PP_EMALFORMED, PP_NO_OFFSET, "samples of a segment: bad scale");
	for (uint64_t i = from; i < to; i++)
	{
		entries[i - from].stack = stacks->stacks[stacks->index[i]];
		if (__builtin_mul_overflow(stacks->units[i], (int64_t) scale, &entries[i - from].value))
			return pp_fail(err,
						   PP_EMALFORMED,
						   PP_NO_OFFSET,
						   "samples of a segment: value is out of range");
	}
	*part = (PpSamplesPart){.dict_id = stacks->dict_id[dict],
							.scale = scale,
							.n = (uint32_t) (to - from),
							.entries = entries};
	return PP_OK;
}

static PpCode
make_parts(const PpSegmentHead *head, const PpSegmentStacks *stacks, uint32_t row,
		   PpSampleEntry *entries, PpSamplesPart *parts, uint32_t *nparts, PpError *err)
{
	uint64_t at = stacks->row_first[row], end = stacks->row_first[row + 1];

	*nparts = 0;
	for (uint32_t dict = 0; at < end; dict++)
	{
		uint64_t from = at;
		PpCode code;

		while (at < end && stacks->index[at] < stacks->first[dict + 1])
			at++;
		if (at == from)
			continue;
		code = make_part(head, stacks, row, from, at, dict, entries, &parts[*nparts], err);
		if (code != PP_OK)
			return code;
		entries += at - from;
		(*nparts)++;
	}
	return PP_OK;
}

PpCode
pp_segment_row(const PpSegmentHead *head, const PpSegmentStacks *stacks, const uint8_t *samples,
			   size_t len, uint32_t row, const PpAlloc *alloc, uint8_t **out, size_t *out_len,
			   PpError *err)
{
	PpArena *arena;
	PpSampleEntry *entries;
	PpSamplesPart *parts;
	uint64_t n;
	uint32_t nparts;
	PpCode code;

	if (row >= head->n)
		return pp_fail(err, PP_EINVALID, PP_NO_OFFSET, "the segment does not have row %u", row);
	if ((arena = pp_arena_new(alloc)) == NULL)
		return pp_fail_nomem(err);
	n = stacks->row_first[row + 1] - stacks->row_first[row];
	entries = pp_arena_array(arena, n, sizeof(PpSampleEntry));
	parts = pp_arena_array(arena, n < stacks->ndicts ? n : stacks->ndicts, sizeof(PpSamplesPart));
	if (entries == NULL || parts == NULL)
		code = pp_fail_nomem(err);
	else if ((code = make_parts(head, stacks, row, entries, parts, &nparts, err)) == PP_OK)
		code = pp_samples_encode(parts,
								 nparts,
								 head->counted[row] ? PP_SAMPLES_COUNTED : 0,
								 alloc,
								 out,
								 out_len,
								 err);
	pp_arena_free(arena);
	return code;
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
