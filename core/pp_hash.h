/*
 * pp_hash.h
 *		Seeded hashes of integers and bytes, for tables filled by strangers.
 */
#ifndef PP_HASH_H
#define PP_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>

/* Multiply to 128 bits and fold: every bit of both factors reaches the result. */
static inline uint64_t
pp_hash_fold(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128) a * b;

	return (uint64_t) product ^ (uint64_t) (product >> 64);
}

static inline uint64_t
pp_hash_u64(uint64_t value, uint64_t seed)
{
	return pp_hash_fold(value ^ seed, UINT64_C(0x9e3779b97f4a7c15) ^ (seed << 1));
}

static inline uint64_t
pp_hash_bytes(const void *data, size_t len, uint64_t seed)
{
	const uint8_t *p = data;
	uint64_t hash = seed ^ len * UINT64_C(0xa0761d6478bd642f);
	uint64_t word;

	for (; len >= 8; p += 8, len -= 8)
	{
		memcpy(&word, p, 8);
		hash = pp_hash_fold(hash ^ word, UINT64_C(0xe7037ed1a0b428db) ^ seed);
	}
	word = 0;
	if (len > 0)
		memcpy(&word, p, len);
	hash = pp_hash_fold(hash ^ word, UINT64_C(0x8ebc6af09c88c6e3) ^ seed);
	return pp_hash_fold(hash, UINT64_C(0x9e3779b97f4a7c15));
}

/* A seed for tables that live for one call.  Without entropy an address has to do. */
static inline uint64_t
pp_hash_seed(const void *address)
{
	uint64_t seed;

	if (getentropy(&seed, sizeof(seed)) != 0)
		seed = pp_hash_u64((uintptr_t) address, UINT64_C(0x589965cc75374cc3));
	return seed;
}

#endif
