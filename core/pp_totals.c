/*
 * pp_totals.c
 *		Writing and reading the times and totals of an hour.
 */
#include "core/pp_totals.h"

#include <string.h>

#include "core/pp_segment_bytes.h"

#define FLAG_SPLIT		  1

#define HEAD_MAX		  (2 + 10 + 10 + 5)
#define HEAD_SERIES_LEAST 13 /* id, points, counted, sum, length */
#define HEAD_SERIES_MAX	  (8 + 5 + 10 + 20 + 10)
#define DATA_SERIES_MAX	  30
#define DATA_POINT_MAX	  30

/* ---- writing ---- */

static PpCode
check_series(const PpTotalsSeries *series, uint32_t n, PpError *err)
{
	for (uint32_t i = 0; i < n; i++)
	{
		const PpTotalsSeries *s = &series[i];

		if (s->n == 0 || (i > 0 && s->series_id <= series[i - 1].series_id))
			return pp_fail(err, PP_EINVALID, PP_NO_OFFSET, "series of totals do not ascend");
		for (uint32_t j = 0; j < s->n; j++)
			if (s->scales[j] > INT64_MAX || (j > 0 && s->at[j] < s->at[j - 1]))
				return pp_fail(err, PP_EINVALID, PP_NO_OFFSET, "points of totals do not ascend");
	}
	return PP_OK;
}

static uint64_t
zigzag_low(__int128 value)
{
	return (uint64_t) ((unsigned __int128) value << 1 ^ -(unsigned __int128) (value < 0));
}

static uint64_t
zigzag_high(__int128 value)
{
	return (uint64_t) (((unsigned __int128) value << 1 ^ -(unsigned __int128) (value < 0)) >> 64);
}

static __int128
unzigzag(uint64_t low, uint64_t high)
{
	unsigned __int128 value = (unsigned __int128) high << 64 | low;

	return (__int128) (value >> 1 ^ -(value & 1));
}

/* 0 none, 1 mixed, else the scale of all and one more. */
static uint64_t
counted_code(const PpTotalsSeries *series)
{
	for (uint32_t i = 1; i < series->n; i++)
		if (series->scales[i] != series->scales[0])
			return 1;
	return series->scales[0] == 0 ? 0 : series->scales[0] + 1;
}

static uint8_t *
put_points(uint8_t *p, const PpTotalsSeries *series, int64_t first_at)
{
	const int64_t *at = series->at, *total = series->total;
	bool mixed = counted_code(series) == 1;
	uint64_t step_unit = 0, unit = 0;

	for (uint32_t i = 0; i < series->n; i++)
	{
		int64_t step = i == 0 ? 0 : pp_difference(at[i], at[i - 1]);

		/* points ascend: a step that wrapped is longer than any int64 */
		step_unit = step < 0 ? 1 : pp_unit_with(step_unit, step);
		unit = pp_unit_with(unit, total[i]);
	}
	step_unit = step_unit == 0 ? 1 : step_unit;
	unit = unit == 0 ? 1 : unit;
	p = pp_put_varint(p, (uint64_t) pp_difference(at[0], first_at));
	p = pp_put_varint(p, step_unit);
	p = pp_put_varint(p, unit);
	for (uint32_t i = 0; i < series->n; i++)
	{
		if (i > 0)
			p = pp_put_varint(p, (uint64_t) pp_difference(at[i], at[i - 1]) / step_unit);
		p = pp_put_varint(p, pp_zigzag(total[i] / (int64_t) unit));
		if (mixed)
			p = pp_put_varint(p, series->scales[i]);
	}
	return p;
}

static uint8_t *
put_head(uint8_t *p, const PpTotalsSeries *series, size_t data_len)
{
	__int128 sum = 0;

	for (uint32_t i = 0; i < series->n; i++)
		sum += series->total[i];
	p = pp_put_fixed64(p, (uint64_t) series->series_id);
	p = pp_put_varint(p, series->n);
	p = pp_put_varint(p, counted_code(series));
	p = pp_put_varint(p, zigzag_low(sum));
	p = pp_put_varint(p, zigzag_high(sum));
	return pp_put_varint(p, data_len);
}

