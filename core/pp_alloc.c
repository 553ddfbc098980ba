/*
 * pp_alloc.c
 *		malloc as a PpAlloc, and arenas.
 */
#include "core/pp_alloc.h"

#include <stdlib.h>
#include <string.h>

#define ARENA_FIRST_BLOCK	((size_t) 8 << 10)
#define ARENA_LARGEST_BLOCK ((size_t) 1 << 20)

typedef struct ArenaBlock
{
	struct ArenaBlock *next;
	size_t size; /* of data[] */
	char data[] __attribute__((aligned(8)));
} ArenaBlock;

struct PpArena
{
	const PpAlloc *alloc;
	ArenaBlock *blocks; /* all of them; the first is the one being filled */
	size_t filled;		/* bytes handed out of blocks->data */
	size_t next_size;
	size_t used;
};

static void *
malloc_alloc(void *ctx, size_t size)
{
	return malloc(size);
}

static void *
malloc_resize(void *ctx, void *ptr, size_t size)
{
	return realloc(ptr, size);
}

static void
malloc_release(void *ctx, void *ptr)
{
	free(ptr);
}

const PpAlloc pp_alloc_malloc = {malloc_alloc, malloc_resize, malloc_release, NULL, NULL};

PpArena *
pp_arena_new(const PpAlloc *alloc)
{
	PpArena *arena = alloc->alloc(alloc->ctx, sizeof(PpArena));

	if (arena == NULL)
		return NULL;
	memset(arena, 0, sizeof(*arena));
	arena->alloc = alloc;
	arena->next_size = ARENA_FIRST_BLOCK;
	arena->used = sizeof(PpArena);
	return arena;
}

void
pp_arena_free(PpArena *arena)
{
	if (arena == NULL)
		return;

	const PpAlloc *alloc = arena->alloc;

	for (ArenaBlock *block = arena->blocks; block != NULL;)
	{
		ArenaBlock *next = block->next;

		alloc->release(alloc->ctx, block);
		block = next;
	}
	alloc->release(alloc->ctx, arena);
}

static ArenaBlock *
block_new(PpArena *arena, size_t size)
{
	ArenaBlock *block;

	if (size > SIZE_MAX - sizeof(ArenaBlock))
		return NULL;
	block = arena->alloc->alloc(arena->alloc->ctx, sizeof(ArenaBlock) + size);
	if (block == NULL)
		return NULL;
	block->size = size;
	arena->used += sizeof(ArenaBlock) + size;
	return block;
}

/* A request too large for the block being filled. */
static void *
alloc_slow(PpArena *arena, size_t size)
{
	ArenaBlock *block;

	if (size > arena->next_size / 2)
	{
		/* a block of its own, behind the one being filled */
		if ((block = block_new(arena, size)) == NULL)
			return NULL;
		if (arena->blocks != NULL)
		{
			block->next = arena->blocks->next;
			arena->blocks->next = block;
		}
		else
		{
			block->next = NULL;
			arena->blocks = block;
			arena->filled = size;
		}
		return block->data;
	}
	if ((block = block_new(arena, arena->next_size)) == NULL)
		return NULL;
	block->next = arena->blocks;
	arena->blocks = block;
	arena->filled = size;
	if (arena->next_size < ARENA_LARGEST_BLOCK)
		arena->next_size *= 2;
	return block->data;
}

void *
pp_arena_alloc(PpArena *arena, size_t size)
{
	if (size > SIZE_MAX - 7)
		return NULL;
	size = (size + 7) & ~(size_t) 7;
	if (arena->blocks != NULL && arena->blocks->size - arena->filled >= size)
	{
		void *ptr = arena->blocks->data + arena->filled;

		arena->filled += size;
		return ptr;
	}
	return alloc_slow(arena, size);
}

void *
pp_arena_zalloc(PpArena *arena, size_t size)
{
	void *ptr = pp_arena_alloc(arena, size);

	if (ptr != NULL)
		memset(ptr, 0, size);
	return ptr;
}

void *
pp_arena_array(PpArena *arena, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes))
		return NULL;
	return pp_arena_alloc(arena, bytes);
}

char *
pp_arena_copy(PpArena *arena, const void *data, size_t size)
{
	char *copy = pp_arena_alloc(arena, size);

	if (copy != NULL && size > 0)
		memcpy(copy, data, size);
	return copy;
}

size_t
pp_arena_used(const PpArena *arena)
{
	return arena->used;
}

const PpAlloc *
pp_arena_allocator(const PpArena *arena)
{
	return arena->alloc;
}
