/*
 * compact.c
 *		Compaction: rows of pprof.raw become segments.
 *
 * Per profile type and hour, rows are read in the order of their key, which is
 * the order of segments, and are deleted under the snapshot they were read with:
 * what came in meanwhile is not seen by either.  Nobody else moves or deletes
 * rows of the service, as the lock on it is held.  Memory is bounded by one
 * segment, of so many profiles and so many bytes.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "core_glue.h"
#include "guc.h"
#include "locks.h"
#include "pprof.h"
#include "segment.h"
#include "segment_write.h"
#include "storage.h"

#define FETCH_ROWS 64

/* Samples of a segment; a single row may have more. */
#define SEGMENT_BYTES (4 * 1024 * 1024)

/* A profile type and hour with rows that are to be moved. */
typedef struct HourGroup
{
	StoredSegment key; /* of the segment to be written next */
	int64 rows;		   /* there were when they were counted */
	bool closed;	   /* hardly any more will come */
} HourGroup;

typedef struct Mover
{
	HourGroup *group;
	MemoryContext context; /* of rows */
	PpSegmentRow *rows;	   /* of the segment to be: sorted, distinct */
	uint32 n, room;
	size_t bytes;
	PpSegmentRow *old; /* rows of a small segment that is made anew */
	uint32 nold, next_old;
	PpSegmentRow last; /* of pprof.raw: up to here they are moved */
	int64 moved;
} Mover;

/* --- what there is to move --- */

static HourGroup *
find_groups(int64 service_id, int *n)
{
	static StoragePlan read =
		{.sql = "SELECT type_id, hour, rows, hour <= $3 FROM (SELECT type_id, "
				"pg_catalog.date_trunc('hour', at, 'UTC') AS hour, pg_catalog.count(*) AS rows "
				"FROM pprof.raw WHERE service_id = $1 GROUP BY 1, 2) g "
				"WHERE (rows >= $2 OR hour <= $3) AND NOT EXISTS (SELECT FROM pprof.expired_days e "
				"WHERE e.service_id = $1 AND e.day = (hour AT TIME ZONE 'UTC')::pg_catalog.date) "
				"ORDER BY hour, type_id",
		 .nargs = 3,
		 .args = {INT8OID, INT8OID, TIMESTAMPTZOID}};
	TimestampTz closed =
		GetCurrentTimestamp() - USECS_PER_HOUR - (int64) pprof_hour_grace * USECS_PER_SEC;
	Datum values[3] = {Int64GetDatum(service_id),
					   Int64GetDatum((pprof_segment_profiles + 1) / 2),
					   TimestampTzGetDatum(closed)};
	uint64 found = storage_read_latest(&read, values, NULL, 0);
	HourGroup *groups = palloc0(sizeof(HourGroup) * Max(found, 1));

	for (uint64 i = 0; i < found; i++)
		groups[i] = (HourGroup){.key = {.service_id = service_id,
										.type_id = DatumGetInt64(storage_value(i, 1)),
										.hour = DatumGetTimestampTz(storage_value(i, 2))},
								.rows = DatumGetInt64(storage_value(i, 3)),
								.closed = DatumGetBool(storage_value(i, 4))};
	SPI_freetuptable(SPI_tuptable);
	*n = (int) found;
	return groups;
}

/* Go on after the last segment of the hour, or with it if it is small. */
static void
continue_hour(Mover *mover)
{
	static StoragePlan read = {.sql = "SELECT segment, profiles < $4 AND "
									  "pg_catalog.octet_length(samples) < $5 FROM pprof.segments "
									  "WHERE service_id = $1 AND type_id = $2 AND hour = $3 "
									  "ORDER BY segment DESC LIMIT 1",
							   .nargs = 5,
							   .args = {INT8OID, INT8OID, TIMESTAMPTZOID, INT4OID, INT4OID}};
	StoredSegment *key = &mover->group->key;
	Datum values[5] = {Int64GetDatum(key->service_id),
					   Int64GetDatum(key->type_id),
					   TimestampTzGetDatum(key->hour),
					   Int32GetDatum((pprof_segment_profiles + 1) / 2),
					   Int32GetDatum(SEGMENT_BYTES / 2)};

	if (storage_read_latest(&read, values, NULL, 1) == 0)
		return;
	key->segment = DatumGetInt32(storage_value(0, 1));
	if (!DatumGetBool(storage_value(0, 2)))
	{
		key->segment++;
		return;
	}
	mover->nold = segment_load(key->service_id, key->type_id, key->hour, key->segment, &mover->old);
	segment_delete(key->service_id, key->type_id, key->hour, key->segment);
}

