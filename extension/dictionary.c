/*
 * dictionary.c
 *		Dictionaries for writing.
 *
 * With shared memory any number of transactions add to the dictionary of a
 * service and day: what is new is interned behind what the session knows, gets
 * its ids from the shared counters when it is stored, and shows to others after
 * commit.  Two that meet the same stack at once give it two ids, which mean the
 * same.  Chunks of others are read when somebody else has committed some.
 *
 * Without shared memory writers stand in line: a transaction lock is held from
 * before the dictionary is brought up to date until the new chunk is committed,
 * and ids go on where the chunks end.  The two never continue each other's
 * dictionaries.
 *
 * A dictionary of pprof.dictionary_nodes nodes is not continued: the next one
 * begins with what is met again, but fits the caches of those who write and read.
 *
 * What a transaction touched is forgotten when it, or a part of it, is rolled
 * back or prepared.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "lib/ilist.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "core_glue.h"
#include "guc.h"
#include "locks.h"
#include "partition_plan.h"
#include "shared_dictionary.h"
#include "storage.h"

typedef struct WriterKey
{
	int64 service_id;
	int64 day;
} WriterKey;

struct WriterDict
{
	WriterKey key;
	DictOwner owner;
	MemoryContext context; /* of the dictionary; NULL: there is none */
	PpDict *dict;
	DictChunks chunks;
	size_t memory;	 /* as it counts in cached_memory */
	bool doubtful;	 /* the tables changed since it was used */
	bool ensured;	 /* its row is there */
	bool touched;	 /* by the running transaction */
	dlist_node used; /* in writers_used */
	slist_node next; /* in writers_touched */

	SharedDictionary *shared; /* pinned by the running transaction; NULL: the lock is ours */
	uint64 seen;			  /* commits of the shared entry, before chunks were read */
};

/* What the transaction pinned in shared memory. */
typedef struct Pin
{
	SharedDictionary *entry;
	bool wrote;
	uint64 dict_id; /* of what it wrote */
	uint64 commits; /* when it was unpinned */
} Pin;

static HTAB *writers = NULL;
static dlist_head writers_used = DLIST_STATIC_INIT(writers_used); /* least recently first */
static slist_head writers_touched = SLIST_STATIC_INIT(writers_touched);
static size_t cached_memory = 0;

static Pin *pins = NULL;
static int npins = 0, pins_cap = 0;
static bool wrote_chunks = false; /* in this transaction */

/* --- the cache --- */

static void
writer_empty(WriterDict *writer)
{
	if (writer->context != NULL)
		MemoryContextDelete(writer->context);
	cached_memory -= writer->memory;
	writer->memory = 0;
	writer->context = NULL;
	writer->dict = NULL;
	memset(&writer->chunks, 0, sizeof(writer->chunks));
	writer->ensured = writer->doubtful = false;
	writer->seen = 0;
}

/* Not one that is touched: it is in another list as well. */
static void
writer_drop(WriterDict *writer)
{
	WriterKey key = writer->key;

	writer_empty(writer);
	dlist_delete(&writer->used);
	hash_search(writers, &key, HASH_REMOVE, NULL);
}