void
pp_totals_release(const PpAlloc *alloc, PpTotalsBytes *bytes)
{
	alloc->release(alloc->ctx, bytes->head);
	alloc->release(alloc->ctx, bytes->data);
	memset(bytes, 0, sizeof(*bytes));
}

PpCode
pp_totals_encode(const PpTotalsSeries *series, uint32_t n, bool split, const PpAlloc *alloc,
				 PpTotalsBytes *out, PpError *err)
{
	int64_t first_at = 0, last_at = 0;
	size_t points = 0;
	uint8_t *head, *data;
	PpCode code = check_series(series, n, err);

	memset(out, 0, sizeof(*out));
	if (code != PP_OK)
		return code;
	for (uint32_t i = 0; i < n; i++)
	{
		points += series[i].n;
		if (i == 0 || series[i].at[0] < first_at)
			first_at = series[i].at[0];
		if (i == 0 || series[i].at[series[i].n - 1] > last_at)
			last_at = series[i].at[series[i].n - 1];
	}
	head = out->head = alloc->alloc(alloc->ctx, HEAD_MAX + HEAD_SERIES_MAX * (size_t) n);
	/* one byte more, as nothing may come of asking for none */
	data = out->data =
		alloc->alloc(alloc->ctx, DATA_SERIES_MAX * (size_t) n + DATA_POINT_MAX * points + 1);
	if (head == NULL || data == NULL)
	{
		pp_totals_release(alloc, out);
		return pp_fail_nomem(err);
	}
	*head++ = PP_TOTALS_VERSION;
	*head++ = split ? FLAG_SPLIT : 0;
	head = pp_put_varint(head, pp_zigzag(first_at));
	head = pp_put_varint(head, (uint64_t) pp_difference(last_at, first_at));
	head = pp_put_varint(head, n);
	for (uint32_t i = 0; i < n; i++)
	{
		uint8_t *end = put_points(data, &series[i], first_at);

		head = put_head(head, &series[i], (size_t) (end - data));
		data = end;
	}
	out->head_len = (size_t) (head - out->head);
	out->data_len = (size_t) (data - out->data);
	return PP_OK;
}

/* ---- reading ---- */

static PpCode
fail_at(const PpColumnReader *r, PpError *err)
{
	return pp_fail(err, PP_EMALFORMED, r->wrong_at, "totals: %s", r->wrong);
}

static void
read_series(PpColumnReader *r, PpTotalsSeries *series)
{
	uint64_t n, counted, low, high, len;

	series->series_id = (int64_t) pp_column_fixed64(r);
	n = pp_column_u(r);
	counted = pp_column_u(r);
	low = pp_column_u(r);
	high = pp_column_u(r);
	len = pp_column_u(r);
	/* a point takes a byte at least */
	if (n == 0 || n > UINT32_MAX || len < n || len > UINT32_MAX)
		pp_column_wrong(r, "bad number of points");
	if (counted > (uint64_t) INT64_MAX + 1)
		pp_column_wrong(r, "bad scale");
	series->n = (uint32_t) n;
	series->counted = counted == 0	 ? PP_TOTALS_NOT_COUNTED
					  : counted == 1 ? PP_TOTALS_MIXED
									 : PP_TOTALS_COUNTED;
	series->scale = counted > 1 ? counted - 1 : 0;
	series->sum = unzigzag(low, high);
	series->data_len = (size_t) len;
}