/* How many rows to move: of an hour that goes on, no few that would make a small segment. */
static int64
rows_to_move(const Mover *mover, int64 most)
{
	int64 all = mover->group->rows, rest;

	if (!mover->group->closed)
	{
		rest = (all + mover->nold) % pprof_segment_profiles;
		if (rest < (pprof_segment_profiles + 1) / 2 && rest < all)
			all -= rest;
	}
	return Min(all, most);
}

/* --- moving --- */

static void
flush(Mover *mover)
{
	StoredSegment *key = &mover->group->key;

	if (mover->n == 0)
		return;
	segment_insert(key, mover->rows, mover->n);
	key->segment++;
	mover->n = 0;
	mover->bytes = 0;
	MemoryContextReset(mover->context);
}

static const uint8_t *
copy_bytes(const uint8_t *data, size_t len)
{
	return len == 0 ? NULL : memcpy(palloc_extended(len, MCXT_ALLOC_HUGE), data, len);
}

static void
append(Mover *mover, const PpSegmentRow *row)
{
	MemoryContext caller;

	if (mover->n > 0 && (mover->n == (uint32) pprof_segment_profiles ||
						 mover->bytes + row->samples_len + row->spans_len > SEGMENT_BYTES))
		flush(mover);
	caller = MemoryContextSwitchTo(mover->context);
	mover->rows[mover->n] = *row;
	mover->rows[mover->n].samples = copy_bytes(row->samples, row->samples_len);
	mover->rows[mover->n].spans = copy_bytes(row->spans, row->spans_len);
	mover->n++;
	mover->bytes += row->samples_len + row->spans_len;
	MemoryContextSwitchTo(caller);
}

/* Rows of the old segment come in between; the same row is not stored twice. */
static void
merge_row(Mover *mover, const PpSegmentRow *row)
{
	while (mover->next_old < mover->nold)
	{
		int order = pp_segment_compare(&mover->old[mover->next_old], row);

		if (order > 0)
			break;
		append(mover, &mover->old[mover->next_old++]);
		if (order == 0)
			return;
	}
	append(mover, row);
}

static void
take_row(Mover *mover, HeapTuple tuple, TupleDesc desc)
{
	PpSegmentRow *row = &mover->last;
	Datum values[7];
	bool null;

	for (int i = 0; i < 7; i++)
		values[i] = SPI_getbinval(tuple, desc, i + 1, &null);
	row->series_id = DatumGetInt64(values[0]);
	row->at = DatumGetTimestampTz(values[1]);
	row->duration = DatumGetInt64(values[2]);
	row->total = DatumGetInt64(values[3]);
	memcpy(row->id, DatumGetUUIDP(values[4])->data, UUID_LEN);
	row->samples = segment_bytes(values[5], &row->samples_len);
	row->spans = segment_bytes(values[6], &row->spans_len);
	merge_row(mover, row);
	mover->moved++;
}

