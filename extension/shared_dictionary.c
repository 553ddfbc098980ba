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

struct SharedDictionary
{
	SharedKey key;
	uint64 dict_id;
	uint64 commits;
	uint32 next[PP_DICT_KINDS];
	int32 next_chunk;
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
	entry->dict_id = dict_id;
	entry->commits = 0;
	memset(entry->next, 0, sizeof(entry->next));
	entry->next[PP_DICT_STRINGS] = entry->next[PP_DICT_NODES] = 1;
	entry->next_chunk = 0;
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
	begin(entry, dict_id);
	entry->pins = 0;
	return entry;
}

SharedDictionary *
shared_dictionary_pin(const SharedKey *key, uint64 *dict_id, uint64 *commits)
{
	SharedDictionary *entry;
	uint64 fresh;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	entry = hash_search(entries, key, HASH_FIND, NULL);
	if (entry != NULL && entry->pins == 0)
		dlist_delete(&entry->unpinned);
	if (entry == NULL)
	{
		if (!pg_strong_random(&fresh, sizeof(fresh)))
		{
			LWLockRelease(shared->lock);
			ereport(ERROR,
					errcode(ERRCODE_INTERNAL_ERROR),
					errmsg("could not generate random values"));
		}
		entry = add(key, fresh);
	}
	if (entry != NULL)
	{
		entry->pins++;
		*dict_id = entry->dict_id;
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
	*dict_id = entry->dict_id;
	*commits = entry->commits;
	LWLockRelease(shared->lock);
}

void
shared_dictionary_reserve(SharedDictionary *entry, uint64 dict_id, const uint32 *n, uint32 *first,
						  int32 *number)
{
	bool full = false, other;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	other = entry->dict_id != dict_id;
	for (int kind = 0; kind < PP_DICT_KINDS; kind++)
		full = full || n[kind] > INT32_MAX - entry->next[kind];
	for (int kind = 0; kind < PP_DICT_KINDS && !full && !other; kind++)
	{
		first[kind] = entry->next[kind];
		entry->next[kind] += n[kind];
	}
	*number = full || other ? 0 : entry->next_chunk++;
	LWLockRelease(shared->lock);
	if (other)
		elog(ERROR, "dictionary " INT64_FORMAT " is no longer written to", (int64) dict_id);
	if (full)
		ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("dictionary is full"));
}

uint64
shared_dictionary_unpin(SharedDictionary *entry, bool published)
{
	uint64 commits;

	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	if (published)
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
	if (entry->dict_id == dict_id)
		begin(entry, fresh);
	LWLockRelease(shared->lock);
}
