/*
 * pp_edit.h
 *		A private copy of a profile whose stacks, lines, labels and strings may be
 *		changed in place.
 *
 * Every location has lines of its own and every sample stacks and labels of its
 * own, so that taking some away needs no new memory.
 */
#ifndef PP_EDIT_H
#define PP_EDIT_H

#include "core/pp_profile.h"

extern PpCode pp_edit_copy(const PpProfile *p, PpArena *arena, PpProfile **out, PpError *err);

/* Keep the samples whose flag is set. */
extern void pp_edit_keep_samples(PpProfile *p, const bool *keep);

#endif