static void
random_bytes(void *out, size_t len)
{
	if (!pg_strong_random(out, len))
		ereport(ERROR, errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not generate random values"));
}

static void
writer_make(WriterDict *writer)
{
	uint64 seed;

	writer_empty(writer);
	writer->context =
		AllocSetContextCreate(TopMemoryContext, "pprof dictionary", ALLOCSET_DEFAULT_SIZES);
	random_bytes(&seed, sizeof(seed));
	writer->dict = pp_dict_new(core_alloc_create(writer->context), true, seed);
	if (writer->dict == NULL)
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
}

static WriterDict *
writer_get(int64 service_id, DateADT day)
{
	WriterKey key = {service_id, day};
	WriterDict *writer;
	bool found;

	if (writers == NULL)
	{
		HASHCTL ctl = {.keysize = sizeof(WriterKey),
					   .entrysize = sizeof(WriterDict),
					   .hcxt = TopMemoryContext};

		writers = hash_create("pprof dictionaries", 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	writer = hash_search(writers, &key, HASH_ENTER, &found);
	if (found)
		dlist_delete(&writer->used);
	else
	{
		memset((char *) writer + sizeof(WriterKey), 0, sizeof(WriterDict) - sizeof(WriterKey));
		writer->owner =
			(DictOwner){.family = DICTIONARY_OF_DAY, .service_id = service_id, .begins = day};
	}
	dlist_push_tail(&writers_used, &writer->used);
	if (!writer->touched)
	{
		slist_push_head(&writers_touched, &writer->next);
		writer->touched = true;
		writer->shared = NULL;
	}
	return writer;
}

/* The writer is that of this dictionary, or an empty one. */
static void
writer_be(WriterDict *writer, uint64 dict_id)
{
	if (writer->dict != NULL && writer->owner.dict_id == dict_id)
		return;
	writer->owner.dict_id = dict_id;
	writer_make(writer);
}

/* Read chunks; one that refers to what was given up as lost makes it begin anew. */
static void
writer_load(WriterDict *writer)
{
	PpError err;
	bool ensured = writer->ensured;

	if (dictionary_load(writer->dict, &writer->owner, &writer->chunks, &err) == PP_OK)
		return;
	if (err.code != PP_EMALFORMED)
		dictionary_load_failed(&writer->owner, &writer->chunks, &err);
	writer_make(writer);
	dictionary_load_all(writer->dict, &writer->owner, &writer->chunks);
	writer->ensured = ensured;
}

/* --- rows of dictionaries --- */

static void
add_row(const DictOwner *owner, bool shared)
{
	/* the newest is the one that was begun last, whenever its transaction began */
	static StoragePlan add = {.sql = "INSERT INTO pprof.dictionaries (service_id, day, dict_id, shared, created) "
									 "VALUES ($1, $2, $3, $4, pg_catalog.clock_timestamp())",
							  .nargs = 4,
							  .args = {INT8OID, DATEOID, INT8OID, BOOLOID}};
	Datum values[4] = {Int64GetDatum(owner->service_id),
					   DateADTGetDatum(owner->begins),
					   Int64GetDatum((int64) owner->dict_id),
					   BoolGetDatum(shared)};

	storage_run(&add, values, NULL);
}

static bool
row_exists(const DictOwner *owner)
{
	static StoragePlan find = {.sql = "SELECT 1 FROM pprof.dictionaries WHERE service_id = $1 "
									  "AND day = $2 AND dict_id = $3",
							   .nargs = 3,
							   .args = {INT8OID, DATEOID, INT8OID}};
	Datum values[3] = {Int64GetDatum(owner->service_id),
					   DateADTGetDatum(owner->begins),
					   Int64GetDatum((int64) owner->dict_id)};

	return storage_read_latest(&find, values, NULL, 1) > 0;
}

/*
 * Whoever comes first makes the row; the others wait until it has committed, and
 * make it if it has not.  A lock, as an insert that waits is an error to a
 * transaction whose snapshot is older than the row.  False if there was a row
 * once: somebody removed the dictionary.
 */
static bool
ensure_row(WriterDict *writer, bool was_there)
{
	if (writer->ensured && !writer->doubtful)
		return true;
	if (!row_exists(&writer->owner))
	{
		if (was_there || writer->ensured)
			return false;
		lock_dictionary(writer->owner.dict_id);
		if (!row_exists(&writer->owner))
			add_row(&writer->owner, true);
	}
	writer->ensured = true;
	return true;
}

/* A new dictionary that is continued under the lock. */
static uint64
add_unshared(const DictOwner *owner)
{
	DictOwner fresh = *owner;

	random_bytes(&fresh.dict_id, sizeof(fresh.dict_id));
	add_row(&fresh, false);
	return fresh.dict_id;
}

/* The dictionary that is continued under the lock: the newest, or a new one. */
static uint64
find_or_add(const DictOwner *owner)
{
	static StoragePlan find = {.sql =
								   "SELECT dict_id FROM pprof.dictionaries WHERE service_id = $1 "
								   "AND day = $2 AND NOT shared ORDER BY created DESC, dict_id LIMIT 1",
							   .nargs = 2,
							   .args = {INT8OID, DATEOID}};
	Datum values[2] = {Int64GetDatum(owner->service_id), DateADTGetDatum(owner->begins)};

	if (storage_read_latest(&find, values, NULL, 1) > 0)
		return (uint64) DatumGetInt64(storage_value(0, 1));
	return add_unshared(owner);
}

/* --- writing in line --- */

/* The lock is held: what is committed now is all, and all of it is needed. */
static WriterDict *
write_alone(WriterDict *writer)
{
	if (writer->dict == NULL || writer->doubtful)
		writer_be(writer, find_or_add(&writer->owner));
	writer->doubtful = false;
	writer_load(writer);
	while (pp_dict_count(writer->dict, PP_DICT_NODES) >= (uint32) pprof_dictionary_nodes)
	{
		/* another session may have begun the next one */
		uint64 newest = find_or_add(&writer->owner);

		writer_be(writer, newest != writer->owner.dict_id ? newest : add_unshared(&writer->owner));
		writer_load(writer);
	}
	return writer;
}

/* --- writing side by side --- */

/* The partition of the chunks; false if there is none. */
static bool
shared_key(int64 service_id, DateADT day, SharedKey *key)
{
	char *name = partition_name("chunks", day, false);
	HeapTuple tuple;

	memset(key, 0, sizeof(*key));
	key->database = MyDatabaseId;
	key->service_id = service_id;
	key->relation = get_relname_relid(name, get_namespace_oid("pprof", false));
	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(key->relation));
	if (!HeapTupleIsValid(tuple))
		return false;
	key->file = ((Form_pg_class) GETSTRUCT(tuple))->relfilenode;
	ReleaseSysCache(tuple);
	return true;
}

/* Pin the entry of a writer once per transaction. */
static void
pin_shared(WriterDict *writer, uint64 *dict_id, uint64 *commits)
{
	SharedKey key;

	if (!shared_key(writer->key.service_id, (DateADT) writer->key.day, &key))
		elog(ERROR, "day of a profile has no partition");
	if (npins == pins_cap)
	{
		int cap = pins_cap * 2 + 16;

		pins = pins == NULL ? MemoryContextAlloc(TopMemoryContext, cap * sizeof(Pin))
							: repalloc(pins, cap * sizeof(Pin));
		pins_cap = cap;
	}
	writer->shared = shared_dictionary_pin(&key, dict_id, commits);
	for (int i = 0; i < npins; i++)
		if (pins[i].entry == writer->shared)
		{
			/* pinned before, by a writer that the cache dropped, or this one */
			(void) shared_dictionary_unpin(writer->shared, false, 0);
			return;
		}
	pins[npins++] = (Pin){.entry = writer->shared};
}

static WriterDict *
write_shared(WriterDict *writer)
{
	uint64 dict_id, commits;

	pin_shared(writer, &dict_id, &commits);
	writer_be(writer, dict_id);
	while (!ensure_row(writer, commits > 0))
	{
		shared_dictionary_retire(writer->shared, dict_id);
		shared_dictionary_look(writer->shared, &dict_id, &commits);
		writer_be(writer, dict_id);
	}
	writer->doubtful = false;
	/* commits were counted first: what comes in between is read again next time */
	if (writer->seen != commits)
		writer_load(writer);
	writer->seen = commits;
	return writer;
}

void
dictionary_lock(int64 service_id, DateADT day)
{
	lock_day(service_id, day, shared_dictionaries_ready() ? LOCK_TO_STORE : LOCK_TO_DESTROY);
}

WriterDict *
dictionary_for_writing(int64 service_id, DateADT day)
{
	WriterDict *writer = writer_get(service_id, day);

	return shared_dictionaries_ready() ? write_shared(writer) : write_alone(writer);
}

PpDict *
dictionary_get(WriterDict *writer)
{
	return writer->dict;
}

uint64
dictionary_id(WriterDict *writer)
{
	return writer->owner.dict_id;
}

/* Ids for what is new, and the number of its chunk. */
static DictShift
take_ids(WriterDict *writer, const uint32 *n, int32 *number)
{
	uint32 first[PP_DICT_KINDS];
	DictShift shift;
	PpError err;

	*number = writer->chunks.next;
	if (writer->shared == NULL)
		return (DictShift){PP_NONE, 0};
	shared_dictionary_reserve(writer->shared, writer->owner.dict_id, n, first, number);
	CORE_CHECK(pp_dict_rebase(writer->dict, first, &shift.from, &shift.by, &err), &err);
	for (int i = 0; i < npins; i++)
		if (pins[i].entry == writer->shared)
		{
			pins[i].wrote = true;
			pins[i].dict_id = writer->owner.dict_id;
		}
	return shift;
}

DictShift
dictionary_flush(WriterDict *writer)
{
	uint32 n[PP_DICT_KINDS];
	DictShift shift;
	int32 number;
	uint8_t *data;
	size_t len;
	PpError err;

	if (!pp_dict_pending(writer->dict, n))
		return (DictShift){PP_NONE, 0};
	shift = take_ids(writer, n, &number);
	CORE_CHECK(pp_dict_chunk(writer->dict, core_alloc_create(CurrentMemoryContext), &data, &len, &err),
			   &err);
	wrote_chunks = true;
	dictionary_append(&writer->owner, number, number, data, len);
	pfree(data);
	dictionary_loaded(&writer->chunks, number, number);
	return shift;
}

/* --- the end of transactions, and of caches --- */

void
dictionary_check_later(void)
{
	dlist_iter iter;

	dlist_foreach (iter, &writers_used)
		dlist_container(WriterDict, used, iter.cur)->doubtful = true;
}

/* What the transaction touched is dropped when it ends. */
static void
writer_let_go(WriterDict *writer)
{
	if (writer->touched)
		writer_empty(writer);
	else
		writer_drop(writer);
}

void
dictionary_forget(void)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &writers_used)
		writer_let_go(dlist_container(WriterDict, used, iter.cur));
}

