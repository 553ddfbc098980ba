/*
 * pp_read.c
 *		A profile as it comes: perhaps compressed, perhaps of before profile.proto.
 */
#include "core/pp_codec.h"
#include "core/pp_foreign.h"
#include "core/pp_gperftools.h"
#include "core/pp_inflate.h"

/* What is not profile.proto, in the order in which the pprof tool tries. */
static PpCode
read_other(const uint8_t *data, size_t len, const PpLimits *limits, PpArena *arena,
		   PpProfile **profile, PpError *err)
{
	switch (pp_gperftools_guess(data, len))
	{
		case PP_GPERFTOOLS_CPU:
		case PP_GPERFTOOLS_JAVA_CPU:
			return pp_gperftools_cpu_read(NULL, data, len, limits, arena, profile, err);
		case PP_GPERFTOOLS_HEAP:
			return pp_gperftools_heap_read(NULL, data, len, limits, arena, profile, err);
		case PP_GPERFTOOLS_NONE:
			break;
	}
	return pp_foreign_refuse(data, len, err) ? PP_EUNSUPPORTED : PP_EMALFORMED;
}

PpCode
pp_profile_read_plain(const uint8_t *data, size_t len, const PpLimits *limits, PpArena *arena,
					  PpProfile **profile, PpError *err)
{
	PpCode code;

	*profile = NULL;
	if (len == 0)
		return pp_fail(err, PP_EMALFORMED, 0, "empty input file");
	code = pp_profile_decode(data, len, limits, arena, profile, err);
	return code == PP_EMALFORMED ? read_other(data, len, limits, arena, profile, err) : code;
}

PpCode
pp_profile_read(const uint8_t *data, size_t len, const PpLimits *limits, PpArena *arena,
				PpProfile **profile, PpError *err)
{
	const uint8_t *plain;
	size_t plain_len;
	PpCode code;

	*profile = NULL;
	code =
		pp_inflate_arena(pp_container_guess(data, len), data, len, limits, arena, &plain, &plain_len, err);
	if (code != PP_OK)
		return code;
	return pp_profile_read_plain(plain, plain_len, limits, arena, profile, err);
}
