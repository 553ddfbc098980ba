/*
 * main.c
 *		Start, signals, graceful stop.
 *
 * SIGTERM and SIGINT: stop listening, let requests in flight finish (for at most
 * --stop-timeout seconds), exit.  SIGHUP is ignored: there is nothing to read
 * again.  Signals are blocked in all threads and taken by sigwait() here.
 */
#include "bridge/config.h"
#include "bridge/http.h"
#include "bridge/log.h"
#include "bridge/metrics.h"
#include "bridge/worker.h"

#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static Http *http;

static Gauges
gauges_now(void)
{
	/* the request that asks is in flight itself */
	return (Gauges){.inflight = http_inflight(http),
					.connections = http_connections(http),
					.queue = worker_queue_depth(),
					.body_bytes = budget_used()};
}

/* Bodies come and go by the megabyte: give them back to the system at once. */
static void
tune_malloc(void)
{
	mallopt(M_ARENA_MAX, 2);
	mallopt(M_MMAP_THRESHOLD, 256 << 10);
	mallopt(M_TRIM_THRESHOLD, 1 << 20);
}

static int
wait_for_stop(const sigset_t *signals)
{
	int signal;

	do
		sigwait(signals, &signal);
	while (signal == SIGHUP);
	return signal;
}

/* Let what is in flight finish; a client that stalls does not keep us. */
static void
drain(const Config *config)
{
	int64_t until = now_monotonic_us() + config->stop_timeout * 1000000;

	while (http_inflight(http) > 0 && now_monotonic_us() < until)
		usleep(10000);
}

int
main(int argc, char **argv)
{
	Config config = {0};
	sigset_t signals;
	int signal;

	switch (config_read(&config, argc, argv))
	{
		case CONFIG_EXIT:
			return EXIT_SUCCESS;
		case CONFIG_BAD:
			return EXIT_FAILURE;
		case CONFIG_RUN:
			break;
	}
	tune_malloc();
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	/* whoever started us may have ignored them, and an ignored signal never arrives */
	for (int i = 1; i < NSIG; i++)
	{
		if (sigismember(&signals, i) == 1)
			sigaction(i, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
	}
	/* a client that went away is an error code of write(), not a signal */
	sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);

	if (!workers_start(&config))
		return EXIT_FAILURE;
	http = http_start(&config);
	if (http == NULL)
		return EXIT_FAILURE;
	metrics_set_source(gauges_now);
	log_info("listening on %s with %lld workers", config.listen, (long long) config.workers);

	signal = wait_for_stop(&signals);
	log_info("stopping on signal %d", signal);
	http_stop_listening(http);
	drain(&config);
	if (!http_stop(http))
	{
		log_error("%d requests did not finish in time", http_inflight(http));
		_exit(EXIT_FAILURE);
	}
	workers_stop();
	log_info("stopped");
	return EXIT_SUCCESS;
}
