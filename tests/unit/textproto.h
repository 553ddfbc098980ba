/*
 * textproto.h
 *		profile.proto bytes as the text that `protoc --decode` prints.
 */
#ifndef TEXTPROTO_H
#define TEXTPROTO_H

#include "core/pp_buf.h"

/* Fields must come in the order of their numbers; false for anything odd. */
extern bool textproto_profile(PpBuf *out, const uint8_t *data, size_t len);

#endif
