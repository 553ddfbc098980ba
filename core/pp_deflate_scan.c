/*
 * pp_deflate_scan.c
 *		A walk over a deflate stream (RFC 1951) that keeps no output.
 *
 * The inflater in use only tells good from bad.  After it said bad, this slow
 * and simple reader finds the byte, so that the error can name it.
 */
#include "core/pp_deflate_scan.h"

#include <stdbool.h>
#include <string.h>

#define LARGEST_EXPLAINED ((size_t) 1 << 20) /* bytes of a stream worth the time */
#define MAX_BITS		  15
#define LITERAL_CODES	  288
#define DISTANCE_CODES	  32
#define LENGTH_CODES	  19
#define END_OF_BLOCK	  256

typedef struct Scan
{
	const uint8_t *data;
	size_t len;
	size_t at;	   /* next byte */
	uint32_t bits; /* not used yet, the next one lowest */
	int nbits;
	uint64_t made; /* bytes the stream has produced */
	bool cut;	   /* it ended early */
	bool damaged;
} Scan;

/* A canonical Huffman code: how many codes of each length, and their symbols in order. */
typedef struct Huffman
{
	uint16_t count[MAX_BITS + 1];
	uint16_t symbol[LITERAL_CODES];
} Huffman;

static uint32_t
take(Scan *s, int n)
{
	uint32_t value;

	while (s->nbits < n && !s->cut)
	{
		if (s->at == s->len)
			s->cut = true;
		else
			s->bits |= (uint32_t) s->data[s->at++] << s->nbits;
		s->nbits += 8;
	}
	value = s->bits & ((1u << n) - 1);
	s->bits >>= n;
	s->nbits -= n;
	return value;
}

static bool
going(const Scan *s)
{
	return !s->cut && !s->damaged;
}

static int
take_symbol(Scan *s, const Huffman *h)
{
	int code = 0, first = 0, index = 0;

	for (int len = 1; len <= MAX_BITS && going(s); len++)
	{
		code |= (int) take(s, 1);
		if (code - h->count[len] < first)
			return h->symbol[index + (code - first)];
		index += h->count[len];
		first = (first + h->count[len]) << 1;
		code <<= 1;
	}
	s->damaged = !s->cut;
	return END_OF_BLOCK;
}

/* Build a code of n lengths; one that claims more than there is room for is damage. */
static void
build(Scan *s, Huffman *h, const uint8_t *lengths, int n)
{
	uint16_t offset[MAX_BITS + 1] = {0};
	int left = 1;

	memset(h, 0, sizeof(*h));
	for (int i = 0; i < n; i++)
		h->count[lengths[i]]++;
	h->count[0] = 0;
	for (int len = 1; len <= MAX_BITS; len++)
	{
		left = left * 2 - h->count[len];
		if (left < 0)
		{
			s->damaged = true;
			return;
		}
	}
	for (int len = 1; len < MAX_BITS; len++)
		offset[len + 1] = offset[len] + h->count[len];
	for (int i = 0; i < n; i++)
		if (lengths[i] != 0)
			h->symbol[offset[lengths[i]]++] = (uint16_t) i;
}

