/*
 * pp_text.h
 *		UTF-8, and quoting as Go does.
 */
#ifndef PP_TEXT_H
#define PP_TEXT_H

#include "core/pp_profile.h"

/* Bytes of the rune at the start of data, 0 if it is not UTF-8 (or len is 0). */
extern size_t pp_utf8_next(const char *data, size_t len, uint32_t *rune);
extern bool pp_utf8_valid(PpBytes text);
/* Writes 1 to 4 bytes. */
extern size_t pp_utf8_put(uint32_t rune, char *out);

/*
 * Text in double quotes, with Go's escapes; bytes that are not UTF-8 become
 * \xHH, so the result is text whatever came in.  Like snprintf without the NUL:
 * writes at most room bytes, returns how many there would be.
 */
extern size_t pp_quote(PpBytes text, char *out, size_t room);

/*
 * The same without the quotes, for messages: terminated, and cut between
 * characters with "..." if room (at least 16) is too small.  Returns out.
 */
extern const char *pp_quote_short(PpBytes text, char *out, size_t room);

/* Letters, digits and _, not beginning with a digit. */
extern bool pp_is_identifier(PpBytes text);

static inline bool
pp_is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static inline bool
pp_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

#endif
