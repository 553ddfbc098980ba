/*
 * dictionary.c
 *		Dictionaries for writing.
 *
 * Writers of one service and day stand in line: a transaction lock is held from
 * before the dictionary is brought up to date until the new chunk is committed.
 * So ids never overlap, whatever the isolation level; the key of pprof.chunks
 * would turn a mistake here into an error.
 *
 * A dictionary in the cache holds what was committed.  What the running
 * transaction adds is cut off again when it, or a part of it, is rolled back.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "core/pp_names.h"
#include "core_glue.h"
#include "guc.h"
#include "storage.h"

#define LOAD_ROWS 256 /* chunks read at once */

typedef struct WriterKey
{
	int64 service_id;
	int64 day;
} WriterKey;

struct WriterDict
{
	WriterKey key;
	uint64 dict_id;
	MemoryContext context; /* of the dictionary; NULL: there is none */
	PpDict *dict;
	int32 next_chunk;
	bool doubtful; /* the tables changed since it was used */
	uint64 used;   /* clock of the last use */

	/* of the running transaction */
	bool touched;
	bool made; /* in this transaction: nothing of it is known to be committed */
	uint32_t base[PP_DICT_KINDS];
	int32 base_chunk;
};

static HTAB *writers = NULL;
static uint64 clock_now = 0;
static bool wrote_chunks = false; /* in this transaction */

static void
writer_empty(WriterDict *writer)
{
	if (writer->context != NULL)
		MemoryContextDelete(writer->context);
	writer->context = NULL;
	writer->dict = NULL;
	writer->next_chunk = 0;
	writer->touched = writer->made = writer->doubtful = false;
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
	MemoryContext context =
		AllocSetContextCreate(TopMemoryContext, "pprof dictionary", ALLOCSET_DEFAULT_SIZES);
	uint64 seed;

	writer->context = context;
	writer->made = true;
	random_bytes(&seed, sizeof(seed));
	writer->dict = pp_dict_new(core_alloc_create(context), true, seed);
	if (writer->dict == NULL)
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
	writer->next_chunk = 0;
}

/* The dictionary that is written to: the newest, or a new one. */
static uint64
find_or_add(int64 service_id, DateADT day)
{
	static StoragePlan find = {.sql = "SELECT dict_id FROM pprof.dictionaries "
									  "WHERE service_id = $1 AND day = $2 "
									  "ORDER BY created DESC, dict_id LIMIT 1",
							   .nargs = 2,
							   .args = {INT8OID, DATEOID}};
	static StoragePlan add =
		{.sql = "INSERT INTO pprof.dictionaries (service_id, day, dict_id) VALUES ($1, $2, $3)",
		 .nargs = 3,
		 .args = {INT8OID, DATEOID, INT8OID}};
	Datum values[3] = {Int64GetDatum(service_id), DateADTGetDatum(day), 0};
	uint64 dict_id;

	if (storage_read_latest(&find, values, NULL, 1) > 0)
		return (uint64) DatumGetInt64(storage_value(0, 1));
	random_bytes(&dict_id, sizeof(dict_id));
	values[2] = Int64GetDatum((int64) dict_id);
	storage_run(&add, values, NULL);
	return dict_id;
}

void
dictionary_load(PpDict *dict, DictFamily family, int64 service_id, DateADT since, uint64 dict_id,
				int32 *chunk_no)
{
	static StoragePlan of_day = {.sql = "SELECT last_no, data FROM pprof.chunks WHERE service_id = $1 "
										"AND dict_id = $2 AND day = $3 AND last_no >= $4 "
										"ORDER BY last_no",
								 .nargs = 4,
								 .args = {INT8OID, INT8OID, DATEOID, INT4OID}};
	static StoragePlan of_paths = {.sql = "SELECT last_no, data FROM pprof.paths WHERE service_id = $1 "
										  "AND dict_id = $2 AND month = $3 AND last_no >= $4 "
										  "ORDER BY last_no",
								   .nargs = 4,
								   .args = {INT8OID, INT8OID, DATEOID, INT4OID}};
	StoragePlan *read = family == DICTIONARY_OF_DAY ? &of_day : &of_paths;
	Datum values[4] = {Int64GetDatum(service_id),
					   Int64GetDatum((int64) dict_id),
					   DateADTGetDatum(since),
					   0};
	uint64 rows;

	do
	{
		values[3] = Int32GetDatum(*chunk_no);
		rows = storage_read_latest(read, values, NULL, LOAD_ROWS);
		for (uint64 i = 0; i < rows; i++)
		{
			int32 number = DatumGetInt32(storage_value(i, 1));
			bytea *data = DatumGetByteaPP(storage_value(i, 2));
			PpError err;
			PpCode code = number != *chunk_no
							  ? pp_fail(&err, PP_EMALFORMED, PP_NO_OFFSET, "it is missing")
							  : pp_dict_load(dict,
											 (const uint8_t *) VARDATA_ANY(data),
											 VARSIZE_ANY_EXHDR(data),
											 &err);

			if (code == PP_EMALFORMED || code == PP_EUNSUPPORTED)
				ereport(ERROR,
						errcode(ERRCODE_DATA_CORRUPTED),
						errmsg("chunk %d of dictionary " INT64_FORMAT " cannot be read",
							   *chunk_no,
							   (int64) dict_id),
						errdetail("%s", err.message));
			CORE_CHECK(code, &err);
			(*chunk_no)++;
		}
		SPI_freetuptable(SPI_tuptable);
	} while (rows == LOAD_ROWS);
}

