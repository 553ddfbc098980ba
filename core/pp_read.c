/*
 * pp_read.c
 *		A profile as it comes: perhaps compressed, perhaps something else.
 */
#include <string.h>

#include "core/pp_codec.h"
#include "core/pp_foreign.h"
#include "core/pp_inflate.h"

PpCode
pp_profile_read(const uint8_t *data, size_t len, const PpLimits *limits, PpArena *arena,
				PpProfile **profile, PpError *err)
{
	const uint8_t *plain;
	const char *name;
	size_t plain_len;
	PpCode code;

	*profile = NULL;
	code =
		pp_inflate_arena(pp_container_guess(data, len), data, len, limits, arena, &plain, &plain_len, err);
	if (code != PP_OK)
		return code;
	if (plain_len == 0)
		return pp_fail(err, PP_EMALFORMED, 0, "empty input file");
	code = pp_profile_decode(plain, plain_len, limits, arena, profile, err);
	if (code == PP_EMALFORMED && (name = pp_foreign_format(plain, plain_len)) != NULL)
		return pp_fail(err, PP_EUNSUPPORTED, 0, "%s is not supported", name);
	return code;
}
