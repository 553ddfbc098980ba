/*
 * check_segments.c
 *		pprof.check() of segments and totals.
 *
 * Hour by hour: each segment by itself, then that no row is in two places, then
 * that totals are those of the segments.  Memory follows the rows of an hour.
 * Totals that outlive the segments are checked by themselves.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "check_segments.h"
#include "core/pp_totals.h"
#include "core_glue.h"
#include "segment.h"
#include "segment_write.h"
#include "storage.h"

#define MAX_PROBLEMS 1000

typedef struct RowKey
{
	int64 at, series_id;
	pg_uuid_t profile_id;
} RowKey;

typedef struct HourCheck
{
	const SegmentChecks *checks;
	int64 service_id, type_id;
	TimestampTz hour;
	MemoryContext context; /* of the keys */
	RowKey *keys;
	size_t n, room;
	const int64 *series; /* that series_days has, ascending */
	uint64 nseries;
	bool damaged; /* some segment cannot be read */
} HourCheck;

static const char *
hour_name(const HourCheck *hour)
{
	return psprintf("hour %s of service " INT64_FORMAT ", type " INT64_FORMAT,
					timestamptz_to_str(hour->hour),
					hour->service_id,
					hour->type_id);
}

/* --- segments --- */

static void
add_key(HourCheck *hour, int64 at, int64 series_id, const uint8_t *id)
{
	RowKey *key;

	if (hour->n == hour->room)
	{
		hour->room = hour->room == 0 ? 1024 : hour->room * 2;
		hour->keys = hour->keys == NULL
						 ? MemoryContextAllocHuge(hour->context, hour->room * sizeof(RowKey))
						 : repalloc_huge(hour->keys, hour->room * sizeof(RowKey));
	}
	key = &hour->keys[hour->n++];
	key->at = at;
	key->series_id = series_id;
	memcpy(key->profile_id.data, id, UUID_LEN);
}

static int
compare_series(const void *a, const void *b)
{
	int64 x = *(const int64 *) a, y = *(const int64 *) b;

	return (x > y) - (x < y);
}

static bool
has_series(const HourCheck *hour, int64 series_id)
{
	return bsearch(&series_id, hour->series, hour->nseries, sizeof(int64), compare_series) != NULL;
}

static const char *
row_problem(const HourCheck *hour, const PpSegmentRow *row)
{
	if (row->at < hour->hour || row->at >= hour->hour + USECS_PER_HOUR)
		return "a profile belongs to another hour";
	if (hour->nseries == 0 || !has_series(hour, row->series_id))
		return "series_days does not have the series of a profile";
	return hour->checks->row(hour->checks->context, row);
}

/* What is wrong with the segment, or NULL; takes the keys of its rows. */
static const char *
segment_problem(HourCheck *hour, const StoredSegment *segment)
{
	PpSegmentBytes bytes;
	PpSegmentRow *rows;
	uint32_t n;
	const char *wrong = NULL;
	PpError err;

	segment_columns(segment, &bytes);
	if (pp_segment_check(&bytes, core_alloc_create(CurrentMemoryContext), &err) != PP_OK ||
		pp_segment_decode(&bytes, core_arena_create(), &rows, &n, &err) != PP_OK)
	{
		if (err.code != PP_EMALFORMED && err.code != PP_EINVALID)
			core_raise(&err);
		hour->damaged = true;
		return pstrdup(err.message);
	}
	if (n != (uint32) segment->profiles)
	{
		/* totals are not built from it, either */
		hour->damaged = true;
		wrong = "number of profiles is wrong";
	}
	else if (segment->first_at != rows[0].at || segment->last_at != rows[n - 1].at)
		wrong = "times are not those of its profiles";
	for (uint32_t i = 0; i < n; i++)
	{
		add_key(hour, rows[i].at, rows[i].series_id, rows[i].id);
		if (wrong == NULL)
			wrong = row_problem(hour, &rows[i]);
	}
	return wrong;
}

