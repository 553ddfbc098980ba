/*
 * pp_segment.c
 *		Writing segments; pp_segment_read.c and pp_segment_sum.c read them.
 *
 * Entries of all rows are sorted once by (dictionary, stack): that gives the
 * table of stacks, and each entry its index into it.
 */
#include "core/pp_segment.h"

#include <string.h>

#include "core/pp_segment_bytes.h"
#include "core/pp_sort.h"

#define RADIX_BITS 11
#define RADIX_SIZE (1 << RADIX_BITS)

/* The samples of a row in one dictionary. */
typedef struct Part
{
	uint32_t row, dict;
	uint64_t dict_id, scale;
	uint32_t first, nones, npairs; /* entries: those of one unit, then the others */
} Part;

typedef struct SortKey
{
	uint64_t key; /* dictionary above stack */
	uint32_t entry;
} SortKey;

typedef struct Encoder
{
	const PpAlloc *alloc;
	PpArena *arena;
	const PpSegmentRow *rows;
	uint32_t n;
	uint64_t *scale;	  /* per row: of its first part */
	uint8_t *counted;	  /* per row */
	uint32_t *samples_at; /* per row: first of its parts; n + 1 */
	uint32_t *samples_len;
	Part *parts;
	uint32_t nparts, ndicts;
	uint64_t *dict_ids;
	uint32_t *dict_stacks; /* per dictionary: how many */
	uint32_t *index;	   /* per entry: its stack, then its index in the table */
	int64_t *units;		   /* per entry that is not a one */
	uint32_t nentries;
	uint32_t *stacks; /* the table */
	uint32_t nstacks;
	uint32_t greatest; /* stack */
} Encoder;

