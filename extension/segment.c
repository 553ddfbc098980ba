/*
 * segment.c
 *		Rows of pprof.segments: reading them, looking for profiles in them,
 *		changing them.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core_glue.h"
#include "segment.h"
#include "segment_write.h"
#include "storage.h"

#define FETCH_ROWS 32

TimestampTz
segment_hour(TimestampTz at)
{
	TimestampTz rest = at % USECS_PER_HOUR;

	return at - rest - (rest < 0 ? USECS_PER_HOUR : 0);
}

/* --- reading --- */

const uint8_t *
segment_bytes(Datum column, size_t *len)
{
	bytea *value = DatumGetByteaPP(column);

	*len = VARSIZE_ANY_EXHDR(value);
	return (const uint8_t *) VARDATA_ANY(value);
}

const uint8_t *
segment_prefix(Datum column, uint64 most, size_t *len)
{
	bytea *value;

	if (most >= toast_raw_datum_size(column) - VARHDRSZ)
		return segment_bytes(column, len);
	value = (bytea *) PG_DETOAST_DATUM_SLICE(column, 0, (int32) most);
	*len = VARSIZE_ANY_EXHDR(value);
	return (const uint8_t *) VARDATA_ANY(value);
}

void
segment_raise(const StoredSegment *segment, const PpError *err)
{

	/* no damage, but memory or patience that came to an end */
	if (err->code != PP_EMALFORMED && err->code != PP_EINVALID)
		core_raise(err);
	ereport(ERROR,
			errcode(ERRCODE_DATA_CORRUPTED),
			errmsg("segment %d of hour %s is damaged",
				   segment->segment,
				   timestamptz_to_str(segment->hour)),
			errdetail("Service " INT64_FORMAT ", profile type " INT64_FORMAT ": %s.",
					  segment->service_id,
					  segment->type_id,
					  err->message));
}

void
segment_head(const StoredSegment *segment, PpArena *arena, PpSegmentHead *head)
{
	size_t len;
	const uint8_t *data = segment_bytes(segment->head, &len);
	PpError err;

	if (pp_segment_head(data, len, arena, head, &err) != PP_OK)
		segment_raise(segment, &err);
	if (head->n != (uint32) segment->profiles)
	{
		err = (PpError){.code = PP_EMALFORMED, .message = "number of profiles is wrong"};
		segment_raise(segment, &err);
	}
}

/* Columns of the statements below, but for the first two. */
#define SEGMENT_COLUMNS                                                                            \
	"type_id, hour, segment, profiles, first_at, last_at, head, ids, samples, spans"

static void
take_row(StoredSegment *segment, int64 service_id, HeapTuple tuple, TupleDesc desc)
{
	Datum values[10];
	bool null;

	for (int i = 0; i < 10; i++)
		values[i] = SPI_getbinval(tuple, desc, i + 1, &null);
	*segment = (StoredSegment){.service_id = service_id,
							   .type_id = DatumGetInt64(values[0]),
							   .hour = DatumGetTimestampTz(values[1]),
							   .segment = DatumGetInt32(values[2]),
							   .profiles = DatumGetInt32(values[3]),
							   .first_at = DatumGetTimestampTz(values[4]),
							   .last_at = DatumGetTimestampTz(values[5]),
							   .head = values[6],
							   .ids = values[7],
							   .samples = values[8],
							   .spans = values[9]};
}

