/*
 * url.h
 *		Paths and query strings of requests.
 */
#ifndef BRIDGE_URL_H
#define BRIDGE_URL_H

#include "core/pp_alloc.h"

#include <stdbool.h>

typedef struct QueryParam
{
	const char *name, *value;
} QueryParam;

typedef struct Query
{
	uint32_t n;
	QueryParam *params; /* in order; broken ones are left out */
} Query;

/* Decode %XX and collapse runs of '/'; NULL for a broken escape, NUL or no memory. */
extern char *url_path(const char *raw, size_t len, PpArena *arena);

/*
 * Split on '&' and decode (+ is a blank).  As in Go, a parameter with a broken
 * escape or a raw ';' is dropped on its own; so is one that is not UTF-8 or has
 * NUL, which the database could not hold.  False without memory.
 */
extern bool url_query(const char *raw, PpArena *arena, Query *query);

/* The first value of a parameter, or NULL. */
extern const char *query_get(const Query *query, const char *name);

#endif
