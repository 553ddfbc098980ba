/*
 * pp_sort.h
 *		Stable sort of index arrays that can be interrupted.
 */
#ifndef PP_SORT_H
#define PP_SORT_H

#include "core/pp_alloc.h"
#include "core/pp_error.h"

/* Below, at or above zero, as strcmp(). */
typedef int (*PpIndexCompare)(const void *ctx, uint32_t a, uint32_t b);

extern PpCode pp_sort_indexes(uint32_t *indexes, size_t n, PpIndexCompare compare, const void *ctx,
							  const PpAlloc *alloc, PpError *err);

#endif
