/*
 * pp_alloc.h
 *		Memory for the core: an allocator by argument, and arenas on top of it.
 *
 * The core owns no global and never throws.  Whoever calls it says where memory
 * comes from; running out of it is a NULL that becomes PP_ENOMEM.
 */
#ifndef PP_ALLOC_H
#define PP_ALLOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct PpAlloc
{
	void *(*alloc)(void *ctx, size_t size);				/* NULL when there is no memory */
	void *(*resize)(void *ctx, void *ptr, size_t size); /* ptr may be NULL */
	void (*release)(void *ctx, void *ptr);				/* ptr may be NULL */
	bool (*poll)(void *ctx); /* true asks to stop (PP_ECANCELED); may be NULL */
	void *ctx;
} PpAlloc;

/* malloc(), realloc() and free(), without poll. */
extern const PpAlloc pp_alloc_malloc;

/*
 * An arena hands out 8-byte aligned memory that is freed all at once.  It grows
 * by doubling blocks up to 1 MiB; larger requests get a block of their own.
 */
typedef struct PpArena PpArena;

extern PpArena *pp_arena_new(const PpAlloc *alloc);
extern void pp_arena_free(PpArena *arena); /* NULL is fine */
extern void *pp_arena_alloc(PpArena *arena, size_t size);
extern void *pp_arena_zalloc(PpArena *arena, size_t size);
/* n * size with an overflow check; NULL on overflow or without memory */
extern void *pp_arena_array(PpArena *arena, size_t n, size_t size);
extern char *pp_arena_copy(PpArena *arena, const void *data, size_t size);
extern size_t pp_arena_used(const PpArena *arena); /* bytes taken from the allocator */
extern const PpAlloc *pp_arena_allocator(const PpArena *arena);

static inline bool
pp_poll(const PpAlloc *alloc)
{
	return alloc->poll != NULL && alloc->poll(alloc->ctx);
}

#endif
