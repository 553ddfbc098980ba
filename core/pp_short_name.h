/*
 * pp_short_name.h
 *		Names of functions without package paths, as the pprof tool's graphs show them.
 */
#ifndef PP_SHORT_NAME_H
#define PP_SHORT_NAME_H

#include "core/pp_profile.h"

/*
 * The short name is a part of the name, or a copy in the arena where a version
 * was cut out of its middle.
 */
extern PpCode pp_short_name(PpBytes name, PpArena *arena, PpBytes *result, PpError *err);

#endif
