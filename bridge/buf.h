/*
 * buf.h
 *		A growable byte buffer, and the JSON text written into it.
 *
 * Running out of memory makes the buffer fail for good: writers need not check
 * each call, whoever sends the bytes looks at `failed` once.
 */
#ifndef BRIDGE_BUF_H
#define BRIDGE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Buf
{
	char *data; /* from malloc; not terminated */
	size_t len, cap;
	bool failed;
} Buf;

extern bool buf_reserve(Buf *buf, size_t more);
extern void buf_put(Buf *buf, const void *data, size_t len);
extern void buf_str(Buf *buf, const char *text);
extern void buf_char(Buf *buf, char c);
extern void buf_printf(Buf *buf, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
extern void buf_int(Buf *buf, int64_t value);
extern void buf_uint(Buf *buf, uint64_t value);
/* Big-endian, as PostgreSQL's binary formats want them. */
extern void buf_be32(Buf *buf, uint32_t value);
extern void buf_be64(Buf *buf, uint64_t value);
extern void buf_free(Buf *buf); /* leaves an empty, usable buffer */

/* A JSON string with its quotes; escape_html also writes < > & as \u003c and so on. */
extern void buf_json_string(Buf *buf, const char *text, size_t len, bool escape_html);
/* The shortest decimal text that reads back as the same double. */
extern void buf_json_double(Buf *buf, double value);

extern bool utf8_valid(const char *text, size_t len);

#endif
