/*
 * fuzz_stored.c
 *		Bytes as the stored form: refused, or a profile that comes back equal, and
 *		adds up the same as from lists of stacks.
 */
#include <stdlib.h>
#include <string.h>

#include "core/pp_codec.h"
#include "core/pp_merge.h"

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

/* Twice the profile, from its bytes or from what was read, stored. */
static PpCode
sum(const uint8_t *data, size_t size, const PpProfile *p, bool from_bytes, PpArena *arena,
	uint8_t **out, size_t *len)
{
	PpMerge *merge = pp_merge_new(&pp_alloc_malloc, PP_MERGE_CANONICAL);
	PpProfile *merged;
	PpCode code = PP_OK;

	*out = NULL;
	for (int i = 0; i < 2 && code == PP_OK; i++)
		code = from_bytes ? pp_merge_add_stored(merge, data, size, arena, NULL)
						  : pp_merge_add(merge, p, NULL);
	if (code == PP_OK && from_bytes)
		code = pp_merge_encode(merge, &pp_alloc_malloc, out, len, NULL);
	else if (code == PP_OK && (code = pp_merge_finish(merge, arena, &merged, NULL)) == PP_OK)
		code = pp_stored_encode(merged, &pp_alloc_malloc, out, len, NULL);
	pp_merge_free(merge);
	return code;
}

static void
check_sum(const uint8_t *data, size_t size, const PpProfile *p, PpArena *arena)
{
	uint8_t *first, *second;
	size_t first_len = 0, second_len = 0;
	PpCode code = sum(data, size, p, true, arena, &first, &first_len);

	require(code == PP_OK || code == PP_EOVERFLOW || code == PP_ELIMIT);
	require(sum(data, size, p, false, arena, &second, &second_len) == code);
	require(first_len == second_len && (code != PP_OK || memcmp(first, second, first_len) == 0));
	free(first);
	free(second);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	PpProfile *p;
	PpError err;

	if (pp_stored_decode(data, size, arena, &p, &err) != PP_OK)
		require(p == NULL && err.offset <= size);
	/* a stack takes three bytes, and four for each of its locations when unfolded */
	require(pp_arena_used(arena) < ((size_t) 1 << 20) + 400 * size + size * size);
	if (p != NULL)
	{
		check_round_trip(p, arena);
		check_sum(data, size, p, arena);
	}
	pp_arena_free(arena);
	return 0;
}
