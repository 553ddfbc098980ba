/*
 * rewrite.c
 *		pprof.rewrite_dictionaries(): what rollups still need of a day's dictionaries.
 *
 * Once the profiles of a service and day are gone, only the rollups of its hours
 * refer to the dictionaries.  The stacks they have are interned into one new
 * dictionary, in one chunk, and the rollups are coded anew; without rollups the
 * dictionaries go.  A query that began before still sees the old rows.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core_glue.h"
#include "locks.h"
#include "pprof.h"
#include "storage.h"

#define NO_STACK UINT32_MAX

/* Stacks of one old dictionary. */
typedef struct OldDict
{
	uint64 dict_id;
	uint32 size;  /* of stacks[]: one more than the greatest that is used */
	uint32 *used; /* by old id: NO_STACK - 1 where it is used; then the new id */
} OldDict;

typedef struct Rewrite
{
	int64 service_id;
	DateADT day;
	int nold;
	OldDict *old;
	uint64 dict_id; /* the new one */
	PpDict *dict;
	PpSampleEntry *scratch; /* of the samples that are being coded */
	uint32 n, cap;
} Rewrite;

static OldDict *
old_dict(Rewrite *rewrite, uint64 dict_id)
{
	for (int i = 0; i < rewrite->nold; i++)
		if (rewrite->old[i].dict_id == dict_id)
			return &rewrite->old[i];
	ereport(ERROR,
			errcode(ERRCODE_DATA_CORRUPTED),
			errmsg("rollups of service " INT64_FORMAT " refer to dictionary " INT64_FORMAT
				   ", which is not of their day",
				   rewrite->service_id,
				   (int64) dict_id));
	return NULL;
}

static PpCode
note_stack(void *context, uint64_t dict_id, uint32_t stack, int64_t value, PpError *err)
{
	OldDict *old = old_dict(context, dict_id);

	if (stack >= old->size)
	{
		uint32 size = Max(stack + 1, Max(old->size * 2, 1024));

		old->used = old->used == NULL ? palloc_extended(sizeof(uint32) * size, MCXT_ALLOC_HUGE)
									  : repalloc_huge(old->used, sizeof(uint32) * size);
		memset(old->used + old->size, 0xff, sizeof(uint32) * (size - old->size));
		old->size = size;
	}
	old->used[stack] = NO_STACK - 1;
	return PP_OK;
}

static PpCode
translate_stack(void *context, uint64_t dict_id, uint32_t stack, int64_t value, PpError *err)
{
	Rewrite *rewrite = context;

	if (rewrite->n == rewrite->cap)
	{
		rewrite->cap = Max(rewrite->cap * 2, 4096);
		rewrite->scratch =
			rewrite->scratch == NULL
				? palloc_extended(sizeof(PpSampleEntry) * rewrite->cap, MCXT_ALLOC_HUGE)
				: repalloc_huge(rewrite->scratch, sizeof(PpSampleEntry) * rewrite->cap);
	}
	rewrite->scratch[rewrite->n++] =
		(PpSampleEntry){.stack = old_dict(rewrite, dict_id)->used[stack], .value = value};
	return PP_OK;
}

/* --- what the rollups have --- */

static uint64
read_rollups(Rewrite *rewrite)
{
	static StoragePlan read = {.sql =
								   "SELECT type_id, hour, samples, counts FROM pprof.rollups "
								   "WHERE service_id = $1 AND hour >= $2 AND hour < $3 ORDER BY 1, 2",
							   .nargs = 3,
							   .args = {INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID}};
	Datum values[3] = {Int64GetDatum(rewrite->service_id),
					   TimestampTzGetDatum(storage_day_start(rewrite->day)),
					   TimestampTzGetDatum(storage_day_start(rewrite->day + 1))};

	return storage_read_latest(&read, values, NULL, 0);
}

