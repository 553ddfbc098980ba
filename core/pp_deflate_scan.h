/*
 * pp_deflate_scan.h
 *		Why, and where, a deflate stream is bad.
 */
#ifndef PP_DEFLATE_SCAN_H
#define PP_DEFLATE_SCAN_H

#include "core/pp_alloc.h"
#include "core/pp_error.h"

/*
 * libdeflate refused the stream that begins at data[start]: say whether it is cut
 * short or damaged, and at which byte.  Never PP_OK.
 */
extern PpCode pp_deflate_explain(const uint8_t *data, size_t len, size_t start,
								 const PpAlloc *alloc, PpError *err);

#endif
