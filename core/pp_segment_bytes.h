/*
 * pp_segment_bytes.h
 *		What the files that read and write segments and totals share.
 */
#ifndef PP_SEGMENT_BYTES_H
#define PP_SEGMENT_BYTES_H

#include "core/pp_samples_bytes.h"
#include "core/pp_segment.h"
#include "core/pp_segment_bits.h"
#include "core/pp_wire.h"

#define PP_SEGMENT_DURATIONS_DIFFER 1
#define PP_SEGMENT_SCALES_DIFFER	2
#define PP_SEGMENT_HAS_SPANS		4
#define PP_SEGMENT_NO_SUMS			8
#define PP_SEGMENT_MORE_SCALES		16
#define PP_SEGMENT_KNOWN_FLAGS		31

/* Of samples */
#define PP_SEGMENT_SIGNED 1

/* Where the parts of the samples of a segment are. */
typedef struct PpSegmentTable
{
	bool is_signed; /* some values are negative */
	uint32_t order; /* of the code of values */
	uint64_t unit;	/* of sums */
	uint32_t ndicts, nstacks;
	const uint8_t *dicts;		  /* dict_id and number of stacks of each */
	const uint8_t *ids, *ids_end; /* of stacks, with their sums */
} PpSegmentTable;

/* Dictionaries and their counts are sound; what follows was not looked at. */
extern PpCode pp_segment_table(const PpSegmentHead *head, const uint8_t *samples, size_t len,
							   PpSegmentTable *table, PpError *err);

/* Reads numbers and remembers that one was bad; then all that follow are 0. */
typedef struct PpColumnReader
{
	const uint8_t *start, *p, *end;
	const char *wrong; /* what is, or NULL */
	size_t wrong_at;
} PpColumnReader;

static inline void
pp_column_wrong(PpColumnReader *r, const char *what)
{
	if (r->wrong != NULL)
		return;
	r->wrong = what;
	r->wrong_at = (size_t) (r->p - r->start);
	r->p = r->end;
}

static inline uint64_t
pp_column_u(PpColumnReader *r)
{
	uint64_t value;

	if (pp_samples_uvarint(&r->p, r->end, &value))
		return value;
	pp_column_wrong(r, "bad number");
	return 0;
}

static inline int64_t
pp_column_z(PpColumnReader *r)
{
	return pp_unzigzag(pp_column_u(r));
}

static inline uint64_t
pp_column_fixed64(PpColumnReader *r)
{
	uint64_t value = 0;

	if (r->end - r->p < 8)
	{
		pp_column_wrong(r, "unexpected end");
		return 0;
	}
	for (int i = 0; i < 8; i++)
		value |= (uint64_t) *r->p++ << (8 * i);
	return value;
}

/* A number of things that take at least `bytes` each. */
static inline uint32_t
pp_column_count(PpColumnReader *r, uint32_t bytes)
{
	uint64_t n = pp_column_u(r);

	if (n <= (uint64_t) (r->end - r->p) / bytes && n <= UINT32_MAX)
		return (uint32_t) n;
	pp_column_wrong(r, "more entries than bytes");
	return 0;
}

/* A divisor of what follows: at least 1, and an int64. */
static inline int64_t
pp_column_unit(PpColumnReader *r)
{
	uint64_t unit = pp_column_u(r);

	if (unit >= 1 && unit <= INT64_MAX)
		return (int64_t) unit;
	pp_column_wrong(r, "bad unit");
	return 1;
}

static inline int64_t
pp_column_times(PpColumnReader *r, int64_t value, int64_t unit)
{
	int64_t product;

	if (!__builtin_mul_overflow(value, unit, &product))
		return product;
	pp_column_wrong(r, "number is out of range");
	return 0;
}

/*
 * What comes behind the table: scales that the head does not have (three numbers
 * each), the number of entries, and the bits of their lists.
 */
extern PpCode pp_segment_lists(const PpSegmentTable *table, const uint8_t *samples, size_t len,
							   PpColumnReader *scales, uint32_t *nscales, PpBitReader *bits,
							   uint32_t *nentries, PpError *err);
/* All bits were read, and none was wrong. */
extern PpCode pp_segment_lists_end(const PpBitReader *bits, PpError *err);

static inline uint8_t *
pp_put_fixed64(uint8_t *p, uint64_t value)
{
	for (int i = 0; i < 8; i++)
		*p++ = (uint8_t) (value >> (8 * i));
	return p;
}

/*
 * The greatest unit of which both `unit` (0: none yet) and value are multiples.
 * It never exceeds INT64_MAX: -2^63 counts as its half.
 */
static inline uint64_t
pp_unit_with(uint64_t unit, int64_t value)
{
	uint64_t a = value < 0 ? -(uint64_t) value : (uint64_t) value;

	if (unit == 1)
		return 1;
	while (unit != 0)
	{
		uint64_t rest = a % unit;

		a = unit;
		unit = rest;
	}
	return a > INT64_MAX ? a / 2 : a;
}

/* Differences wrap, so that any two numbers have one. */
static inline int64_t
pp_difference(int64_t a, int64_t b)
{
	return (int64_t) ((uint64_t) a - (uint64_t) b);
}

#endif
