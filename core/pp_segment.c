/*
 * pp_segment.c
 *		Writing segments; pp_segment_read.c and pp_segment_sum.c read them.
 *
 * Entries of all rows are sorted once by (dictionary, stack); the sort is stable,
 * so that each stack then has its rows in order.
 */
#include "core/pp_segment.h"

#include <string.h>

#include "core/pp_segment_bits.h"
#include "core/pp_segment_bytes.h"
#include "core/pp_sort.h"

#define RADIX_BITS 11
#define RADIX_SIZE (1 << RADIX_BITS)

/* The samples of a row in one dictionary. */
typedef struct Part
{
	uint32_t row, dict;
	uint64_t dict_id, scale;
	bool extra; /* not the first of its row */
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
	uint64_t *scale;  /* per row: of its first part */
	uint8_t *counted; /* per row */
	Part *parts;
	uint32_t nparts, ndicts, nextras; /* extras: parts that are not the first of their row */
	uint32_t *by_dict;				  /* parts, by dictionary and row */
	uint64_t *dict_ids;
	uint32_t *dict_stacks; /* per dictionary: how many */
	uint32_t *stack;	   /* per entry */
	uint32_t *part;		   /* per entry */
	int64_t *units;		   /* per entry */
	uint32_t nentries;
	uint32_t greatest; /* stack */
	SortKey *keys;	   /* entries by (dictionary, stack, row) */
	uint32_t *starts;  /* per stack of the table: first of its keys; nstacks + 1 */
	int64_t *sums;	   /* per stack, in units */
	uint32_t nstacks;
	uint64_t unit;	 /* of sums */
	bool has_sums;	 /* they are in range */
	bool is_signed;	 /* some units are negative */
	uint32_t order;	 /* of the code of units */
	size_t sums_len; /* bytes of samples up to the end of sums */
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
	if (numbers > PP_SEGMENT_MAX_ENTRIES)
		return pp_fail(err, PP_EINVALID, PP_NO_OFFSET, "samples are too long for a segment");
	e->parts = pp_arena_array(e->arena, parts, sizeof(Part));
	e->stack = pp_arena_array(e->arena, numbers, sizeof(uint32_t));
	e->part = pp_arena_array(e->arena, numbers, sizeof(uint32_t));
	e->units = pp_arena_array(e->arena, numbers, sizeof(int64_t));
	e->scale = pp_arena_array(e->arena, e->n, sizeof(uint64_t));
	e->counted = pp_arena_array(e->arena, e->n, 1);
	if (e->parts == NULL || e->stack == NULL || e->part == NULL || e->units == NULL ||
		e->scale == NULL || e->counted == NULL)
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

		e->stack[e->nentries] = stack;
		e->part[e->nentries] = e->nparts;
		e->units[e->nentries] = ones ? 1 : pp_column_z(&r);
		e->is_signed |= e->units[e->nentries] < 0;
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
	for (uint32_t i = 0; code == PP_OK && i < reader.nparts; i++)
	{
		Part part = {.row = row};

		if ((code = pp_samples_part(&reader, err)) != PP_OK)
			break;
		part.dict_id = reader.dict_id;
		part.scale = reader.scale;
		if (take_list(e, &reader, true) + take_list(e, &reader, false) == 0)
			continue;
		if (e->scale[row] == 0)
			e->scale[row] = part.scale;
		else
			part.extra = true;
		e->nextras += part.extra;
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

	e->by_dict = order;
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

/* Find where the keys of each stack begin, and how many stacks each dictionary has. */
static void
list_stacks(Encoder *e, int stack_bits)
{
	for (uint32_t i = 0; i < e->nentries; i++)
	{
		uint32_t dict = (uint32_t) (e->keys[i].key >> stack_bits);

		if (i > 0 && e->keys[i].key == e->keys[i - 1].key)
			continue;
		if (i == 0 || dict != (uint32_t) (e->keys[i - 1].key >> stack_bits))
			e->dict_stacks[dict] = 0;
		e->starts[e->nstacks++] = i;
		e->dict_stacks[dict]++;
	}
	e->starts[e->nstacks] = e->nentries;
}

static PpCode
find_stacks(Encoder *e, PpError *err)
{
	PpCode code = find_dicts(e, err);
	SortKey *spare;
	int stack_bits = bits_of(e->greatest);

	if (code != PP_OK)
		return code;
	e->keys = pp_arena_array(e->arena, e->nentries, sizeof(SortKey));
	spare = pp_arena_array(e->arena, e->nentries, sizeof(SortKey));
	e->starts = pp_arena_array(e->arena, (size_t) e->nentries + 1, sizeof(uint32_t));
	if (e->keys == NULL || spare == NULL || e->starts == NULL)
		return pp_fail_nomem(err);
	for (uint32_t i = 0; i < e->nentries; i++)
		e->keys[i] = (SortKey){(uint64_t) e->parts[e->part[i]].dict << stack_bits | e->stack[i], i};
	sort_keys(&e->keys, &spare, e->nentries, stack_bits + bits_of(e->ndicts));
	if (pp_poll(e->alloc))
		return pp_fail_canceled(err);
	list_stacks(e, stack_bits);
	return PP_OK;
}

/* ---- sums ---- */

/* Sum of a stack in units; false if it is out of range. */
static bool
stack_sum(const Encoder *e, uint32_t stack, int64_t *sum)
{
	__int128 value = 0;

	for (uint32_t i = e->starts[stack]; i < e->starts[stack + 1]; i++)
	{
		uint32_t entry = e->keys[i].entry;

		value += (__int128) e->units[entry] * (int64_t) (e->parts[e->part[entry]].scale / e->unit);
	}
	*sum = (int64_t) value;
	value *= (int64_t) e->unit;
	return value >= INT64_MIN && value <= INT64_MAX;
}

static PpCode
find_sums(Encoder *e, PpError *err)
{
	e->sums = pp_arena_array(e->arena, e->nstacks, sizeof(int64_t));
	if (e->sums == NULL)
		return pp_fail_nomem(err);
	e->unit = 0;
	for (uint32_t i = 0; i < e->nparts; i++)
		e->unit = pp_unit_with(e->unit, (int64_t) e->parts[i].scale);
	e->unit = e->unit == 0 ? 1 : e->unit;
	e->has_sums = true;
	for (uint32_t i = 0; e->has_sums && i < e->nstacks; i++)
		e->has_sums = stack_sum(e, i, &e->sums[i]);
	return PP_OK;
}

/* ---- lists ---- */

/* What stands for the units of an entry. */
static uint64_t
units_code(const Encoder *e, uint32_t entry)
{
	return (e->is_signed ? pp_zigzag(e->units[entry]) : (uint64_t) e->units[entry]) - 1;
}

/* The order of the code that takes the fewest bits. */
static void
choose_order(Encoder *e)
{
	uint64_t lengths[65] = {0}, best = UINT64_MAX;

	for (uint32_t i = 0; i < e->nentries; i++)
	{
		uint64_t code = units_code(e, i);

		lengths[code == 0 ? 0 : 64 - __builtin_clzll(code)]++;
	}
	/* the order is added to the code, which must stay a number of 64 bits */
	for (uint32_t k = 0; k == 0 || (k <= PP_GOLOMB_MAX_ORDER && lengths[64] + lengths[63] == 0); k++)
	{
		uint64_t bits = 0;

		for (uint32_t length = 0; length <= 64; length++)
			bits += lengths[length] * (1 + k + (length > k ? 2 * (length - k) : 0));
		if (bits < best)
		{
			best = bits;
			e->order = k;
		}
	}
}

static void
put_list(const Encoder *e, PpBitWriter *w, uint32_t stack)
{
	uint32_t count = e->starts[stack + 1] - e->starts[stack], next = 0;
	uint32_t b = pp_rice_bits(e->n, count);

	pp_golomb_put(w, 0, count - 1);
	for (uint32_t i = e->starts[stack]; i < e->starts[stack + 1]; i++)
	{
		uint32_t entry = e->keys[i].entry, row = e->parts[e->part[entry]].row;

		pp_rice_put(w, b, row - next);
		pp_golomb_put(w, e->order, units_code(e, entry));
		next = row + 1;
	}
}

static uint64_t
put_lists(const Encoder *e, PpBitWriter *w)
{
	for (uint32_t i = 0; i < e->nstacks; i++)
		put_list(e, w, i);
	return w->total;
}

/* ---- samples ---- */

static uint8_t *
put_stacks(const Encoder *e, uint8_t *p)
{
	uint32_t at = 0;

	*p++ = PP_SEGMENT_VERSION;
	*p++ = e->is_signed ? PP_SEGMENT_SIGNED : 0;
	*p++ = (uint8_t) e->order;
	p = pp_put_varint(p, e->unit);
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
			uint32_t stack = e->stack[e->keys[e->starts[at]].entry];

			p = pp_put_varint(p, stack - next);
			next = (uint64_t) stack + 1;
			if (e->has_sums)
				p = pp_put_varint(p, pp_zigzag(e->sums[at]));
		}
	}
	return p;
}

