/*
 * pp_foreign.h
 *		Names of formats that are not read, for error messages.
 */
#ifndef PP_FOREIGN_H
#define PP_FOREIGN_H

#include <stddef.h>
#include <stdint.h>

/* What these bytes, which are not profile.proto, look like; NULL if nothing known. */
extern const char *pp_foreign_format(const uint8_t *data, size_t len);

#endif
