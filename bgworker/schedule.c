/*
 * schedule.c
 *		When something is due.
 *
 * Every job has a fixed phase of the wall clock, (hash mod interval), so that
 * many jobs spread over the interval and a restart does not move any of them.
 */
#include "bgworker/schedule.h"

int64_t
schedule_phase(uint64_t hash, int64_t interval)
{
	return (int64_t) (hash % (uint64_t) interval);
}

int64_t
schedule_wait(int64_t now, int64_t interval, int64_t phase)
{
	int64_t wait = (phase - now % interval) % interval;

	return wait < 0 ? wait + interval : wait;
}

int64_t
schedule_next(int64_t due, int64_t interval, int64_t now, int64_t *missed)
{
	int64_t passed = now > due ? (now - due) / interval : 0;

	if (passed <= 1)
		return due + interval;
	*missed += passed - 1;
	return due + passed * interval;
}

int64_t
schedule_backoff(int64_t pause, int64_t ran, int64_t shortest, int64_t longest)
{
	/* a run longer than the pause before it, and not a short one, was a success */
	if (pause < shortest || (ran >= pause && ran >= 5 * shortest))
		return shortest;
	return pause > longest / 2 ? longest : pause * 2;
}
