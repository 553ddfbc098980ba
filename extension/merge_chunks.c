/*
 * merge_chunks.c
 *		pprof.merge_chunks(): many small rows of a dictionary into few.
 *
 * Every transaction that stores something new leaves a chunk.  Rows that follow
 * each other become one, whose chunks stay what they are; a chunk that is not in
 * it can then come no more.  So numbers must follow each other without a gap,
 * unless nobody is writing: whoever might has a lock on the day, also when his
 * transaction is prepared.
 *
 * The newest chunks of a day that may still grow are left alone: sessions read
 * from where they stopped, and a row that was put together they read as a whole.
 *
 * A row is made anew only with at least as many bytes as it has: so each chunk is
 * written a number of times that grows with the logarithm of the dictionary, and
 * rows that stay are each larger than all behind them.
 *
 * Sessions keep count of chunks, not of rows: those that know some of a row take
 * the rest.  Whoever began before sees the old rows.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "core_glue.h"
#include "locks.h"
#include "partition_plan.h"
#include "pprof.h"

#define ROW_BYTES	  (4 << 20)	 /* of a row that is made */
#define CALL_BYTES	  (16 << 20) /* of all that one call makes: late profiles of the day wait */
#define NEWEST_CHUNKS 64		 /* are left alone */
#define LEAST_ROWS	  16		 /* that are put together while the day may grow */

typedef struct ChunkRow
{
	int32 first_no, last_no;
	int32 bytes;
} ChunkRow;

typedef struct Merger
{
	DictOwner owner;
	bool quiet; /* nobody can be writing */
	int n;
	ChunkRow *rows;
	int64 *left; /* bytes that this call may still put together */
} Merger;

static const PartitionPlan list_rows[] =
	{[DICTIONARY_OF_DAY] = {.sql = "SELECT first_no, last_no, pg_catalog.octet_length(data) FROM pprof.%s "
								   "WHERE service_id = $1 AND dict_id = $2 ORDER BY last_no",
							.parent = "chunks",
							.nargs = 2,
							.args = {INT8OID, INT8OID}},
	 [DICTIONARY_OF_PATHS] = {.sql = "SELECT first_no, last_no, pg_catalog.octet_length(data) FROM pprof.%s "
									 "WHERE service_id = $1 AND dict_id = $2 ORDER BY last_no",
							  .parent = "paths",
							  .by_month = true,
							  .nargs = 2,
							  .args = {INT8OID, INT8OID}}};

static const PartitionPlan take_rows[] =
	{[DICTIONARY_OF_DAY] = {.sql = "WITH gone AS (DELETE FROM pprof.%s WHERE service_id = $1 "
								   "AND dict_id = $2 AND last_no BETWEEN $3 AND $4 RETURNING last_no, data) "
								   "SELECT last_no, data FROM gone ORDER BY last_no",
							.parent = "chunks",
							.nargs = 4,
							.args = {INT8OID, INT8OID, INT4OID, INT4OID}},
	 [DICTIONARY_OF_PATHS] = {.sql = "WITH gone AS (DELETE FROM pprof.%s WHERE service_id = $1 "
									 "AND dict_id = $2 AND last_no BETWEEN $3 AND $4 RETURNING last_no, data) "
									 "SELECT last_no, data FROM gone ORDER BY last_no",
							  .parent = "paths",
							  .by_month = true,
							  .nargs = 4,
							  .args = {INT8OID, INT8OID, INT4OID, INT4OID}}};

static void
find_rows(Merger *merger)
{
	Datum values[2] = {Int64GetDatum(merger->owner.service_id),
					   Int64GetDatum((int64) merger->owner.dict_id)};

	PushActiveSnapshot(GetLatestSnapshot());
	merger->n =
		(int) partition_read(&list_rows[merger->owner.family], merger->owner.begins, values, 0);
	PopActiveSnapshot();
	merger->rows = palloc(sizeof(ChunkRow) * Max(merger->n, 1));
	for (int i = 0; i < merger->n; i++)
		merger->rows[i] = (ChunkRow){DatumGetInt32(storage_value(i, 1)),
									 DatumGetInt32(storage_value(i, 2)),
									 DatumGetInt32(storage_value(i, 3))};
	if (merger->n > 0)
		SPI_freetuptable(SPI_tuptable);
}

/* Chunks of a row that was taken, behind those of the ones before it. */
static void
list_chunks(uint64 row, PpChunkRow **chunks, uint32 *n, uint32 *cap)
{
	bytea *data = DatumGetByteaPP(storage_value(row, 2));
	PpChunkWalk walk;
	PpChunkRow chunk;
	PpError err;

	CORE_CHECK(pp_chunks_open(&walk,
							  (const uint8_t *) VARDATA_ANY(data),
							  VARSIZE_ANY_EXHDR(data),
							  DatumGetInt32(storage_value(row, 1)),
							  &err),
			   &err);
	for (;;)
	{
		CORE_CHECK(pp_chunks_next(&walk, &chunk.number, &chunk.data, &chunk.len, &err), &err);
		if (chunk.data == NULL)
			return;
		if (*n == *cap)
		{
			*cap = *cap * 2 + 256;
			*chunks = *chunks == NULL ? palloc(sizeof(PpChunkRow) * *cap)
									  : repalloc(*chunks, sizeof(PpChunkRow) * *cap);
		}
		(*chunks)[(*n)++] = chunk;
	}
}

