/*
 * fuzz_stored.c
 *		Bytes as the stored form: refused, or a profile that comes back equal.
 */
#include <stdlib.h>
#include <string.h>

#include "core/pp_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool truth)
{
	if (!truth)
		abort();
}

/* What was read can be written, and then reads the same. */
static void
check_round_trip(const PpProfile *p, PpArena *arena)
{
	uint8_t *first, *second, *bytes;
	size_t first_len, second_len, len;
	PpProfile *again;
	PpError err;

	require(pp_stored_encode(p, &pp_alloc_malloc, &first, &first_len, &err) == PP_OK);
	require(pp_stored_decode(first, first_len, arena, &again, &err) == PP_OK);
	require(pp_stored_encode(again, &pp_alloc_malloc, &second, &second_len, &err) == PP_OK);
	require(first_len == second_len && memcmp(first, second, first_len) == 0);
	require(pp_profile_encode(p, &pp_alloc_malloc, &bytes, &len, &err) == PP_OK);
	require(pp_profile_decode(bytes, len, &pp_limits_hard, arena, &again, &err) == PP_OK);
	free(first);
	free(second);
	free(bytes);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	PpProfile *p;
	PpError err;

	if (pp_stored_decode(data, size, arena, &p, &err) == PP_OK)
		check_round_trip(p, arena);
	else
		require(p == NULL && err.offset <= size);
	/* a few bytes may repeat the stack before them, but not more than that */
	require(pp_arena_used(arena) < ((size_t) 1 << 20) + 4000 * size);
	pp_arena_free(arena);
	return 0;
}
