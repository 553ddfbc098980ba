/*
 * pp_predicates.h
 *		Questions about what the samples of a profile hold.
 *
 * Samples that are all zero do not count, nor what no sample uses.
 */
#ifndef PP_PREDICATES_H
#define PP_PREDICATES_H

#include "core/pp_report.h"

/* Is there a stack with a function whose name matches? */
extern PpCode pp_profile_has_function(const PpProfile *p, PpBytes regexp, const PpSearch *search,
									  PpArena *arena, bool *found, PpError *err);

/*
 * Is there a sample with a label of this key, and of this value (a text, or the
 * decimal form of a number) if that is not NULL?
 */
extern bool pp_profile_has_label(const PpProfile *p, PpBytes key, const PpBytes *value);

#endif