/* Put rows from first to last together; gives how many fewer there are. */
static int
merge_run(Merger *merger, int first, int last)
{
	Datum values[4] = {Int64GetDatum(merger->owner.service_id),
					   Int64GetDatum((int64) merger->owner.dict_id),
					   Int32GetDatum(merger->rows[first].last_no),
					   Int32GetDatum(merger->rows[last].last_no)};
	PpChunkRow *chunks = NULL;
	uint32 n = 0, cap = 0;
	uint64 taken =
		partition_run(&take_rows[merger->owner.family], merger->owner.begins, values, NULL);
	SPITupleTable *table = SPI_tuptable;
	uint8_t *data;
	size_t len;
	PpError err;

	if (taken != (uint64) (last - first + 1))
		elog(ERROR, "chunks were deleted while they were put together");
	for (uint64 i = 0; i < taken; i++)
		list_chunks(i, &chunks, &n, &cap);
	CORE_CHECK(pp_chunks_pack(chunks, n, core_alloc_create(CurrentMemoryContext), &data, &len, &err),
			   &err);
	SPI_freetuptable(table);
	dictionary_append(&merger->owner,
					  merger->rows[first].first_no,
					  merger->rows[last].last_no,
					  data,
					  len);
	return last - first;
}

/*
 * Where the run that begins with a row ends.  *first moves on to the row that is
 * not larger than what follows it.
 */
static int
run_end(const Merger *merger, int *first, int end)
{
	int64 bytes = merger->rows[*first].bytes;
	int last = *first;

	while (last + 1 < end && bytes + merger->rows[last + 1].bytes <= ROW_BYTES &&
		   (merger->quiet || merger->rows[last + 1].first_no == merger->rows[last].last_no + 1))
		bytes += merger->rows[++last].bytes;
	for (; *first < last && merger->rows[*first].bytes > bytes / 2; (*first)++)
		bytes -= merger->rows[*first].bytes;
	return last;
}

/* Days of which only stragglers come, and none of them now; paths have but one writer. */
static bool
is_quiet(const DictOwner *owner)
{
	if (owner->family == DICTIONARY_OF_PATHS)
		return owner->begins + 31 < storage_day(GetCurrentTimestamp());
	return owner->begins < storage_day(GetCurrentTimestamp()) &&
		   lock_day_try(owner->service_id, owner->begins, LOCK_TO_DESTROY);
}

static int
merge_dictionary(Merger *merger)
{
	MemoryContext context;
	int least, end, removed = 0;

	find_rows(merger);
	if (merger->n < 2)
		return 0;
	context = AllocSetContextCreate(CurrentMemoryContext, "pprof chunks", ALLOCSET_DEFAULT_SIZES);
	merger->quiet = is_quiet(&merger->owner);
	/* under the lock, as it is now */
	if (merger->quiet)
		find_rows(merger);
	least = merger->quiet ? 2 : LEAST_ROWS;
	end = merger->quiet ? merger->n : merger->n - NEWEST_CHUNKS;
	for (int first = 0, last; first<end && * merger->left> 0; first = last + 1)
	{
		MemoryContext caller = MemoryContextSwitchTo(context);

		CHECK_FOR_INTERRUPTS();
		last = run_end(merger, &first, end);
		if (last - first + 1 >= least)
		{
			for (int i = first; i <= last; i++)
				*merger->left -= merger->rows[i].bytes;
			removed += merge_run(merger, first, last);
		}
		MemoryContextSwitchTo(caller);
		MemoryContextReset(context);
	}
	MemoryContextDelete(context);
	return removed;
}

static int
merge_service(int64 service_id)
{
	static StoragePlan list =
		{.sql = "SELECT 0, day, dict_id FROM pprof.dictionaries WHERE service_id = $1 "
				"UNION ALL SELECT 1, month, dict_id FROM pprof.path_dictionaries WHERE service_id = $1 "
				"ORDER BY 1, 2, 3",
		 .nargs = 1,
		 .args = {INT8OID}};
	Datum values[1] = {Int64GetDatum(service_id)};
	int n = (int) storage_read_latest(&list, values, NULL, 0), removed = 0;
	Merger *mergers = palloc0(sizeof(Merger) * Max(n, 1));
	int64 left = CALL_BYTES;

	for (int i = 0; i < n; i++)
		mergers[i] = (Merger){.owner = {.family = DatumGetInt32(storage_value(i, 1)) == 0
													  ? DICTIONARY_OF_DAY
													  : DICTIONARY_OF_PATHS,
										.service_id = service_id,
										.begins = DatumGetDateADT(storage_value(i, 2)),
										.dict_id = (uint64) DatumGetInt64(storage_value(i, 3))},
							  .left = &left};
	for (int i = 0; i < n && left > 0; i++)
		removed += merge_dictionary(&mergers[i]);
	return removed;
}

PPROF_FUNCTION(pprof_merge_chunks);
Datum
pprof_merge_chunks(PG_FUNCTION_ARGS)
{
	int64 service_id = PG_GETARG_INT64(0);
	int removed = 0;

	if (IsolationUsesXactSnapshot())
		ereport(ERROR,
				errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				errmsg("putting chunks together needs isolation level READ COMMITTED"));
	storage_begin();
	if (lock_service_try(service_id, LOCK_TO_MAINTAIN))
		removed = merge_service(service_id);
	storage_end();
	PG_RETURN_INT32(removed);
}
