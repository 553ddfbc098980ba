/*
 * pp_dict.h
 *		The dictionary of one service and day: strings, functions, mappings,
 *		locations, call-tree nodes and stacks, as append-only chunks.
 *
 * Every kind of entry has dense 32-bit ids in order of arrival, from 0; entry
 * 0 of strings is "", node 0 is the root of all stacks.  A node is (parent node,
 * location); a stack is its leaf node.  A chunk says for each kind where its ids
 * start and how many follow: two that overlap are a mistake.  Ids that no chunk
 * has are holes: several writers take ranges of ids, some are still under way,
 * and some were rolled back.  A chunk refers to itself and to what its writer
 * knew, so chunks fit in any order in which that is kept.  Two entries may say
 * the same; either will do.
 *
 * Reading builds arrays only.  Writing adds a hash of the whole stack (64 bits,
 * seeded) beside a 32-bit check, so that a known stack costs one look-up;
 * the tree is walked only for a new one.
 */
#ifndef PP_DICT_H
#define PP_DICT_H

#include "core/pp_profile.h"
#include "core/pp_samples.h"
#include "core/pp_tree.h"

#define PP_CHUNK_VERSION  1
#define PP_CHUNKS_VERSION 2

typedef enum PpDictKind
{
	PP_DICT_STRINGS,
	PP_DICT_FUNCTIONS,
	PP_DICT_MAPPINGS,
	PP_DICT_LOCATIONS,
	PP_DICT_NODES,
	PP_DICT_STACKS,
	PP_DICT_KINDS
} PpDictKind;

typedef struct PpChunkHeader
{
	uint32_t version;
	uint32_t first[PP_DICT_KINDS]; /* id of the first entry of each kind */
	uint32_t count[PP_DICT_KINDS];
} PpChunkHeader;

typedef struct PpDict PpDict;

/* An empty dictionary.  A writer also keeps the hashes; seed is kept secret. */
extern PpDict *pp_dict_new(const PpAlloc *alloc, bool writer, uint64_t seed);
/*
 * An empty dictionary for reading has had one writer at a time: no node of it comes
 * twice.  Those of function paths then load without a look-up per node.
 */
extern void pp_dict_expect_distinct(PpDict *dict);
extern void pp_dict_free(PpDict *dict);
extern size_t pp_dict_memory(const PpDict *dict);
/* The end of the ids, holes included. */
extern uint32_t pp_dict_count(const PpDict *dict, PpDictKind kind);
extern uint32_t pp_dict_holes(const PpDict *dict, PpDictKind kind);

extern PpCode pp_chunk_header(const uint8_t *data, size_t len, PpChunkHeader *header, PpError *err);

/*
 * Take in a chunk; PP_EMALFORMED if it has an id that is known, or refers to one
 * that is not.  A failure leaves the dictionary as it was.
 */
extern PpCode pp_dict_load(PpDict *dict, const uint8_t *data, size_t len, PpError *err);

/*
 * Find or add the stack of every sample of a profile.  stacks[i] is the id for
 * sample i.  What is new waits in the dictionary until pp_dict_chunk.
 * Addresses, start, limit and offset are stored as 0 where the mapping of a
 * location says that it has functions (the names are final then).
 */
extern PpCode pp_dict_intern(PpDict *dict, const PpProfile *profile, uint32_t *stacks, PpError *err);

/* How many distinct stacks pp_dict_intern would add for a profile. */
extern PpCode pp_dict_new_stacks(const PpDict *dict, const PpProfile *profile, uint32_t *n,
								 PpError *err);

/* How many entries of each kind came since the last chunk; false: none at all. */
extern bool pp_dict_pending(const PpDict *dict, uint32_t *n);

/*
 * What came since the last chunk gets the ids from first[] on, which others may
 * have taken in between; a kind of which nothing came stays as it is.  Costs
 * nothing if first[] is where the ids are.  Stacks of *moved and above, as
 * pp_dict_intern gave them, are now *by higher.  After a failure the dictionary
 * can only be freed.
 */
extern PpCode pp_dict_rebase(PpDict *dict, const uint32_t *first, uint32_t *moved, uint32_t *by,
							 PpError *err);

/* Bytes of what came since the last chunk (len 0 if nothing did), from alloc. */
extern PpCode pp_dict_chunk(PpDict *dict, const PpAlloc *alloc, uint8_t **out, size_t *out_len,
							PpError *err);
/* Forget what came since the last chunk (the transaction was rolled back). */
extern void pp_dict_forget(PpDict *dict);
/* Are all stacks of the part known? */
extern bool pp_dict_knows(const PpDict *dict, const PpSamplesPart *part);

/* Line-level samples of a part as a profile with one sample type, for the cast to profile. */
extern PpCode pp_dict_resolve(const PpDict *dict, const PpSamplesPart *part, PpBytes type,
							  PpBytes unit, PpArena *arena, PpProfile **profile, PpError *err);

/*
 * Add a part to a tree by function names: an array scatter over the
 * function-level nodes that loading built (inlined frames included).  Readers
 * only (PP_EINVALID).  PP_EMALFORMED for a stack the dictionary does not know.
 */
extern PpCode pp_dict_scatter(const PpDict *dict, const PpSamplesPart *part, PpTree *tree,
							  PpError *err);

/* Everything that entries refer to exists; loading sees to it, this is for pprof.check(). */
extern PpCode pp_dict_verify(const PpDict *dict, PpError *err);

/* --- rows of several chunks (pp_dict_rows.c) --- */

/* A walk over the chunks of a row: a chunk alone, or several with their numbers. */
typedef struct PpChunkWalk
{
	const uint8_t *p, *end;
	uint32_t left;	 /* chunks to come */
	uint32_t number; /* of the one before; of a chunk alone: its own */
	bool alone;
} PpChunkWalk;

/* alone_no: the number of the chunk, should the row be one chunk alone. */
extern PpCode pp_chunks_open(PpChunkWalk *walk, const uint8_t *data, size_t len, uint32_t alone_no,
							 PpError *err);
/* The next chunk: *data is NULL after the last.  Numbers ascend. */
extern PpCode pp_chunks_next(PpChunkWalk *walk, uint32_t *number, const uint8_t **data, size_t *len,
							 PpError *err);

typedef struct PpChunkRow
{
	uint32_t number;
	const uint8_t *data;
	size_t len;
} PpChunkRow;

/* One row of several chunks, whose numbers ascend. */
extern PpCode pp_chunks_pack(const PpChunkRow *chunks, uint32_t n, const PpAlloc *alloc,
							 uint8_t **out, size_t *out_len, PpError *err);

#endif
