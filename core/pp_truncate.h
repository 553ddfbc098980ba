/*
 * pp_truncate.h
 *		The largest part of a profile, the rest folded into "other".
 */
#ifndef PP_TRUNCATE_H
#define PP_TRUNCATE_H

#include "core/pp_profile.h"

/*
 * Keep the nodes of the call tree by location whose total in the first column is
 * at least that of the max_nodes-th largest; frames below become one location of a
 * function "other".  Sums stay.  max_nodes < 1, or no more nodes than that: the
 * profile itself.
 */
extern PpCode pp_profile_truncate(PpProfile *p, int64_t max_nodes, PpArena *arena, PpProfile **out,
								  PpError *err);

#endif
