/*
 * jobs.c
 *		All jobs of a worker: which there are, which is due, what came back.
 *
 * A job goes QUEUED -> FETCHING -> FINISHED -> QUEUED; it never overlaps with
 * itself.  A changed configuration keeps jobs whose identity stays, with their
 * phase, and with the state of their difference.
 */
#include "postgres.h"

#include <time.h>

#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "bgworker/clock.h"
#include "bgworker/schedule.h"
#include "core/pp_codec.h"
#include "guc.h"
#include "scraper/jobs.h"
#include "scraper/response.h"

static HTAB *jobs = NULL;
static pairingheap *queue = NULL; /* of JOB_QUEUED, the earliest on top */
static dlist_head finished;		  /* of JOB_FINISHED */
static size_t finished_bytes = 0;
static int finished_count = 0;
static PpArena *current = NULL; /* of the configuration in force */

static int64
wall_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64) now.tv_sec * SCHEDULE_SECOND + now.tv_nsec / 1000;
}

static int
compare_due(const pairingheap_node *a, const pairingheap_node *b, void *arg)
{
	int64 x = pairingheap_const_container(Job, node, a)->due;
	int64 y = pairingheap_const_container(Job, node, b)->due;

	/* a heap of PostgreSQL has the greatest on top */
	return x < y ? 1 : x > y ? -1 : 0;
}

