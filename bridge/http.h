/*
 * http.h
 *		The HTTP server: collects requests, hands them to workers, sends answers.
 */
#ifndef BRIDGE_HTTP_H
#define BRIDGE_HTTP_H

#include "bridge/request.h"

typedef struct Http Http;

/* NULL with a line in the log. */
extern Http *http_start(const Config *config);

/* A worker has filled in the answer. */
extern void http_answered(Request *request);

/* Accept no more connections; open ones are closed after their next answer. */
extern void http_stop_listening(Http *http);
extern int http_inflight(const Http *http); /* requests begun and not yet answered */
extern int http_connections(const Http *http);
/*
 * Close all connections.  False, with nothing done, while workers have requests:
 * the library cannot stop then.
 */
extern bool http_stop(Http *http);

#endif
