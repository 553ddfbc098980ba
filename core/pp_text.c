/*
 * pp_text.c
 *		UTF-8, and quoting as Go does.
 */
#include "core/pp_text.h"

#include <string.h>

size_t
pp_utf8_next(const char *data, size_t len, uint32_t *rune)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const uint8_t *p = (const uint8_t *) data;
	size_t n;

	if (len == 0)
		return 0;
	*rune = p[0];
	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	n = p[0] < 0xe0 ? 2 : (p[0] < 0xf0 ? 3 : 4);
	if (len < n)
		return 0;
	*rune = p[0] & (0xff >> (n + 1));
	for (size_t i = 1; i < n; i++)
	{
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		*rune = *rune << 6 | (p[i] & 0x3f);
	}
	if (*rune < least[n] || *rune > 0x10ffff || (*rune >= 0xd800 && *rune <= 0xdfff))
		return 0;
	return n;
}

bool
pp_utf8_valid(PpBytes text)
{
	uint32_t rune;

	for (size_t i = 0, n; i < text.len; i += n)
	{
		if ((n = pp_utf8_next(text.data + i, text.len - i, &rune)) == 0)
			return false;
	}
	return true;
}

size_t
pp_utf8_put(uint32_t rune, char *out)
{
	if (rune < 0x80)
	{
		out[0] = (char) rune;
		return 1;
	}

	size_t n = rune < 0x800 ? 2 : (rune < 0x10000 ? 3 : 4);

	for (size_t i = n - 1; i > 0; i--, rune >>= 6)
		out[i] = (char) (0x80 | (rune & 0x3f));
	out[0] = (char) ((0xf00 >> n & 0xff) | rune);
	return n;
}

/* One escaped character; returns its length (at most 6). */
static size_t
escape(uint32_t rune, bool valid, char *out)
{
	static const char hex[] = "0123456789abcdef";
	static const char plain[] = "\a\b\f\n\r\t\v\\\"", letters[] = "abfnrtv\\\"";
	const char *found = rune != 0 && rune < 0x80 ? strchr(plain, (int) rune) : NULL;

	out[0] = '\\';
	if (valid && found != NULL)
	{
		out[1] = letters[found - plain];
		return 2;
	}
	if (!valid || rune < 0x80)
	{
		out[1] = 'x';
		out[2] = hex[rune >> 4 & 15];
		out[3] = hex[rune & 15];
		return 4;
	}
	out[1] = 'u';
	for (int i = 0; i < 4; i++)
		out[2 + i] = hex[rune >> (12 - 4 * i) & 15];
	return 6;
}

static inline bool
prints_as_is(uint32_t rune)
{
	return rune >= ' ' && rune != '"' && rune != '\\' && (rune < 0x7f || rune > 0x9f);
}

size_t
pp_quote(PpBytes text, char *out, size_t room)
{
	size_t len = 0;
	char piece[8] = "\"";
	size_t piece_len = 1;

	/* the opening quote is the piece at hand when the loop begins */
	for (size_t i = 0, n = 0;; i += n)
	{
		uint32_t rune;

		for (size_t k = 0; k < piece_len; k++, len++)
		{
			if (len < room)
				out[len] = piece[k];
		}
		if (i == text.len)
			break;
		n = pp_utf8_next(text.data + i, text.len - i, &rune);
		if (n == 0)
			piece_len = escape((uint8_t) text.data[i], false, piece);
		else if (!prints_as_is(rune))
			piece_len = escape(rune, true, piece);
		else
			memcpy(piece, text.data + i, piece_len = n);
		if (n == 0)
			n = 1;
	}
	if (len < room)
		out[len] = '"';
	return len + 1;
}

const char *
pp_quote_short(PpBytes text, char *out, size_t room)
{
	size_t most = room - sizeof("..."), len;
	uint32_t rune;

	len = pp_quote(text, out, most);
	if (len <= most)
	{
		memmove(out, out + 1, len - 2);
		out[len - 2] = '\0';
		return out;
	}
	memmove(out, out + 1, most - 1);
	len = 0;
	for (size_t n; (n = pp_utf8_next(out + len, most - 1 - len, &rune)) > 0;)
		len += n;
	strcpy(out + len, "...");
	return out;
}

bool
pp_is_identifier(PpBytes text)
{
	if (text.len == 0 || !pp_is_alpha(text.data[0]))
		return false;
	for (size_t i = 1; i < text.len; i++)
	{
		if (!pp_is_alpha(text.data[i]) && !pp_is_digit(text.data[i]))
			return false;
	}
	return true;
}
