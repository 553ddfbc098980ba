/*
 * pp_inflate.c
 *		gzip, zlib and raw deflate through libdeflate, within a budget.
 *
 * libdeflate wants the whole output at once, so the buffer starts with what the
 * input makes likely and doubles until the member fits or the budget is spent.
 * The size that a gzip trailer claims is a hint for the first attempt only.
 * Headers and trailers are read here, so that each refusal can say what is wrong
 * and where.
 */
#include "core/pp_inflate.h"

#include <inttypes.h>
#include <libdeflate.h>
#include <string.h>

#include "core/pp_deflate_scan.h"

#define RATIO_FREE	((size_t) 1 << 20) /* output below this may have any ratio */
#define FIRST_RATIO 16				   /* the first buffer is at most this times the input */
#define FIRST_ROOM	((size_t) 4096)
#define FIRST_LEAST ((size_t) 64) /* a smaller hint is not worth following */
#define POLL_EVERY	256			  /* members */

/* gzip flags, RFC 1952 */
enum
{
	GZIP_HEADER_CRC = 2,
	GZIP_EXTRA = 4,
	GZIP_NAME = 8,
	GZIP_COMMENT = 16,
	GZIP_RESERVED = 0xe0
};

#define GZIP_HEADER	 10
#define GZIP_TRAILER 8

typedef struct Inflater
{
	const uint8_t *data;
	size_t len;
	size_t at; /* next byte of data */
	const PpLimits *limits;
	const PpAlloc *alloc;
	PpArena *arena; /* if not NULL, output lives here instead */
	struct libdeflate_decompressor *lib;
	uint8_t *out;
	size_t out_len, out_cap;
	PpError *err;
} Inflater;

PpContainer
pp_container_guess(const uint8_t *data, size_t len)
{
	return len >= 2 && data[0] == 0x1f && data[1] == 0x8b ? PP_GZIP : PP_PLAIN;
}

/* Method deflate, a window of at most 32 kB, and the two bytes a multiple of 31. */
static bool
is_zlib_header(const uint8_t *p)
{
	return (p[0] & 0x0f) == 8 && p[0] >> 4 <= 7 && (p[0] << 8 | p[1]) % 31 == 0;
}

PpContainer
pp_container_detect(const uint8_t *data, size_t len)
{
	/* a dictionary is something profilers do not share */
	if (len >= 2 && is_zlib_header(data) && (data[1] & 0x20) == 0)
		return PP_ZLIB;
	return pp_container_guess(data, len);
}

static uint32_t
le32(const uint8_t *p)
{
	return (uint32_t) p[0] | (uint32_t) p[1] << 8 | (uint32_t) p[2] << 16 | (uint32_t) p[3] << 24;
}

static uint32_t
be32(const uint8_t *p)
{
	return (uint32_t) p[3] | (uint32_t) p[2] << 8 | (uint32_t) p[1] << 16 | (uint32_t) p[0] << 24;
}

/* Bytes of output that the limits allow for this input. */
static size_t
budget(const Inflater *in)
{
	size_t ratio;

	if (__builtin_mul_overflow((uint64_t) in->limits->max_ratio, in->len, &ratio))
		ratio = SIZE_MAX;
	if (ratio < RATIO_FREE)
		ratio = RATIO_FREE;
	return ratio < (uint64_t) in->limits->max_profile_size ? ratio
														   : (size_t) in->limits->max_profile_size;
}

static PpCode
over_budget(const Inflater *in)
{
	int64_t size = in->limits->max_profile_size;

	if (budget(in) == (uint64_t) size)
		return pp_fail_limit(in->err,
							 PP_NO_OFFSET,
							 "max_profile_size",
							 size,
							 "inflated profile is larger than %" PRId64 " bytes",
							 size);
	return pp_fail_limit(in->err,
						 PP_NO_OFFSET,
						 "max_ratio",
						 in->limits->max_ratio,
						 "inflated profile is more than %" PRId64 " times as large as its input",
						 in->limits->max_ratio);
}

static PpCode
malformed(const Inflater *in, size_t at, const char *what)
{
	return pp_fail(in->err, PP_EMALFORMED, at, "%s", what);
}

static PpCode
out_resize(Inflater *in, size_t cap)
{
	uint8_t *out;

	if (in->arena == NULL)
		out = in->alloc->resize(in->alloc->ctx, in->out, cap);
	else if ((out = pp_arena_alloc(in->arena, cap)) != NULL && in->out_len > 0)
		memcpy(out, in->out, in->out_len);
	if (out == NULL)
		return pp_fail_nomem(in->err);
	in->out = out;
	in->out_cap = cap;
	return PP_OK;
}

