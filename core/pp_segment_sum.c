/*
 * pp_segment_sum.c
 *		Adding up a segment: the hottest loop of queries.
 *
 * Values are added to an array with a cell per stack of the segment, which stays
 * in the cache and is indexed by what the rows say; the array is then added to
 * the sum once.  Every addition is checked.
 */
#include "core/pp_segment.h"

#include <string.h>

#include "core/pp_segment_bytes.h"

static PpCode
fail(const char *what, PpError *err)
{
	return pp_fail(err, PP_EMALFORMED, PP_NO_OFFSET, "samples of a segment: %s", what);
}

/* ---- where things are ---- */

static PpCode
read_dicts(PpColumnReader *r, PpSegmentTable *table, PpError *err)
{
	uint64_t before = 0, nstacks = 0;

	/* an id and a count each */
	table->ndicts = pp_column_count(r, 9);
	table->dicts = r->p;
	for (uint32_t i = 0; i < table->ndicts; i++)
	{
		uint64_t dict_id = pp_column_fixed64(r);
		uint64_t n = pp_column_u(r);

		if (i > 0 && dict_id <= before)
			pp_column_wrong(r, "dictionaries do not ascend");
		/* a stack takes a byte at least */
		if (n == 0 || n > (uint64_t) (r->end - r->p))
			pp_column_wrong(r, "bad number of stacks");
		nstacks += n;
		before = dict_id;
	}
	table->ids = r->p;
	if (nstacks > (uint64_t) (r->end - r->p) || nstacks > UINT32_MAX)
		pp_column_wrong(r, "bad number of stacks");
	table->nstacks = (uint32_t) nstacks;
	return r->wrong == NULL ? PP_OK : fail(r->wrong, err);
}

PpCode
pp_segment_table(const PpSegmentHead *head, const uint8_t *samples, size_t len,
				 PpSegmentTable *table, PpError *err)
{
	PpColumnReader r;

	if (len == 0 || head->samples_at[head->n] > len - 1)
		return fail("lengths of rows do not fit", err);
	if (samples[0] != PP_SEGMENT_VERSION)
		return fail("unknown version", err);
	table->rows = samples + (len - head->samples_at[head->n]);
	r = (PpColumnReader){samples, samples + 1, table->rows, NULL, 0};
	return read_dicts(&r, table, err);
}

/* ---- rows ---- */

/* A row being added: the cells of the dictionary of its part. */
typedef struct Adder
{
	const uint8_t *p, *end;
	int64_t *cells;
	uint64_t ncells;
	int64_t factor; /* of one unit */
} Adder;

/* How far eight gaps of one byte go at most. */
#define EIGHT_STEPS (8 * 128)
#define LONG_BYTES	UINT64_C(0x8080808080808080)

/* Eight indexes of one byte each; false if a sum is out of range. */
static inline bool
add_eight(int64_t *cells, uint64_t *index, uint64_t gaps, int64_t factor)
{
	bool overflow = false;
	uint64_t at = *index;

	for (int i = 0; i < 8; i++, gaps >>= 8, at++)
	{
		at += gaps & 0xff;
		overflow |= __builtin_add_overflow(cells[at], factor, &cells[at]);
	}
	*index = at;
	return !overflow;
}

static PpCode
add_ones(Adder *adder, uint64_t n, PpError *err)
{
	const uint8_t *p = adder->p, *end = adder->end;
	const uint64_t ncells = adder->ncells;
	const int64_t factor = adder->factor;
	int64_t *cells = adder->cells;
	uint64_t index = 0;

	while (n > 0)
	{
		uint64_t gap;

		if (n >= 8 && end - p >= 8 && index + EIGHT_STEPS <= ncells)
		{
			memcpy(&gap, p, 8);
			if ((gap & LONG_BYTES) == 0)
			{
				if (!add_eight(cells, &index, gap, factor))
					return pp_fail(err, PP_EOVERFLOW, PP_NO_OFFSET, "sum of samples is out of range");
				p += 8;
				n -= 8;
				continue;
			}
		}
		if (!pp_samples_fast_uvarint(&p, end, &gap) || gap >= ncells - index)
			return fail("unknown stack", err);
		index += gap;
		if (__builtin_add_overflow(cells[index], factor, &cells[index]))
			return pp_fail(err, PP_EOVERFLOW, PP_NO_OFFSET, "sum of samples is out of range");
		index++;
		n--;
	}
	adder->p = p;
	return PP_OK;
}

static PpCode
add_pairs(Adder *adder, uint64_t n, PpError *err)
{
	const uint8_t *p = adder->p, *end = adder->end;
	const uint64_t ncells = adder->ncells;
	int64_t *cells = adder->cells;
	uint64_t index = 0;

	for (; n > 0; n--, index++)
	{
		uint64_t gap, zigzag;
		int64_t value;

		if (!pp_samples_fast_uvarint(&p, end, &gap) || gap >= ncells - index)
			return fail("unknown stack", err);
		if (!pp_samples_fast_uvarint(&p, end, &zigzag) || zigzag == 0)
			return fail("bad value", err);
		index += gap;
		if (__builtin_mul_overflow(pp_unzigzag(zigzag), adder->factor, &value))
			return fail("value is out of range", err);
		if (__builtin_add_overflow(cells[index], value, &cells[index]))
			return pp_fail(err, PP_EOVERFLOW, PP_NO_OFFSET, "sum of samples is out of range");
	}
	adder->p = p;
	return PP_OK;
}

