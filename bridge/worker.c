/*
 * worker.c
 *		Threads with a database connection each, and the queue in front of them.
 */
#include "bridge/worker.h"

#include "bridge/db.h"
#include "bridge/http.h"
#include "bridge/log.h"
#include "bridge/route.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static struct
{
	pthread_mutex_t lock;
	pthread_cond_t filled;
	Request *first, *last;
	int64_t depth, limit;
	bool stopping;
	const Config *config;
	pthread_t *threads;
	int64_t nthreads;
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER, .filled = PTHREAD_COND_INITIALIZER};

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

void
worker_submit(Request *request)
{
	request->next = NULL;
	pthread_mutex_lock(&pool.lock);
	if (pool.last == NULL)
		pool.first = request;
	else
		pool.last->next = request;
	pool.last = request;
	pthread_cond_signal(&pool.filled);
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

/* The next request, or NULL when the pool stops. */
static Request *
take(void)
{
	Request *request;

	pthread_mutex_lock(&pool.lock);
	while (pool.first == NULL && !pool.stopping)
		pthread_cond_wait(&pool.filled, &pool.lock);
	request = pool.first;
	if (request != NULL)
	{
		pool.first = request->next;
		if (pool.first == NULL)
			pool.last = NULL;
		pool.depth--;
	}
	pthread_mutex_unlock(&pool.lock);
	return request;
}

static void *
worker_main(void *arg)
{
	Db *db = db_new(pool.config);
	Request *request;

	while ((request = take()) != NULL)
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
	pool.threads = calloc((size_t) config->workers, sizeof(pthread_t));
	if (pool.threads == NULL)
		return false;
	for (; pool.nthreads < config->workers; pool.nthreads++)
	{
		int rc = pthread_create(&pool.threads[pool.nthreads], NULL, worker_main, NULL);

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
	pthread_cond_broadcast(&pool.filled);
	pthread_mutex_unlock(&pool.lock);
	for (int64_t i = 0; i < pool.nthreads; i++)
		pthread_join(pool.threads[i], NULL);
	free(pool.threads);
	pool.threads = NULL;
	pool.nthreads = 0;
}
