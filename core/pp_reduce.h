/*
 * pp_reduce.h
 *		Profiles with less detail, for services whose dictionaries grow too fast.
 */
#ifndef PP_REDUCE_H
#define PP_REDUCE_H

#include "core/pp_profile.h"

/*
 * Take away what tells two calls of the same functions apart: lines, columns, and
 * addresses of locations that have names.  In place; samples and values stay.
 */
extern void pp_reduce_to_functions(PpProfile *p);

#endif
