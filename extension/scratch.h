/*
 * scratch.h
 *		Memory for one row after another.
 *
 * What the core needs to read one profile is some hundred kilobytes.  Given back
 * to malloc row by row they return to the kernel, which clears them again for
 * the next row; a scratch keeps one block as large as a row has needed.
 */
#ifndef SCRATCH_H
#define SCRATCH_H

#include "core/pp_alloc.h"
#include "utils/palloc.h"

typedef struct Scratch Scratch;

/* Lives as long as the context. */
extern Scratch *scratch_create(MemoryContext context);

/* Take back all that was handed out; the allocator for what comes next. */
extern const PpAlloc *scratch_reset(Scratch *scratch);

#endif
