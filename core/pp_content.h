/*
 * pp_content.h
 *		When two profiles say the same, and a hash that is equal then.
 *
 * Content is what a canonical merge of one keeps: the header, and the values by
 * stack and labels.  Neither the order of anything nor ids, nor entries that no
 * sample uses, nor samples of value zero, nor samples written in parts count.
 */
#ifndef PP_CONTENT_H
#define PP_CONTENT_H

#include "core/pp_profile.h"

/*
 * The same on every machine and in every version that stores hashes.  Reads the
 * profile once and needs an array per table.
 */
extern PpCode pp_profile_hash(const PpProfile *p, PpArena *arena, uint64_t *hash, PpError *err);

/* Hashes first: only profiles that are equal, or nearly, are brought to canonical form. */
extern PpCode pp_profile_equal(const PpProfile *a, const PpProfile *b, PpArena *arena, bool *equal,
							   PpError *err);

#endif