static void
visit_column(Rewrite *rewrite, uint64 row, int column, PpSamplesVisit visit)
{
	bool isnull;
	Datum value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &isnull);
	bytea *samples;
	PpError err;

	if (isnull)
		return;
	samples = DatumGetByteaPP(value);
	CORE_CHECK(pp_samples_visit((const uint8_t *) VARDATA_ANY(samples),
								VARSIZE_ANY_EXHDR(samples),
								visit,
								rewrite,
								&err),
			   &err);
	if ((Pointer) samples != DatumGetPointer(value))
		pfree(samples);
}

static void
list_dictionaries(Rewrite *rewrite)
{
	static StoragePlan find = {.sql = "SELECT dict_id FROM pprof.dictionaries "
									  "WHERE service_id = $1 AND day = $2 ORDER BY 1",
							   .nargs = 2,
							   .args = {INT8OID, DATEOID}};
	Datum values[2] = {Int64GetDatum(rewrite->service_id), DateADTGetDatum(rewrite->day)};

	rewrite->nold = (int) storage_read_latest(&find, values, NULL, 0);
	rewrite->old = palloc0(sizeof(OldDict) * Max(rewrite->nold, 1));
	for (int i = 0; i < rewrite->nold; i++)
		rewrite->old[i].dict_id = (uint64) DatumGetInt64(storage_value(i, 1));
	SPI_freetuptable(SPI_tuptable);
}

/* --- the new dictionary --- */

/* Intern the used stacks of an old dictionary; used[] then has their new ids. */
static void
intern_stacks(Rewrite *rewrite, OldDict *old)
{
	PpSamplesPart part = {.dict_id = old->dict_id, .scale = 1};
	PpArena *arena = core_arena_create();
	const PpDict *dict;
	PpProfile *profile;
	uint32_t *stacks;
	PpError err;

	for (uint32 i = 0; i < old->size; i++)
		part.n += old->used[i] != NO_STACK;
	if (part.n == 0)
		return;
	part.entries = palloc_extended(sizeof(PpSampleEntry) * part.n, MCXT_ALLOC_HUGE);
	stacks = palloc_extended(sizeof(uint32_t) * part.n, MCXT_ALLOC_HUGE);
	part.n = 0;
	for (uint32 i = 0; i < old->size; i++)
		if (old->used[i] != NO_STACK)
			part.entries[part.n++] = (PpSampleEntry){.stack = i, .value = 1};
	dict = dictionary_of_service(&part, rewrite->service_id);
	CORE_CHECK(pp_dict_resolve(dict, &part, pp_bytes_cstr(""), pp_bytes_cstr(""), arena, &profile, &err),
			   &err);
	/* sample i is entry i */
	CORE_CHECK(pp_dict_intern(rewrite->dict, profile, stacks, &err), &err);
	for (uint32 i = 0; i < part.n; i++)
		old->used[part.entries[i].stack] = stacks[i];
}

static int64
store_dictionary(Rewrite *rewrite)
{
	static StoragePlan add =
		{.sql = "INSERT INTO pprof.dictionaries (service_id, day, dict_id) VALUES ($1, $2, $3)",
		 .nargs = 3,
		 .args = {INT8OID, DATEOID, INT8OID}};
	static StoragePlan add_chunk =
		{.sql = "INSERT INTO pprof.chunks (service_id, day, dict_id, first_no, last_no, data) "
				"VALUES ($1, $2, $3, 0, 0, $4)",
		 .nargs = 4,
		 .args = {INT8OID, DATEOID, INT8OID, BYTEAOID}};
	PpAlloc *alloc = core_alloc_create(CurrentMemoryContext);
	Datum values[4] = {Int64GetDatum(rewrite->service_id),
					   DateADTGetDatum(rewrite->day),
					   Int64GetDatum((int64) rewrite->dict_id)};
	uint8_t *data;
	size_t len;
	PpError err;

	CORE_CHECK(pp_dict_chunk(rewrite->dict, alloc, &data, &len, &err), &err);
	storage_run(&add, values, NULL);
	if (len == 0)
		return 0;
	values[3] = PointerGetDatum(storage_bytea(data, len));
	storage_run(&add_chunk, values, NULL);
	return (int64) len;
}

