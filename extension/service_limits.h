/*
 * service_limits.h
 *		Caps on what a service may add, and how much detail of it is kept.
 */
#ifndef SERVICE_LIMITS_H
#define SERVICE_LIMITS_H

#include "postgres.h"

#include "core/pp_dict.h"
#include "incoming.h"
#include "utils/date.h"

/*
 * May the profile be stored?  If not, it is refused (incoming_fail) and nothing
 * is counted.  It would be added to the dictionary.  Reduces the profile if the
 * service is kept by function only.  To be called before anything of the profile
 * is written, in storage_begin.
 */
extern bool limits_check(Incoming *in, int64 service_id, DateADT day, const PpDict *dict);

extern void limits_forget(void); /* rules or tables changed */
extern void limits_at_end(bool commit);

#endif
