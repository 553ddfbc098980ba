/*
 * schedule.h
 *		When something is due: pure arithmetic, without clock and without server.
 *
 * All times are microseconds.  Which clock they belong to is the caller's
 * affair, except that a phase is a property of the wall clock.
 */
#ifndef SCHEDULE_H
#define SCHEDULE_H

#include <stdint.h>

#define SCHEDULE_SECOND INT64_C(1000000)

/* Offset of something inside its interval: stable, spread by its hash. */
extern int64_t schedule_phase(uint64_t hash, int64_t interval);

/*
 * How long to wait from wall clock time `now` until the next time that is
 * `phase` past a multiple of `interval`: 0 <= wait < interval.
 */
extern int64_t schedule_wait(int64_t now, int64_t interval, int64_t phase);

/*
 * The tick after `due`, at time `now` when the work of `due` is over.  Of the
 * ticks that passed meanwhile the latest is still served (at once), the others
 * are added to *missed.
 */
extern int64_t schedule_next(int64_t due, int64_t interval, int64_t now, int64_t *missed);

/*
 * Pause before something that ended is started again: `shortest` after a run
 * that lasted (longer than the pause before it and five times the shortest),
 * twice the pause before (at most `longest`) after a short one.
 */
extern int64_t schedule_backoff(int64_t pause, int64_t ran, int64_t shortest, int64_t longest);

#endif