PpCode
pp_totals_head(const uint8_t *data, size_t len, PpArena *arena, PpTotalsHead *head, PpError *err)
{
	PpColumnReader r = {data, data, data + len, NULL, 0};
	uint64_t span;
	size_t at = 0;

	memset(head, 0, sizeof(*head));
	if (len < 3 || data[0] != PP_TOTALS_VERSION)
		pp_column_wrong(&r, "unknown version");
	else if ((data[1] & ~FLAG_SPLIT) != 0)
		pp_column_wrong(&r, "unknown flags");
	if (r.wrong != NULL)
		return fail_at(&r, err);
	r.p += 2;
	head->split = (data[1] & FLAG_SPLIT) != 0;
	head->first_at = pp_column_z(&r);
	span = pp_column_u(&r);
	if (span > (uint64_t) INT64_MAX - (uint64_t) head->first_at)
		pp_column_wrong(&r, "time is out of range");
	head->last_at = (int64_t) ((uint64_t) head->first_at + span);
	head->nseries = pp_column_count(&r, HEAD_SERIES_LEAST);
	head->series = pp_arena_array(arena, head->nseries, sizeof(PpTotalsSeries));
	if (head->series == NULL)
		return pp_fail_nomem(err);
	for (uint32_t i = 0; i < head->nseries; i++)
	{
		PpTotalsSeries *series = &head->series[i];

		*series = (PpTotalsSeries){.data_at = at};
		read_series(&r, series);
		if (i > 0 && series->series_id <= series[-1].series_id)
			pp_column_wrong(&r, "series do not ascend");
		at += series->data_len;
	}
	if (r.wrong == NULL && r.p != r.end)
		pp_column_wrong(&r, "bytes after the end");
	return r.wrong == NULL ? PP_OK : fail_at(&r, err);
}

/* A time that is so much later; the greatest time there is bounds it. */
static int64_t
read_step(PpColumnReader *r, int64_t at, uint64_t unit)
{
	uint64_t step;

	if (!__builtin_mul_overflow(pp_column_u(r), unit, &step) &&
		step <= (uint64_t) INT64_MAX - (uint64_t) at)
		return (int64_t) ((uint64_t) at + step);
	pp_column_wrong(r, "time is out of range");
	return at;
}

/* A number of up to three bytes, of which there are as many; false if it is longer. */
static inline bool
short_number(const uint8_t **p, uint64_t *value)
{
	const uint8_t *at = *p;

	*value = at[0] & 0x7f;
	if (at[0] < 0x80)
		*p = at + 1;
	else if (at[1] < 0x80)
	{
		*value |= (uint64_t) at[1] << 7;
		*p = at + 2;
	}
	else if (at[2] < 0x80)
	{
		*value |= (uint64_t) (at[1] & 0x7f) << 7 | (uint64_t) at[2] << 14;
		*p = at + 3;
	}
	else
		return false;
	return true;
}

#define SHORT_POINT 6 /* bytes of a step and a total, at most */
#define SHORT_UNIT	(UINT64_C(1) << 40)

/*
 * Points from the second on, as far as they are what nearly all are: two short
 * numbers.  Gives the index of the first that is not.
 */
static uint32_t
read_short_points(PpColumnReader *r, uint32_t n, uint64_t step_unit, int64_t unit, int64_t *at,
				  int64_t *total)
{
	const uint8_t *p = r->p;
	uint32_t i = 1;

	if (step_unit > SHORT_UNIT || (uint64_t) unit > SHORT_UNIT)
		return i;
	for (; i < n && r->end - p >= SHORT_POINT; i++)
	{
		uint64_t step, value;

		if (!short_number(&p, &step) || !short_number(&p, &value) ||
			__builtin_add_overflow(at[i - 1], (int64_t) (step * step_unit), &at[i]))
			break;
		total[i] = pp_unzigzag(value) * unit;
		r->p = p;
	}
	return i;
}

