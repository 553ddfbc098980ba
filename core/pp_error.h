/*
 * pp_error.h
 *		Codes and texts of what can go wrong in the core.
 */
#ifndef PP_ERROR_H
#define PP_ERROR_H

#include <stddef.h>
#include <stdint.h>

typedef enum PpCode
{
	PP_OK = 0,
	PP_EMALFORMED,	  /* bytes that are not what they claim to be */
	PP_EUNSUPPORTED,  /* a known format that is not read (message names it) */
	PP_ELIMIT,		  /* a limit of PpLimits was met: limit, setting */
	PP_EOVERFLOW,	  /* a sum or a product outside int64 */
	PP_EINCOMPATIBLE, /* profiles that cannot be added up */
	PP_EINVALID,	  /* an argument (selector, label, option) that makes no sense */
	PP_EREGEX,		  /* an argument that is no regular expression */
	PP_ENOMEM,
	PP_ECANCELED /* poll() asked to stop */
} PpCode;

#define PP_NO_OFFSET SIZE_MAX

typedef struct PpError
{
	PpCode code;
	size_t offset;		 /* byte of the (inflated) input, or PP_NO_OFFSET */
	const char *setting; /* limit that was met: name without prefix ("max_samples"), or NULL */
	int64_t limit;		 /* its value */
	char message[256];	 /* lower case, no full stop, always terminated */
} PpError;

/* Fill *err (NULL is fine) and return code, so that callers write "return pp_fail(...)". */
extern PpCode pp_fail(PpError *err, PpCode code, size_t offset, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* PP_ELIMIT with the setting that would let the input pass. */
extern PpCode pp_fail_limit(PpError *err, size_t offset, const char *setting, int64_t limit,
							const char *fmt, ...) __attribute__((format(printf, 5, 6)));
extern PpCode pp_fail_nomem(PpError *err);
extern PpCode pp_fail_canceled(PpError *err);

#endif