static void
check_segment(void *context, const StoredSegment *segment)
{
	HourCheck *hour = context;
	const char *wrong = segment_problem(hour, segment);

	if (wrong != NULL)
		hour->checks->report(hour->checks->context,
							 psprintf("segment %d, %s", segment->segment, hour_name(hour)),
							 wrong);
}

/* --- rows in two places --- */

static void
add_raw_keys(HourCheck *hour)
{
	static StoragePlan read = {.sql =
								   "SELECT at, series_id, profile_id FROM pprof.raw "
								   "WHERE service_id = $1 AND type_id = $2 AND at >= $3 AND at < $4",
							   .nargs = 4,
							   .args = {INT8OID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID},
							   .cursor_options = CURSOR_OPT_CUSTOM_PLAN};
	Datum values[4] = {Int64GetDatum(hour->service_id),
					   Int64GetDatum(hour->type_id),
					   TimestampTzGetDatum(hour->hour),
					   TimestampTzGetDatum(hour->hour + USECS_PER_HOUR)};
	uint64 n = storage_read(&read, values, NULL, 0);

	for (uint64 i = 0; i < n; i++)
		add_key(hour,
				DatumGetTimestampTz(storage_value(i, 1)),
				DatumGetInt64(storage_value(i, 2)),
				DatumGetUUIDP(storage_value(i, 3))->data);
	SPI_freetuptable(SPI_tuptable);
}

static int
compare_keys(const void *a, const void *b)
{
	const RowKey *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	if (x->series_id != y->series_id)
		return x->series_id < y->series_id ? -1 : 1;
	return memcmp(&x->profile_id, &y->profile_id, UUID_LEN);
}

static void
check_keys(HourCheck *hour)
{
	size_t twice = 0;

	add_raw_keys(hour);
	qsort(hour->keys, hour->n, sizeof(RowKey), compare_keys);
	for (size_t i = 1; i < hour->n; i++)
		twice += compare_keys(&hour->keys[i - 1], &hour->keys[i]) == 0;
	if (twice > 0)
		hour->checks->report(hour->checks->context,
							 hour_name(hour),
							 psprintf("%zu rows are in two places", twice));
}

/* --- totals --- */

static bool
same_bytes(Datum stored, const uint8_t *data, size_t len)
{
	size_t stored_len;
	const uint8_t *bytes = segment_bytes(stored, &stored_len);

	return stored_len == len && memcmp(bytes, data, len) == 0;
}

static void
check_totals(HourCheck *hour)
{
	static StoragePlan read = {.sql = "SELECT head, data FROM pprof.totals WHERE service_id = $1 "
									  "AND type_id = $2 AND hour = $3",
							   .nargs = 3,
							   .args = {INT8OID, INT8OID, TIMESTAMPTZOID},
							   .cursor_options = CURSOR_OPT_CUSTOM_PLAN};
	static StoragePlan mark = {.sql = "SELECT FROM pprof.dirty_hours WHERE service_id = $1 "
									  "AND type_id = $2 AND hour = $3",
							   .nargs = 3,
							   .args = {INT8OID, INT8OID, TIMESTAMPTZOID}};
	Datum values[3] = {Int64GetDatum(hour->service_id),
					   Int64GetDatum(hour->type_id),
					   TimestampTzGetDatum(hour->hour)};
	const char *wrong = NULL;
	PpTotalsBytes bytes;

	if (hour->damaged)
		return;
	if (storage_read(&read, values, NULL, 1) == 0)
	{
		if (storage_read(&mark, values, NULL, 1) == 0)
			wrong = "there are neither totals nor a mark that they are to be made";
	}
	else
	{
		Datum head = storage_value(0, 1), data = storage_value(0, 2);

		if (!totals_build(hour->service_id, hour->type_id, hour->hour, &bytes) ||
			!same_bytes(head, bytes.head, bytes.head_len) ||
			!same_bytes(data, bytes.data, bytes.data_len))
			wrong = "totals are not those of the segments";
	}
	if (wrong != NULL)
		hour->checks->report(hour->checks->context, hour_name(hour), wrong);
}

