/*
 * pp_segment_sum.c
 *		Adding up a segment: the hottest loop of queries.
 *
 * For all rows the sums of the segment are added, a list of stacks with a value
 * each.  For some of them every list of rows is read; rows that are not wanted
 * count zero times.  Every multiplication and addition is checked.
 */
#include "core/pp_segment.h"

#include <string.h>

#include "core/pp_segment_bits.h"
#include "core/pp_segment_bytes.h"

static PpCode
fail(const char *what, PpError *err)
{
	return pp_fail(err, PP_EMALFORMED, PP_NO_OFFSET, "samples of a segment: %s", what);
}

/* ---- where things are ---- */

static void
read_dicts(PpColumnReader *r, PpSegmentTable *table)
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
}

PpCode
pp_segment_table(const PpSegmentHead *head, const uint8_t *samples, size_t len,
				 PpSegmentTable *table, PpError *err)
{
	PpColumnReader r;

	memset(table, 0, sizeof(*table));
	if (head->sums_len < 5 || head->sums_len > len)
		return fail("too short", err);
	if (samples[0] != PP_SEGMENT_VERSION)
		return fail("unknown version", err);
	if ((samples[1] & ~PP_SEGMENT_SIGNED) != 0 || samples[2] > PP_GOLOMB_MAX_ORDER)
		return fail("unknown flags", err);
	table->is_signed = (samples[1] & PP_SEGMENT_SIGNED) != 0;
	table->order = samples[2];
	table->ids_end = samples + head->sums_len;
	r = (PpColumnReader){samples, samples + 3, table->ids_end, NULL, 0};
	table->unit = (uint64_t) pp_column_unit(&r);
	read_dicts(&r, table);
	return r.wrong == NULL ? PP_OK : fail(r.wrong, err);
}

/* Is every row that has samples counted, with one scale? */
static bool
counted_alike(const PpSegmentHead *head)
{
	uint64_t scale = 0;

	for (uint32_t i = 0; i < head->n; i++)
	{
		if (head->scale[i] == 0)
			continue;
		if (!head->counted[i] || (scale != 0 && head->scale[i] != scale))
			return false;
		scale = head->scale[i];
	}
	return true;
}

/* Do sums tell it, as there are some and nobody is left out? */
static bool
sums_suffice(const PpSegmentHead *head, const uint8_t *chosen, bool counts)
{
	return head->has_sums && chosen == NULL &&
		   (!counts || (!head->more_scales && counted_alike(head)));
}

uint64_t
pp_segment_sum_len(const PpSegmentHead *head, const uint8_t *chosen, bool counts)
{
	return sums_suffice(head, chosen, counts) ? head->sums_len : UINT64_MAX;
}

/* ---- stacks with their sums ---- */

/* The next id of a list; false if there is none. */
static inline bool
next_stack(const uint8_t **p, const uint8_t *end, uint64_t *next, uint32_t *stack)
{
	uint64_t gap;

	if (!pp_samples_fast_uvarint(p, end, &gap) || gap > UINT32_MAX || gap + *next > UINT32_MAX)
		return false;
	*stack = (uint32_t) (gap + *next);
	*next = (uint64_t) *stack + 1;
	return true;
}

static PpCode
add_sums(const PpSegmentTable *table, const uint8_t **p, uint32_t n, uint64_t factor,
		 PpSumCursor *cursor, PpError *err)
{
	uint64_t next = 0;

	for (uint32_t i = 0; i < n; i++)
	{
		uint64_t zigzag;
		uint32_t stack;
		int64_t value;
		PpCode code;

		if (!next_stack(p, table->ids_end, &next, &stack))
			return fail("bad stack id", err);
		if (!pp_samples_fast_uvarint(p, table->ids_end, &zigzag) ||
			__builtin_mul_overflow(pp_unzigzag(zigzag), (int64_t) factor, &value))
			return fail("bad sum", err);
		/* a sum of zero is none */
		if (value != 0 && (code = pp_sum_cursor_add(cursor, stack, value, err)) != PP_OK)
			return code;
	}
	return PP_OK;
}