/* Visit the rows of a cursor. */
static void
each_row(Portal portal, int64 service_id, SegmentVisit visit, void *context)
{
	MemoryContext row =
		AllocSetContextCreate(CurrentMemoryContext, "pprof segment", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = CurrentMemoryContext;

	for (;;)
	{
		SPITupleTable *table;
		uint64 n;

		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		table = SPI_tuptable;
		n = SPI_processed;
		if (n == 0)
			break;
		MemoryContextSwitchTo(row);
		for (uint64 i = 0; i < n; i++)
		{
			StoredSegment segment;

			CHECK_FOR_INTERRUPTS();
			take_row(&segment, service_id, table->vals[i], table->tupdesc);
			visit(context, &segment);
			MemoryContextReset(row);
		}
		MemoryContextSwitchTo(caller);
		SPI_freetuptable(table);
	}
	MemoryContextDelete(row);
}

void
segment_each(int64 service_id, const int64 *types, int ntypes, TimestampTz since, TimestampTz until,
			 SegmentVisit visit, void *context)
{
	static StoragePlan read =
		{.sql = "SELECT " SEGMENT_COLUMNS " FROM pprof.segments "
				"WHERE service_id = $1 AND type_id = ANY ($2) AND hour >= $3 "
				"AND hour < $4 AND last_at >= $5 AND first_at < $4 "
				"ORDER BY type_id, hour, segment",
		 .nargs = 5,
		 .args = {INT8OID, INT8ARRAYOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID},
		 .cursor_options = CURSOR_OPT_CUSTOM_PLAN};
	Datum *ids = palloc(sizeof(Datum) * Max(ntypes, 1));
	Datum values[5];
	Portal portal;

	for (int i = 0; i < ntypes; i++)
		ids[i] = Int64GetDatum(types[i]);
	values[0] = Int64GetDatum(service_id);
	values[1] = PointerGetDatum(
		construct_array(ids, ntypes, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	/* infinities have no hour */
	values[2] = TimestampTzGetDatum(TIMESTAMP_NOT_FINITE(since) ? since : segment_hour(since));
	values[3] = TimestampTzGetDatum(until);
	values[4] = TimestampTzGetDatum(since);
	portal = SPI_cursor_open(NULL, storage_plan(&read), values, NULL, true);
	each_row(portal, service_id, visit, context);
	SPI_cursor_close(portal);
}

void
segment_each_of_hour(int64 service_id, int64 type_id, TimestampTz hour, SegmentVisit visit,
					 void *context)
{
	static StoragePlan read = {.sql = "SELECT " SEGMENT_COLUMNS " FROM pprof.segments "
									  "WHERE service_id = $1 AND type_id = $2 AND hour = $3 "
									  "ORDER BY segment",
							   .nargs = 3,
							   .args = {INT8OID, INT8OID, TIMESTAMPTZOID},
							   .cursor_options = CURSOR_OPT_CUSTOM_PLAN};
	Datum values[3] = {Int64GetDatum(service_id), Int64GetDatum(type_id), TimestampTzGetDatum(hour)};
	Portal portal = SPI_cursor_open(NULL, storage_plan(&read), values, NULL, true);

	each_row(portal, service_id, visit, context);
	SPI_cursor_close(portal);
}

/* --- writing --- */

static void
bytes_values(const PpSegmentBytes *bytes, Datum *values)
{
	values[0] = PointerGetDatum(storage_bytea(bytes->head, bytes->head_len));
	values[1] = PointerGetDatum(storage_bytea(bytes->ids, bytes->ids_len));
	values[2] = PointerGetDatum(storage_bytea(bytes->samples, bytes->samples_len));
	values[3] = PointerGetDatum(storage_bytea(bytes->spans, bytes->spans_len));
}

/* Run a statement whose arguments are the key of a segment, its profiles, their times and bytes. */
static void
write_segment(StoragePlan *plan, const StoredSegment *key, const PpSegmentRow *rows, uint32_t n)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "pprof segment", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	PpSegmentBytes bytes;
	Datum values[11] = {Int64GetDatum(key->service_id),
						Int64GetDatum(key->type_id),
						TimestampTzGetDatum(key->hour),
						Int32GetDatum(key->segment),
						Int32GetDatum((int32) n),
						TimestampTzGetDatum(rows[0].at),
						TimestampTzGetDatum(rows[n - 1].at)};
	PpError err;

	CORE_CHECK(pp_segment_encode(rows, n, core_alloc_create(context), &bytes, &err), &err);
	bytes_values(&bytes, values + 7);
	if (storage_run(plan, values, NULL) != 1)
		elog(ERROR, "segment %d was not written", key->segment);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
}

#define WRITE_ARGS                                                                                 \
	{                                                                                              \
		INT8OID, INT8OID, TIMESTAMPTZOID, INT4OID, INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID,        \
			BYTEAOID, BYTEAOID, BYTEAOID, BYTEAOID                                                 \
	}

void
segment_insert(const StoredSegment *key, const PpSegmentRow *rows, uint32_t n)
{
	static StoragePlan add = {.sql = "INSERT INTO pprof.segments (service_id, type_id, hour, segment, "
									 "profiles, first_at, last_at, head, ids, samples, spans) "
									 "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
							  .nargs = 11,
							  .args = WRITE_ARGS};

	write_segment(&add, key, rows, n);
}

static void
segment_update(const StoredSegment *key, const PpSegmentRow *rows, uint32_t n)
{
	static StoragePlan change = {.sql = "UPDATE pprof.segments SET profiles = $5, first_at = $6, "
										"last_at = $7, head = $8, ids = $9, samples = $10, spans = $11 "
										"WHERE service_id = $1 AND type_id = $2 AND hour = $3 "
										"AND segment = $4",
								 .nargs = 11,
								 .args = WRITE_ARGS};

	write_segment(&change, key, rows, n);
}

void
segment_delete(int64 service_id, int64 type_id, TimestampTz hour, int32 segment)
{
	static StoragePlan remove = {.sql = "DELETE FROM pprof.segments WHERE service_id = $1 "
										"AND type_id = $2 AND hour = $3 AND segment = $4",
								 .nargs = 4,
								 .args = {INT8OID, INT8OID, TIMESTAMPTZOID, INT4OID}};
	Datum values[4] = {Int64GetDatum(service_id),
					   Int64GetDatum(type_id),
					   TimestampTzGetDatum(hour),
					   Int32GetDatum(segment)};

	if (storage_run(&remove, values, NULL) != 1)
		elog(ERROR, "segment %d was not deleted", segment);
}

uint32_t
segment_load(int64 service_id, int64 type_id, TimestampTz hour, int32 segment, PpSegmentRow **rows)
{
	static StoragePlan read = {.sql = "SELECT " SEGMENT_COLUMNS " FROM pprof.segments "
									  "WHERE service_id = $1 AND type_id = $2 AND hour = $3 "
									  "AND segment = $4",
							   .nargs = 4,
							   .args = {INT8OID, INT8OID, TIMESTAMPTZOID, INT4OID}};
	Datum values[4] = {Int64GetDatum(service_id),
					   Int64GetDatum(type_id),
					   TimestampTzGetDatum(hour),
					   Int32GetDatum(segment)};
	StoredSegment stored;
	PpSegmentBytes bytes;
	uint32_t n;
	PpError err;

	if (storage_read_latest(&read, values, NULL, 1) == 0)
		return 0;
	take_row(&stored, service_id, SPI_tuptable->vals[0], SPI_tuptable->tupdesc);
	segment_columns(&stored, &bytes);
	if (pp_segment_decode(&bytes, core_arena_create(), rows, &n, &err) != PP_OK)
		segment_raise(&stored, &err);
	return n;
}

void
segment_columns(const StoredSegment *segment, PpSegmentBytes *bytes)
{
	bytes->head = unconstify(uint8_t *, segment_bytes(segment->head, &bytes->head_len));
	bytes->ids = unconstify(uint8_t *, segment_bytes(segment->ids, &bytes->ids_len));
	bytes->samples = unconstify(uint8_t *, segment_bytes(segment->samples, &bytes->samples_len));
	bytes->spans = unconstify(uint8_t *, segment_bytes(segment->spans, &bytes->spans_len));
}

int
segment_rewrite(int64 service_id, int64 type_id, TimestampTz hour, int32 segment, const uint8 *keep)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "pprof segment", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	StoredSegment key = {.service_id = service_id, .type_id = type_id, .hour = hour, .segment = segment};
	PpSegmentRow *rows;
	uint32_t n = segment_load(service_id, type_id, hour, segment, &rows), kept = 0;

	for (uint32_t i = 0; i < n; i++)
		if (keep[i])
			rows[kept++] = rows[i];
	if (n == kept)
		;
	else if (kept == 0)
		segment_delete(service_id, type_id, hour, segment);
	else
		segment_update(&key, rows, kept);
	if (n > kept)
		derived_invalidate(service_id, type_id, hour);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	return (int) (n - kept);
}

void
derived_invalidate(int64 service_id, int64 type_id, TimestampTz hour)
{
	static StoragePlan steps[] =
		{{.sql = "DELETE FROM pprof.totals WHERE service_id = $1 AND type_id = $2 AND hour = $3",
		  .nargs = 3,
		  .args = {INT8OID, INT8OID, TIMESTAMPTZOID}},
		 {.sql = "DELETE FROM pprof.rollups WHERE service_id = $1 AND type_id = $2 AND hour = $3",
		  .nargs = 3,
		  .args = {INT8OID, INT8OID, TIMESTAMPTZOID}},
		 {.sql = "INSERT INTO pprof.dirty_hours (service_id, type_id, hour) VALUES ($1, $2, $3) "
				 "ON CONFLICT DO NOTHING",
		  .nargs = 3,
		  .args = {INT8OID, INT8OID, TIMESTAMPTZOID}},
		 {.sql = "DELETE FROM pprof.day_rollups WHERE service_id = $1 AND type_id = $2 AND day = $3",
		  .nargs = 3,
		  .args = {INT8OID, INT8OID, DATEOID}},
		 {.sql = "INSERT INTO pprof.dirty_days (service_id, type_id, day) VALUES ($1, $2, $3) "
				 "ON CONFLICT DO NOTHING",
		  .nargs = 3,
		  .args = {INT8OID, INT8OID, DATEOID}}};
	Datum values[3] = {Int64GetDatum(service_id), Int64GetDatum(type_id)};

	for (size_t i = 0; i < lengthof(steps); i++)
	{
		values[2] = steps[i].args[2] == DATEOID ? DateADTGetDatum(storage_day(hour))
												: TimestampTzGetDatum(hour);
		(void) storage_run(&steps[i], values, NULL);
	}
}