/* More room behind what is there. */
static PpCode
out_grow(Inflater *in)
{
	size_t most = budget(in);
	size_t cap = in->out_cap > most / 2 ? most : in->out_cap * 2;

	if (in->out_cap == most)
		return over_budget(in);
	if (pp_poll(in->alloc))
		return pp_fail_canceled(in->err);
	return out_resize(in, cap);
}

static PpCode
out_first(Inflater *in, size_t hint)
{
	size_t cap = in->len * FIRST_RATIO + FIRST_ROOM;
	size_t most = budget(in);

	if (hint >= FIRST_LEAST && hint < cap)
		cap = hint;
	return out_resize(in, cap < most ? cap : most);
}

/* The deflate stream at in->at; the trailer behind it has `trailer` bytes. */
static PpCode
inflate_body(Inflater *in, size_t trailer)
{
	size_t start = in->at;
	size_t used, made;
	enum libdeflate_result result;
	PpCode code;

	for (;;)
	{
		result = libdeflate_deflate_decompress_ex(in->lib,
												  in->data + start,
												  in->len - start,
												  in->out + in->out_len,
												  in->out_cap - in->out_len,
												  &used,
												  &made);
		if (result != LIBDEFLATE_INSUFFICIENT_SPACE)
			break;
		if ((code = out_grow(in)) != PP_OK)
			return code;
	}
	if (result != LIBDEFLATE_SUCCESS)
		return pp_deflate_explain(in->data, in->len, start, in->alloc, in->err);
	in->at = start + used;
	in->out_len += made;
	if (in->len - in->at < trailer)
		return malformed(in, in->len, "unexpected end of compressed data in its checksum");
	return PP_OK;
}

/* Behind the text that starts at `at` and ends with a zero byte, or 0 if it does not end. */
static size_t
skip_text(const Inflater *in, size_t at)
{
	const uint8_t *zero = memchr(in->data + at, 0, in->len - at);

	return zero != NULL ? (size_t) (zero - in->data) + 1 : 0;
}

/* A member's header; in->at is left behind it. */
static PpCode
gzip_header(Inflater *in)
{
	const uint8_t *p = in->data + in->at;
	size_t left = in->len - in->at;
	size_t at = in->at + GZIP_HEADER;
	size_t start = in->at;
	uint8_t flags;

	if (p[0] != 0x1f || (left > 1 && p[1] != 0x8b))
		return malformed(in, in->at, "bytes after the end of compressed data");
	if (left < GZIP_HEADER)
		return malformed(in, in->len, "unexpected end of compressed data in a gzip header");
	if (p[2] != 8)
		return malformed(in, in->at + 2, "unknown compression method in a gzip header");
	flags = p[3];
	if (flags & GZIP_RESERVED)
		return malformed(in, in->at + 3, "unknown flags in a gzip header");
	if (flags & GZIP_EXTRA)
		at = in->len - at < 2 ? in->len + 1 : at + 2 + (in->data[at] | in->data[at + 1] << 8);
	for (int i = 0; i < !!(flags & GZIP_NAME) + !!(flags & GZIP_COMMENT); i++)
		if (at > in->len || (at = skip_text(in, at)) == 0)
			at = in->len + 1;
	if (flags & GZIP_HEADER_CRC)
	{
		if (at <= in->len && in->len - at >= 2 &&
			(libdeflate_crc32(0, in->data + start, at - start) & 0xffff) !=
				(uint32_t) (in->data[at] | in->data[at + 1] << 8))
			return malformed(in, at, "wrong checksum of a gzip header");
		at += 2;
	}
	if (at > in->len)
		return malformed(in, in->len, "unexpected end of compressed data in a gzip header");
	in->at = at;
	return PP_OK;
}

static PpCode
inflate_gzip(Inflater *in)
{
	PpCode code = PP_OK;

	for (uint32_t n = 0; n == 0 || (in->at < in->len && code == PP_OK); n++)
	{
		size_t made_before = in->out_len;

		if (n % POLL_EVERY == 0 && pp_poll(in->alloc))
			return pp_fail_canceled(in->err);
		if ((code = gzip_header(in)) != PP_OK || (code = inflate_body(in, GZIP_TRAILER)) != PP_OK)
			return code;

		size_t made = in->out_len - made_before;
		const uint8_t *trailer = in->data + in->at;

		if (libdeflate_crc32(0, in->out + made_before, made) != le32(trailer))
			return malformed(in, in->at, "wrong checksum of compressed data");
		if ((uint32_t) made != le32(trailer + 4))
			return malformed(in, in->at + 4, "wrong length of compressed data");
		in->at += GZIP_TRAILER;
	}
	return PP_OK;
}

