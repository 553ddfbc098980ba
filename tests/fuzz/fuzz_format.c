/*
 * fuzz_format.c
 *		Bytes as whatever they look like, packed or not.
 */
#include "format_checks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static PpCode
read_auto(const PpFormatOptions *options, const uint8_t *data, size_t len, const PpLimits *limits,
		  PpArena *arena, PpProfile **profile, PpError *err)
{
	return pp_format_read(PP_FORMAT_AUTO, options, data, len, limits, arena, profile, err);
}

/* What is read as a detected format must be read the same when it is named. */
static void
check_detected(const uint8_t *data, size_t size)
{
	PpFormat format = pp_format_detect(data, size), by_name;
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	PpProfile *a, *b;
	PpError err;
	PpCode code;

	require(pp_format_by_name(pp_bytes_cstr(pp_format_name(format)), &by_name) && by_name == format);
	if (format != PP_FORMAT_AUTO)
	{
		code =
			pp_format_read_plain(PP_FORMAT_AUTO, NULL, data, size, &format_limits, arena, &a, &err);
		require(pp_format_read_plain(format, NULL, data, size, &format_limits, arena, &b, &err) ==
				code);
		require((a == NULL) == (b == NULL));
		require(a == NULL || a->nsamples == b->nsamples);
	}
	pp_arena_free(arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	PpProfile *p;
	PpError err = {.code = PP_OK};
	PpCode code = read_auto(NULL, data, size, &format_limits, arena, &p, &err);

	/* offsets are those of the unpacked bytes */
	require((code == PP_OK) == (p != NULL) && (p != NULL || code == err.code));
	if (p != NULL)
		check_profile(p);
	check_detected(data, size);
	pp_arena_free(arena);
	return 0;
}
