/*
 * dictionary_read.c
 *		Dictionaries for reading, least recently used ones dropped first.
 *
 * An id never changes its meaning, so what is cached stays right; only what this
 * transaction wrote itself and then rolled back must go.  A stack that is not
 * known stands in a chunk that is new, or in one that was given up as lost: then
 * all are read again.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "lib/ilist.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "core_glue.h"
#include "guc.h"
#include "storage.h"

typedef struct ReaderDict
{
	uint64 dict_id;
	DictOwner owner;
	char *tenant; /* that may read it, as of the last look; NULL: look */
	MemoryContext context;
	PpDict *dict;
	DictChunks chunks;
	size_t memory; /* as it counts in cached_memory */
	bool grew;	   /* in this transaction */
	dlist_node used;
} ReaderDict;

static HTAB *readers = NULL;
static dlist_head readers_used = DLIST_STATIC_INIT(readers_used); /* least recently first */
static size_t cached_memory = 0;
static bool any_grew = false;

static void
reader_empty(ReaderDict *reader)
{
	cached_memory -= reader->memory;
	reader->memory = 0;
	if (reader->context != NULL)
		MemoryContextDelete(reader->context);
	reader->context = NULL;
	reader->dict = NULL;
	reader->tenant = NULL;
}

static void
reader_drop(ReaderDict *reader)
{
	uint64 dict_id = reader->dict_id;

	reader_empty(reader);
	dlist_delete(&reader->used);
	hash_search(readers, &dict_id, HASH_REMOVE, NULL);
}

void
dictionary_read_forget(void)
{
	while (!dlist_is_empty(&readers_used))
		reader_drop(dlist_container(ReaderDict, used, dlist_head_node(&readers_used)));
}

/* Services may be gone, or renamed. */
void
dictionary_read_check_later(void)
{
	dlist_iter iter;

	dlist_foreach (iter, &readers_used)
		dlist_container(ReaderDict, used, iter.cur)->tenant = NULL;
}

/* Make room: all but the one in use may go. */
static void
trim(const ReaderDict *keep)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &readers_used)
	{
		ReaderDict *reader = dlist_container(ReaderDict, used, iter.cur);

		if (cached_memory <= (size_t) pprof_reader_cache_size * 1024)
			return;
		if (reader != keep)
			reader_drop(reader);
	}
}

void
dictionary_read_at_end(bool commit, bool wrote)
{
	dlist_mutable_iter iter;

	if (any_grew)
		dlist_foreach_modify(iter, &readers_used)
		{
			ReaderDict *reader = dlist_container(ReaderDict, used, iter.cur);

			if (reader->dict == NULL || (reader->grew && wrote && !commit))
				reader_drop(reader);
			else
				reader->grew = false;
		}
	any_grew = false;
	trim(NULL);
}

static void
no_dictionary(uint64 dict_id)
{
	ereport(ERROR,
			errcode(ERRCODE_UNDEFINED_OBJECT),
			errmsg("dictionary " INT64_FORMAT " does not exist", (int64) dict_id),
			errdetail("The samples are of another database or tenant, or older than what is kept."));
}

/* Whose the dictionary is; raises if it is neither the service's, if one is given, nor the tenant's. */
static void
find_owner(uint64 dict_id, const int64 *service_id, DictOwner *owner)
{
	static StoragePlan find =
		{.sql =
			 "SELECT d.family, d.service_id, d.begins FROM "
			 "(SELECT 0 AS family, service_id, day AS begins FROM pprof.dictionaries WHERE dict_id = $1 "
			 "UNION ALL SELECT 1, service_id, month FROM pprof.path_dictionaries WHERE dict_id = $1) d "
			 "JOIN pprof.services s USING (service_id) "
			 "WHERE s.tenant = $2 OR s.service_id = $3 ORDER BY 1",
		 .nargs = 3,
		 .args = {INT8OID, TEXTOID, INT8OID}};
	Datum values[3] = {Int64GetDatum((int64) dict_id), 0, 0};
	const char *nulls = service_id == NULL ? "  n" : " n ";
	bool gone = false;

	if (service_id == NULL)
		values[1] = PointerGetDatum(core_text(storage_tenant()));
	else
		values[2] = Int64GetDatum(*service_id);
	/*
	 * What one stored oneself may lie in a dictionary newer than one's snapshot, and
	 * what one reads in one that maintenance has replaced since.
	 */
	if (storage_read_latest(&find, values, nulls, 1) == 0)
	{
		gone = true;
		if (storage_read(&find, values, nulls, 1) == 0)
			no_dictionary(dict_id);
	}
	*owner = (DictOwner){.family = DatumGetInt32(storage_value(0, 1)) == 0 ? DICTIONARY_OF_DAY
																		   : DICTIONARY_OF_PATHS,
						 .service_id = DatumGetInt64(storage_value(0, 2)),
						 .begins = DatumGetDateADT(storage_value(0, 3)),
						 .dict_id = dict_id,
						 .gone = gone};
	SPI_freetuptable(SPI_tuptable);
}

