/*
 * dictionary_chunks.c
 *		Chunks of dictionaries: read in any order, each once.
 *
 * Numbers come from a counter, so some are missing: their transactions were
 * rolled back, or have not ended.  Those are remembered and looked for again, up
 * to a bound.  Whoever refers to a chunk has seen it committed; so what one
 * snapshot shows is complete, and only a chunk that was given up can be missing.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "core_glue.h"
#include "partition_plan.h"
#include "storage.h"

#define LOAD_ROWS 256 /* rows read at once */
#define GAP_TRIES 50  /* then it is given up */

static const PartitionPlan read_new[] =
	{[DICTIONARY_OF_DAY] = {.sql = "SELECT first_no, last_no, data FROM pprof.%s WHERE service_id = $1 "
								   "AND dict_id = $2 AND last_no >= $3 ORDER BY last_no",
							.parent = "chunks",
							.nargs = 3,
							.args = {INT8OID, INT8OID, INT4OID}},
	 [DICTIONARY_OF_PATHS] = {.sql = "SELECT first_no, last_no, data FROM pprof.%s WHERE service_id = $1 "
									 "AND dict_id = $2 AND last_no >= $3 ORDER BY last_no",
							  .parent = "paths",
							  .by_month = true,
							  .nargs = 3,
							  .args = {INT8OID, INT8OID, INT4OID}}};

static const PartitionPlan read_gaps[] =
	{[DICTIONARY_OF_DAY] = {.sql = "SELECT first_no, last_no, data FROM pprof.%s WHERE service_id = $1 "
								   "AND dict_id = $2 AND last_no = ANY ($3) ORDER BY last_no",
							.parent = "chunks",
							.nargs = 3,
							.args = {INT8OID, INT8OID, INT4ARRAYOID}},
	 [DICTIONARY_OF_PATHS] = {.sql = "SELECT first_no, last_no, data FROM pprof.%s WHERE service_id = $1 "
									 "AND dict_id = $2 AND last_no = ANY ($3) ORDER BY last_no",
							  .parent = "paths",
							  .by_month = true,
							  .nargs = 3,
							  .args = {INT8OID, INT8OID, INT4ARRAYOID}}};

static const PartitionPlan add_chunk[] =
	{[DICTIONARY_OF_DAY] = {.sql = "INSERT INTO pprof.%s (service_id, dict_id, day, first_no, last_no, data) "
								   "VALUES ($1, $2, $3, $4, $5, $6)",
							.parent = "chunks",
							.nargs = 6,
							.args = {INT8OID, INT8OID, DATEOID, INT4OID, INT4OID, BYTEAOID}},
	 [DICTIONARY_OF_PATHS] = {.sql = "INSERT INTO pprof.%s (service_id, dict_id, month, first_no, last_no, data) "
									 "VALUES ($1, $2, $3, $4, $5, $6)",
							  .parent = "paths",
							  .by_month = true,
							  .nargs = 6,
							  .args = {INT8OID, INT8OID, DATEOID, INT4OID, INT4OID, BYTEAOID}}};

static int
gap_of(const DictChunks *chunks, int32 number)
{
	for (int i = 0; i < chunks->ngaps; i++)
		if (chunks->gaps[i].number == number)
			return i;
	return -1;
}

static void
drop_gap(DictChunks *chunks, int i)
{
	chunks->ngaps--;
	memmove(&chunks->gaps[i], &chunks->gaps[i + 1], (chunks->ngaps - i) * sizeof(DictGap));
}

/* Numbers that are skipped; the oldest gaps give way. */
static void
add_gaps(DictChunks *chunks, int32 first, int32 end)
{
	first = Max(first, end - DICT_GAPS);
	for (int32 number = first; number < end; number++)
	{
		if (chunks->ngaps == DICT_GAPS)
			drop_gap(chunks, 0);
		chunks->gaps[chunks->ngaps++] = (DictGap){.number = number};
	}
}

/* What is missing within a row of several was gone when they were put together. */
void
dictionary_loaded(DictChunks *chunks, int32 first_no, int32 last_no)
{
	if (last_no < chunks->next)
		return;
	if (first_no > chunks->next)
		add_gaps(chunks, chunks->next, first_no);
	chunks->next = last_no + 1;
}