/* The commit of this transaction is none of others. */
static void
count_own_commit(WriterDict *writer)
{
	for (int i = 0; i < npins; i++)
		if (pins[i].entry == writer->shared && pins[i].wrote && writer->seen + 1 == pins[i].commits)
			writer->seen++;
}

static void
untouch(bool keep)
{
	while (!slist_is_empty(&writers_touched))
	{
		WriterDict *writer = slist_container(WriterDict, next, slist_pop_head_node(&writers_touched));

		writer->touched = false;
		if (writer->shared != NULL)
			count_own_commit(writer);
		writer->shared = NULL;
		if (!keep || writer->dict == NULL)
			writer_drop(writer);
	}
}

void
dictionary_at_end(bool commit)
{
	dictionary_read_at_end(commit, wrote_chunks);
	wrote_chunks = false;
	for (int i = 0; i < npins; i++)
		pins[i].commits =
			shared_dictionary_unpin(pins[i].entry, commit && pins[i].wrote, pins[i].dict_id);
	untouch(commit);
	npins = 0;
}

void
dictionary_at_subabort(void)
{
	dictionary_read_at_end(false, wrote_chunks);
	untouch(false);
}

/* Writers that were touched may have grown. */
static void
measure_touched(void)
{
	slist_iter iter;

	slist_foreach (iter, &writers_touched)
	{
		WriterDict *writer = slist_container(WriterDict, next, iter.cur);
		size_t memory =
			writer->context == NULL ? 0 : MemoryContextMemAllocated(writer->context, true);

		cached_memory += memory - writer->memory;
		writer->memory = memory;
	}
}

void
dictionary_trim(void)
{
	dlist_mutable_iter iter;

	measure_touched();
	dlist_foreach_modify(iter, &writers_used)
	{
		WriterDict *writer = dlist_container(WriterDict, used, iter.cur);

		if (cached_memory <= (size_t) pprof_writer_cache_size * 1024)
			return;
		writer_let_go(writer);
	}
}
