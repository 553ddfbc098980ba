/*
 * pp_wire.h
 *		Varints and tags of the protobuf wire format, for the codecs.
 *
 * Readers work on a pointer and an end held in registers: the slow paths take
 * and return them by value, so that no address of a local escapes.
 */
#ifndef PP_WIRE_H
#define PP_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PP_LIKELY(x)   __builtin_expect(!!(x), 1)
#define PP_UNLIKELY(x) __builtin_expect(!!(x), 0)

/* Wire types that exist; groups (3, 4) are refused. */
enum
{
	PP_WIRE_VARINT = 0,
	PP_WIRE_FIXED64 = 1,
	PP_WIRE_BYTES = 2,
	PP_WIRE_FIXED32 = 5
};

#define PP_TAG_VARINT(field) ((field) << 3 | PP_WIRE_VARINT)
#define PP_TAG_BYTES(field)	 ((field) << 3 | PP_WIRE_BYTES)

#define PP_VARINT_MAX		 10 /* bytes of the longest varint */

typedef struct PpVarint
{
	const uint8_t *next; /* behind the varint; NULL if it is cut short or too long */
	uint64_t value;
} PpVarint;

/* A varint of any length up to ten bytes; bits beyond the 64th are lost. */
static inline PpVarint
pp_varint_long(const uint8_t *p, const uint8_t *end)
{
	uint64_t value = 0;
	size_t n = (size_t) (end - p) < PP_VARINT_MAX ? (size_t) (end - p) : PP_VARINT_MAX;

	for (size_t i = 0; i < n; i++)
	{
		value |= (uint64_t) (p[i] & 0x7f) << (7 * i);
		if (p[i] < 0x80)
			return (PpVarint){p + i + 1, value};
	}
	return (PpVarint){NULL, 0};
}

static inline PpVarint
pp_varint(const uint8_t *p, const uint8_t *end)
{
	if (PP_LIKELY(p < end && *p < 0x80))
		return (PpVarint){p + 1, *p};
	if (PP_LIKELY(end - p >= 2 && p[1] < 0x80))
		return (PpVarint){p + 2, (uint64_t) (p[0] & 0x7f) | (uint64_t) p[1] << 7};
	return pp_varint_long(p, end);
}

static inline uint64_t
pp_zigzag(int64_t value)
{
	return (uint64_t) value << 1 ^ -(uint64_t) (value < 0);
}

static inline int64_t
pp_unzigzag(uint64_t value)
{
	return (int64_t) (value >> 1 ^ -(value & 1));
}

/* Write a varint; there is room for PP_VARINT_MAX bytes. */
static inline uint8_t *
pp_put_varint(uint8_t *p, uint64_t value)
{
	while (value >= 0x80)
	{
		*p++ = (uint8_t) value | 0x80;
		value >>= 7;
	}
	*p++ = (uint8_t) value;
	return p;
}

#endif
