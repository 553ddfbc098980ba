/*
 * scratch.c
 *		Memory for one row after another: a block to cut from, and a context for
 *		what does not fit.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "core_glue.h"
#include "scratch.h"

/* The largest block kept: a rare giant does not stay in memory. */
#define BLOCK_MAX ((size_t) 16 << 20)
/* Before each piece stands its size, for resize. */
#define PIECE_HEADER MAXALIGN(sizeof(size_t))

struct Scratch
{
	PpAlloc alloc;
	MemoryContext context;
	MemoryContext overflow; /* for pieces that do not fit */
	PpAlloc *overflow_alloc;
	char *block;
	size_t size, used; /* of the block */
	size_t wanted;	   /* what would have been used of a larger one */
};

static void *
piece_alloc(void *ctx, size_t size)
{
	Scratch *scratch = ctx;
	size_t whole;
	char *piece;

	if (size > MaxAllocHugeSize - 2 * PIECE_HEADER)
		return NULL;
	whole = MAXALIGN(size) + PIECE_HEADER;
	scratch->wanted += whole;
	if (whole <= scratch->size - scratch->used)
	{
		piece = scratch->block + scratch->used;
		scratch->used += whole;
	}
	else if ((piece = scratch->overflow_alloc->alloc(scratch->overflow_alloc->ctx, whole)) == NULL)
		return NULL;
	*(size_t *) piece = size;
	return piece + PIECE_HEADER;
}

static void *
piece_resize(void *ctx, void *ptr, size_t size)
{
	void *grown = piece_alloc(ctx, size);

	if (ptr != NULL && grown != NULL)
		memcpy(grown, ptr, Min(size, *(size_t *) ((char *) ptr - PIECE_HEADER)));
	return grown;
}

static void
piece_release(void *ctx, void *ptr)
{
	/* all at once, by scratch_reset */
}

Scratch *
scratch_create(MemoryContext context)
{
	Scratch *scratch = MemoryContextAllocZero(context, sizeof(Scratch));

	scratch->context = context;
	scratch->overflow = AllocSetContextCreate(context, "pprof scratch", ALLOCSET_DEFAULT_SIZES);
	scratch->overflow_alloc = core_alloc_create(context);
	scratch->overflow_alloc->ctx = scratch->overflow;
	scratch->alloc.alloc = piece_alloc;
	scratch->alloc.resize = piece_resize;
	scratch->alloc.release = piece_release;
	scratch->alloc.poll = scratch->overflow_alloc->poll;
	scratch->alloc.ctx = scratch;
	return scratch;
}

const PpAlloc *
scratch_reset(Scratch *scratch)
{
	if (scratch->wanted > scratch->used)
		MemoryContextReset(scratch->overflow);
	if (scratch->wanted > scratch->size && scratch->size < BLOCK_MAX)
	{
		size_t size = Min(scratch->wanted + scratch->wanted / 4, BLOCK_MAX);

		if (scratch->block != NULL)
			pfree(scratch->block);
		scratch->block = NULL;
		scratch->size = 0;
		scratch->block = MemoryContextAlloc(scratch->context, size);
		scratch->size = size;
	}
	scratch->used = 0;
	scratch->wanted = 0;
	return &scratch->alloc;
}
