/*
 * worker.c
 *		Threads with a database connection each, and the queue in front of them.
 *
 * Pushes of one service go to one worker where that costs no time: a request
 * wakes its own worker if that is idle, else another; who becomes free takes the
 * oldest request of its own, else the oldest of all.  Nobody is idle while
 * something waits, and the oldest is passed by a bounded number of times.
 */
#include "bridge/worker.h"

#include "bridge/affinity.h"
#include "bridge/db.h"
#include "bridge/http.h"
#include "bridge/log.h"
#include "bridge/route.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_REQUESTS 64 /* how far into the queue a worker looks for its own */

typedef struct Worker
{
	pthread_t thread;
	pthread_cond_t wake;
	bool idle; /* waits, and was not woken yet */
} Worker;

static struct
{
	pthread_mutex_t lock;
	Request *first, *last;
	int64_t passed; /* how often the first was */
	int64_t depth, limit;
	bool stopping;
	const Config *config;
	Worker *workers;
	int64_t nworkers; /* running */
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER};

bool
worker_reserve(void)
{
	bool fits;

	pthread_mutex_lock(&pool.lock);
	fits = pool.depth < pool.limit;
	pool.depth += fits;
	pthread_mutex_unlock(&pool.lock);
	return fits;
}

/* The worker that a request had better have; NULL: any. */
static Worker *
own_worker(const Request *request)
{
	return request->affinity == 0 ? NULL
								  : &pool.workers[request->affinity % (uint64_t) pool.nworkers];
}

/* Wake one that is idle, if there is any. */
static void
wake_for(const Request *request)
{
	Worker *worker = own_worker(request);

	for (int64_t i = 0; i < pool.nworkers && (worker == NULL || !worker->idle); i++)
		worker = &pool.workers[i];
	if (worker != NULL && worker->idle)
	{
		worker->idle = false;
		pthread_cond_signal(&worker->wake);
	}
}

void
worker_submit(Request *request)
{
	request->next = NULL;
	request->affinity = affinity_of(request);
	pthread_mutex_lock(&pool.lock);
	if (pool.last == NULL)
		pool.first = request;
	else
		pool.last->next = request;
	pool.last = request;
	wake_for(request);
	pthread_mutex_unlock(&pool.lock);
}

int
worker_queue_depth(void)
{
	int depth;

	pthread_mutex_lock(&pool.lock);
	depth = (int) pool.depth;
	pthread_mutex_unlock(&pool.lock);
	return depth;
}

/* Take the request behind `before` (NULL: the first) out of the queue. */
static Request *
unlink_request(Request *before)
{
	Request *request = before == NULL ? pool.first : before->next;

	if (before == NULL)
	{
		pool.first = request->next;
		pool.passed = 0;
	}
	else
	{
		before->next = request->next;
		pool.passed++;
	}
	if (pool.last == request)
		pool.last = before;
	pool.depth--;
	return request;
}

/* The oldest request of the worker's own, else the oldest; NULL: there is none. */
static Request *
choose(const Worker *worker)
{
	Request *before = NULL, *request = pool.first;

	if (request == NULL)
		return NULL;
	if (pool.passed >= 2 * pool.nworkers)
		return unlink_request(NULL);
	for (int looked = 0; request != NULL && looked < LOOK_REQUESTS; looked++)
	{
		if (own_worker(request) == worker)
			return unlink_request(before);
		before = request;
		request = request->next;
	}
	return unlink_request(NULL);
}

/* The next request, or NULL when the pool stops. */
static Request *
take(Worker *worker)
{
	Request *request;

	pthread_mutex_lock(&pool.lock);
	while ((request = choose(worker)) == NULL && !pool.stopping)
	{
		worker->idle = true;
		pthread_cond_wait(&worker->wake, &pool.lock);
		worker->idle = false;
	}
	pthread_mutex_unlock(&pool.lock);
	return request;
}

static void *
worker_main(void *arg)
{
	Worker *worker = arg;
	Db *db = db_new(pool.config);
	Request *request;

	while ((request = take(worker)) != NULL)
	{
		if (db == NULL)
			db = db_new(pool.config);
		if (db == NULL)
			answer_no_memory(request);
		else
			route_answer(request, db);
		http_answered(request);
	}
	db_free(db);
	return NULL;
}

bool
workers_start(const Config *config)
{
	pool.config = config;
	pool.limit = config->queue;
	pool.workers = calloc((size_t) config->workers, sizeof(Worker));
	if (pool.workers == NULL)
		return false;
	for (; pool.nworkers < config->workers; pool.nworkers++)
	{
		Worker *worker = &pool.workers[pool.nworkers];
		int rc = pthread_cond_init(&worker->wake, NULL);

		if (rc == 0)
			rc = pthread_create(&worker->thread, NULL, worker_main, worker);
		if (rc != 0)
		{
			log_error("could not start a worker thread: %s", strerror(rc));
			workers_stop();
			return false;
		}
	}
	return true;
}

void
workers_stop(void)
{
	pthread_mutex_lock(&pool.lock);
	pool.stopping = true;
	for (int64_t i = 0; i < pool.nworkers; i++)
		pthread_cond_signal(&pool.workers[i].wake);
	pthread_mutex_unlock(&pool.lock);
	for (int64_t i = 0; i < pool.nworkers; i++)
		pthread_join(pool.workers[i].thread, NULL);
	for (int64_t i = 0; i < pool.nworkers; i++)
		pthread_cond_destroy(&pool.workers[i].wake);
	free(pool.workers);
	pool.workers = NULL;
	pool.nworkers = 0;
}
