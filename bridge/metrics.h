/*
 * metrics.h
 *		Counters of the bridge, and their Prometheus text.
 */
#ifndef BRIDGE_METRICS_H
#define BRIDGE_METRICS_H

#include "bridge/request.h"

typedef enum Counter
{
	COUNTER_DB_CONNECTS,
	COUNTER_DB_FAILURES, /* attempts to connect */
	COUNTER_DB_RETRIES,
	COUNTER_PROFILES_STORED,   /* that brought at least one row */
	COUNTER_PROFILES_NOTHING,  /* accepted, nothing new in them */
	COUNTER_PROFILES_REJECTED, /* refused */
	COUNTER_COUNT
} Counter;

extern void metrics_add(Counter counter, uint64_t n);
/* A request ended; sent says whether the client got the answer. */
extern void metrics_request(const Request *request, bool sent);
/* Gauges that others know. */
typedef struct Gauges
{
	int inflight, connections, queue;
	int64_t body_bytes;
} Gauges;

extern void metrics_set_source(Gauges (*source)(void));
extern void metrics_text(Buf *out);

#endif
