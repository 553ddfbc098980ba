/*
 * pp_lines.h
 *		Text line by line, and what is found at the front of a line.
 */
#ifndef PP_LINES_H
#define PP_LINES_H

#include <stdbool.h>
#include <string.h>

#include "core/pp_profile.h"

typedef struct PpLines
{
	const char *data;
	size_t len;
	size_t at;	   /* byte of the line that comes next */
	size_t start;  /* byte of the line that came last */
	uint32_t line; /* its number, from 1 */
} PpLines;

static inline PpLines
pp_lines_of(const uint8_t *data, size_t len)
{
	return (PpLines){.data = (const char *) data, .len = len};
}

/* The next line without its end (LF or CR LF); false behind the last. */
static inline bool
pp_lines_next(PpLines *lines, PpBytes *line)
{
	const char *p = lines->data + lines->at, *eol;
	size_t len;

	if (lines->at >= lines->len)
		return false;
	eol = memchr(p, '\n', lines->len - lines->at);
	len = eol != NULL ? (size_t) (eol - p) : lines->len - lines->at;
	lines->start = lines->at;
	lines->at += len + (eol != NULL);
	lines->line++;
	if (len > 0 && p[len - 1] == '\r')
		len--;
	*line = (PpBytes){p, (uint32_t) len};
	return true;
}

/* --- the front of a text; each function that matches moves it on --- */

static inline bool
pp_is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static inline bool
pp_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline int
pp_hex_digit(char c)
{
	if (pp_is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static inline void
pp_skip(PpBytes *text, uint32_t n)
{
	text->data += n;
	text->len -= n;
}

static inline void
pp_skip_blanks(PpBytes *text)
{
	while (text->len > 0 && pp_is_blank(text->data[0]))
		pp_skip(text, 1);
}

/* Without blanks at both ends. */
static inline PpBytes
pp_trim(PpBytes text)
{
	pp_skip_blanks(&text);
	while (text.len > 0 && pp_is_blank(text.data[text.len - 1]))
		text.len--;
	return text;
}

static inline bool
pp_starts_with(PpBytes text, const char *prefix)
{
	size_t len = strlen(prefix);

	return text.len >= len && memcmp(text.data, prefix, len) == 0;
}

static inline bool
pp_skip_char(PpBytes *text, char c)
{
	if (text->len == 0 || text->data[0] != c)
		return false;
	pp_skip(text, 1);
	return true;
}

static inline bool
pp_skip_text(PpBytes *text, const char *prefix)
{
	if (!pp_starts_with(*text, prefix))
		return false;
	pp_skip(text, (uint32_t) strlen(prefix));
	return true;
}

/* As many bytes as are decimal digits, perhaps none. */
static inline PpBytes
pp_take_digits(PpBytes *text)
{
	PpBytes digits = {text->data, 0};

	while (text->len > 0 && pp_is_digit(text->data[0]))
	{
		pp_skip(text, 1);
		digits.len++;
	}
	return digits;
}

/* As many bytes as are hexadecimal digits of either case, perhaps none. */
static inline PpBytes
pp_take_hex(PpBytes *text)
{
	PpBytes digits = {text->data, 0};

	while (text->len > 0 && pp_hex_digit(text->data[0]) >= 0)
	{
		pp_skip(text, 1);
		digits.len++;
	}
	return digits;
}

/* Everything up to the next blank. */
static inline PpBytes
pp_take_word(PpBytes *text)
{
	PpBytes word = {text->data, 0};

	while (text->len > 0 && !pp_is_blank(text->data[0]))
	{
		pp_skip(text, 1);
		word.len++;
	}
	return word;
}

/* Decimal, perhaps with a minus; false if there is no digit, something else, or no room. */
static inline bool
pp_parse_int64(PpBytes text, int64_t *value)
{
	bool minus = pp_skip_char(&text, '-');

	*value = 0;
	if (text.len == 0)
		return false;
	for (; text.len > 0; pp_skip(&text, 1))
	{
		int digit = text.data[0] - '0';

		if (digit < 0 || digit > 9 || __builtin_mul_overflow(*value, 10, value) ||
			__builtin_add_overflow(*value, minus ? -digit : digit, value))
			return false;
	}
	return true;
}

/* Hexadecimal digits and nothing else, at most 64 bits. */
static inline bool
pp_parse_hex64(PpBytes text, uint64_t *value)
{
	*value = 0;
	if (text.len == 0)
		return false;
	for (; text.len > 0; pp_skip(&text, 1))
	{
		int digit = pp_hex_digit(text.data[0]);

		if (digit < 0 || *value >> 60 != 0)
			return false;
		*value = *value << 4 | (uint64_t) digit;
	}
	return true;
}

#endif
