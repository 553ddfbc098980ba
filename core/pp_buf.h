/*
 * pp_buf.h
 *		A text that grows.  Running out of memory is remembered and reported once,
 *		and so is a text too large for the server to hand out.
 */
#ifndef PP_BUF_H
#define PP_BUF_H

#include "core/pp_profile.h"

/* The largest text: a value of the server with its header is below 1 GiB. */
#define PP_BUF_MAX (((size_t) 1 << 30) - 16)

typedef struct PpBuf
{
	const PpAlloc *alloc;
	char *data; /* not terminated */
	size_t len, cap;
	bool failed; /* no memory, or too_large; what was appended since is lost */
	bool too_large;
} PpBuf;

extern void pp_buf_init(PpBuf *buf, const PpAlloc *alloc);
extern void pp_buf_free(PpBuf *buf);
extern PpCode pp_buf_check(const PpBuf *buf, PpError *err);

extern void pp_buf_append(PpBuf *buf, const char *data, size_t len);
extern void pp_buf_bytes(PpBuf *buf, PpBytes bytes);
extern void pp_buf_text(PpBuf *buf, const char *cstr);
extern void pp_buf_char(PpBuf *buf, char c);
extern void pp_buf_fill(PpBuf *buf, char c, size_t n);
extern void pp_buf_printf(PpBuf *buf, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Right-aligned in `width` characters (not bytes). */
extern void pp_buf_right(PpBuf *buf, PpBytes bytes, size_t width);

/* Code points; an invalid byte counts one. */
extern size_t pp_utf8_length(PpBytes bytes);

#endif