static PpCode
inflate_zlib(Inflater *in)
{
	PpCode code;

	if (in->len < 2)
		return malformed(in, in->len, "unexpected end of compressed data in a zlib header");
	if (!is_zlib_header(in->data))
		return malformed(in, 0, "not a zlib header");
	if (in->data[1] & 0x20)
		return malformed(in, 1, "zlib data that needs a dictionary");
	in->at = 2;
	if ((code = inflate_body(in, 4)) != PP_OK)
		return code;
	if (libdeflate_adler32(1, in->out, in->out_len) != be32(in->data + in->at))
		return malformed(in, in->at, "wrong checksum of compressed data");
	in->at += 4;
	return PP_OK;
}

static PpCode
inflate_any(Inflater *in, PpContainer container)
{
	/* the length of the last member: what a single one inflates to */
	size_t hint = container == PP_GZIP && in->len >= GZIP_HEADER + GZIP_TRAILER
					  ? le32(in->data + in->len - 4)
					  : 0;
	PpCode code = out_first(in, hint);

	if (code != PP_OK)
		return code;
	if (in->len == 0)
		return malformed(in, 0, "empty compressed data");
	if (container == PP_GZIP)
		code = inflate_gzip(in);
	else if (container == PP_ZLIB)
		code = inflate_zlib(in);
	else
		code = inflate_body(in, 0);
	if (code == PP_OK && in->at < in->len)
		code = malformed(in, in->at, "bytes after the end of compressed data");
	return code;
}

static PpCode
inflate_start(Inflater *in, PpContainer container)
{
	PpCode code;

	if (in->len > (uint64_t) in->limits->max_compressed)
		return pp_fail_limit(in->err,
							 PP_NO_OFFSET,
							 "max_compressed",
							 in->limits->max_compressed,
							 "compressed profile of %zu bytes is larger than %" PRId64 " bytes",
							 in->len,
							 in->limits->max_compressed);
	in->lib = libdeflate_alloc_decompressor();
	if (in->lib == NULL)
		return pp_fail_nomem(in->err);
	code = inflate_any(in, container);
	libdeflate_free_decompressor(in->lib);
	if (code != PP_OK && in->arena == NULL)
		in->alloc->release(in->alloc->ctx, in->out);
	return code;
}

static PpCode
check_plain(size_t len, const PpLimits *limits, PpError *err)
{
	if (len > (uint64_t) limits->max_profile_size)
		return pp_fail_limit(err,
							 PP_NO_OFFSET,
							 "max_profile_size",
							 limits->max_profile_size,
							 "profile of %zu bytes is larger than %" PRId64 " bytes",
							 len,
							 limits->max_profile_size);
	return PP_OK;
}

PpCode
pp_inflate(PpContainer container, const uint8_t *data, size_t len, const PpLimits *limits,
		   const PpAlloc *alloc, uint8_t **out, size_t *out_len, PpError *err)
{
	Inflater in = {.data = data, .len = len, .limits = limits, .alloc = alloc, .err = err};
	PpCode code;

	*out = NULL;
	*out_len = 0;
	if (container == PP_PLAIN)
	{
		if ((code = check_plain(len, limits, err)) != PP_OK)
			return code;
		*out = (uint8_t *) (uintptr_t) data;
		*out_len = len;
		return PP_OK;
	}
	if ((code = inflate_start(&in, container)) != PP_OK)
		return code;
	*out = in.out;
	*out_len = in.out_len;
	return PP_OK;
}

PpCode
pp_inflate_arena(PpContainer container, const uint8_t *data, size_t len, const PpLimits *limits,
				 PpArena *arena, const uint8_t **out, size_t *out_len, PpError *err)
{
	Inflater in = {.data = data,
				   .len = len,
				   .limits = limits,
				   .alloc = pp_arena_allocator(arena),
				   .arena = arena,
				   .err = err};
	PpCode code;

	*out = data;
	*out_len = len;
	if (container == PP_PLAIN)
		return check_plain(len, limits, err);
	if ((code = inflate_start(&in, container)) != PP_OK)
		return code;
	*out = in.out;
	*out_len = in.out_len;
	return PP_OK;
}

PpCode
pp_gzip(const uint8_t *data, size_t len, int level, const PpAlloc *alloc, uint8_t **out,
		size_t *out_len, PpError *err)
{
	struct libdeflate_compressor *lib = libdeflate_alloc_compressor(level);
	size_t bound;

	*out = NULL;
	*out_len = 0;
	if (lib == NULL)
		return pp_fail_nomem(err);
	bound = libdeflate_gzip_compress_bound(lib, len);
	*out = alloc->alloc(alloc->ctx, bound);
	/* cannot fail with that much room; it writes no name, no time and OS 255 */
	if (*out != NULL)
		*out_len = libdeflate_gzip_compress(lib, data, len, *out, bound);
	libdeflate_free_compressor(lib);
	return *out != NULL ? PP_OK : pp_fail_nomem(err);
}
