/*
 * fuzz_speedscope.c
 *		Bytes as JSON, and as a speedscope file.
 */
#include "format_checks.h"

#include "core/pp_json_read.h"
#include "core/pp_speedscope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Stepping over a document agrees with stepping through it. */
static bool
walk(PpJson *j)
{
	PpBytes key;

	switch (pp_json_peek(j))
	{
		case '{':
			pp_json_object(j);
			while (pp_json_member(j, &key))
				pp_json_skip(j);
			break;
		case '[':
			pp_json_array(j);
			while (pp_json_element(j))
				pp_json_skip(j);
			break;
		case '"':
			pp_json_string(j, &key);
			break;
		default:
			pp_json_skip(j);
	}
	return pp_json_end(j);
}

static void
check_json(const uint8_t *data, size_t size)
{
	PpJson j, again;
	PpBytes number;
	bool good;

	pp_json_init(&j, data, size, &pp_alloc_malloc);
	good = pp_json_skip(&j) && pp_json_end(&j);
	require(good == (j.code == PP_OK) && pp_json_offset(&j) <= size);
	pp_json_init(&again, data, size, &pp_alloc_malloc);
	/* the escapes of keys, which skipping does not read, may be bad */
	if (walk(&again))
		require(good);
	pp_json_free(&again);
	pp_json_free(&j);
	pp_json_init(&j, data, size, &pp_alloc_malloc);
	if (pp_json_number(&j, &number))
		for (int scale = 0; scale <= 9; scale += 3)
		{
			__int128 value;

			pp_json_decimal(number, scale, &value);
		}
	pp_json_free(&j);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);

	check_json(data, size);
	read_checked(pp_speedscope_read, data, size, arena);
	pp_arena_free(arena);
	return 0;
}
