/*
 * metrics.c
 *		Counters of the bridge, and their Prometheus text.
 *
 * One lock guards all: it is held for nanoseconds, once per request.
 */
#include "bridge/metrics.h"

#include "bridge/route.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#define MAX_ROUTES 32 /* the last one stands for paths that are nobody's */

static const int statuses[] =
	{200, 400, 401, 403, 404, 405, 409, 413, 415, 422, 429, 499, 500, 501, 503, 504};
#define NSTATUSES (sizeof(statuses) / sizeof(statuses[0]))

static const double bounds[] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10};
#define NBOUNDS (sizeof(bounds) / sizeof(bounds[0]))

typedef struct RouteStats
{
	uint64_t by_status[NSTATUSES + 1]; /* the last one: any other */
	uint64_t buckets[NBOUNDS + 1];
	uint64_t count, us, received, sent, lost;
} RouteStats;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static RouteStats stats[MAX_ROUTES];
static _Atomic uint64_t counters[COUNTER_COUNT];
static Gauges (*gauges)(void);

static const struct
{
	const char *name, *labels, *help; /* help only where a name occurs first */
} counter_names[COUNTER_COUNT] = {
	[COUNTER_DB_CONNECTS] = {"db_connects_total", "", "Database connections made."},
	[COUNTER_DB_FAILURES] = {"db_connect_failures_total", "", "Attempts to connect that failed."},
	[COUNTER_DB_RETRIES] = {"db_retries_total", "", "Statements repeated after a conflict."},
	[COUNTER_PROFILES_STORED] = {"profiles_total", "{result=\"stored\"}", "Profiles received."},
	[COUNTER_PROFILES_NOTHING] = {"profiles_total", "{result=\"nothing_new\"}", NULL},
	[COUNTER_PROFILES_REJECTED] = {"profiles_total", "{result=\"rejected\"}", NULL},
};

void
metrics_add(Counter counter, uint64_t n)
{
	atomic_fetch_add_explicit(&counters[counter], n, memory_order_relaxed);
}

void
metrics_set_source(Gauges (*source)(void))
{
	gauges = source;
}

void
metrics_request(const Request *request, bool sent)
{
	int64_t us = now_monotonic_us() - request->arrived_us;
	RouteStats *route = &stats[request->route == NULL ? nroutes : request->route - routes];
	size_t status = 0, bucket = 0;

	while (status < NSTATUSES && statuses[status] != request->status)
		status++;
	while (bucket < NBOUNDS && (double) us > bounds[bucket] * 1e6)
		bucket++;
	pthread_mutex_lock(&lock);
	route->by_status[status]++;
	route->buckets[bucket]++;
	route->count++;
	route->us += (uint64_t) us;
	route->received += request->received;
	route->sent += request->sent;
	route->lost += !sent;
	pthread_mutex_unlock(&lock);
}

static const char *
route_name(unsigned i)
{
	return i < nroutes ? routes[i].name : "other";
}

static void
head(Buf *out, const char *name, const char *type, const char *help)
{
	buf_printf(out, "# HELP pprof_bridge_%s %s\n# TYPE pprof_bridge_%s %s\n", name, help, name, type);
}

static void
requests_text(Buf *out, const RouteStats *all)
{
	head(out, "requests_total", "counter", "Requests by route and status.");
	for (unsigned i = 0; i <= nroutes; i++)
	{
		for (size_t s = 0; s <= NSTATUSES; s++)
		{
			if (all[i].by_status[s] == 0)
				continue;
			buf_printf(out, "pprof_bridge_requests_total{route=\"%s\",status=\"", route_name(i));
			if (s < NSTATUSES)
				buf_int(out, statuses[s]);
			else
				buf_str(out, "other");
			buf_str(out, "\"} ");
			buf_uint(out, all[i].by_status[s]);
			buf_char(out, '\n');
		}
	}
}

static void
durations_text(Buf *out, const RouteStats *all)
{
	static const char *const name = "pprof_bridge_request_duration_seconds";

	head(out, "request_duration_seconds", "histogram", "From the request line to the last byte.");
	for (unsigned i = 0; i <= nroutes; i++)
	{
		uint64_t sum = 0;

		if (all[i].count == 0)
			continue;
		for (size_t b = 0; b <= NBOUNDS; b++)
		{
			sum += all[i].buckets[b];
			buf_printf(out, "%s_bucket{route=\"%s\",le=\"", name, route_name(i));
			if (b < NBOUNDS)
				buf_json_double(out, bounds[b]);
			else
				buf_str(out, "+Inf");
			buf_printf(out, "\"} %llu\n", (unsigned long long) sum);
		}
		buf_printf(out, "%s_sum{route=\"%s\"} %.6f\n", name, route_name(i), (double) all[i].us / 1e6);
		buf_printf(out,
				   "%s_count{route=\"%s\"} %llu\n",
				   name,
				   route_name(i),
				   (unsigned long long) all[i].count);
	}
}

static void
bytes_text(Buf *out, const RouteStats *all, const char *name, const char *help, size_t offset)
{
	head(out, name, "counter", help);
	for (unsigned i = 0; i <= nroutes; i++)
	{
		uint64_t value = *(const uint64_t *) ((const char *) &all[i] + offset);

		if (all[i].count > 0)
			buf_printf(out,
					   "pprof_bridge_%s{route=\"%s\"} %llu\n",
					   name,
					   route_name(i),
					   (unsigned long long) value);
	}
}

static void
gauge_text(Buf *out, const char *name, const char *help, int64_t value)
{
	head(out, name, "gauge", help);
	buf_printf(out, "pprof_bridge_%s %lld\n", name, (long long) value);
}

void
metrics_text(Buf *out)
{
	RouteStats all[MAX_ROUTES];

	pthread_mutex_lock(&lock);
	memcpy(all, stats, sizeof(all));
	pthread_mutex_unlock(&lock);
	requests_text(out, all);
	durations_text(out, all);
	bytes_text(out,
			   all,
			   "received_bytes_total",
			   "Bytes of request bodies.",
			   offsetof(RouteStats, received));
	bytes_text(out, all, "sent_bytes_total", "Bytes of answers.", offsetof(RouteStats, sent));
	bytes_text(out, all, "lost_answers_total", "Answers that nobody took.", offsetof(RouteStats, lost));
	for (int i = 0; i < COUNTER_COUNT; i++)
	{
		if (counter_names[i].help != NULL)
			head(out, counter_names[i].name, "counter", counter_names[i].help);
		buf_printf(out,
				   "pprof_bridge_%s%s %llu\n",
				   counter_names[i].name,
				   counter_names[i].labels,
				   (unsigned long long) atomic_load(&counters[i]));
	}
	if (gauges != NULL)
	{
		Gauges now = gauges();

		gauge_text(out, "inflight_requests", "Requests begun and not answered.", now.inflight);
		gauge_text(out, "inflight_bytes", "Memory held by request bodies.", now.body_bytes);
		gauge_text(out, "queue_depth", "Requests waiting for a database worker.", now.queue);
		gauge_text(out, "connections", "Open client connections.", now.connections);
	}
}
