/*
 * check_rollups.h
 *		pprof.check() of what is made of segments.
 */
#ifndef CHECK_ROLLUPS_H
#define CHECK_ROLLUPS_H

#include "postgres.h"

/* Takes copies of both. */
typedef void (*CheckReport)(void *context, const char *object, const char *problem);

/*
 * Rollups of hours and days, dictionaries of paths, functions and marks; under
 * the active snapshot.  dictionaries_sound: those of days are, so that samples
 * can be looked at.
 */
extern void check_rollups(CheckReport report, void *context, bool dictionaries_sound);

#endif
