/*
 * affinity.h
 *		Which requests had better be answered by the same database connection.
 */
#ifndef BRIDGE_AFFINITY_H
#define BRIDGE_AFFINITY_H

#include "bridge/request.h"

/* A hash of the service that a push is for; 0 where that cannot be told at a glance. */
extern uint32_t affinity_of(const Request *request);

#endif