static PpCode
add_all(const PpSegmentTable *table, uint64_t factor, PpSamplesSum *sum, PpError *err)
{
	PpColumnReader dicts = {table->dicts, table->dicts, table->ids, NULL, 0};
	const uint8_t *p = table->ids;

	for (uint32_t i = 0; i < table->ndicts; i++)
	{
		uint64_t dict_id = pp_column_fixed64(&dicts);
		uint32_t n = (uint32_t) pp_column_u(&dicts);
		PpSumCursor cursor;
		PpCode code = pp_sum_cursor_open(&cursor, sum, dict_id, err);

		if (code != PP_OK || (code = add_sums(table, &p, n, factor, &cursor, err)) != PP_OK)
			return code;
	}
	return p == table->ids_end ? pp_sum_poll(sum, err) : fail("bytes behind the sums", err);
}

/* ---- lists ---- */

PpCode
pp_segment_lists(const PpSegmentTable *table, const uint8_t *samples, size_t len,
				 PpColumnReader *scales, uint32_t *nscales, PpBitReader *bits, uint32_t *nentries,
				 PpError *err)
{
	PpColumnReader r = {samples, table->ids_end, samples + len, NULL, 0};
	uint64_t n;

	*nscales = pp_column_count(&r, 3);
	*scales = r;
	for (uint64_t i = 0; i < *nscales * UINT64_C(3) && r.wrong == NULL; i++)
		(void) pp_column_u(&r);
	scales->end = r.p;
	n = pp_column_u(&r);
	/* two bits each at least */
	if (n > PP_SEGMENT_MAX_ENTRIES || n > (uint64_t) (r.end - r.p) * 4)
		pp_column_wrong(&r, "bad number of entries");
	if (r.wrong != NULL)
		return fail(r.wrong, err);
	*nentries = (uint32_t) n;
	*bits = (PpBitReader){.data = r.p, .len = (size_t) (r.end - r.p)};
	return PP_OK;
}

PpCode
pp_segment_lists_end(const PpBitReader *bits, PpError *err)
{
	if (bits->wrong || (bits->at + 7) / 8 != bits->len ||
		(bits->at % 8 != 0 && bits->data[bits->len - 1] >> (bits->at % 8) != 0))
		return fail("lists of rows do not end where they should", err);
	return PP_OK;
}

/* What adding lists takes. */
typedef struct Adder
{
	const PpSegmentHead *head;
	const PpSegmentTable *table;
	PpBitReader bits;
	PpColumnReader scales; /* those that are not in the head */
	uint32_t nscales, nentries;
	int64_t *factors; /* per row: of one unit; 0: it is not wanted */
	uint32_t dict;	  /* of the scale read last */
	const uint8_t *chosen;
	bool counts;
} Adder;

static void
set_factor(Adder *adder, uint32_t row, uint64_t scale)
{
	bool wanted = (adder->chosen == NULL || adder->chosen[row] != 0) &&
				  (!adder->counts || adder->head->counted[row]);

	adder->factors[row] = !wanted ? 0 : adder->counts ? 1 : (int64_t) scale;
}

/* Factors for a dictionary: those of the head, unless the part has its own. */
static PpCode
set_factors(Adder *adder, uint32_t dict, PpError *err)
{
	for (uint32_t i = 0; i < adder->head->n; i++)
		set_factor(adder, i, adder->head->scale[i]);
	for (;;)
	{
		PpColumnReader at = adder->scales;
		uint64_t row, scale;

		if (adder->nscales == 0 || pp_column_u(&at) != dict - adder->dict)
			return PP_OK;
		row = pp_column_u(&at);
		scale = (uint64_t) pp_column_unit(&at);
		if (row >= adder->head->n || at.wrong != NULL)
			return fail("bad scale", err);
		set_factor(adder, (uint32_t) row, scale);
		adder->scales = at;
		adder->nscales--;
		adder->dict = dict;
	}
}

