/*
 * pp_stored_reader.h
 *		Reading numbers of the stored form; inside pp_stored_read*.c only.
 *
 * Numbers are read without looking at the end: pp_stored_room() sees to it that
 * PP_STORED_ROOM bytes may be read, moving the last bytes in front of zeros.  What
 * was read beyond the end shows afterwards.
 */
#ifndef PP_STORED_READER_H
#define PP_STORED_READER_H

#include <string.h>

#include "core/pp_stored.h"

#define PP_STORED_ROOM 128 /* bytes of at least twelve numbers */

typedef struct StoredReader
{
	const uint8_t *p, *end;
	size_t len;
	uint64_t beyond; /* bytes of the form behind those that are here */
	bool at_tail;	 /* p and end point into tail */
	uint8_t flags;
	PpCode code;
	PpError *err;
	PpArena *arena;
	PpProfile *profile;
	PpStoredTree *tree;
	PpStoredCounts counts;
	uint64_t *scales; /* by type */
	uint8_t tail[2 * PP_STORED_ROOM];
} StoredReader;

/* Record the first thing that is wrong, and let every loop run out. */
extern void pp_stored_damaged(StoredReader *r, const char *what);
extern void pp_stored_to_tail(StoredReader *r);
extern void pp_stored_poll(StoredReader *r);
extern void *pp_stored_array(StoredReader *r, size_t n, size_t size);

/* Label sets and samples (pp_stored_read_samples.c). */
extern void pp_stored_read_sets(StoredReader *r);
extern void pp_stored_read_samples(StoredReader *r);
extern void pp_stored_unfold(StoredReader *r);

/* Where PP_STORED_ROOM bytes can be read. */
static inline const uint8_t *
pp_stored_room(StoredReader *r)
{
	if (PP_UNLIKELY(r->end - r->p < PP_STORED_ROOM) && !r->at_tail)
		pp_stored_to_tail(r);
	return r->p;
}

/* Numbers up to here were read. */
static inline void
pp_stored_done(StoredReader *r, const uint8_t *p)
{
	if (PP_UNLIKELY(p > r->end))
		pp_stored_damaged(r, "unexpected end");
	else
		r->p = p;
}

static inline uint64_t
pp_stored_u(const uint8_t **p)
{
	const uint8_t *at = *p;
	uint64_t value = at[0];
	uint32_t shift = 7;

	if (PP_LIKELY(value < 0x80))
	{
		*p = at + 1;
		return value;
	}
	if (PP_LIKELY(at[1] < 0x80))
	{
		*p = at + 2;
		return (value & 0x7f) | (uint64_t) at[1] << 7;
	}
	value &= 0x7f;
	/* the tenth byte is the last, whatever it says */
	for (at++; shift < 63 && *at >= 0x80; shift += 7)
		value |= (uint64_t) (*at++ & 0x7f) << shift;
	*p = at + 1;
	return value | (uint64_t) (*at & 0x7f) << shift;
}

static inline uint64_t
pp_stored_z(const uint8_t **p)
{
	return (uint64_t) pp_unzigzag(pp_stored_u(p));
}

/* The same of a number whose length cannot be foreseen: no branch on whether it is 1 or 2. */
static inline uint64_t
pp_stored_mixed(const uint8_t **p)
{
	const uint8_t *at = *p;
	uint64_t first = at[0], second = at[1], more = first >> 7;

	if (PP_UNLIKELY((first & second) >= 0x80))
		return pp_stored_u(p);
	*p = at + 1 + more;
	return (first & 0x7f) | (second << 7 & (0 - more));
}

static inline uint64_t
pp_stored_mixed_z(const uint8_t **p)
{
	return (uint64_t) pp_unzigzag(pp_stored_mixed(p));
}

/* One number by itself. */
static inline uint64_t
pp_stored_take(StoredReader *r)
{
	const uint8_t *p = pp_stored_room(r);
	uint64_t value = pp_stored_u(&p);

	pp_stored_done(r, p);
	return value;
}

/* An index below n; `what` says what it is not. */
static inline uint32_t
pp_stored_check(StoredReader *r, uint64_t index, uint32_t n, const char *what)
{
	if (PP_LIKELY(index < n))
		return (uint32_t) index;
	pp_stored_damaged(r, what);
	return 0;
}

#endif
