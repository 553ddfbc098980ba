/*
 * meter.h
 *		An allocator whose memory ends, and which asks to stop, when a test says so.
 */
#ifndef METER_H
#define METER_H

#include <stdlib.h>

#include "core/pp_alloc.h"

typedef struct Meter
{
	int64_t left; /* allocations until there is no memory */
	int64_t polls_left;
} Meter;

static inline void *
meter_alloc(void *ctx, size_t size)
{
	Meter *meter = ctx;

	return meter->left-- > 0 ? malloc(size) : NULL;
}

static inline void *
meter_resize(void *ctx, void *ptr, size_t size)
{
	Meter *meter = ctx;

	return meter->left-- > 0 ? realloc(ptr, size) : NULL;
}

static inline void
meter_release(void *ctx, void *ptr)
{
	free(ptr);
}

static inline bool
meter_poll(void *ctx)
{
	Meter *meter = ctx;

	return meter->polls_left-- <= 0;
}

#endif
