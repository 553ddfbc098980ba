/*
 * pp_buf.c
 *		A text that grows.
 */
#include "core/pp_buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void
pp_buf_init(PpBuf *buf, const PpAlloc *alloc)
{
	memset(buf, 0, sizeof(*buf));
	buf->alloc = alloc;
}

void
pp_buf_free(PpBuf *buf)
{
	if (buf->data != NULL)
		buf->alloc->release(buf->alloc->ctx, buf->data);
	pp_buf_init(buf, buf->alloc);
}

PpCode
pp_buf_check(const PpBuf *buf, PpError *err)
{
	if (buf->too_large)
		return pp_fail_limit(err,
							 PP_NO_OFFSET,
							 NULL,
							 (int64_t) PP_BUF_MAX,
							 "the text would be larger than %zu bytes",
							 PP_BUF_MAX);
	return buf->failed ? pp_fail_nomem(err) : PP_OK;
}

static bool
reserve(PpBuf *buf, size_t more)
{
	size_t need, cap = buf->cap < 256 ? 256 : buf->cap;
	char *grown;

	if (buf->failed)
		return false;
	if (__builtin_add_overflow(buf->len, more, &need) || need > PP_BUF_MAX)
	{
		buf->failed = buf->too_large = true;
		return false;
	}
	if (need <= buf->cap)
		return true;
	while (cap < need)
		cap *= 2;
	grown = buf->alloc->resize(buf->alloc->ctx, buf->data, cap);
	if (grown == NULL)
	{
		buf->failed = true;
		return false;
	}
	buf->data = grown;
	buf->cap = cap;
	return true;
}

void
pp_buf_append(PpBuf *buf, const char *data, size_t len)
{
	if (len == 0 || !reserve(buf, len))
		return;
	memcpy(buf->data + buf->len, data, len);
	buf->len += len;
}

void
pp_buf_bytes(PpBuf *buf, PpBytes bytes)
{
	pp_buf_append(buf, bytes.data, bytes.len);
}

void
pp_buf_text(PpBuf *buf, const char *cstr)
{
	pp_buf_append(buf, cstr, strlen(cstr));
}

void
pp_buf_char(PpBuf *buf, char c)
{
	pp_buf_append(buf, &c, 1);
}

void
pp_buf_fill(PpBuf *buf, char c, size_t n)
{
	if (n == 0 || !reserve(buf, n))
		return;
	memset(buf->data + buf->len, c, n);
	buf->len += n;
}

/* vsnprintf writes a terminator, which must fit although it does not count. */
void
pp_buf_printf(PpBuf *buf, const char *fmt, ...)
{
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (len <= 0 || !reserve(buf, (size_t) len + 1))
		return;
	va_start(args, fmt);
	vsnprintf(buf->data + buf->len, (size_t) len + 1, fmt, args);
	va_end(args);
	buf->len += (size_t) len;
}

/* Bytes of the well-formed sequence at the start of s, else 1. */
static size_t
sequence_length(const unsigned char *s, size_t len)
{
	size_t n = s[0] < 0x80 ? 1 : s[0] < 0xC2 ? 0 : s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : 4;
	unsigned char low = 0x80, high = 0xBF;

	if (n <= 1 || s[0] > 0xF4 || n > len)
		return 1;
	/* overlong forms, surrogates, beyond the last code point */
	if (s[0] == 0xE0)
		low = 0xA0;
	else if (s[0] == 0xED)
		high = 0x9F;
	else if (s[0] == 0xF0)
		low = 0x90;
	else if (s[0] == 0xF4)
		high = 0x8F;
	if (s[1] < low || s[1] > high)
		return 1;
	for (size_t i = 2; i < n; i++)
		if ((s[i] & 0xC0) != 0x80)
			return 1;
	return n;
}

size_t
pp_utf8_length(PpBytes bytes)
{
	const unsigned char *s = (const unsigned char *) bytes.data;
	size_t count = 0;

	for (size_t i = 0; i < bytes.len; count++)
		i += sequence_length(s + i, bytes.len - i);
	return count;
}

void
pp_buf_right(PpBuf *buf, PpBytes bytes, size_t width)
{
	size_t len = pp_utf8_length(bytes);

	if (len < width)
		pp_buf_fill(buf, ' ', width - len);
	pp_buf_bytes(buf, bytes);
}