static bool
read_count(Adder *adder, uint32_t entry_bytes, uint64_t *n)
{
	return pp_samples_uvarint(&adder->p, adder->end, n) &&
		   *n <= (uint64_t) (adder->end - adder->p) / entry_bytes;
}

/* What all rows of a segment are added to. */
typedef struct Cells
{
	uint32_t ndicts;
	const uint32_t *first; /* cell of each dictionary; ndicts + 1 */
	int64_t *cells;
} Cells;

/* The lists of a part; adder's cells are those of its dictionary. */
static PpCode
add_lists(Adder *adder, PpError *err)
{
	uint64_t n;
	PpCode code;

	if (!read_count(adder, 1, &n))
		return fail("bad number of samples", err);
	if ((code = add_ones(adder, n, err)) != PP_OK)
		return code;
	if (!read_count(adder, 2, &n))
		return fail("bad number of samples", err);
	return add_pairs(adder, n, err);
}

static PpCode
add_row(Adder *adder, const Cells *cells, uint64_t scale, bool counts, PpError *err)
{
	uint32_t next_dict = 0;

	for (bool first = true; adder->p < adder->end; first = false)
	{
		uint64_t dict;
		PpCode code;

		if (!pp_samples_uvarint(&adder->p, adder->end, &dict) || dict >= cells->ndicts - next_dict)
			return fail("unknown dictionary", err);
		if (!first && !pp_samples_uvarint(&adder->p, adder->end, &scale))
			return fail("bad scale", err);
		if (scale == 0 || scale > INT64_MAX)
			return fail("bad scale", err);
		dict += next_dict;
		next_dict = (uint32_t) dict + 1;
		adder->cells = cells->cells + cells->first[dict];
		adder->ncells = cells->first[dict + 1] - cells->first[dict];
		adder->factor = counts ? 1 : (int64_t) scale;
		if ((code = add_lists(adder, err)) != PP_OK)
			return code;
	}
	return PP_OK;
}

static PpCode
add_rows(const PpSegmentHead *head, const uint8_t *rows, const uint8_t *chosen, bool counts,
		 const Cells *cells, PpError *err)
{
	for (uint32_t i = 0; i < head->n; i++)
	{
		const uint8_t *row = rows + head->samples_at[i];
		Adder adder = {.p = row, .end = row + head->samples_len[i]};
		PpCode code;

		if ((chosen != NULL && chosen[i] == 0) || (counts && !head->counted[i]))
			continue;
		if ((code = add_row(&adder, cells, head->scale[i], counts, err)) != PP_OK)
			return code;
	}
	return PP_OK;
}

/* ---- the segment ---- */

static PpCode
make_cells(const PpSegmentTable *table, PpSamplesSum *sum, Cells *cells, PpError *err)
{
	size_t nbytes = (size_t) table->nstacks * sizeof(int64_t);
	PpColumnReader r = {table->dicts, table->dicts, table->ids, NULL, 0};
	uint32_t *first;

	cells->cells =
		pp_samples_sum_scratch(sum, nbytes + ((size_t) table->ndicts + 1) * sizeof(uint32_t));
	if (cells->cells == NULL)
		return pp_fail_nomem(err);
	memset(cells->cells, 0, nbytes);
	cells->ndicts = table->ndicts;
	cells->first = first = (uint32_t *) (cells->cells + table->nstacks);
	first[0] = 0;
	for (uint32_t i = 0; i < table->ndicts; i++)
	{
		(void) pp_column_fixed64(&r);
		first[i + 1] = first[i] + (uint32_t) pp_column_u(&r);
	}
	return PP_OK;
}

static PpCode
scatter(const PpSegmentTable *table, const Cells *cells, PpSamplesSum *sum, PpError *err)
{
	PpColumnReader r = {table->dicts, table->dicts, table->ids, NULL, 0};
	const uint8_t *ids = table->ids;

	for (uint32_t i = 0; i < table->ndicts; i++)
	{
		uint64_t dict_id = pp_column_fixed64(&r);
		uint32_t n = (uint32_t) pp_column_u(&r);
		PpCode code = pp_samples_sum_scatter(sum,
											 dict_id,
											 &ids,
											 table->rows,
											 cells->cells + cells->first[i],
											 n,
											 err);

		if (code != PP_OK)
			return code;
	}
	return ids == table->rows ? PP_OK : fail("bytes after the stacks", err);
}

PpCode
pp_segment_sum(const PpSegmentHead *head, const uint8_t *samples, size_t len, const uint8_t *chosen,
			   bool counts, PpSamplesSum *sum, PpError *err)
{
	PpSegmentTable table;
	Cells cells = {0};
	PpCode code = pp_segment_table(head, samples, len, &table, err);

	if (code != PP_OK || (code = make_cells(&table, sum, &cells, err)) != PP_OK ||
		(code = add_rows(head, table.rows, chosen, counts, &cells, err)) != PP_OK)
		return code;
	return scatter(&table, &cells, sum, err);
}
