/*
 * dictionary_read.c
 *		Dictionaries for reading, least recently used ones dropped first.
 *
 * Their chunks never change, so what is cached stays right; only what this
 * transaction wrote itself and then rolled back must go.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "core_glue.h"
#include "guc.h"
#include "storage.h"

typedef struct ReaderDict
{
	uint64 dict_id;
	int64 service_id;
	DateADT day;
	MemoryContext context;
	PpDict *dict;
	int32 next_chunk;
	bool grew; /* in this transaction */
	uint64 used;
} ReaderDict;

static HTAB *readers = NULL;
static uint64 clock_now = 0;

static void
reader_drop(ReaderDict *reader)
{
	uint64 dict_id = reader->dict_id;

	if (reader->context != NULL)
		MemoryContextDelete(reader->context);
	hash_search(readers, &dict_id, HASH_REMOVE, NULL);
}

void
dictionary_read_forget(void)
{
	HASH_SEQ_STATUS scan;
	ReaderDict *reader;

	if (readers == NULL)
		return;
	hash_seq_init(&scan, readers);
	while ((reader = hash_seq_search(&scan)) != NULL)
		reader_drop(reader);
}

void
dictionary_read_at_end(bool commit, bool wrote)
{
	HASH_SEQ_STATUS scan;
	ReaderDict *reader;

	if (readers == NULL)
		return;
	hash_seq_init(&scan, readers);
	while ((reader = hash_seq_search(&scan)) != NULL)
	{
		if (reader->grew && wrote && !commit)
			reader_drop(reader);
		else if (commit)
			reader->grew = false;
	}
}

static void
no_dictionary(uint64 dict_id)
{
	ereport(ERROR,
			errcode(ERRCODE_UNDEFINED_OBJECT),
			errmsg("dictionary " INT64_FORMAT " does not exist", (int64) dict_id),
			errdetail("The samples are of another database or tenant, or older than what is kept."));
}

/* Whose the dictionary is.  The tenant is looked at every time: it is a setting. */
static void
find_owner(uint64 dict_id, int64 *service_id, DateADT *day)
{
	static StoragePlan find =
		{.sql = "SELECT d.service_id, d.day FROM pprof.dictionaries d "
				"JOIN pprof.services s USING (service_id) WHERE d.dict_id = $1 AND s.tenant = $2",
		 .nargs = 2,
		 .args = {INT8OID, TEXTOID}};
	Datum values[2] = {Int64GetDatum((int64) dict_id), PointerGetDatum(core_text(storage_tenant()))};

	/* what one stored oneself may lie in a dictionary newer than one's snapshot */
	if (storage_read_latest(&find, values, NULL, 1) == 0)
		no_dictionary(dict_id);
	*service_id = DatumGetInt64(storage_value(0, 1));
	*day = DatumGetDateADT(storage_value(0, 2));
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
	if (!found)
		memset((char *) reader + sizeof(uint64), 0, sizeof(ReaderDict) - sizeof(uint64));
	if (reader->dict == NULL)
	{
		if (reader->context == NULL)
			reader->context =
				AllocSetContextCreate(TopMemoryContext, "pprof dictionary", ALLOCSET_DEFAULT_SIZES);
		reader->dict = pp_dict_new(core_alloc_create(reader->context), false, 0);
		if (reader->dict == NULL)
			ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
	}
	reader->used = ++clock_now;
	return reader;
}

/* Make room: all but the one in use may go. */
static void
trim(const ReaderDict *keep)
{
	for (;;)
	{
		HASH_SEQ_STATUS scan;
		ReaderDict *reader, *oldest = NULL;
		size_t total = 0;

		hash_seq_init(&scan, readers);
		while ((reader = hash_seq_search(&scan)) != NULL)
		{
			total += reader->dict == NULL ? 0 : pp_dict_memory(reader->dict);
			if (reader != keep && (oldest == NULL || reader->used < oldest->used))
				oldest = reader;
		}
		if (oldest == NULL || total <= (size_t) pprof_reader_cache_size * 1024)
			return;
		reader_drop(oldest);
	}
}

const PpDict *
dictionary_for_reading(uint64 dict_id, uint32_t nstacks)
{
	ReaderDict *reader;
	int64 service_id;
	DateADT day;

	find_owner(dict_id, &service_id, &day);
	reader = reader_get(dict_id);
	if (pp_dict_count(reader->dict, PP_DICT_STACKS) < nstacks)
	{
		reader->grew = true;
		dictionary_load(reader->dict, service_id, day, dict_id, &reader->next_chunk);
		if (pp_dict_count(reader->dict, PP_DICT_STACKS) < nstacks)
			ereport(ERROR,
					errcode(ERRCODE_DATA_CORRUPTED),
					errmsg("dictionary " INT64_FORMAT " has %u stacks, but samples refer to stack %u",
						   (int64) dict_id,
						   pp_dict_count(reader->dict, PP_DICT_STACKS),
						   nstacks - 1));
		trim(reader);
	}
	return reader->dict;
}
