/*
 * pp_speedscope_impl.h
 *		What the parts of the reader of speedscope files share; nobody else includes it.
 */
#ifndef PP_SPEEDSCOPE_IMPL_H
#define PP_SPEEDSCOPE_IMPL_H

#include "core/pp_json_read.h"
#include "core/pp_speedscope.h"
#include "core/pp_table.h"

typedef enum ScopeKind
{
	KIND_COUNT,
	KIND_TIME,
	KIND_BYTES,
	KINDS
} ScopeKind;

typedef struct ScopeUnit
{
	const char *name;
	ScopeKind kind;
	int scale; /* power of ten that makes it the unit of the column */
} ScopeUnit;

/* As a member of what an allocator hands out, which is aligned to 8 bytes only. */
typedef __int128 ScopeWide __attribute__((aligned(8)));

/* The head of a profile; offsets are PP_NO_OFFSET where there is no such member. */
typedef struct ScopeProfile
{
	uint32_t number; /* in the file, from 1 */
	bool evented;
	const ScopeUnit *unit;
	PpBytes name; /* in the arena */
	ScopeWide start, end;
	bool has_end;
	size_t events, samples, weights;
} ScopeProfile;

/* Of the call tree that events make; 0 is the root, which is no frame. */
typedef struct ScopeNode
{
	uint32_t parent, location;
	int64_t value;
} ScopeNode;

typedef struct ScopeReader
{
	const PpFormatOptions *options;
	const PpLimits *limits;
	const PpAlloc *alloc;
	PpArena *arena;
	PpBuilder *builder;
	PpJson doc;

	uint32_t *frames; /* location of each */
	uint32_t nframes, cap_frames;
	ScopeProfile *scopes;
	uint32_t nscopes, cap_scopes;
	int column[KINDS]; /* -1: no profile of that kind */
	int ncolumns;
	bool labelled;

	uint32_t *stack;
	uint32_t nstack, cap_stack;
	ScopeNode *nodes;
	uint32_t nnodes, cap_nodes;
	PpTable node_table;
	uint64_t seed;
} ScopeReader;

/* Room for one entry behind n. */
#define SCOPE_RESERVE(r, j, array, cap, n)                                                         \
	((n) < (cap) || ({                                                                             \
		 void *grown_ = scope_grow((r), (array), &(cap), sizeof(*(array)));                        \
		 if (grown_ != NULL)                                                                       \
			 (array) = grown_;                                                                     \
		 else                                                                                      \
			 scope_nomem(j);                                                                       \
		 grown_ != NULL;                                                                           \
	 }))

static inline bool
scope_is(PpBytes text, const char *cstr)
{
	return pp_bytes_eq(text, pp_bytes_cstr(cstr));
}

/* Where the value begins that comes. */
static inline size_t
scope_value_offset(PpJson *j)
{
	pp_json_peek(j);
	return pp_json_offset(j);
}

/* Done with a JSON reader: its error becomes that of all.  True to go on. */
extern bool scope_finish_json(ScopeReader *r, PpJson *j);
extern bool scope_nomem(PpJson *j);
/* The array with room for twice as many; NULL without memory. */
extern void *scope_grow(ScopeReader *r, void *array, uint32_t *cap, size_t size);
/* A number in a profile's unit, in that of the column. */
extern bool scope_read_value(PpJson *j, const ScopeProfile *scope, __int128 *value);
extern __int128 scope_rounded(__int128 value);

/* What is in a profile, to samples of the builder; true to go on. */
extern bool scope_read_samples(ScopeReader *r, const ScopeProfile *scope);
extern bool scope_read_events(ScopeReader *r, const ScopeProfile *scope);

#endif