static ReaderDict *
reader_get(uint64 dict_id)
{
	ReaderDict *reader;
	bool found;

	if (readers == NULL)
	{
		HASHCTL ctl = {.keysize = sizeof(uint64),
					   .entrysize = sizeof(ReaderDict),
					   .hcxt = TopMemoryContext};

		readers =
			hash_create("pprof read dictionaries", 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	reader = hash_search(readers, &dict_id, HASH_ENTER, &found);
	if (found)
		dlist_delete(&reader->used);
	else
		memset((char *) reader + sizeof(uint64), 0, sizeof(ReaderDict) - sizeof(uint64));
	dlist_push_tail(&readers_used, &reader->used);
	return reader;
}

/* The tenant is a setting, so it is compared every time. */
static void
check_owner(ReaderDict *reader, const int64 *service_id)
{
	if (service_id != NULL && reader->owner.service_id == *service_id && reader->owner.dict_id != 0)
		return;
	if (service_id == NULL && reader->tenant != NULL && strcmp(reader->tenant, pprof_tenant) == 0)
		return;
	any_grew = true; /* what does not exist is not kept */
	find_owner(reader->dict_id, service_id, &reader->owner);
	if (reader->context == NULL)
		reader->context =
			AllocSetContextCreate(TopMemoryContext, "pprof dictionary", ALLOCSET_DEFAULT_SIZES);
	reader->tenant = service_id == NULL ? MemoryContextStrdup(reader->context, pprof_tenant) : NULL;
}

static void
load_from_the_beginning(ReaderDict *reader)
{
	cached_memory -= reader->memory;
	reader->memory = 0;
	MemoryContextReset(reader->context);
	reader->tenant = NULL;
	reader->dict = NULL;
	reader->dict = pp_dict_new(core_alloc_create(reader->context), false, 0);
	if (reader->dict == NULL)
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
	if (reader->owner.family == DICTIONARY_OF_PATHS)
		pp_dict_expect_distinct(reader->dict);
	dictionary_load_all(reader->dict, &reader->owner, &reader->chunks);
}

/* Load what is new, and everything if that is not enough. */
static void
learn(ReaderDict *reader, const PpSamplesPart *part)
{
	PpError err;
	PpCode code = PP_EMALFORMED;

	reader->grew = any_grew = true;
	if (reader->dict != NULL)
	{
		code = dictionary_load(reader->dict, &reader->owner, &reader->chunks, &err);
		if (code != PP_OK && code != PP_EMALFORMED)
			dictionary_load_failed(&reader->owner, &reader->chunks, &err);
	}
	if (code != PP_OK || !pp_dict_knows(reader->dict, part))
		load_from_the_beginning(reader);
}

static uint32
unknown_stack(const PpDict *dict, const PpSamplesPart *part)
{
	for (uint32 i = 0; i < part->n; i++)
	{
		PpSamplesPart one = {.n = 1, .entries = &part->entries[i]};

		if (!pp_dict_knows(dict, &one))
			return part->entries[i].stack;
	}
	return 0;
}

static const PpDict *
read_dictionary(const PpSamplesPart *part, const int64 *service_id)
{
	ReaderDict *reader = reader_get(part->dict_id);
	size_t memory;

	check_owner(reader, service_id);
	if (reader->dict != NULL && pp_dict_knows(reader->dict, part))
		return reader->dict;
	learn(reader, part);
	memory = MemoryContextMemAllocated(reader->context, true);
	cached_memory += memory - reader->memory;
	reader->memory = memory;
	if (!pp_dict_knows(reader->dict, part))
		ereport(ERROR,
				errcode(ERRCODE_DATA_CORRUPTED),
				errmsg("samples refer to stack %u, which dictionary " INT64_FORMAT " does not have",
					   unknown_stack(reader->dict, part),
					   (int64) part->dict_id));
	trim(reader);
	return reader->dict;
}

const PpDict *
dictionary_for_reading(const PpSamplesPart *part)
{
	return read_dictionary(part, NULL);
}

const PpDict *
dictionary_of_service(const PpSamplesPart *part, int64 service_id)
{
	return read_dictionary(part, &service_id);
}