/* Take up to `most` rows of the group, as the active snapshot has them. */
static void
take_rows(Mover *mover, int64 most)
{
	static StoragePlan read =
		{.sql = "SELECT series_id, at, duration, total, profile_id, samples, spans FROM pprof.raw "
				"WHERE service_id = $1 AND type_id = $2 AND at >= $3 AND at < $4 "
				"ORDER BY at, series_id, profile_id",
		 .nargs = 4,
		 .args = {INT8OID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID},
		 .cursor_options = CURSOR_OPT_CUSTOM_PLAN};
	const StoredSegment *key = &mover->group->key;
	Datum values[4] = {Int64GetDatum(key->service_id),
					   Int64GetDatum(key->type_id),
					   TimestampTzGetDatum(key->hour),
					   TimestampTzGetDatum(key->hour + USECS_PER_HOUR)};
	Portal portal = SPI_cursor_open(NULL, storage_plan(&read), values, NULL, true);
	MemoryContext fetched =
		AllocSetContextCreate(CurrentMemoryContext, "pprof rows", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = CurrentMemoryContext;

	while (mover->moved < most)
	{
		SPITupleTable *table;
		uint64 n;

		CHECK_FOR_INTERRUPTS();
		SPI_cursor_fetch(portal, true, (long) Min(FETCH_ROWS, most - mover->moved));
		table = SPI_tuptable;
		n = SPI_processed;
		if (n == 0)
			break;
		MemoryContextSwitchTo(fetched);
		for (uint64 i = 0; i < n; i++)
		{
			take_row(mover, table->vals[i], table->tupdesc);
			MemoryContextReset(fetched);
		}
		MemoryContextSwitchTo(caller);
		SPI_freetuptable(table);
	}
	SPI_cursor_close(portal);
	MemoryContextDelete(fetched);
	while (mover->next_old < mover->nold)
		append(mover, &mover->old[mover->next_old++]);
	flush(mover);
}

/* Delete what was taken, seen by the same snapshot. */
static void
delete_rows(const Mover *mover, Snapshot snapshot)
{
	static StoragePlan remove =
		{.sql = "DELETE FROM pprof.raw WHERE service_id = $1 AND type_id = $2 AND at >= $3 "
				"AND at <= $4 AND (at, series_id, profile_id) <= ($4, $5, $6)",
		 .nargs = 6,
		 .args = {INT8OID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID, UUIDOID},
		 .cursor_options = CURSOR_OPT_CUSTOM_PLAN};
	const StoredSegment *key = &mover->group->key;
	Datum values[6] = {Int64GetDatum(key->service_id),
					   Int64GetDatum(key->type_id),
					   TimestampTzGetDatum(key->hour),
					   TimestampTzGetDatum(mover->last.at),
					   Int64GetDatum(mover->last.series_id),
					   PointerGetDatum(mover->last.id)};
	int result = SPI_execute_snapshot(storage_plan(&remove),
									  values,
									  NULL,
									  snapshot,
									  InvalidSnapshot,
									  false,
									  true,
									  0);

	if (result != SPI_OK_DELETE)
		elog(ERROR, "SPI_execute_snapshot failed: %s", SPI_result_code_string(result));
	if (SPI_processed != (uint64) mover->moved)
		ereport(ERROR,
				errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				errmsg("rows were deleted while they were moved into segments"),
				errhint("Do it again."));
}

/* Move rows of a type and hour; gives how many. */
static int64
move_group(HourGroup *group, int64 most)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "pprof compaction", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
	Mover mover = {.group = group};
	int64 moved;

	mover.context = AllocSetContextCreate(context, "pprof segment rows", ALLOCSET_DEFAULT_SIZES);
	mover.rows = palloc(sizeof(PpSegmentRow) * pprof_segment_profiles);
	continue_hour(&mover);
	PushActiveSnapshot(snapshot);
	take_rows(&mover, rows_to_move(&mover, most));
	PopActiveSnapshot();
	if (mover.moved > 0)
		delete_rows(&mover, snapshot);
	derived_invalidate(group->key.service_id, group->key.type_id, group->key.hour);
	UnregisterSnapshot(snapshot);
	moved = mover.moved;
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	return moved;
}

/* --- SQL --- */

/* A snapshot from before the lock would miss what was done while we waited. */
static void
require_read_committed(void)
{
	if (IsolationUsesXactSnapshot())
		ereport(ERROR,
				errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				errmsg("compaction needs isolation level READ COMMITTED"));
}

PPROF_FUNCTION(pprof_compact_service);
Datum
pprof_compact_service(PG_FUNCTION_ARGS)
{
	int64 service_id = PG_GETARG_INT64(0), most = PG_GETARG_INT32(1), moved = 0;
	HourGroup *groups;
	int n;

	if (most < 1)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("max_rows must be greater than zero"));
	require_read_committed();
	if (!lock_service_try(service_id, LOCK_TO_MAINTAIN))
		PG_RETURN_INT32(0);
	storage_begin();
	groups = find_groups(service_id, &n);
	for (int i = 0; i < n && moved < most; i++)
		moved += move_group(&groups[i], most - moved);
	storage_end();
	PG_RETURN_INT32((int32) moved);
}
