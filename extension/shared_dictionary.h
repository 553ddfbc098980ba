/*
 * shared_dictionary.h
 *		Which dictionary a service and day grow, and its next ids, in shared memory.
 */
#ifndef SHARED_DICTIONARY_H
#define SHARED_DICTIONARY_H

#include "postgres.h"

#include "core/pp_dict.h"

typedef struct SharedDictionary SharedDictionary;

/* Compared bytewise: zero it first. */
typedef struct SharedKey
{
	Oid database;
	Oid relation; /* partition of pprof.chunks */
	Oid file;	  /* and where it is stored: another after TRUNCATE */
	int64 service_id;
} SharedKey;

/* While shared_preload_libraries are loaded: ask for the memory. */
extern void shared_dictionaries_request(void);
/* Is the memory there? */
extern bool shared_dictionaries_ready(void);

/*
 * The entry of the key, made if missing; it stays until it is unpinned.
 * *commits counts the transactions that added chunks.  One that has grown to
 * pprof.dictionary_nodes is closed first, and another begun: who is still adding
 * to the closed one may do so.
 */
extern SharedDictionary *shared_dictionary_pin(const SharedKey *key, uint64 *dict_id,
											   uint64 *commits);
/* Take n[] ids of the dictionary, and a chunk number. */
extern void shared_dictionary_reserve(SharedDictionary *entry, uint64 dict_id, const uint32 *n,
									  uint32 *first, int32 *number);
/* published: chunks of dict_id are committed.  Gives the number of commits with this one. */
extern uint64 shared_dictionary_unpin(SharedDictionary *entry, bool published, uint64 dict_id);
/* If it is still that dictionary, begin another. */
extern void shared_dictionary_retire(SharedDictionary *entry, uint64 dict_id);
/* Which dictionary it is, and its commits. */
extern void shared_dictionary_look(SharedDictionary *entry, uint64 *dict_id, uint64 *commits);

#endif