/* One row: the chunks of it that are not loaded yet. */
static PpCode
load_row(PpDict *dict, DictChunks *chunks, int32 first_no, int32 last_no, const bytea *row,
		 PpError *err)
{
	PpChunkWalk walk;
	uint32_t number;
	const uint8_t *data;
	size_t len;
	PpCode code = pp_chunks_open(&walk,
								 (const uint8_t *) VARDATA_ANY(row),
								 VARSIZE_ANY_EXHDR(row),
								 (uint32_t) last_no,
								 err);

	chunks->failed = last_no;
	while (code == PP_OK && (code = pp_chunks_next(&walk, &number, &data, &len, err)) == PP_OK &&
		   data != NULL)
	{
		int gap = gap_of(chunks, (int32) number);

		if ((int32) number < chunks->next && gap < 0)
			continue;
		chunks->failed = (int32) number;
		code = pp_dict_load(dict, data, len, err);
		if (code == PP_OK && gap >= 0)
			drop_gap(chunks, gap);
	}
	if (code == PP_OK)
		dictionary_loaded(chunks, first_no, last_no);
	return code;
}

static PpCode
load_rows(PpDict *dict, DictChunks *chunks, uint64 rows, PpError *err)
{
	PpCode code = PP_OK;

	if (rows == 0)
		return PP_OK;
	for (uint64 i = 0; i < rows && code == PP_OK; i++)
	{
		Datum stored = storage_value(i, 3);
		bytea *data = DatumGetByteaPP(stored);

		code = load_row(dict,
						chunks,
						DatumGetInt32(storage_value(i, 1)),
						DatumGetInt32(storage_value(i, 2)),
						data,
						err);
		if ((Pointer) data != DatumGetPointer(stored))
			pfree(data);
	}
	SPI_freetuptable(SPI_tuptable);
	return code;
}

static PpCode
look_for_gaps(PpDict *dict, const DictOwner *owner, Datum *values, DictChunks *chunks, PpError *err)
{
	Datum numbers[DICT_GAPS];
	int n = 0;
	PpCode code;

	for (int i = 0; i < chunks->ngaps; i++)
	{
		numbers[n++] = Int32GetDatum(chunks->gaps[i].number);
		chunks->gaps[i].tries++;
	}
	values[2] = PointerGetDatum(construct_array(numbers, n, INT4OID, 4, true, TYPALIGN_INT));
	code = load_rows(dict,
					 chunks,
					 partition_read(&read_gaps[owner->family], owner->begins, values, 0),
					 err);
	for (int i = chunks->ngaps; i > 0; i--)
		if (chunks->gaps[i - 1].tries >= GAP_TRIES)
			drop_gap(chunks, i - 1);
	return code;
}

PpCode
dictionary_load(PpDict *dict, const DictOwner *owner, DictChunks *chunks, PpError *err)
{
	Datum values[3] = {Int64GetDatum(owner->service_id), Int64GetDatum((int64) owner->dict_id), 0};
	PpCode code = PP_OK;
	uint64 rows;

	/* one snapshot for all: a chunk that is seen shows those it refers to */
	if (!owner->gone)
		PushActiveSnapshot(GetLatestSnapshot());
	if (chunks->ngaps > 0)
		code = look_for_gaps(dict, owner, values, chunks, err);
	do
	{
		values[2] = Int32GetDatum(chunks->next);
		rows = code == PP_OK
				   ? partition_read(&read_new[owner->family], owner->begins, values, LOAD_ROWS)
				   : 0;
		if (rows > 0)
			code = load_rows(dict, chunks, rows, err);
	} while (rows == LOAD_ROWS && code == PP_OK);
	if (!owner->gone)
		PopActiveSnapshot();
	return code;
}

void
dictionary_load_failed(const DictOwner *owner, const DictChunks *chunks, const PpError *err)
{
	if (err->code == PP_EMALFORMED || err->code == PP_EUNSUPPORTED)
		ereport(ERROR,
				errcode(ERRCODE_DATA_CORRUPTED),
				errmsg("chunk %d of dictionary " INT64_FORMAT " cannot be read",
					   chunks->failed,
					   (int64) owner->dict_id),
				errdetail("%s", err->message));
	core_raise(err);
}

void
dictionary_load_all(PpDict *dict, const DictOwner *owner, DictChunks *chunks)
{
	PpError err;

	memset(chunks, 0, sizeof(*chunks));
	if (dictionary_load(dict, owner, chunks, &err) != PP_OK)
		dictionary_load_failed(owner, chunks, &err);
}

void
dictionary_append(const DictOwner *owner, int32 first_no, int32 last_no, const uint8_t *data,
				  size_t len)
{
	Datum values[6] = {Int64GetDatum(owner->service_id),
					   Int64GetDatum((int64) owner->dict_id),
					   DateADTGetDatum(owner->begins),
					   Int32GetDatum(first_no),
					   Int32GetDatum(last_no),
					   PointerGetDatum(storage_bytea(data, len))};

	partition_run(&add_chunk[owner->family], owner->begins, values, NULL);
}