/* --- hours of a day --- */

static const int64 *
read_series(int64 service_id, int64 type_id, DateADT day, uint64 *n)
{
	static StoragePlan read = {.sql = "SELECT series_id FROM pprof.series_days WHERE service_id = $1 "
									  "AND type_id = $2 AND day = $3 ORDER BY series_id",
							   .nargs = 3,
							   .args = {INT8OID, INT8OID, DATEOID},
							   .cursor_options = CURSOR_OPT_CUSTOM_PLAN};
	Datum values[3] = {Int64GetDatum(service_id), Int64GetDatum(type_id), DateADTGetDatum(day)};
	int64 *series;

	*n = storage_read(&read, values, NULL, 0);
	series = palloc_extended(sizeof(int64) * Max(*n, 1), MCXT_ALLOC_HUGE);
	for (uint64 i = 0; i < *n; i++)
		series[i] = DatumGetInt64(storage_value(i, 1));
	SPI_freetuptable(SPI_tuptable);
	return series;
}

static void
check_hour(const SegmentChecks *checks, int64 service_id, int64 type_id, TimestampTz hour_start)
{
	HourCheck hour = {.checks = checks,
					  .service_id = service_id,
					  .type_id = type_id,
					  .hour = hour_start,
					  .context = CurrentMemoryContext};

	CHECK_FOR_INTERRUPTS();
	hour.series = read_series(service_id, type_id, storage_day(hour_start), &hour.nseries);
	segment_each_of_hour(service_id, type_id, hour_start, check_segment, &hour);
	check_keys(&hour);
	check_totals(&hour);
}

/* --- totals of days whose profiles retention took --- */

static const char *
lone_problem(HourCheck *hour, Datum head_bytes, Datum data_bytes)
{
	PpTotalsBytes bytes;
	PpTotalsHead head;
	PpError err;

	bytes.head = (uint8_t *) segment_bytes(head_bytes, &bytes.head_len);
	bytes.data = (uint8_t *) segment_bytes(data_bytes, &bytes.data_len);
	if (pp_totals_check(&bytes, core_alloc_create(CurrentMemoryContext), &err) != PP_OK ||
		pp_totals_head(bytes.head, bytes.head_len, core_arena_create(), &head, &err) != PP_OK)
		return pstrdup(err.message);
	if (head.first_at < hour->hour || head.last_at >= hour->hour + USECS_PER_HOUR)
		return "totals are of another hour";
	hour->series =
		read_series(hour->service_id, hour->type_id, storage_day(hour->hour), &hour->nseries);
	for (uint32 i = 0; i < head.nseries; i++)
		if (!has_series(hour, head.series[i].series_id))
			return "series_days does not have a series of the totals";
	return NULL;
}

static void
check_lone_totals(const SegmentChecks *checks, int64 service_id, DateADT day)
{
	static StoragePlan read = {.sql = "SELECT type_id, hour, head, data FROM pprof.totals t "
									  "WHERE service_id = $1 AND hour >= $2 AND hour < $3 "
									  "AND NOT EXISTS (SELECT FROM pprof.segments s "
									  "WHERE s.service_id = $1 AND s.type_id = t.type_id "
									  "AND s.hour = t.hour) ORDER BY 1, 2",
							   .nargs = 3,
							   .args = {INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID},
							   .cursor_options = CURSOR_OPT_CUSTOM_PLAN};
	Datum values[3] = {Int64GetDatum(service_id),
					   TimestampTzGetDatum(storage_day_start(day)),
					   TimestampTzGetDatum(storage_day_start(day + 1))};
	uint64 n = storage_read(&read, values, NULL, 0);
	SPITupleTable *table = SPI_tuptable;

	for (uint64 i = 0; i < n; i++)
	{
		HourCheck hour = {.checks = checks, .service_id = service_id};
		const char *problem;

		SPI_tuptable = table;
		hour.type_id = DatumGetInt64(storage_value(i, 1));
		hour.hour = DatumGetTimestampTz(storage_value(i, 2));
		problem = lone_problem(&hour, storage_value(i, 3), storage_value(i, 4));
		if (problem != NULL)
			checks->report(checks->context, hour_name(&hour), problem);
	}
	SPI_freetuptable(table);
}

