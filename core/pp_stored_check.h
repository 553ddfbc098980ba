/*
 * pp_stored_check.h
 *		Whether a profile may become a datum.
 */
#ifndef PP_STORED_CHECK_H
#define PP_STORED_CHECK_H

#include "core/pp_profile.h"

/*
 * PP_ELIMIT for a profile that a dump of it could not restore: what is read back
 * is held to pp_limits_hard, so nothing beyond may be stored.  Costs little more
 * than a look at each sample, unless a limit is near.
 */
extern PpCode pp_stored_check(const PpProfile *p, const PpAlloc *alloc, PpError *err);

#endif