static int
compare_numbers(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

int
pp_segment_compare(const PpSegmentRow *a, const PpSegmentRow *b)
{
	int order = compare_numbers(a->at, b->at);

	if (order == 0)
		order = compare_numbers(a->series_id, b->series_id);
	return order != 0 ? order : memcmp(a->id, b->id, sizeof(a->id));
}

static PpCode
check_rows(const PpSegmentRow *rows, uint32_t n, PpError *err)
{
	if (n == 0 || n > PP_SEGMENT_MAX_ROWS)
		return pp_fail(err, PP_EINVALID, PP_NO_OFFSET, "a segment cannot have %u rows", n);
	for (uint32_t i = 0; i < n; i++)
	{
		if (rows[i].samples_len > UINT32_MAX || rows[i].spans_len > UINT32_MAX)
			return pp_fail(err, PP_EINVALID, PP_NO_OFFSET, "samples are too long for a segment");
		if (i > 0 && pp_segment_compare(&rows[i - 1], &rows[i]) >= 0)
			return pp_fail(err, PP_EINVALID, PP_NO_OFFSET, "rows of a segment do not ascend");
	}
	return PP_OK;
}

/* ---- reading rows ---- */

/* Most that the rows can have: each number ends with a byte below 0x80. */
static PpCode
make_room(Encoder *e, PpError *err)
{
	uint64_t numbers = 0, parts = 0;

	for (uint32_t i = 0; i < e->n; i++)
	{
		PpSamplesHeader header;
		PpCode code = pp_samples_check(e->rows[i].samples, e->rows[i].samples_len, err);

		if (code != PP_OK ||
			(code = pp_samples_header(e->rows[i].samples, e->rows[i].samples_len, &header, err)) !=
				PP_OK)
			return code;
		parts += header.nparts;
		for (size_t j = 0; j < e->rows[i].samples_len; j++)
			numbers += e->rows[i].samples[j] < 0x80;
	}
	if (numbers > UINT32_MAX)
		return pp_fail(err, PP_EINVALID, PP_NO_OFFSET, "samples are too long for a segment");
	e->parts = pp_arena_array(e->arena, parts, sizeof(Part));
	e->index = pp_arena_array(e->arena, numbers, sizeof(uint32_t));
	e->units = pp_arena_array(e->arena, numbers, sizeof(int64_t));
	e->scale = pp_arena_array(e->arena, e->n, sizeof(uint64_t));
	e->counted = pp_arena_array(e->arena, e->n, 1);
	e->samples_at = pp_arena_array(e->arena, (size_t) e->n + 1, sizeof(uint32_t));
	e->samples_len = pp_arena_array(e->arena, e->n, sizeof(uint32_t));
	if (e->parts == NULL || e->index == NULL || e->units == NULL || e->scale == NULL ||
		e->counted == NULL || e->samples_at == NULL || e->samples_len == NULL)
		return pp_fail_nomem(err);
	return PP_OK;
}

/* One list of a part: ids, and units unless they are ones; it was checked before. */
static uint32_t
take_list(Encoder *e, PpSamplesReader *reader, bool ones)
{
	PpColumnReader r = {reader->start, reader->p, reader->end, NULL, 0};
	uint32_t n = (uint32_t) pp_column_u(&r);
	uint64_t next = 0;

	for (uint32_t i = 0; i < n; i++)
	{
		uint32_t stack = (uint32_t) (next + pp_column_u(&r));

		e->index[e->nentries] = stack;
		if (!ones)
			e->units[e->nentries] = pp_column_z(&r);
		if (stack > e->greatest)
			e->greatest = stack;
		e->nentries++;
		next = (uint64_t) stack + 1;
	}
	reader->p = r.p;
	return n;
}

static PpCode
take_row(Encoder *e, uint32_t row, PpError *err)
{
	PpSamplesReader reader;
	PpCode code = pp_samples_open(&reader, e->rows[row].samples, e->rows[row].samples_len, err);

	e->scale[row] = 0;
	e->samples_at[row] = e->nparts;
	for (uint32_t i = 0; code == PP_OK && i < reader.nparts; i++)
	{
		Part part = {.row = row, .first = e->nentries};

		if ((code = pp_samples_part(&reader, err)) != PP_OK)
			break;
		part.dict_id = reader.dict_id;
		part.scale = reader.scale;
		part.nones = take_list(e, &reader, true);
		part.npairs = take_list(e, &reader, false);
		if (part.nones + part.npairs == 0)
			continue;
		if (e->scale[row] == 0)
			e->scale[row] = part.scale;
		e->parts[e->nparts++] = part;
	}
	if (code == PP_OK)
		e->counted[row] = (reader.flags & PP_SAMPLES_COUNTED) != 0;
	return code;
}

static PpCode
take_rows(Encoder *e, PpError *err)
{
	PpCode code = make_room(e, err);

	for (uint32_t i = 0; code == PP_OK && i < e->n; i++)
		code = take_row(e, i, err);
	if (code == PP_OK)
		e->samples_at[e->n] = e->nparts;
	return code;
}

/* ---- the table of stacks ---- */

static int
compare_parts(const void *ctx, uint32_t a, uint32_t b)
{
	const Part *parts = ctx;

	return (parts[a].dict_id > parts[b].dict_id) - (parts[a].dict_id < parts[b].dict_id);
}

/* Number the dictionaries. */
static PpCode
find_dicts(Encoder *e, PpError *err)
{
	uint32_t *order = pp_arena_array(e->arena, e->nparts, sizeof(uint32_t));
	PpCode code;

	e->dict_ids = pp_arena_array(e->arena, e->nparts, sizeof(uint64_t));
	e->dict_stacks = pp_arena_array(e->arena, e->nparts, sizeof(uint32_t));
	if (order == NULL || e->dict_ids == NULL || e->dict_stacks == NULL)
		return pp_fail_nomem(err);
	for (uint32_t i = 0; i < e->nparts; i++)
		order[i] = i;
	if ((code = pp_sort_indexes(order, e->nparts, compare_parts, e->parts, e->alloc, err)) != PP_OK)
		return code;
	for (uint32_t i = 0; i < e->nparts; i++)
	{
		Part *part = &e->parts[order[i]];

		if (i == 0 || part->dict_id != e->dict_ids[e->ndicts - 1])
			e->dict_ids[e->ndicts++] = part->dict_id;
		part->dict = e->ndicts - 1;
	}
	return PP_OK;
}

static int
bits_of(uint32_t value)
{
	return value == 0 ? 0 : 32 - __builtin_clz(value);
}

/* Sort by the bits of the key that are used; *keys and *spare change places. */
static void
sort_keys(SortKey **keys, SortKey **spare, uint32_t n, int bits)
{
	for (int shift = 0; shift < bits; shift += RADIX_BITS)
	{
		uint32_t starts[RADIX_SIZE] = {0}, sum = 0;
		SortKey *from = *keys, *to = *spare;

		for (uint32_t i = 0; i < n; i++)
			starts[from[i].key >> shift & (RADIX_SIZE - 1)]++;
		for (uint32_t i = 0; i < RADIX_SIZE; i++)
		{
			uint32_t count = starts[i];

			starts[i] = sum;
			sum += count;
		}
		for (uint32_t i = 0; i < n; i++)
			to[starts[from[i].key >> shift & (RADIX_SIZE - 1)]++] = from[i];
		*keys = to;
		*spare = from;
	}
}

/* Fill the table from sorted keys; entries get their index in their dictionary's. */
static void
number_stacks(Encoder *e, const SortKey *keys, int stack_bits)
{
	for (uint32_t i = 0; i < e->nentries; i++)
	{
		uint32_t dict = (uint32_t) (keys[i].key >> stack_bits);

		if (i == 0 || keys[i].key != keys[i - 1].key)
		{
			if (i == 0 || dict != (uint32_t) (keys[i - 1].key >> stack_bits))
				e->dict_stacks[dict] = 0;
			e->stacks[e->nstacks++] = e->index[keys[i].entry];
			e->dict_stacks[dict]++;
		}
		e->index[keys[i].entry] = e->dict_stacks[dict] - 1;
	}
}

static PpCode
find_stacks(Encoder *e, PpError *err)
{
	PpCode code = find_dicts(e, err);
	SortKey *keys, *spare;
	int stack_bits = bits_of(e->greatest);
	uint32_t n = 0;

	if (code != PP_OK)
		return code;
	keys = pp_arena_array(e->arena, e->nentries, sizeof(SortKey));
	spare = pp_arena_array(e->arena, e->nentries, sizeof(SortKey));
	e->stacks = pp_arena_array(e->arena, e->nentries, sizeof(uint32_t));
	if (keys == NULL || spare == NULL || e->stacks == NULL)
		return pp_fail_nomem(err);
	for (uint32_t i = 0; i < e->nparts; i++)
		for (uint32_t j = e->parts[i].nones + e->parts[i].npairs; j > 0; j--, n++)
			keys[n] = (SortKey){(uint64_t) e->parts[i].dict << stack_bits | e->index[n], n};
	sort_keys(&keys, &spare, n, stack_bits + bits_of(e->ndicts));
	if (pp_poll(e->alloc))
		return pp_fail_canceled(err);
	number_stacks(e, keys, stack_bits);
	return PP_OK;
}

/* ---- samples ---- */

static uint8_t *
put_stacks(const Encoder *e, uint8_t *p)
{
	uint32_t at = 0;

	*p++ = PP_SEGMENT_VERSION;
	p = pp_put_varint(p, e->ndicts);
	for (uint32_t i = 0; i < e->ndicts; i++)
	{
		p = pp_put_fixed64(p, e->dict_ids[i]);
		p = pp_put_varint(p, e->dict_stacks[i]);
	}
	for (uint32_t i = 0; i < e->ndicts; i++)
	{
		uint64_t next = 0;

		for (uint32_t j = 0; j < e->dict_stacks[i]; j++, at++)
		{
			p = pp_put_varint(p, e->stacks[at] - next);
			next = (uint64_t) e->stacks[at] + 1;
		}
	}
	return p;
}

static uint8_t *
put_part(const Encoder *e, uint8_t *p, const Part *part)
{
	uint32_t at = part->first;
	uint64_t next = 0;

	p = pp_put_varint(p, part->nones);
	for (uint32_t i = 0; i < part->nones; i++, at++)
	{
		p = pp_put_varint(p, e->index[at] - next);
		next = (uint64_t) e->index[at] + 1;
	}
	p = pp_put_varint(p, part->npairs);
	next = 0;
	for (uint32_t i = 0; i < part->npairs; i++, at++)
	{
		p = pp_put_varint(p, e->index[at] - next);
		p = pp_put_varint(p, pp_zigzag(e->units[at]));
		next = (uint64_t) e->index[at] + 1;
	}
	return p;
}

static uint8_t *
put_row(const Encoder *e, uint8_t *p, uint32_t row)
{
	uint32_t next = 0;

	for (uint32_t i = e->samples_at[row]; i < e->samples_at[row + 1]; i++)
	{
		p = pp_put_varint(p, e->parts[i].dict - next);
		if (i > e->samples_at[row])
			p = pp_put_varint(p, e->parts[i].scale);
		p = put_part(e, p, &e->parts[i]);
		next = e->parts[i].dict + 1;
	}
	return p;
}

static uint8_t *
cut(const PpAlloc *alloc, uint8_t *bytes, const uint8_t *end, size_t *len)
{
	uint8_t *shorter;

	*len = (size_t) (end - bytes);
	shorter = alloc->resize(alloc->ctx, bytes, *len);
	return shorter != NULL ? shorter : bytes;
}

static PpCode
encode_samples(Encoder *e, PpSegmentBytes *out, PpError *err)
{
	size_t index_bytes = (size_t) (bits_of(e->nstacks) + 7) / 7;
	size_t room = 6 + 13 * (size_t) e->ndicts + 5 * (size_t) e->nstacks + 25 * (size_t) e->nparts;
	uint8_t *p;

	for (uint32_t i = 0; i < e->nparts; i++)
		room += e->parts[i].nones * index_bytes + e->parts[i].npairs * (index_bytes + 10);
	if ((out->samples = e->alloc->alloc(e->alloc->ctx, room)) == NULL)
		return pp_fail_nomem(err);
	p = put_stacks(e, out->samples);
	for (uint32_t i = 0; i < e->n; i++)
	{
		uint8_t *end = put_row(e, p, i);

		e->samples_len[i] = (uint32_t) (end - p);
		p = end;
	}
	out->samples = cut(e->alloc, out->samples, p, &out->samples_len);
	return PP_OK;
}

/* ---- head, ids, spans ---- */

static uint8_t *
put_times(const Encoder *e, uint8_t *p)
{
	const PpSegmentRow *rows = e->rows;
	uint64_t unit = 0;

	for (uint32_t i = 1; i < e->n; i++)
	{
		int64_t step = pp_difference(rows[i].at, rows[i - 1].at);

		/* rows ascend: a step that wrapped is longer than any int64 */
		unit = step < 0 ? 1 : pp_unit_with(unit, step);
	}
	unit = unit == 0 ? 1 : unit;
	p = pp_put_varint(p, pp_zigzag(rows[0].at));
	p = pp_put_varint(p, unit);
	for (uint32_t i = 1; i < e->n; i++)
		p = pp_put_varint(p, (uint64_t) pp_difference(rows[i].at, rows[i - 1].at) / unit);
	return p;
}

static uint8_t *
put_durations(const Encoder *e, uint8_t *p, bool differ)
{
	const PpSegmentRow *rows = e->rows;
	uint64_t unit = 0;

	p = pp_put_varint(p, pp_zigzag(rows[0].duration));
	if (!differ)
		return p;
	for (uint32_t i = 1; i < e->n; i++)
		unit = pp_unit_with(unit, pp_difference(rows[i].duration, rows[i - 1].duration));
	p = pp_put_varint(p, unit);
	for (uint32_t i = 1; i < e->n; i++)
		p = pp_put_varint(p,
						  pp_zigzag(pp_difference(rows[i].duration, rows[i - 1].duration) /
									(int64_t) unit));
	return p;
}

static uint8_t *
put_totals(const Encoder *e, uint8_t *p)
{
	uint64_t unit = 0;

	for (uint32_t i = 0; i < e->n; i++)
		unit = pp_unit_with(unit, e->rows[i].total);
	unit = unit == 0 ? 1 : unit;
	p = pp_put_varint(p, unit);
	for (uint32_t i = 0; i < e->n; i++)
		p = pp_put_varint(p, pp_zigzag(e->rows[i].total / (int64_t) unit));
	return p;
}

static int
compare_series(const void *ctx, uint32_t a, uint32_t b)
{
	const PpSegmentRow *rows = ctx;

	return compare_numbers(rows[a].series_id, rows[b].series_id);
}

/* Index of the series of each row; how many there are. */
static PpCode
find_series(Encoder *e, uint32_t *index, int64_t *series, uint32_t *nseries, PpError *err)
{
	uint32_t *order = pp_arena_array(e->arena, e->n, sizeof(uint32_t));
	PpCode code;

	if (order == NULL)
		return pp_fail_nomem(err);
	for (uint32_t i = 0; i < e->n; i++)
		order[i] = i;
	if ((code = pp_sort_indexes(order, e->n, compare_series, e->rows, e->alloc, err)) != PP_OK)
		return code;
	*nseries = 0;
	for (uint32_t i = 0; i < e->n; i++)
	{
		int64_t id = e->rows[order[i]].series_id;

		if (i == 0 || id != series[*nseries - 1])
			series[(*nseries)++] = id;
		index[order[i]] = *nseries - 1;
	}
	return PP_OK;
}

static uint8_t
head_flags(const Encoder *e)
{
	uint8_t flags = 0;

	for (uint32_t i = 0; i < e->n; i++)
	{
		if (e->rows[i].duration != e->rows[0].duration)
			flags |= PP_SEGMENT_DURATIONS_DIFFER;
		if (e->scale[i] != e->scale[0] || e->counted[i] != e->counted[0])
			flags |= PP_SEGMENT_SCALES_DIFFER;
		if (e->rows[i].spans_len > 0)
			flags |= PP_SEGMENT_HAS_SPANS;
	}
	return flags;
}

static uint8_t *
put_lengths(const Encoder *e, uint8_t *p, uint8_t flags)
{
	uint32_t nscales = (flags & PP_SEGMENT_SCALES_DIFFER) ? e->n : 1;

	for (uint32_t i = 0; i < nscales; i++)
		p = pp_put_varint(p, e->scale[i] << 1 | e->counted[i]);
	for (uint32_t i = 0; i < e->n; i++)
	{
		p = pp_put_varint(p, e->samples_len[i]);
		if (flags & PP_SEGMENT_HAS_SPANS)
			p = pp_put_varint(p, e->rows[i].spans_len);
	}
	return p;
}

#define HEAD_MAX	 64 /* what is there once */
#define HEAD_ROW_MAX 63 /* id of a series, its index, four long numbers, two lengths */

static PpCode
encode_head(Encoder *e, PpSegmentBytes *out, PpError *err)
{
	uint32_t *index = pp_arena_array(e->arena, e->n, sizeof(uint32_t)), nseries = 0;
	int64_t *series = pp_arena_array(e->arena, e->n, sizeof(int64_t));
	uint8_t flags = head_flags(e), *p;
	PpCode code;

	if (index == NULL || series == NULL)
		return pp_fail_nomem(err);
	if ((code = find_series(e, index, series, &nseries, err)) != PP_OK)
		return code;
	out->head = p = e->alloc->alloc(e->alloc->ctx, HEAD_MAX + HEAD_ROW_MAX * (size_t) e->n);
	if (p == NULL)
		return pp_fail_nomem(err);
	*p++ = PP_SEGMENT_VERSION;
	*p++ = flags;
	p = pp_put_varint(p, e->n);
	p = pp_put_varint(p, nseries);
	for (uint32_t i = 0; i < nseries; i++)
		p = pp_put_fixed64(p, (uint64_t) series[i]);
	p = put_times(e, p);
	for (uint32_t i = 0; nseries > 1 && i < e->n; i++)
		p = pp_put_varint(p, index[i]);
	p = put_durations(e, p, (flags & PP_SEGMENT_DURATIONS_DIFFER) != 0);
	p = put_totals(e, p);
	p = put_lengths(e, p, flags);
	out->head = cut(e->alloc, out->head, p, &out->head_len);
	return PP_OK;
}

static PpCode
encode_ids_and_spans(Encoder *e, PpSegmentBytes *out, PpError *err)
{
	uint8_t *p;

	for (uint32_t i = 0; i < e->n; i++)
		out->spans_len += e->rows[i].spans_len;
	out->ids_len = (size_t) e->n * 16;
	out->ids = e->alloc->alloc(e->alloc->ctx, out->ids_len);
	/* one byte more, as nothing may come of asking for none */
	out->spans = p = e->alloc->alloc(e->alloc->ctx, out->spans_len + 1);
	if (out->ids == NULL || out->spans == NULL)
		return pp_fail_nomem(err);
	for (uint32_t i = 0; i < e->n; i++)
	{
		memcpy(out->ids + (size_t) i * 16, e->rows[i].id, 16);
		if (e->rows[i].spans_len > 0)
			memcpy(p, e->rows[i].spans, e->rows[i].spans_len);
		p += e->rows[i].spans_len;
	}
	return PP_OK;
}

void
pp_segment_release(const PpAlloc *alloc, PpSegmentBytes *bytes)
{
	alloc->release(alloc->ctx, bytes->head);
	alloc->release(alloc->ctx, bytes->ids);
	alloc->release(alloc->ctx, bytes->samples);
	alloc->release(alloc->ctx, bytes->spans);
	memset(bytes, 0, sizeof(*bytes));
}

PpCode
pp_segment_encode(const PpSegmentRow *rows, uint32_t n, const PpAlloc *alloc, PpSegmentBytes *out,
				  PpError *err)
{
	Encoder e = {.alloc = alloc, .rows = rows, .n = n};
	PpCode code = check_rows(rows, n, err);

	memset(out, 0, sizeof(*out));
	if (code != PP_OK)
		return code;
	if ((e.arena = pp_arena_new(alloc)) == NULL)
		return pp_fail_nomem(err);
	if ((code = take_rows(&e, err)) == PP_OK && (code = find_stacks(&e, err)) == PP_OK &&
		(code = encode_samples(&e, out, err)) == PP_OK && (code = encode_head(&e, out, err)) == PP_OK)
		code = encode_ids_and_spans(&e, out, err);
	pp_arena_free(e.arena);
	if (code != PP_OK)
		pp_segment_release(alloc, out);
	return code;
}