/* --- rollups in the new dictionary --- */

static int
compare_entries(const void *a, const void *b)
{
	const PpSampleEntry *x = a, *y = b;

	return (x->stack > y->stack) - (x->stack < y->stack);
}

/* Two old stacks may be the same new one. */
static void
add_up_equal(Rewrite *rewrite)
{
	uint32 kept = 0;

	qsort(rewrite->scratch, rewrite->n, sizeof(PpSampleEntry), compare_entries);
	for (uint32 i = 0; i < rewrite->n; i++)
	{
		if (kept > 0 && rewrite->scratch[kept - 1].stack == rewrite->scratch[i].stack)
			rewrite->scratch[kept - 1].value +=
				rewrite->scratch[i].value; /* parts of a sum that fits */
		else
			rewrite->scratch[kept++] = rewrite->scratch[i];
	}
	rewrite->n = kept;
}

static Datum
translate_column(Rewrite *rewrite, uint64 row, int column, char *null)
{
	bool isnull;
	Datum value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &isnull);
	PpSamplesPart part = {.dict_id = rewrite->dict_id};
	PpSamplesHeader header;
	bytea *samples;
	uint8_t *data;
	size_t len;
	PpError err;

	*null = isnull ? 'n' : ' ';
	if (isnull)
		return value;
	samples = DatumGetByteaPP(value);
	CORE_CHECK(pp_samples_header((const uint8_t *) VARDATA_ANY(samples),
								 VARSIZE_ANY_EXHDR(samples),
								 &header,
								 &err),
			   &err);
	rewrite->n = 0;
	visit_column(rewrite, row, column, translate_stack);
	add_up_equal(rewrite);
	part.n = rewrite->n;
	part.entries = rewrite->scratch;
	/* all parts of counted samples have one scale, which means something */
	part.scale = (header.flags & PP_SAMPLES_COUNTED) != 0 ? header.scale : 0;
	CORE_CHECK(pp_samples_encode(&part,
								 part.n > 0 ? 1 : 0,
								 header.flags,
								 core_alloc_create(CurrentMemoryContext),
								 &data,
								 &len,
								 &err),
			   &err);
	return PointerGetDatum(storage_bytea(data, len));
}

static void
translate_rollups(Rewrite *rewrite)
{
	static StoragePlan put =
		{.sql = "UPDATE pprof.rollups SET samples = $4, counts = $5 "
				"WHERE service_id = $1 AND type_id = $2 AND hour = $3",
		 .nargs = 5,
		 .args = {INT8OID, INT8OID, TIMESTAMPTZOID, STORAGE_SAMPLES, STORAGE_SAMPLES}};
	uint64 rows = read_rollups(rewrite);
	SPITupleTable *table = SPI_tuptable;
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "pprof rollup", ALLOCSET_DEFAULT_SIZES);

	/* not in the context that is reset */
	rewrite->scratch = palloc(sizeof(PpSampleEntry) * (rewrite->cap = 4096));
	for (uint64 i = 0; i < rows; i++)
	{
		MemoryContext caller = MemoryContextSwitchTo(context);
		Datum values[5];
		char nulls[6] = "     ";

		CHECK_FOR_INTERRUPTS();
		SPI_tuptable = table;
		values[0] = Int64GetDatum(rewrite->service_id);
		values[1] = storage_value(i, 1);
		values[2] = storage_value(i, 2);
		values[3] = translate_column(rewrite, i, 3, &nulls[3]);
		values[4] = translate_column(rewrite, i, 4, &nulls[4]);
		storage_run(&put, values, nulls);
		MemoryContextSwitchTo(caller);
		MemoryContextReset(context);
	}
	MemoryContextDelete(context);
	SPI_freetuptable(table);
}

/* --- the old dictionaries --- */

