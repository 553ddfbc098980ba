/*
 * path_dictionary.c
 *		Dictionaries of function paths for writing.
 *
 * Hash tables are made of what is stored each time one is opened and go with the
 * call: maintenance opens one per service and step, and a backend that looks
 * after thousands of services keeps none.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/datetime.h"
#include "utils/memutils.h"

#include "core_glue.h"
#include "path_dictionary.h"

/* A dictionary with more nodes is left as it is, and the next is begun. */
#define LARGE_NODES 2000000

struct PathDictionary
{
	MemoryContext context;
	DictOwner owner;
	PpDict *dict;
	DictChunks chunks;
};

static void
random_bytes(void *out, size_t len)
{
	if (!pg_strong_random(out, len))
		ereport(ERROR, errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not generate random values"));
}

DateADT
path_dictionary_month(DateADT day)
{
	int year, month, mday;

	j2date(day + POSTGRES_EPOCH_JDATE, &year, &month, &mday);
	return (DateADT) (date2j(year, month, 1) - POSTGRES_EPOCH_JDATE);
}

/* The newest dictionary of the month; false if there is none. */
static bool
find(PathDictionary *paths)
{
	static StoragePlan newest = {.sql = "SELECT dict_id FROM pprof.path_dictionaries "
										"WHERE service_id = $1 AND month = $2 "
										"ORDER BY created DESC, dict_id LIMIT 1",
								 .nargs = 2,
								 .args = {INT8OID, DATEOID}};
	Datum values[2] = {Int64GetDatum(paths->owner.service_id), DateADTGetDatum(paths->owner.begins)};
	bool found = storage_read_latest(&newest, values, NULL, 1) > 0;

	if (found)
		paths->owner.dict_id = (uint64) DatumGetInt64(storage_value(0, 1));
	SPI_freetuptable(SPI_tuptable);
	return found;
}

static void
begin(PathDictionary *paths)
{
	static StoragePlan add = {.sql = "INSERT INTO pprof.path_dictionaries (service_id, month, dict_id, created) "
									 "VALUES ($1, $2, $3, pg_catalog.clock_timestamp())",
							  .nargs = 3,
							  .args = {INT8OID, DATEOID, INT8OID}};
	Datum values[3] = {Int64GetDatum(paths->owner.service_id), DateADTGetDatum(paths->owner.begins), 0};

	random_bytes(&paths->owner.dict_id, sizeof(paths->owner.dict_id));
	values[2] = Int64GetDatum((int64) paths->owner.dict_id);
	storage_run(&add, values, NULL);
}

static void
make_empty(PathDictionary *paths)
{
	uint64 seed;

	pp_dict_free(paths->dict);
	random_bytes(&seed, sizeof(seed));
	paths->dict = pp_dict_new(core_alloc_create(paths->context), true, seed);
	if (paths->dict == NULL)
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
	memset(&paths->chunks, 0, sizeof(paths->chunks));
}

PathDictionary *
path_dictionary_open(int64 service_id, DateADT month)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "pprof path dictionary", ALLOCSET_DEFAULT_SIZES);
	PathDictionary *paths = MemoryContextAllocZero(context, sizeof(PathDictionary));

	paths->context = context;
	paths->owner =
		(DictOwner){.family = DICTIONARY_OF_PATHS, .service_id = service_id, .begins = month};
	make_empty(paths);
	if (find(paths))
	{
		dictionary_load_all(paths->dict, &paths->owner, &paths->chunks);
		if (pp_dict_count(paths->dict, PP_DICT_NODES) <= LARGE_NODES)
			return paths;
		make_empty(paths);
	}
	begin(paths);
	return paths;
}

void
path_dictionary_close(PathDictionary *paths)
{
	if (paths != NULL)
		MemoryContextDelete(paths->context);
}

PpDict *
path_dictionary_get(const PathDictionary *paths)
{
	return paths->dict;
}

uint64
path_dictionary_id(const PathDictionary *paths)
{
	return paths->owner.dict_id;
}

DateADT
path_dictionary_month_of(const PathDictionary *paths)
{
	return paths->owner.begins;
}

void
path_dictionary_flush(PathDictionary *paths)
{
	uint8_t *data;
	size_t len;
	PpError err;

	CORE_CHECK(pp_dict_chunk(paths->dict, core_alloc_create(paths->context), &data, &len, &err),
			   &err);
	if (len == 0)
		return;
	dictionary_append(&paths->owner, paths->chunks.next, paths->chunks.next, data, len);
	dictionary_loaded(&paths->chunks, paths->chunks.next, paths->chunks.next);
	pfree(data);
}
