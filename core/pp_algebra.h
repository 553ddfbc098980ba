/*
 * pp_algebra.h
 *		Scaling: what the tool does to values before it adds up or subtracts.
 *
 * Results are copies in the arena that share with p whatever did not change.
 */
#ifndef PP_ALGEBRA_H
#define PP_ALGEBRA_H

#include "core/pp_profile.h"

/*
 * Multiply column i by ratios[i], rounding halves away from zero, and drop
 * samples that are all zero then.  If all ratios are 1 nothing happens at all.
 */
extern PpCode pp_profile_scale(const PpProfile *p, const double *ratios, PpArena *arena,
							   PpProfile **out, PpError *err);

/* Every value divided by d and truncated; zero samples stay. */
extern PpCode pp_profile_divide(const PpProfile *p, double d, PpArena *arena, PpProfile **out,
								PpError *err);

/* Scale each column so that its sum becomes that of base (0 if p has none). */
extern PpCode pp_profile_normalize(const PpProfile *p, const PpProfile *base, PpArena *arena,
								   PpProfile **out, PpError *err);

/* "samples/count cpu/nanoseconds" for messages, cut where it does not fit. */
extern void pp_types_text(const PpProfile *p, char *text, size_t size);

/* Shallow copy: same arrays, own header. */
extern PpProfile *pp_profile_share(const PpProfile *p, PpArena *arena);

/* Index of a string that is added to a copy of p->strings; PP_NONE without memory. */
extern uint32_t pp_profile_add_string(PpProfile *p, PpArena *arena, PpBytes bytes);

#endif
