/*
 * pp_names.h
 *		Interned byte strings: equal bytes get equal ids, from 0 in order of arrival.
 */
#ifndef PP_NAMES_H
#define PP_NAMES_H

#include "core/pp_profile.h"

#include <string.h>

typedef struct PpNames
{
	const PpAlloc *alloc;
	PpArena *bytes; /* copies of the names */
	uint64_t seed;	/* differs from run to run, so that nobody can aim at one slot */
	uint32_t n, cap;
	PpBytes *names;
	uint32_t *hashes;
	uint32_t *slots; /* id + 1, or 0 */
	uint32_t nslots; /* a power of two */
} PpNames;

/* PP_ENOMEM is reported by the first intern, not here. */
extern void pp_names_init(PpNames *names, const PpAlloc *alloc);
extern void pp_names_clear(PpNames *names);
extern size_t pp_names_memory(const PpNames *names);
/* Id of the name; its bytes are copied if they are new. */
extern PpCode pp_names_intern(PpNames *names, PpBytes name, uint32_t *id, PpError *err);

/* A well mixed hash of bytes; the same on every machine. */
extern uint64_t pp_stable_hash(const void *data, size_t len, uint64_t seed);

/* Eight bytes, lowest first, on any machine: what is hashed is stored. */
static inline uint64_t
pp_load_le64(const uint8_t *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	word = __builtin_bswap64(word);
#endif
	return word;
}

static inline uint64_t
pp_stable_mix(uint64_t a, uint64_t b)
{
	unsigned __int128 product =
		(unsigned __int128) (a ^ UINT64_C(0x9e3779b97f4a7c15)) * (b ^ UINT64_C(0xd6e8feb86659fd93));

	return (uint64_t) product ^ (uint64_t) (product >> 64);
}

#endif