void
jobs_init(void)
{
	HASHCTL control = {.keysize = sizeof(uint64), .entrysize = sizeof(Job), .hcxt = TopMemoryContext};
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

	jobs = hash_create("pprof scrape jobs", 256, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	queue = pairingheap_allocate(compare_due, NULL);
	dlist_init(&finished);
	MemoryContextSwitchTo(old);
}

static void
enqueue(Job *job)
{
	job->phase = JOB_QUEUED;
	pairingheap_add(queue, &job->node);
}

/* First time of a job, or the first at a new interval: at its phase of the wall clock. */
static void
plan(Job *job)
{
	int64 interval = job->spec->config->interval;

	job->interval = interval;
	job->due = monotonic_us() + schedule_wait(wall_us(), interval, schedule_phase(job->id, interval));
}

static void
drop_body(Job *job)
{
	free(job->body);
	job->body = NULL;
	job->len = 0;
}

static void
unlink_finished(Job *job)
{
	dlist_delete(&job->finished);
	finished_count--;
	finished_bytes -= job->len;
	drop_body(job);
}

/* Stop whatever the job is about. */
static void
retire(Job *job)
{
	switch (job->phase)
	{
		case JOB_QUEUED:
			pairingheap_remove(queue, &job->node);
			break;
		case JOB_FETCHING:
			fetch_cancel(&job->request);
			break;
		case JOB_FINISHED:
			unlink_finished(job);
			break;
		case JOB_INVALID:
			break;
	}
	delta_free(job->delta);
	hash_search(jobs, &job->id, HASH_REMOVE, NULL);
}

/* The job of a spec, new or kept. */
static void
adopt(const ScrapeSpec *spec)
{
	bool found;
	Job *job = hash_search(jobs, &spec->id, HASH_ENTER, &found);

	if (!found)
	{
		memset((char *) job + sizeof(job->id), 0, sizeof(Job) - sizeof(job->id));
		job->spec = spec;
		job->wanted = true;
		job->phase = JOB_INVALID;
		if (spec->url != NULL)
		{
			plan(job);
			enqueue(job);
		}
		return;
	}
	job->spec = spec;
	job->wanted = true;
	if (job->phase == JOB_QUEUED && job->interval != spec->config->interval)
	{
		pairingheap_remove(queue, &job->node);
		plan(job);
		enqueue(job);
	}
}

void
jobs_adopt(const Generation *generation, Fetch *fetch)
{
	HASH_SEQ_STATUS scan;
	Job *job;

	hash_seq_init(&scan, jobs);
	while ((job = hash_seq_search(&scan)) != NULL)
		job->wanted = false;
	for (int i = 0; i < generation->nspecs; i++)
		adopt(&generation->specs[i]);
	hash_seq_init(&scan, jobs);
	while ((job = hash_seq_search(&scan)) != NULL)
	{
		/* dynahash allows to remove the entry just returned */
		if (!job->wanted)
			retire(job);
	}
	pp_arena_free(current);
	current = generation->arena;
}

/* Plan the next scrape of a job whose last is over. */
static void
reschedule(Job *job)
{
	if (job->interval != job->spec->config->interval)
		plan(job);
	else
		job->due = schedule_next(job->due, job->interval, monotonic_us(), &job->missed);
	enqueue(job);
}

static void
finish(Job *job)
{
	job->phase = JOB_FINISHED;
	job->duration = monotonic_us() - job->started;
	dlist_push_tail(&finished, &job->finished);
	finished_count++;
	finished_bytes += job->len;
}

static void
fail(Job *job, const char *error)
{
	drop_body(job);
	job->up = false;
	job->state = "failed";
	strlcpy(job->error, error, sizeof(job->error));
}

static void
start(Job *job, Fetch *fetch, size_t max_body)
{
	const ScrapeSpec *spec = job->spec;
	int64 late = monotonic_us() - job->due;

	/* there was no place for so long that a tick has passed */
	if (late > job->interval)
	{
		job->missed += late / job->interval;
		job->due += late / job->interval * job->interval;
	}
	job->phase = JOB_FETCHING;
	job->started = monotonic_us();
	job->at = GetCurrentTimestamp();
	job->error[0] = '\0';
	job->store_error[0] = '\0';
	job->received = 0;
	memset(&job->request, 0, sizeof(job->request));
	job->request.url = spec->url;
	job->request.timeout = spec->timeout;
	job->request.max_body = max_body;
	job->request.follow_redirects = spec->config->follow_redirects;
	job->request.owner = job;
	if (!fetch_start(fetch, &job->request))
	{
		fail(job, job->request.error);
		finish(job);
	}
}

/* May another transfer begin? */
static bool
has_room(Fetch *fetch, const JobLimits *limits)
{
	return fetch_running(fetch) < limits->concurrency &&
		   fetch_memory(fetch) + finished_bytes < limits->max_memory;
}

void
jobs_start(Fetch *fetch, const JobLimits *limits)
{
	int64 now = monotonic_us();

	while (!pairingheap_is_empty(queue) && has_room(fetch, limits))
	{
		Job *job = pairingheap_container(Job, node, pairingheap_first(queue));

		if (job->due > now)
			break;
		(void) pairingheap_remove_first(queue);
		start(job, fetch, limits->max_body);
	}
}

int64
jobs_next(Fetch *fetch, const JobLimits *limits)
{
	/* room comes with the end of a transfer, or with storing; both wake the loop */
	if (pairingheap_is_empty(queue) || !has_room(fetch, limits))
		return PG_INT64_MAX;
	return pairingheap_container(Job, node, pairingheap_first(queue))->due;
}

static void
fail_delta(Job *job, const PpError *err)
{
	char error[sizeof(job->error)];

	snprintf(error, sizeof(error), "computing delta: %s", err->message);
	fail(job, error);
}

/* Put the difference in the place of a cumulative profile. */
static PpCode
differentiate(Job *job, PpArena *arena, PpError *err)
{
	PpLimits limits;
	PpProfile *profile;
	DeltaResult result;
	uint64 seed;
	uint8_t *body;
	size_t len;
	PpCode code;

	pprof_input_limits(&limits);
	if (job->delta == NULL && pg_strong_random(&seed, sizeof(seed)))
		job->delta = delta_new(&pp_alloc_malloc, job->spec->type->name, DELTA_MAX_KEYS, seed);
	if (job->delta == NULL)
		return pp_fail_nomem(err);
	if ((code = pp_profile_read(job->body, job->len, &limits, arena, &profile, err)) != PP_OK ||
		(code = delta_apply(job->delta, profile, arena, &result, err)) != PP_OK)
		return code;
	if (result.untracked > 0)
		snprintf(job->store_error,
				 sizeof(job->store_error),
				 "%u stacks beyond the first %d are not differenced",
				 result.untracked,
				 DELTA_MAX_KEYS);
	if (result.passed)
		return PP_OK;
	if (result.profile == NULL || result.profile->nsamples == 0)
	{
		job->state = result.profile == NULL ? "baseline" : "empty";
		drop_body(job);
		return PP_OK;
	}
	if ((code = pp_profile_encode(result.profile, &pp_alloc_malloc, &body, &len, err)) != PP_OK)
		return code;
	/* strings of the profile point into the old body until here */
	drop_body(job);
	job->body = body;
	job->len = len;
	return PP_OK;
}

static void
apply_delta(Job *job)
{
	PpArena *arena = pp_arena_new(&pp_alloc_malloc);
	PpError err;
	PpCode code = arena != NULL ? differentiate(job, arena, &err) : pp_fail_nomem(&err);

	if (code != PP_OK)
		fail_delta(job, &err);
	pp_arena_free(arena);
}

/* A transfer is over: is it a profile, and what of it is to be stored? */
static void
take_answer(Job *job)
{
	FetchRequest *request = &job->request;
	ScrapeResponse response = {request->status,
							   request->reason,
							   request->content_type,
							   request->body,
							   request->len};
	char error[sizeof(job->error)];

	job->body = request->body;
	job->len = job->received = request->len;
	request->body = NULL;
	job->up = true;
	job->state = "stored"; /* unless storing says otherwise */
	if (!request->ok)
		fail(job, request->error);
	else if (!response_check(&response,
							 job->spec->name,
							 job->spec->config->strict_content_type,
							 error,
							 sizeof(error)))
		fail(job, error);
	else if (delta_applies(job->spec->type->name))
		apply_delta(job);
	finish(job);
}

void
jobs_collect(Fetch *fetch)
{
	FetchRequest *request;

	while ((request = fetch_finished(fetch)) != NULL)
		take_answer(request->owner);
}

dlist_head *
jobs_finished(size_t *bytes, int *n)
{
	*bytes = finished_bytes;
	*n = finished_count;
	return &finished;
}

void
jobs_release(void)
{
	while (!dlist_is_empty(&finished))
	{
		Job *job = dlist_container(Job, finished, dlist_head_node(&finished));

		unlink_finished(job);
		job->missed = 0;
		reschedule(job);
	}
}
