/*
 * pp_codec.h
 *		profile.proto and the stored form of pprof.profile, to and from PpProfile.
 */
#ifndef PP_CODEC_H
#define PP_CODEC_H

#include "core/pp_profile.h"

/*
 * Decode one profile.proto message (not compressed) and check it as pprof's
 * CheckValid does.  Strings of the result point into data.  Errors carry the
 * byte offset.  Nothing is allocated for what a count merely promises.
 */
extern PpCode pp_profile_decode(const uint8_t *data, size_t len, const PpLimits *limits,
								PpArena *arena, PpProfile **profile, PpError *err);

/*
 * Like pp_profile_decode, but unpacks gzip first (the inflated bytes then live
 * in the arena), refuses empty input, reads the older formats of
 * gperftools, and names others.  This is what the pprof tool reads.
 */
extern PpCode pp_profile_read(const uint8_t *data, size_t len, const PpLimits *limits,
							  PpArena *arena, PpProfile **profile, PpError *err);

/* The same for bytes that are not compressed. */
extern PpCode pp_profile_read_plain(const uint8_t *data, size_t len, const PpLimits *limits,
									PpArena *arena, PpProfile **profile, PpError *err);

/*
 * Encode as profile.proto: fields in number order, strings interned in the
 * order of first use, as the reference encoder does, so that equal profiles
 * give equal bytes.  *out comes from alloc.
 */
extern PpCode pp_profile_encode(const PpProfile *profile, const PpAlloc *alloc, uint8_t **out,
								size_t *out_len, PpError *err);

/*
 * The stored form of pprof.profile (first byte: version 1), compact and
 * little-endian; docs/storage.md draws it.  Round trips everything PpProfile
 * holds.  Reading checks every length and reference, under pp_limits_hard.
 */
extern PpCode pp_stored_encode(const PpProfile *profile, const PpAlloc *alloc, uint8_t **out,
							   size_t *out_len, PpError *err);
extern PpCode pp_stored_decode(const uint8_t *data, size_t len, PpArena *arena, PpProfile **profile,
							   PpError *err);

#endif
