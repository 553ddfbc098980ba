/*
 * pp_names.c
 *		Interned byte strings.
 */
#include "core/pp_names.h"

#include <string.h>

#define FIRST_SLOTS 64

/* Little-endian, so that a stored hash means the same everywhere. */
uint64_t
pp_stable_hash(const void *data, size_t len, uint64_t seed)
{
	const uint8_t *p = data;
	uint64_t hash = pp_stable_mix(seed, len);
	uint8_t tail[8] = {0};

	for (; len >= 8; p += 8, len -= 8)
		hash = pp_stable_mix(hash ^ pp_load_le64(p), hash + UINT64_C(0x2545f4914f6cdd1d));
	if (len > 0)
		memcpy(tail, p, len);
	hash = pp_stable_mix(hash ^ pp_load_le64(tail), UINT64_C(0x8ebc6af09c88c6e3) + len);
	return pp_stable_mix(hash, hash >> 32);
}

void
pp_names_init(PpNames *names, const PpAlloc *alloc)
{
	memset(names, 0, sizeof(*names));
	names->alloc = alloc;
	names->seed = pp_stable_mix((uintptr_t) names, (uintptr_t) &pp_names_init);
}

void
pp_names_clear(PpNames *names)
{
	const PpAlloc *alloc = names->alloc;

	pp_arena_free(names->bytes);
	alloc->release(alloc->ctx, names->names);
	alloc->release(alloc->ctx, names->hashes);
	alloc->release(alloc->ctx, names->slots);
	pp_names_init(names, alloc);
}

size_t
pp_names_memory(const PpNames *names)
{
	return (names->bytes != NULL ? pp_arena_used(names->bytes) : 0) +
		   (size_t) names->cap * (sizeof(PpBytes) + sizeof(uint32_t)) +
		   (size_t) names->nslots * sizeof(uint32_t);
}

/* Twice the slots, every id at its new place. */
static PpCode
grow_slots(PpNames *names, PpError *err)
{
	const PpAlloc *alloc = names->alloc;
	size_t nslots = names->nslots == 0 ? FIRST_SLOTS : (size_t) names->nslots * 2;
	uint32_t *slots;

	if (nslots > UINT32_MAX)
		return pp_fail_nomem(err);
	slots = alloc->alloc(alloc->ctx, nslots * sizeof(*slots));
	if (slots == NULL)
		return pp_fail_nomem(err);
	memset(slots, 0, nslots * sizeof(*slots));
	for (uint32_t id = 0; id < names->n; id++)
	{
		size_t at = names->hashes[id] & (nslots - 1);

		while (slots[at] != 0)
			at = (at + 1) & (nslots - 1);
		slots[at] = id + 1;
	}
	alloc->release(alloc->ctx, names->slots);
	names->slots = slots;
	names->nslots = nslots;
	return PP_OK;
}

static PpCode
grow_names(PpNames *names, PpError *err)
{
	const PpAlloc *alloc = names->alloc;
	uint32_t cap = names->cap == 0 ? FIRST_SLOTS : names->cap * 2;
	PpBytes *list;
	uint32_t *hashes;

	if (names->cap > UINT32_MAX / 4)
		return pp_fail_nomem(err);
	list = alloc->resize(alloc->ctx, names->names, cap * sizeof(*list));
	if (list == NULL)
		return pp_fail_nomem(err);
	names->names = list;
	hashes = alloc->resize(alloc->ctx, names->hashes, cap * sizeof(*hashes));
	if (hashes == NULL)
		return pp_fail_nomem(err);
	names->hashes = hashes;
	names->cap = cap;
	return PP_OK;
}

static PpCode
append_name(PpNames *names, PpBytes name, uint32_t hash, PpError *err)
{
	char *copy;

	if (names->bytes == NULL && (names->bytes = pp_arena_new(names->alloc)) == NULL)
		return pp_fail_nomem(err);
	if (names->n == names->cap)
	{
		PpCode code = grow_names(names, err);

		if (code != PP_OK)
			return code;
	}
	copy = pp_arena_copy(names->bytes, name.data, name.len);
	if (copy == NULL)
		return pp_fail_nomem(err);
	names->names[names->n] = (PpBytes){copy, name.len};
	names->hashes[names->n++] = hash;
	return PP_OK;
}

PpCode
pp_names_intern(PpNames *names, PpBytes name, uint32_t *id, PpError *err)
{
	uint32_t hash = (uint32_t) pp_stable_hash(name.data, name.len, names->seed);
	uint32_t mask, at;
	PpCode code;

	if ((uint64_t) names->n * 4 >= (uint64_t) names->nslots * 3)
	{
		code = grow_slots(names, err);
		if (code != PP_OK)
			return code;
	}
	mask = names->nslots - 1;
	for (at = hash & mask; names->slots[at] != 0; at = (at + 1) & mask)
	{
		uint32_t found = names->slots[at] - 1;

		if (names->hashes[found] == hash && names->names[found].len == name.len &&
			(name.len == 0 || memcmp(names->names[found].data, name.data, name.len) == 0))
		{
			*id = found;
			return PP_OK;
		}
	}
	code = append_name(names, name, hash, err);
	if (code != PP_OK)
		return code;
	names->slots[at] = names->n;
	*id = names->n - 1;
	return PP_OK;
}