static uint8_t *
put_extras(const Encoder *e, uint8_t *p)
{
	uint32_t dict = 0;

	p = pp_put_varint(p, e->nextras);
	for (uint32_t i = 0; i < e->nparts; i++)
	{
		const Part *part = &e->parts[e->by_dict[i]];

		if (!part->extra)
			continue;
		p = pp_put_varint(p, part->dict - dict);
		p = pp_put_varint(p, part->row);
		p = pp_put_varint(p, part->scale);
		dict = part->dict;
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

#define SAMPLES_MAX 64 /* what is there once */

static PpCode
encode_samples(Encoder *e, PpSegmentBytes *out, PpError *err)
{
	PpBitWriter counter = {.p = NULL}, writer;
	size_t room;
	uint8_t *p;
	PpCode code = find_sums(e, err);

	if (code != PP_OK)
		return code;
	choose_order(e);
	room = SAMPLES_MAX + 13 * (size_t) e->ndicts + 15 * (size_t) e->nstacks +
		   20 * (size_t) e->nextras + (size_t) (put_lists(e, &counter) / 8);
	if ((out->samples = e->alloc->alloc(e->alloc->ctx, room)) == NULL)
		return pp_fail_nomem(err);
	p = put_stacks(e, out->samples);
	e->sums_len = (size_t) (p - out->samples);
	p = put_extras(e, p);
	p = pp_put_varint(p, e->nentries);
	writer = (PpBitWriter){.p = p};
	(void) put_lists(e, &writer);
	out->samples = cut(e->alloc, out->samples, pp_bits_end(&writer), &out->samples_len);
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
	uint8_t flags =
		(e->has_sums ? 0 : PP_SEGMENT_NO_SUMS) | (e->nextras > 0 ? PP_SEGMENT_MORE_SCALES : 0);

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
	for (uint32_t i = 0; (flags & PP_SEGMENT_HAS_SPANS) && i < e->n; i++)
		p = pp_put_varint(p, e->rows[i].spans_len);
	return pp_put_varint(p, e->sums_len);
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