PpCode
pp_totals_points(const PpTotalsHead *head, const PpTotalsSeries *series, const uint8_t *data,
				 size_t len, int64_t *at, int64_t *total, uint64_t *scales, PpError *err)
{
	PpColumnReader r;
	uint64_t step_unit;
	int64_t unit;

	if (series->data_at > len || series->data_len > len - series->data_at)
		return pp_fail(err, PP_EMALFORMED, PP_NO_OFFSET, "totals: data is too short");
	data += series->data_at;
	r = (PpColumnReader){data, data, data + series->data_len, NULL, 0};
	at[0] = read_step(&r, head->first_at, 1);
	step_unit = (uint64_t) pp_column_unit(&r);
	unit = pp_column_unit(&r);
	for (uint32_t i = 0; i < series->n; i++)
	{
		uint64_t scale;

		if (i == 1 && series->counted != PP_TOTALS_MIXED)
		{
			i = read_short_points(&r, series->n, step_unit, unit, at, total);
			for (uint32_t j = 1; scales != NULL && j < i; j++)
				scales[j] = series->scale;
			if (i == series->n)
				break;
		}
		if (i > 0)
			at[i] = read_step(&r, at[i - 1], step_unit);
		total[i] = pp_column_times(&r, pp_column_z(&r), unit);
		scale = series->counted == PP_TOTALS_MIXED ? pp_column_u(&r) : series->scale;
		if (scale > INT64_MAX)
			pp_column_wrong(&r, "bad scale");
		if (scales != NULL)
			scales[i] = scale;
	}
	if (r.wrong == NULL && r.p != r.end)
		pp_column_wrong(&r, "bytes after the end");
	return r.wrong == NULL ? PP_OK : fail_at(&r, err);
}

/* The points of a series, for encoding it again. */
static PpCode
load_points(const PpTotalsBytes *bytes, const PpTotalsHead *head, PpTotalsSeries *series,
			PpArena *arena, PpError *err)
{
	int64_t *at, *total;
	uint64_t *scales;

	/* before memory is asked for: a point takes a byte at least */
	if (series->n > bytes->data_len)
		return pp_fail(err, PP_EMALFORMED, PP_NO_OFFSET, "totals: data is too short");
	series->at = at = pp_arena_array(arena, series->n, sizeof(int64_t));
	series->total = total = pp_arena_array(arena, series->n, sizeof(int64_t));
	series->scales = scales = pp_arena_array(arena, series->n, sizeof(uint64_t));
	if (at == NULL || total == NULL || scales == NULL)
		return pp_fail_nomem(err);
	return pp_totals_points(head, series, bytes->data, bytes->data_len, at, total, scales, err);
}

/* What decodes is what encoding gives: sums and scales are right then. */
static PpCode
check_bytes(const PpTotalsBytes *bytes, PpArena *arena, PpError *err)
{
	const PpAlloc *alloc = pp_arena_allocator(arena);
	PpTotalsHead head;
	PpTotalsBytes again;
	PpCode code = pp_totals_head(bytes->head, bytes->head_len, arena, &head, err);

	for (uint32_t i = 0; code == PP_OK && i < head.nseries; i++)
		code = load_points(bytes, &head, &head.series[i], arena, err);
	if (code != PP_OK ||
		(code = pp_totals_encode(head.series, head.nseries, head.split, alloc, &again, err)) != PP_OK)
		return code;
	if (bytes->head_len != again.head_len || bytes->data_len != again.data_len ||
		memcmp(bytes->head, again.head, again.head_len) != 0 ||
		memcmp(bytes->data, again.data, again.data_len) != 0)
		code = pp_fail(err, PP_EMALFORMED, PP_NO_OFFSET, "totals do not fit their points");
	pp_totals_release(alloc, &again);
	return code;
}

PpCode
pp_totals_check(const PpTotalsBytes *bytes, const PpAlloc *alloc, PpError *err)
{
	PpArena *arena = pp_arena_new(alloc);
	PpCode code;

	if (arena == NULL)
		return pp_fail_nomem(err);
	code = check_bytes(bytes, arena, err);
	pp_arena_free(arena);
	return code;
}
