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

/* Where the chunks of a dictionary are. */
typedef struct DictPlace
{
	DictFamily family;
	int64 service_id;
	DateADT since; /* its day, or the first of its month */
} DictPlace;

/*
 * The service must be the one given, or of the tenant, which is looked at every
 * time: it is a setting.
 */
static DictPlace
find_place(uint64 dict_id, const int64 *service_id)
{
	static StoragePlan find =
		{.sql =
			 "SELECT d.family, d.service_id, d.since FROM "
			 "(SELECT 0 AS family, service_id, day AS since FROM pprof.dictionaries WHERE dict_id = $1 "
			 "UNION ALL SELECT 1, service_id, month FROM pprof.path_dictionaries WHERE dict_id = $1) d "
			 "JOIN pprof.services s USING (service_id) "
			 "WHERE s.tenant = $2 OR s.service_id = $3 ORDER BY 1",
		 .nargs = 3,
		 .args = {INT8OID, TEXTOID, INT8OID}};
	Datum values[3] = {Int64GetDatum((int64) dict_id), 0, 0};
	DictPlace place;

	if (service_id == NULL)
		values[1] = PointerGetDatum(core_text(storage_tenant()));
	else
		values[2] = Int64GetDatum(*service_id);
	/* what one stored oneself may lie in a dictionary newer than one's snapshot */
	if (storage_read_latest(&find, values, service_id == NULL ? "  n" : " n ", 1) == 0)
		no_dictionary(dict_id);
	place.family = DatumGetInt32(storage_value(0, 1)) == 0 ? DICTIONARY_OF_DAY : DICTIONARY_OF_PATHS;
	place.service_id = DatumGetInt64(storage_value(0, 2));
	place.since = DatumGetDateADT(storage_value(0, 3));
	SPI_freetuptable(SPI_tuptable);
	return place;
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

static const PpDict *
read_dictionary(uint64 dict_id, const DictPlace *place, uint32 nstacks)
{
	ReaderDict *reader = reader_get(dict_id);

	if (pp_dict_count(reader->dict, PP_DICT_STACKS) < nstacks)
	{
		reader->grew = true;
		dictionary_load(reader->dict,
						place->family,
						place->service_id,
						place->since,
						dict_id,
						&reader->next_chunk);
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

const PpDict *
dictionary_for_reading(uint64 dict_id, uint32 nstacks)
{
	DictPlace place = find_place(dict_id, NULL);

	return read_dictionary(dict_id, &place, nstacks);
}

const PpDict *
dictionary_of_service(uint64 dict_id, int64 service_id, uint32 nstacks)
{
	DictPlace place = find_place(dict_id, &service_id);

	return read_dictionary(dict_id, &place, nstacks);
}
