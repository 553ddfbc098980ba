/*
 * raw_rows.c
 *		Rows of pprof.raw: stored unless they are there already.
 *
 * The key of the table finds a row that was sent before as long as it is there.
 * Maintenance moves rows into segments, so those are searched, too; after the
 * insert: had somebody been moving an equal row meanwhile, the unique index would
 * have made us wait for him, and his segment shows now.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "partition_plan.h"
#include "raw_rows.h"
#include "segment.h"

static void
insert_one(RawRow *row)
{
	static const PartitionPlan add =
		{.sql = "INSERT INTO pprof.%s (service_id, type_id, series_id, at, duration, total, "
				"profile_id, samples, spans) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) "
				"ON CONFLICT DO NOTHING",
		 .parent = "raw",
		 .nargs = 9,
		 .args = {INT8OID,
				  INT8OID,
				  INT8OID,
				  TIMESTAMPTZOID,
				  INT8OID,
				  INT8OID,
				  UUIDOID,
				  STORAGE_SAMPLES,
				  BYTEAOID}};
	Datum values[9] = {Int64GetDatum(row->service_id),
					   Int64GetDatum(row->type_id),
					   Int64GetDatum(row->series_id),
					   TimestampTzGetDatum(row->at),
					   Int64GetDatum(row->duration),
					   Int64GetDatum(row->total),
					   UUIDPGetDatum(&row->profile_id),
					   PointerGetDatum(row->samples),
					   PointerGetDatum(row->spans)};

	row->stored = partition_run(&add, storage_day(row->at), values, NULL) > 0;
}

/* A column of the rows as an array. */
static Datum
column_array(const RawRow *rows, int n, int column, Datum *scratch)
{
	static const struct
	{
		Oid type;
		int16 len;
		bool by_value;
		char align;
	} kinds[] = {{INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE},
				 {UUIDOID, UUID_LEN, false, TYPALIGN_CHAR},
				 {BYTEAOID, -1, false, TYPALIGN_INT}};
	int kind = column < 6 ? 0 : column == 6 ? 1 : 2;
	Oid type = kinds[kind].type;

	for (int i = 0; i < n; i++)
	{
		const RawRow *row = &rows[i];
		const int64 numbers[6] =
			{row->service_id, row->type_id, row->series_id, row->at, row->duration, row->total};

		if (kind == 0)
			scratch[i] = Int64GetDatum(numbers[column]);
		else if (kind == 1)
			scratch[i] = UUIDPGetDatum(&row->profile_id);
		else
			scratch[i] = PointerGetDatum(column == 7 ? row->samples : row->spans);
	}
	if (column == 3)
		type = TIMESTAMPTZOID;
	else if (column == 7)
		type = storage_argument(STORAGE_SAMPLES);
	return PointerGetDatum(
		construct_array(scratch, n, type, kinds[kind].len, kinds[kind].by_value, kinds[kind].align));
}

static bool
is_row(const RawRow *row, uint64 i)
{
	return row->type_id == DatumGetInt64(storage_value(i, 2)) &&
		   row->series_id == DatumGetInt64(storage_value(i, 3)) &&
		   row->at == DatumGetTimestampTz(storage_value(i, 4)) &&
		   row->service_id == DatumGetInt64(storage_value(i, 1)) &&
		   memcmp(&row->profile_id, DatumGetUUIDP(storage_value(i, 5)), UUID_LEN) == 0;
}

static void
insert_many(RawRow *rows, int n)
{
	static const PartitionPlan add =
		{.sql = "INSERT INTO pprof.%s (service_id, type_id, series_id, at, duration, total, "
				"profile_id, samples, spans) SELECT * FROM ROWS FROM (pg_catalog.unnest($1), "
				"pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4), "
				"pg_catalog.unnest($5), pg_catalog.unnest($6), pg_catalog.unnest($7), "
				"pg_catalog.unnest($8), pg_catalog.unnest($9)) ON CONFLICT DO NOTHING "
				"RETURNING service_id, type_id, series_id, at, profile_id",
		 .parent = "raw",
		 .nargs = 9,
		 .args = {INT8ARRAYOID,
				  INT8ARRAYOID,
				  INT8ARRAYOID,
				  TIMESTAMPTZARRAYOID,
				  INT8ARRAYOID,
				  INT8ARRAYOID,
				  UUIDARRAYOID,
				  STORAGE_SAMPLES_ARRAY,
				  BYTEAARRAYOID}};
	Datum *scratch = palloc(sizeof(Datum) * n);
	Datum values[9];
	uint64 inserted, found = 0;

	for (int column = 0; column < 9; column++)
		values[column] = column_array(rows, n, column, scratch);
	inserted = partition_run(&add, storage_day(rows[0].at), values, NULL);
	/* they come back in the order in which they went in */
	for (int i = 0; i < n; i++)
		if ((rows[i].stored = found < inserted && is_row(&rows[i], found)))
			found++;
	SPI_freetuptable(SPI_tuptable);
	if (found != inserted)
		elog(ERROR, "rows of profiles came back in another order");
}

static void
delete_one(const RawRow *row)
{
	static const PartitionPlan remove =
		{.sql = "DELETE FROM pprof.%s WHERE service_id = $1 AND type_id = $2 AND at = $3 "
				"AND series_id = $4 AND profile_id = $5",
		 .parent = "raw",
		 .nargs = 5,
		 .args = {INT8OID, INT8OID, TIMESTAMPTZOID, INT8OID, UUIDOID}};
	Datum values[5] = {Int64GetDatum(row->service_id),
					   Int64GetDatum(row->type_id),
					   TimestampTzGetDatum(row->at),
					   Int64GetDatum(row->series_id),
					   UUIDPGetDatum(&row->profile_id)};

	/* the snapshot of a long transaction may still show the row that was moved */
	partition_run_latest(&remove, storage_day(row->at), values);
}

static RawRow *
row_of(RawRow *rows, int n, const SegmentProbe *probe)
{
	for (int i = 0; i < n; i++)
		if (rows[i].stored && rows[i].service_id == probe->service_id &&
			rows[i].type_id == probe->type_id && rows[i].series_id == probe->series_id &&
			rows[i].at == probe->at && memcmp(&rows[i].profile_id, &probe->profile_id, UUID_LEN) == 0)
			return &rows[i];
	elog(ERROR, "probe of a profile that was not stored");
	return NULL;
}

/* Take out again what is in a segment. */
static void
look_in_segments(RawRow *rows, int n)
{
	SegmentProbe *probes = palloc(sizeof(SegmentProbe) * n);
	int nprobes = 0;

	for (int i = 0; i < n; i++)
		if (rows[i].stored && !rows[i].unique)
			probes[nprobes++] = (SegmentProbe){.service_id = rows[i].service_id,
											   .type_id = rows[i].type_id,
											   .series_id = rows[i].series_id,
											   .at = rows[i].at,
											   .profile_id = rows[i].profile_id};
	if (nprobes > 0)
		segment_holds(probes, nprobes);
	for (int i = 0; i < nprobes; i++)
		if (probes[i].held)
		{
			RawRow *row = row_of(rows, n, &probes[i]);

			delete_one(row);
			row->stored = false;
		}
}

void
raw_insert(RawRow *rows, int n)
{
	if (n == 1)
		insert_one(rows);
	else
		insert_many(rows, n);
	look_in_segments(rows, n);
}
