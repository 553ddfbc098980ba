/*
 * jobs.h
 *		All jobs of a worker: which there are, which is due, what came back.
 */
#ifndef SCRAPE_JOBS_H
#define SCRAPE_JOBS_H

#include "scraper/scraper.h"

typedef struct JobLimits
{
	int concurrency;   /* transfers at a time */
	size_t max_body;   /* bytes of one answer */
	size_t max_memory; /* bytes of answers not stored yet, above which none is started */
} JobLimits;

extern void jobs_init(void);

/* Make the jobs those of a new configuration; it is taken over, the old freed. */
extern void jobs_adopt(const Generation *generation, Fetch *fetch);

/* Start what is due, as far as there is room. */
extern void jobs_start(Fetch *fetch, const JobLimits *limits);

/* Look at the transfers that are over. */
extern void jobs_collect(Fetch *fetch);

/* Jobs that wait to be stored; jobs_release() plans their next scrape. */
extern dlist_head *jobs_finished(size_t *bytes, int *n);
extern void jobs_release(void);

/* us, monotonic, when a job is due that could be started; PG_INT64_MAX: never. */
extern int64 jobs_next(Fetch *fetch, const JobLimits *limits);

#endif
