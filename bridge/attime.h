/*
 * attime.h
 *		The time syntax of from= and until=: absolute digits, or an offset from now.
 */
#ifndef BRIDGE_ATTIME_H
#define BRIDGE_ATTIME_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Nanoseconds since the epoch.  Never fails: nonsense is now_ns.  With all_pairs
 * "-1h30m" adds up, else only the first number and unit count.
 */
extern int64_t attime_parse(const char *text, int64_t now_ns, bool all_pairs);

#endif
