/*
 * buf.c
 *		A growable byte buffer, and the JSON text written into it.
 */
#include "bridge/buf.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool
buf_reserve(Buf *buf, size_t more)
{
	size_t need = buf->len + more;
	size_t cap = buf->cap < 256 ? 256 : buf->cap;
	char *data;

	if (buf->failed || need < more)
	{
		buf->failed = true;
		return false;
	}
	if (need <= buf->cap)
		return true;
	while (cap < need)
		cap = cap > SIZE_MAX / 2 ? need : cap * 2;
	data = realloc(buf->data, cap);
	if (data == NULL)
	{
		buf->failed = true;
		return false;
	}
	buf->data = data;
	buf->cap = cap;
	return true;
}

void
buf_put(Buf *buf, const void *data, size_t len)
{
	if (len > 0 && buf_reserve(buf, len))
	{
		memcpy(buf->data + buf->len, data, len);
		buf->len += len;
	}
}

void
buf_str(Buf *buf, const char *text)
{
	buf_put(buf, text, strlen(text));
}

void
buf_char(Buf *buf, char c)
{
	buf_put(buf, &c, 1);
}

void
buf_printf(Buf *buf, const char *fmt, ...)
{
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (len < 0 || !buf_reserve(buf, (size_t) len + 1))
	{
		buf->failed = true;
		return;
	}
	va_start(args, fmt);
	vsnprintf(buf->data + buf->len, (size_t) len + 1, fmt, args);
	va_end(args);
	buf->len += (size_t) len;
}

void
buf_uint(Buf *buf, uint64_t value)
{
	char digits[20];
	size_t at = sizeof(digits);

	do
	{
		digits[--at] = (char) ('0' + value % 10);
		value /= 10;
	} while (value != 0);
	buf_put(buf, digits + at, sizeof(digits) - at);
}

void
buf_int(Buf *buf, int64_t value)
{
	if (value < 0)
		buf_char(buf, '-');
	buf_uint(buf, value < 0 ? -(uint64_t) value : (uint64_t) value);
}

void
buf_be32(Buf *buf, uint32_t value)
{
	uint8_t bytes[4] = {(uint8_t) (value >> 24),
						(uint8_t) (value >> 16),
						(uint8_t) (value >> 8),
						(uint8_t) value};

	buf_put(buf, bytes, sizeof(bytes));
}

void
buf_be64(Buf *buf, uint64_t value)
{
	buf_be32(buf, (uint32_t) (value >> 32));
	buf_be32(buf, (uint32_t) value);
}

void
buf_free(Buf *buf)
{
	free(buf->data);
	memset(buf, 0, sizeof(*buf));
}

void
buf_json_string(Buf *buf, const char *text, size_t len, bool escape_html)
{
	size_t done = 0;

	buf_char(buf, '"');
	for (size_t i = 0; i < len; i++)
	{
		unsigned char c = (unsigned char) text[i];
		bool html = escape_html && (c == '<' || c == '>' || c == '&');

		if (c >= 0x20 && c != '"' && c != '\\' && !html)
			continue;
		buf_put(buf, text + done, i - done);
		done = i + 1;
		if (c == '"' || c == '\\')
			buf_printf(buf, "\\%c", c);
		else if (c == '\n')
			buf_str(buf, "\\n");
		else if (c == '\t')
			buf_str(buf, "\\t");
		else if (c == '\r')
			buf_str(buf, "\\r");
		else
			buf_printf(buf, "\\u%04x", c);
	}
	buf_put(buf, text + done, len - done);
	buf_char(buf, '"');
}

void
buf_json_double(Buf *buf, double value)
{
	char text[40];

	if (isnan(value))
		buf_str(buf, "\"NaN\"");
	else if (isinf(value))
		buf_str(buf, value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
	else if (value == floor(value) && fabs(value) < 1e15)
		buf_int(buf, (int64_t) value);
	else
	{
		for (int digits = 15; digits <= 17; digits++)
		{
			snprintf(text, sizeof(text), "%.*g", digits, value);
			if (strtod(text, NULL) == value)
				break;
		}
		buf_str(buf, text);
	}
}

/* Bytes that must follow `lead`, with the least code point they may make; 0 for a bad lead. */
static int
utf8_tail(unsigned char lead, uint32_t *code, uint32_t *least)
{
	if (lead >= 0xc2 && lead <= 0xdf)
	{
		*code = lead & 0x1f;
		*least = 0x80;
		return 1;
	}
	if ((lead & 0xf0) == 0xe0)
	{
		*code = lead & 0x0f;
		*least = 0x800;
		return 2;
	}
	if (lead >= 0xf0 && lead <= 0xf4)
	{
		*code = lead & 0x07;
		*least = 0x10000;
		return 3;
	}
	return 0;
}

bool
utf8_valid(const char *text, size_t len)
{
	for (size_t i = 0; i < len;)
	{
		unsigned char lead = (unsigned char) text[i++];
		uint32_t code, least;
		int tail;

		if (lead < 0x80)
			continue;
		tail = utf8_tail(lead, &code, &least);
		if (tail == 0 || len - i < (size_t) tail)
			return false;
		for (; tail > 0; tail--, i++)
		{
			if (((unsigned char) text[i] & 0xc0) != 0x80)
				return false;
			code = code << 6 | ((unsigned char) text[i] & 0x3f);
		}
		if (code < least || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
			return false;
	}
	return true;
}
