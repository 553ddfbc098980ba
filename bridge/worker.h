/*
 * worker.h
 *		Threads with a database connection each, and the queue in front of them.
 */
#ifndef BRIDGE_WORKER_H
#define BRIDGE_WORKER_H

#include "bridge/request.h"

extern bool workers_start(const Config *config);
extern void workers_stop(void); /* after the queue has run empty */

/* A place in the queue; false when it is full.  worker_submit() must follow. */
extern bool worker_reserve(void);
extern void worker_submit(Request *request);
extern int worker_queue_depth(void);

#endif