static void
fixed_codes(Scan *s, Huffman *literal, Huffman *distance)
{
	uint8_t lengths[LITERAL_CODES];

	for (int i = 0; i < LITERAL_CODES; i++)
		lengths[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
	build(s, literal, lengths, LITERAL_CODES);
	memset(lengths, 5, DISTANCE_CODES);
	build(s, distance, lengths, DISTANCE_CODES);
}

/* The lengths of both codes of a dynamic block, themselves Huffman and run-length coded. */
static void
take_lengths(Scan *s, const Huffman *code, uint8_t *lengths, int n)
{
	int at = 0;

	while (at < n && going(s))
	{
		int symbol = take_symbol(s, code);
		uint8_t value = 0;
		int repeat;

		if (!going(s))
			return;
		if (symbol < 16)
		{
			lengths[at++] = (uint8_t) symbol;
			continue;
		}
		if (symbol == 16 && at > 0)
			value = lengths[at - 1];
		s->damaged = symbol == 16 && at == 0;
		repeat = symbol == 16	? 3 + (int) take(s, 2)
				 : symbol == 17 ? 3 + (int) take(s, 3)
								: 11 + (int) take(s, 7);
		if (repeat > n - at)
			s->damaged = true;
		for (; repeat > 0 && at < n; repeat--)
			lengths[at++] = value;
	}
}

static void
dynamic_codes(Scan *s, Huffman *literal, Huffman *distance)
{
	static const uint8_t order[LENGTH_CODES] =
		{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
	uint8_t lengths[LITERAL_CODES + DISTANCE_CODES] = {0};
	int nliteral = 257 + (int) take(s, 5);
	int ndistance = 1 + (int) take(s, 5);
	int nlength = 4 + (int) take(s, 4);

	if (nliteral > 286)
		s->damaged = true;
	for (int i = 0; i < nlength; i++)
		lengths[order[i]] = (uint8_t) take(s, 3);
	build(s, literal, lengths, LENGTH_CODES);
	memset(lengths, 0, sizeof(lengths));
	if (going(s))
		take_lengths(s, literal, lengths, nliteral + ndistance);
	if (going(s))
		build(s, literal, lengths, nliteral);
	if (going(s))
		build(s, distance, lengths + nliteral, ndistance);
}

/* Length of a copy, 3 to 258: a base and extra bits. */
static uint32_t
take_length(Scan *s, int code)
{
	int extra = code < 8 || code == 28 ? 0 : (code - 4) / 4;

	if (code > 28)
	{
		s->damaged = true;
		return 0;
	}
	if (code == 28)
		return 258;
	if (code < 8)
		return 3 + (uint32_t) code;
	return 3 + ((4 + (uint32_t) code % 4) << extra) + take(s, extra);
}

/* How far back a copy reaches, 1 to 32768. */
static uint32_t
take_distance(Scan *s, int code)
{
	int extra = code / 2 - 1;

	if (code > 29)
	{
		s->damaged = going(s);
		return 0;
	}
	if (code < 4)
		return 1 + (uint32_t) code;
	return 1 + ((2 + (uint32_t) code % 2) << extra) + take(s, extra);
}

static void
scan_codes(Scan *s, const Huffman *literal, const Huffman *distance)
{
	while (going(s))
	{
		int symbol = take_symbol(s, literal);
		uint32_t length, back;

		if (symbol == END_OF_BLOCK)
			return;
		if (symbol < END_OF_BLOCK)
		{
			s->made++;
			continue;
		}
		length = take_length(s, symbol - 257);
		back = going(s) ? take_distance(s, take_symbol(s, distance)) : 0;
		if (going(s) && back > s->made)
			s->damaged = true;
		s->made += length;
	}
}

static void
scan_stored(Scan *s)
{
	uint32_t length, check;

	s->bits = 0;
	s->nbits = 0;
	length = take(s, 16);
	check = take(s, 16);
	if (going(s) && length != (~check & 0xffff))
		s->damaged = true;
	if (going(s) && s->len - s->at < length)
		s->cut = true;
	if (going(s))
		s->at += length;
	s->made += length;
}

static void
scan_block(Scan *s, uint32_t type)
{
	Huffman literal, distance;

	if (type == 0)
	{
		scan_stored(s);
		return;
	}
	if (type == 1)
		fixed_codes(s, &literal, &distance);
	else if (type == 2)
		dynamic_codes(s, &literal, &distance);
	else
		s->damaged = true;
	if (going(s))
		scan_codes(s, &literal, &distance);
}

PpCode
pp_deflate_explain(const uint8_t *data, size_t len, size_t start, const PpAlloc *alloc, PpError *err)
{
	Scan s = {.data = data, .len = len, .at = start};
	bool last = false;

	if (len - start > LARGEST_EXPLAINED)
		return pp_fail(err, PP_EMALFORMED, start, "damaged or incomplete compressed data");
	while (!last && going(&s))
	{
		last = take(&s, 1);
		scan_block(&s, take(&s, 2));
		if (pp_poll(alloc))
			return pp_fail_canceled(err);
	}
	if (s.cut)
		return pp_fail(err, PP_EMALFORMED, len, "unexpected end of compressed data");
	/* the bit buffer holds less than a byte that was not looked at */
	return pp_fail(err, PP_EMALFORMED, s.at > start ? s.at - 1 : start, "damaged compressed data");
}
