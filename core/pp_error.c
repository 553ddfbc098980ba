/*
 * pp_error.c
 *		Filling in PpError.
 */
#include "core/pp_error.h"

#include <stdarg.h>
#include <stdio.h>

static PpCode
fill(PpError *err, PpCode code, size_t offset, const char *setting, int64_t limit, const char *fmt,
	 va_list args)
{
	if (err == NULL)
		return code;
	err->code = code;
	err->offset = offset;
	err->setting = setting;
	err->limit = limit;
	vsnprintf(err->message, sizeof(err->message), fmt, args);
	return code;
}

PpCode
pp_fail(PpError *err, PpCode code, size_t offset, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fill(err, code, offset, NULL, 0, fmt, args);
	va_end(args);
	return code;
}

PpCode
pp_fail_limit(PpError *err, size_t offset, const char *setting, int64_t limit, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fill(err, PP_ELIMIT, offset, setting, limit, fmt, args);
	va_end(args);
	return PP_ELIMIT;
}

PpCode
pp_fail_nomem(PpError *err)
{
	return pp_fail(err, PP_ENOMEM, PP_NO_OFFSET, "out of memory");
}

PpCode
pp_fail_canceled(PpError *err)
{
	return pp_fail(err, PP_ECANCELED, PP_NO_OFFSET, "canceled");
}
