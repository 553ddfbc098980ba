/*
 * pp_foreign.h
 *		Formats that are known and not read: what they are, and what to do instead.
 */
#ifndef PP_FOREIGN_H
#define PP_FOREIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/pp_error.h"

/*
 * If these bytes, which are of no format that is read, look like something
 * known, fill *err (NULL is fine) with PP_EUNSUPPORTED and what to do instead.
 */
extern bool pp_foreign_refuse(const uint8_t *data, size_t len, PpError *err);

#endif