/* Remember where the dictionary stood before this transaction. */
static void
writer_touch(WriterDict *writer)
{
	if (writer->touched)
		return;
	writer->touched = true;
	writer->base_chunk = writer->next_chunk;
	for (int kind = 0; kind < PP_DICT_KINDS; kind++)
		writer->base[kind] = pp_dict_count(writer->dict, kind);
}

WriterDict *
dictionary_for_writing(int64 service_id, DateADT day)
{
	WriterKey key = {service_id, day};
	WriterDict *writer;
	uint64 dict_id = 0;
	bool found;

	if (writers == NULL)
	{
		HASHCTL ctl = {.keysize = sizeof(WriterKey),
					   .entrysize = sizeof(WriterDict),
					   .hcxt = TopMemoryContext};

		writers = hash_create("pprof dictionaries", 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	writer = hash_search(writers, &key, HASH_ENTER, &found);
	if (!found)
		memset((char *) writer + sizeof(WriterKey), 0, sizeof(WriterDict) - sizeof(WriterKey));
	if (writer->dict == NULL || writer->doubtful)
	{
		dict_id = find_or_add(service_id, day);
		if (writer->dict != NULL && writer->dict_id != dict_id)
			writer_empty(writer);
		writer->dict_id = dict_id;
		writer->doubtful = false;
	}
	if (writer->dict == NULL)
	{
		writer_empty(writer);
		writer_make(writer);
	}
	writer_touch(writer);
	writer->used = ++clock_now;
	dictionary_load(writer->dict, DICTIONARY_OF_DAY, service_id, day, writer->dict_id, &writer->next_chunk);
	return writer;
}

PpDict *
dictionary_get(WriterDict *writer)
{
	return writer->dict;
}

uint64
dictionary_id(WriterDict *writer)
{
	return writer->dict_id;
}

void
dictionary_flush(WriterDict *writer)
{
	static StoragePlan add = {.sql = "INSERT INTO pprof.chunks (service_id, dict_id, day, first_no, last_no, data) "
									 "VALUES ($1, $2, $3, $4, $4, $5)",
							  .nargs = 5,
							  .args = {INT8OID, INT8OID, DATEOID, INT4OID, BYTEAOID}};
	Datum values[5];
	PpAlloc *alloc = core_alloc_create(CurrentMemoryContext);
	uint8_t *data;
	size_t len;
	PpError err;

	CORE_CHECK(pp_dict_chunk(writer->dict, alloc, &data, &len, &err), &err);
	if (len == 0)
		return;
	values[0] = Int64GetDatum(writer->key.service_id);
	values[1] = Int64GetDatum((int64) writer->dict_id);
	values[2] = DateADTGetDatum((DateADT) writer->key.day);
	values[3] = Int32GetDatum(writer->next_chunk);
	values[4] = PointerGetDatum(storage_bytea(data, len));
	wrote_chunks = true;
	storage_run(&add, values, NULL);
	writer->next_chunk++;
}

void
dictionary_check_later(void)
{
	HASH_SEQ_STATUS scan;
	WriterDict *writer;

	if (writers == NULL)
		return;
	hash_seq_init(&scan, writers);
	while ((writer = hash_seq_search(&scan)) != NULL)
		writer->doubtful = true;
}

void
dictionary_forget(void)
{
	HASH_SEQ_STATUS scan;
	WriterDict *writer;

	if (writers == NULL)
		return;
	hash_seq_init(&scan, writers);
	while ((writer = hash_seq_search(&scan)) != NULL)
		writer_empty(writer);
	hash_destroy(writers);
	writers = NULL;
}

void
dictionary_at_end(bool commit)
{
	HASH_SEQ_STATUS scan;
	WriterDict *writer;

	dictionary_read_at_end(commit, wrote_chunks);
	if (commit)
		wrote_chunks = false;
	if (writers == NULL)
		return;
	hash_seq_init(&scan, writers);
	while ((writer = hash_seq_search(&scan)) != NULL)
	{
		if (!writer->touched && !writer->made)
			continue;
		if (commit)
			writer->touched = writer->made = false;
		else if (writer->made)
			writer_empty(writer);
		else
		{
			pp_dict_truncate(writer->dict, writer->base);
			writer->next_chunk = writer->base_chunk;
		}
	}
}

static WriterDict *
least_recently_used(size_t *total)
{
	HASH_SEQ_STATUS scan;
	WriterDict *writer, *oldest = NULL;

	*total = 0;
	hash_seq_init(&scan, writers);
	while ((writer = hash_seq_search(&scan)) != NULL)
	{
		if (writer->dict == NULL)
			continue;
		*total += pp_dict_memory(writer->dict);
		if (oldest == NULL || writer->used < oldest->used)
			oldest = writer;
	}
	return oldest;
}

void
dictionary_trim(void)
{
	size_t total;
	WriterDict *oldest;

	while (writers != NULL && (oldest = least_recently_used(&total)) != NULL &&
		   total > (size_t) pprof_writer_cache_size * 1024)
	{
		WriterKey key = oldest->key;

		writer_empty(oldest);
		hash_search(writers, &key, HASH_REMOVE, NULL);
	}
}
