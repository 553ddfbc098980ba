/*
 * pp_inflate.h
 *		Bytes out of gzip, zlib and raw deflate, within a budget; and gzip out of bytes.
 */
#ifndef PP_INFLATE_H
#define PP_INFLATE_H

#include "core/pp_profile.h"

typedef enum PpContainer
{
	PP_PLAIN, /* taken as it is */
	PP_GZIP,  /* one or more members, joined */
	PP_ZLIB,
	PP_RAW_DEFLATE
} PpContainer;

/* PP_GZIP if the bytes start with 1f 8b, else PP_PLAIN (pprof never guesses zlib). */
extern PpContainer pp_container_guess(const uint8_t *data, size_t len);
/* The same, and PP_ZLIB for a header that zlib can have written. */
extern PpContainer pp_container_detect(const uint8_t *data, size_t len);

/*
 * Inflate all of data.  *out comes from alloc (release it with alloc->release),
 * except for PP_PLAIN, which gives data itself.  Bounds: limits->max_compressed,
 * max_profile_size and max_ratio.  Truncation, checksums, bytes after the last
 * gzip member are PP_EMALFORMED with the offset in the compressed input.
 */
extern PpCode pp_inflate(PpContainer container, const uint8_t *data, size_t len,
						 const PpLimits *limits, const PpAlloc *alloc, uint8_t **out,
						 size_t *out_len, PpError *err);

/* The same with the output in the arena; for PP_PLAIN it is data itself. */
extern PpCode pp_inflate_arena(PpContainer container, const uint8_t *data, size_t len,
							   const PpLimits *limits, PpArena *arena, const uint8_t **out,
							   size_t *out_len, PpError *err);

/* One gzip member: no name, no time, OS 255; level 1 to 12. */
extern PpCode pp_gzip(const uint8_t *data, size_t len, int level, const PpAlloc *alloc,
					  uint8_t **out, size_t *out_len, PpError *err);

#endif