static int64
remove_old(const Rewrite *rewrite)
{
	static StoragePlan remove_chunks =
		{.sql = "WITH gone AS (DELETE FROM pprof.chunks WHERE service_id = $1 AND day = $2 "
				"AND dict_id = $3 RETURNING pg_catalog.length(data) AS bytes) "
				"SELECT COALESCE(pg_catalog.sum(bytes), 0)::pg_catalog.int8 FROM gone",
		 .nargs = 3,
		 .args = {INT8OID, DATEOID, INT8OID}};
	static StoragePlan remove = {.sql = "DELETE FROM pprof.dictionaries "
										"WHERE service_id = $1 AND day = $2 AND dict_id = $3",
								 .nargs = 3,
								 .args = {INT8OID, DATEOID, INT8OID}};
	int64 bytes = 0;

	for (int i = 0; i < rewrite->nold; i++)
	{
		Datum values[3] = {Int64GetDatum(rewrite->service_id),
						   DateADTGetDatum(rewrite->day),
						   Int64GetDatum((int64) rewrite->old[i].dict_id)};

		storage_run(&remove_chunks, values, NULL);
		bytes += DatumGetInt64(storage_value(0, 1));
		storage_run(&remove, values, NULL);
	}
	return bytes;
}

static bool
has_profiles(int64 service_id, DateADT day)
{
	static StoragePlan find =
		{.sql = "SELECT 1 WHERE EXISTS (SELECT FROM pprof.raw WHERE service_id = $1 AND at >= $2 "
				"AND at < $3) OR EXISTS (SELECT FROM pprof.segments WHERE service_id = $1 "
				"AND hour >= $2 AND hour < $3)",
		 .nargs = 3,
		 .args = {INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID}};
	Datum values[3] = {Int64GetDatum(service_id),
					   TimestampTzGetDatum(storage_day_start(day)),
					   TimestampTzGetDatum(storage_day_start(day + 1))};

	return storage_read_latest(&find, values, NULL, 1) > 0;
}

static int64
rewrite_all(Rewrite *rewrite)
{
	uint64 rows;
	int64 added = 0;

	list_dictionaries(rewrite);
	rows = read_rollups(rewrite);
	for (uint64 i = 0; i < rows; i++)
	{
		visit_column(rewrite, i, 3, note_stack);
		visit_column(rewrite, i, 4, note_stack);
	}
	SPI_freetuptable(SPI_tuptable);
	if (rows > 0)
	{
		uint64 seed;

		if (!pg_strong_random(&rewrite->dict_id, sizeof(rewrite->dict_id)) ||
			!pg_strong_random(&seed, sizeof(seed)))
			ereport(ERROR,
					errcode(ERRCODE_INTERNAL_ERROR),
					errmsg("could not generate random values"));
		rewrite->dict = pp_dict_new(core_alloc_create(CurrentMemoryContext), true, seed);
		if (rewrite->dict == NULL)
			ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
		for (int i = 0; i < rewrite->nold; i++)
			intern_stacks(rewrite, &rewrite->old[i]);
		added = store_dictionary(rewrite);
		translate_rollups(rewrite);
	}
	return remove_old(rewrite) - added;
}

/*
 * The caller is maintenance, or holds the lock of the service already.  Nothing
 * is done while there are profiles.
 */
PPROF_FUNCTION(pprof_rewrite_dictionaries);
Datum
pprof_rewrite_dictionaries(PG_FUNCTION_ARGS)
{
	Rewrite rewrite = {.service_id = PG_GETARG_INT64(0), .day = PG_GETARG_DATEADT(1)};
	int64 freed = 0;

	storage_begin();
	if (lock_service_try(rewrite.service_id, LOCK_TO_MAINTAIN))
	{
		lock_day(rewrite.service_id, rewrite.day, LOCK_TO_DESTROY);
		if (!has_profiles(rewrite.service_id, rewrite.day))
		{
			freed = rewrite_all(&rewrite);
			storage_invalidate();
		}
	}
	storage_end();
	PG_RETURN_INT64(freed);
}
