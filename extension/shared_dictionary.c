/*
 * shared_dictionary.c
 *		Which dictionary a service and day grow, and its next ids, in shared memory.
 *
 * Counters live as long as the server runs: whoever starts it begins other
 * dictionaries, so nothing has to be recovered, and no transaction that is
 * prepared or was lost can collide with what comes later.  Ids that a rolled back
 * transaction took are holes.
 *
 * Entries in use by a transaction are pinned; of the others the least recently
 * used gives way when the table is full, and its service begins another
 * dictionary.
 */
#include "postgres.h"

#include "lib/ilist.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/hsearch.h"

#include "compat.h"
#include "guc.h"
#include "shared_dictionary.h"

#define TRANCHE "pprof dictionaries"

/* Where a dictionary goes on. */
typedef struct Counters
{
	uint64 dict_id;
	uint32 next[PP_DICT_KINDS];
	int32 next_chunk;
} Counters;

struct SharedDictionary
{
	SharedKey key;
	Counters now, closed; /* closed: the one before, for those who still add to it */
	uint64 commits;		  /* to the present one */
	int32 pins;
	dlist_node unpinned; /* in the list while there are no pins */
};

typedef struct SharedDictionaries
{
	LWLock *lock;		 /* on all of it */
	dlist_head unpinned; /* least recently used first */
} SharedDictionaries;

static SharedDictionaries *shared = NULL;
static HTAB *entries = NULL;

static shmem_startup_hook_type next_startup_hook = NULL;

static void
request(void)
{
	RequestAddinShmemSpace(
		add_size(MAXALIGN(sizeof(SharedDictionaries)),
				 hash_estimate_size(pprof_shared_dictionaries, sizeof(SharedDictionary))));
	RequestNamedLWLockTranche(TRANCHE, 1);
}

static void
start(void)
{
	HASHCTL ctl = {.keysize = sizeof(SharedKey), .entrysize = sizeof(SharedDictionary)};
	bool found;

	if (next_startup_hook != NULL)
		next_startup_hook();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	shared = ShmemInitStruct("pprof shared dictionaries", sizeof(SharedDictionaries), &found);
	if (!found)
	{
		shared->lock = &GetNamedLWLockTranche(TRANCHE)->lock;
		dlist_init(&shared->unpinned);
	}
	entries = ShmemInitHash("pprof dictionary counters",
							pprof_shared_dictionaries,
							pprof_shared_dictionaries,
							&ctl,
							HASH_ELEM | HASH_BLOBS | HASH_FIXED_SIZE);
	LWLockRelease(AddinShmemInitLock);
}

void
shared_dictionaries_request(void)
{
	request_shmem_by(request);
	next_startup_hook = shmem_startup_hook;
	shmem_startup_hook = start;
}

bool
shared_dictionaries_ready(void)
{
	return shared != NULL;
}

/* Begin a dictionary: string 0 and node 0 are everybody's. */
static void
begin(SharedDictionary *entry, uint64 dict_id)
{
	memset(&entry->now, 0, sizeof(entry->now));
	entry->now.dict_id = dict_id;
	entry->now.next[PP_DICT_STRINGS] = entry->now.next[PP_DICT_NODES] = 1;
	entry->commits = 0;
}

/* A dictionary that does not end would not fit the sessions that write and read it. */
static void
close_large(SharedDictionary *entry, uint64 fresh)
{
	if (entry->now.next[PP_DICT_NODES] < (uint32) pprof_dictionary_nodes)
		return;
	entry->closed = entry->now;
	begin(entry, fresh);
}

/* A new entry; NULL if all that there is room for are in use. */
static SharedDictionary *
add(const SharedKey *key, uint64 dict_id)
{
	SharedDictionary *entry;

	if (hash_get_num_entries(entries) >= pprof_shared_dictionaries)
	{
		SharedDictionary *oldest;

		if (dlist_is_empty(&shared->unpinned))
			return NULL;
		oldest = dlist_container(SharedDictionary, unpinned, dlist_pop_head_node(&shared->unpinned));
		hash_search(entries, &oldest->key, HASH_REMOVE, NULL);
	}
	entry = hash_search(entries, key, HASH_ENTER_NULL, NULL);
	if (entry == NULL)
		return NULL;
	memset(&entry->closed, 0, sizeof(entry->closed));
	begin(entry, dict_id);
	entry->pins = 0;
	return entry;
}

SharedDictionary *
shared_dictionary_pin(const SharedKey *key, uint64 *dict_id, uint64 *commits)
{
	SharedDictionary *entry;
	uint64 fresh;

	if (!pg_strong_random(&fresh, sizeof(fresh)))
		ereport(ERROR, errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not generate random values"));
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	entry = hash_search(entries, key, HASH_FIND, NULL);
	if (entry != NULL && entry->pins == 0)
		dlist_delete(&entry->unpinned);
	if (entry == NULL)
		entry = add(key, fresh);
	else
		close_large(entry, fresh);
	if (entry != NULL)
	{
		entry->pins++;
		*dict_id = entry->now.dict_id;
		*commits = entry->commits;
	}
	LWLockRelease(shared->lock);
	if (entry == NULL)
		ereport(ERROR,
				errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				errmsg("too many dictionaries are written to at the same time"),
				errhint("Raise \"pprof.shared_dictionaries\" and restart the server."));
	return entry;
}

void
shared_dictionary_look(SharedDictionary *entry, uint64 *dict_id, uint64 *commits)
{
	LWLockAcquire(shared->lock, LW_SHARED);
	*dict_id = entry->now.dict_id;
	*commits = entry->commits;
	LWLockRelease(shared->lock);
}

void
shared_dictionary_reserve(SharedDictionary *entry, uint64 dict_id, const uint32 *n, uint32 *first,
						  int32 *number)
{
	Counters *counters;
	bool full = false;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	counters = entry->now.dict_id == dict_id	  ? &entry->now
			   : entry->closed.dict_id == dict_id ? &entry->closed
												  : NULL;
	if (counters != NULL)
	{
		for (int kind = 0; kind < PP_DICT_KINDS; kind++)
			full = full || n[kind] > INT32_MAX - counters->next[kind];
		for (int kind = 0; kind < PP_DICT_KINDS && !full; kind++)
		{
			first[kind] = counters->next[kind];
			counters->next[kind] += n[kind];
		}
		*number = full ? 0 : counters->next_chunk++;
	}
	LWLockRelease(shared->lock);
	if (counters == NULL)
		ereport(ERROR,
				errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				errmsg("dictionary " INT64_FORMAT " is no longer written to", (int64) dict_id),
				errhint("Do it again."));
	if (full)
		ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("dictionary is full"));
}

uint64
shared_dictionary_unpin(SharedDictionary *entry, bool published, uint64 dict_id)
{
	uint64 commits;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	if (published && entry->now.dict_id == dict_id)
		entry->commits++;
	commits = entry->commits;
	if (--entry->pins == 0)
		dlist_push_tail(&shared->unpinned, &entry->unpinned);
	LWLockRelease(shared->lock);
	return commits;
}

void
shared_dictionary_retire(SharedDictionary *entry, uint64 dict_id)
{
	uint64 fresh;

	if (!pg_strong_random(&fresh, sizeof(fresh)))
		ereport(ERROR, errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not generate random values"));
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	if (entry->now.dict_id == dict_id)
	{
		memset(&entry->closed, 0, sizeof(entry->closed));
		begin(entry, fresh);
	}
	else if (entry->closed.dict_id == dict_id)
		memset(&entry->closed, 0, sizeof(entry->closed));
	LWLockRelease(shared->lock);
}
