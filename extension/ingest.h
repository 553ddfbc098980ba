/*
 * ingest.h
 *		Profiles into rows.
 */
#ifndef INGEST_H
#define INGEST_H

#include "postgres.h"

#include "incoming.h"

/*
 * Store profiles that were read; those with an error are left out, and some get
 * one here.  stored[i] is the number of rows made.
 */
extern void ingest_store(Incoming *incoming, int n, int *stored);

#endif