void
check_segments(const SegmentChecks *checks, int64 service_id, DateADT day)
{
	static StoragePlan read = {.sql =
								   "SELECT DISTINCT type_id, hour FROM pprof.segments "
								   "WHERE service_id = $1 AND hour >= $2 AND hour < $3 ORDER BY 1, 2",
							   .nargs = 3,
							   .args = {INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID},
							   .cursor_options = CURSOR_OPT_CUSTOM_PLAN};
	Datum values[3] = {Int64GetDatum(service_id),
					   TimestampTzGetDatum(storage_day_start(day)),
					   TimestampTzGetDatum(storage_day_start(day + 1))};
	uint64 n = storage_read(&read, values, NULL, 0);
	SPITupleTable *table = SPI_tuptable;
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "pprof hour", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	bool null;

	for (uint64 i = 0; i < n; i++)
	{
		check_hour(checks,
				   service_id,
				   DatumGetInt64(SPI_getbinval(table->vals[i], table->tupdesc, 1, &null)),
				   DatumGetTimestampTz(SPI_getbinval(table->vals[i], table->tupdesc, 2, &null)));
		MemoryContextReset(context);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	SPI_freetuptable(table);
	check_lone_totals(checks, service_id, day);
}

/* --- references --- */

void
check_segment_references(const SegmentChecks *checks)
{
	static StoragePlan read = {
		.sql =
			"WITH g AS (SELECT DISTINCT service_id, type_id, "
			"(hour AT TIME ZONE 'UTC')::pg_catalog.date AS day FROM pprof.segments), "
			"t AS (SELECT service_id, type_id, hour FROM pprof.totals o "
			"WHERE NOT EXISTS (SELECT FROM pprof.segments s WHERE s.service_id = o.service_id "
			"AND s.type_id = o.type_id AND s.hour = o.hour) "
			"AND NOT EXISTS (SELECT FROM pprof.expired_days e WHERE e.service_id = o.service_id "
			"AND e.day = (o.hour AT TIME ZONE 'UTC')::pg_catalog.date)) "
			"SELECT pg_catalog.format('segments of service %s, type %s, day %s', service_id, type_id, "
			"pg_catalog.to_char(day::pg_catalog.timestamp, 'YYYY-MM-DD')), "
			"CASE WHEN s.service_id IS NULL THEN 'service does not exist' "
			"WHEN y.type_id IS NULL THEN 'profile type does not exist' "
			"ELSE 'day has no dictionary' END FROM g "
			"LEFT JOIN pprof.services s USING (service_id) "
			"LEFT JOIN pprof.service_types y USING (service_id, type_id) "
			"LEFT JOIN (SELECT DISTINCT service_id, day, true AS known FROM pprof.dictionaries) d "
			"USING (service_id, day) "
			"WHERE s.service_id IS NULL OR y.type_id IS NULL OR d.known IS NULL "
			"UNION ALL SELECT pg_catalog.format('totals of service %s, type %s, hour %s', service_id, "
			"type_id, hour), 'there are no segments' FROM t ORDER BY 1, 2"};
	uint64 n = storage_read(&read, NULL, NULL, MAX_PROBLEMS);

	for (uint64 i = 0; i < n; i++)
		checks->report(checks->context,
					   TextDatumGetCString(storage_value(i, 1)),
					   TextDatumGetCString(storage_value(i, 2)));
}