/* The list of one stack: its sum over the rows that are wanted. */
static PpCode
add_list(Adder *adder, int64_t *sum, PpError *err)
{
	const uint32_t n = adder->head->n, k = adder->table->order;
	const bool is_signed = adder->table->is_signed;
	PpBitReader bits = adder->bits;
	uint64_t count = pp_golomb_read(&bits, 0) + 1, next = 0;
	uint32_t b;
	bool overflow = false;

	if (count > n || count > adder->nentries)
		return fail("bad number of rows", err);
	adder->nentries -= (uint32_t) count;
	b = pp_rice_bits(n, (uint32_t) count);
	for (*sum = 0; count > 0; count--)
	{
		uint64_t gap, code;
		int64_t value;

		pp_bits_pair(&bits, b, n, k, &gap, &code);
		next += gap;
		if (next >= n)
			return fail("unknown row", err);
		code++;
		value = is_signed ? pp_unzigzag(code) : (int64_t) code;
		overflow |= __builtin_mul_overflow(value, adder->factors[next], &value);
		overflow |= __builtin_add_overflow(*sum, value, sum);
		next++;
	}
	adder->bits = bits;
	if (bits.wrong)
		return fail("bad list of rows", err);
	if (overflow)
		return pp_fail(err, PP_EOVERFLOW, PP_NO_OFFSET, "sum of samples is out of range");
	return PP_OK;
}

/* Stacks of a dictionary from *p on, and their lists. */
static PpCode
add_lists(Adder *adder, const uint8_t **p, uint32_t n, PpSumCursor *cursor, PpError *err)
{
	const uint8_t *end = adder->table->ids_end;
	uint64_t next = 0, ignored;

	for (uint32_t i = 0; i < n; i++)
	{
		uint32_t stack;
		int64_t value = 0;
		PpCode code;

		if (!next_stack(p, end, &next, &stack) ||
			(adder->head->has_sums && !pp_samples_fast_uvarint(p, end, &ignored)))
			return fail("bad stack id", err);
		if ((code = add_list(adder, &value, err)) != PP_OK)
			return code;
		if (value != 0 && (code = pp_sum_cursor_add(cursor, stack, value, err)) != PP_OK)
			return code;
	}
	return PP_OK;
}

static PpCode
add_some(Adder *adder, PpSamplesSum *sum, PpError *err)
{
	const PpSegmentTable *table = adder->table;
	PpColumnReader dicts = {table->dicts, table->dicts, table->ids, NULL, 0};
	const uint8_t *p = table->ids;

	adder->factors = pp_samples_sum_scratch(sum, adder->head->n * sizeof(int64_t));
	if (adder->factors == NULL)
		return pp_fail_nomem(err);
	for (uint32_t i = 0; i < table->ndicts; i++)
	{
		uint64_t dict_id = pp_column_fixed64(&dicts);
		uint32_t n = (uint32_t) pp_column_u(&dicts);
		PpSumCursor cursor;
		PpCode code = pp_sum_cursor_open(&cursor, sum, dict_id, err);

		if (code != PP_OK || (code = set_factors(adder, i, err)) != PP_OK ||
			(code = add_lists(adder, &p, n, &cursor, err)) != PP_OK ||
			(code = pp_sum_poll(sum, err)) != PP_OK)
			return code;
	}
	if (p != table->ids_end || adder->nscales > 0 || adder->nentries > 0)
		return fail("more than there are stacks", err);
	return pp_segment_lists_end(&adder->bits, err);
}

PpCode
pp_segment_sum(const PpSegmentHead *head, const uint8_t *samples, size_t len, const uint8_t *chosen,
			   bool counts, PpSamplesSum *sum, PpError *err)
{
	Adder adder = {.head = head, .chosen = chosen, .counts = counts};
	PpSegmentTable table;
	PpCode code = pp_segment_table(head, samples, len, &table, err);

	if (code != PP_OK)
		return code;
	/* with one scale, that is the unit */
	if (sums_suffice(head, chosen, counts))
		return add_all(&table, counts ? 1 : table.unit, sum, err);
	if ((code = pp_segment_lists(&table,
								 samples,
								 len,
								 &adder.scales,
								 &adder.nscales,
								 &adder.bits,
								 &adder.nentries,
								 err)) != PP_OK)
		return code;
	adder.table = &table;
	return add_some(&adder, sum, err);
}
