/*
 * pp_segment_bits.h
 *		Streams of bits, lowest first, for the lists of rows in segments.
 *
 * Two codes: Rice with b bits (x >> b in unary, that many zeros and a one, then
 * the b low bits), and exponential Golomb of order k (y = x + 2^k; for each bit
 * that y has beyond k + 1 a zero, then a one, then y without its highest bit).
 */
#ifndef PP_SEGMENT_BITS_H
#define PP_SEGMENT_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define PP_GOLOMB_MAX_ORDER 40

typedef struct PpBitReader
{
	const uint8_t *data;
	size_t len;
	uint64_t at; /* bit; beyond the end all bits are 0 */
	bool wrong;	 /* a number that no writer makes */
} PpBitReader;

static inline uint64_t
pp_low_bits(uint64_t value, uint32_t n)
{
	return n == 0 ? 0 : value & (~UINT64_C(0) >> (64 - n));
}

/* The same of fewer than 64, without a branch. */
static inline uint64_t
pp_few_bits(uint64_t value, uint32_t n)
{
	return value & ((UINT64_C(1) << n) - 1);
}

/* What comes next; 57 bits at least are there. */
static inline uint64_t
pp_bits_peek(const PpBitReader *r)
{
	size_t byte = r->at >> 3;
	uint64_t word = 0;

	if (byte + 8 <= r->len)
	{
		memcpy(&word, r->data + byte, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
		word = __builtin_bswap64(word);
#endif
	}
	else
		for (size_t i = byte; i < r->len; i++)
			word |= (uint64_t) r->data[i] << (8 * (i - byte));
	return word >> (r->at & 7);
}

/* Up to 64 bits. */
static inline uint64_t
pp_bits_take(PpBitReader *r, uint32_t n)
{
	uint64_t low;

	if (n <= 57)
	{
		low = pp_low_bits(pp_bits_peek(r), n);
		r->at += n;
		return low;
	}
	low = pp_low_bits(pp_bits_peek(r), 32);
	r->at += 32;
	low |= pp_low_bits(pp_bits_peek(r), n - 32) << 32;
	r->at += n - 32;
	return low;
}

/* Zeros before a one; more than most are wrong. */
static inline uint64_t
pp_bits_unary(PpBitReader *r, uint64_t most)
{
	uint64_t n = 0;

	for (;;)
	{
		uint64_t word = pp_bits_peek(r);

		if (word != 0)
		{
			n += (uint64_t) __builtin_ctzll(word);
			r->at += (uint64_t) __builtin_ctzll(word) + 1;
			break;
		}
		n += 57;
		r->at += 57;
		if (n > most || r->at > (uint64_t) r->len * 8)
		{
			n = most + 1;
			break;
		}
	}
	r->wrong |= n > most;
	return n > most ? most : n;
}

static inline uint64_t
pp_rice_read(PpBitReader *r, uint32_t b, uint64_t most)
{
	uint64_t high = pp_bits_unary(r, most >> b);

	return high << b | pp_bits_take(r, b);
}

static inline uint64_t
pp_golomb_read(PpBitReader *r, uint32_t k)
{
	uint32_t more = (uint32_t) pp_bits_unary(r, 63 - k);

	return (UINT64_C(1) << (more + k) | pp_bits_take(r, more + k)) - (UINT64_C(1) << k);
}

/* A Rice number and one of Golomb behind it, from one word if that has both. */
static inline void
pp_bits_pair(PpBitReader *r, uint32_t b, uint64_t most, uint32_t k, uint64_t *rice, uint64_t *golomb)
{
	uint64_t word = pp_bits_peek(r) & (~UINT64_C(0) >> 7);

	if (word != 0)
	{
		uint32_t zeros = (uint32_t) __builtin_ctzll(word), used = zeros + 1 + b;

		if (used < 40 && word >> used != 0)
		{
			uint64_t rest = word >> used;
			uint32_t more = (uint32_t) __builtin_ctzll(rest), bits = more + k;

			if (used + more + 1 + bits <= 57)
			{
				*rice = (uint64_t) zeros << b | pp_few_bits(word >> (zeros + 1), b);
				*golomb = (UINT64_C(1) << bits | pp_few_bits(rest >> (more + 1), bits)) -
						  (UINT64_C(1) << k);
				r->wrong |= *rice > most;
				r->at += used + more + 1 + bits;
				return;
			}
		}
	}
	*rice = pp_rice_read(r, b, most);
	*golomb = pp_golomb_read(r, k);
}

/* ---- writing ---- */

typedef struct PpBitWriter
{
	uint8_t *p; /* NULL: only count */
	uint64_t word;
	uint32_t nbits; /* in word */
	uint64_t total;
} PpBitWriter;

static inline void
pp_bits_put(PpBitWriter *w, uint64_t value, uint32_t n)
{
	w->total += n;
	if (w->p == NULL)
		return;
	while (n > 0)
	{
		uint32_t now = n < 32 ? n : 32;

		w->word |= pp_few_bits(value, now) << w->nbits;
		w->nbits += now;
		value >>= now;
		n -= now;
		if (w->nbits < 32)
			continue;
		for (int i = 0; i < 4; i++)
			*w->p++ = (uint8_t) (w->word >> (8 * i));
		w->word >>= 32;
		w->nbits -= 32;
	}
}

/* Zeros, a one, then the low bits of a value. */
static inline void
pp_bits_put_code(PpBitWriter *w, uint64_t zeros, uint64_t value, uint32_t bits)
{
	if (zeros + bits < 64)
	{
		pp_bits_put(w,
					(UINT64_C(1) | pp_few_bits(value, bits) << 1) << zeros,
					(uint32_t) zeros + 1 + bits);
		return;
	}
	for (; zeros >= 32; zeros -= 32)
		pp_bits_put(w, 0, 32);
	pp_bits_put(w, UINT64_C(1) << zeros, (uint32_t) zeros + 1);
	pp_bits_put(w, value, bits);
}

static inline void
pp_rice_put(PpBitWriter *w, uint32_t b, uint64_t value)
{
	pp_bits_put_code(w, value >> b, value, b);
}

/* value + 2^k is below 2^64. */
static inline void
pp_golomb_put(PpBitWriter *w, uint32_t k, uint64_t value)
{
	uint64_t y = value + (UINT64_C(1) << k);
	uint32_t bits = 63 - (uint32_t) __builtin_clzll(y);

	pp_bits_put_code(w, bits - k, y, bits);
}

/* What is left, up to the last byte that has bits. */
static inline uint8_t *
pp_bits_end(PpBitWriter *w)
{
	for (uint32_t i = 0; i < w->nbits; i += 8)
		*w->p++ = (uint8_t) (w->word >> i);
	w->nbits = 0;
	return w->p;
}

/* Bits of the Rice code for `count` of n rows: steps of equal chance need about these. */
static inline uint32_t
pp_rice_bits(uint32_t n, uint32_t count)
{
	uint64_t step = (uint64_t) n * 11 / ((uint64_t) count * 16);

	return step == 0 ? 0 : 63 - (uint32_t) __builtin_clzll(step);
}

#endif
