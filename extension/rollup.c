/*
 * rollup.c
 *		pprof.rollup_service(): sums of hours and days that have become complete.
 *
 * A mark in dirty_hours says that the segments of an hour changed since its
 * rollup was made.  Nobody but the holder of the lock on the service changes
 * segments, so what is read under a snapshot taken after the lock is all there
 * is.  All types of an hour are made together, as they share stacks.
 *
 * An hour whose sum does not fit 64 bits keeps its mark and has no rollup;
 * queries read its segments, and fail if they have to add them up.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "core_glue.h"
#include "functions.h"
#include "guc.h"
#include "locks.h"
#include "pprof.h"
#include "rollup.h"
#include "segment.h"

/* What one call works on. */
typedef struct Roller
{
	int64 service_id;
	MemoryContext context; /* of the dictionary */
	TimestampTz now;	   /* less the grace for late profiles */
	PathDictionary *paths; /* open, or NULL */
	int done, most;		   /* hours and days of a type */
} Roller;

/* A type and the start of an hour or day that is to be made anew. */
typedef struct Mark
{
	int64 type_id;
	TimestampTz start;
} Mark;

/* --- marks --- */

static Mark *
read_marks(StoragePlan *plan, Datum *values, uint64 *n)
{
	Mark *marks;

	*n = storage_read_latest(plan, values, NULL, 0);
	marks = palloc(Max(*n, 1) * sizeof(Mark));
	for (uint64 i = 0; i < *n; i++)
		marks[i] =
			(Mark){DatumGetInt64(storage_value(i, 1)), DatumGetTimestampTz(storage_value(i, 2))};
	SPI_freetuptable(SPI_tuptable);
	return marks;
}

/* Hours that are over, by time. */
static Mark *
dirty_hours(const Roller *roller, uint64 *n)
{
	static StoragePlan read = {.sql = "SELECT type_id, hour FROM pprof.dirty_hours "
									  "WHERE service_id = $1 AND hour <= $2 ORDER BY hour, type_id",
							   .nargs = 2,
							   .args = {INT8OID, TIMESTAMPTZOID}};
	Datum values[2] = {Int64GetDatum(roller->service_id),
					   TimestampTzGetDatum(roller->now - USECS_PER_HOUR)};

	return read_marks(&read, values, n);
}

/* Days that are over and have no dirty hour. */
static Mark *
dirty_days(const Roller *roller, uint64 *n)
{
	static StoragePlan read =
		{.sql = "SELECT d.type_id, d.day::pg_catalog.timestamp AT TIME ZONE 'UTC' "
				"FROM pprof.dirty_days d WHERE d.service_id = $1 AND d.day <= $2 AND NOT EXISTS "
				"(SELECT FROM pprof.dirty_hours h WHERE h.service_id = d.service_id "
				"AND h.type_id = d.type_id AND h.hour >= d.day::pg_catalog.timestamp AT TIME ZONE 'UTC' "
				"AND h.hour < (d.day + 1)::pg_catalog.timestamp AT TIME ZONE 'UTC') ORDER BY 2, 1",
		 .nargs = 2,
		 .args = {INT8OID, DATEOID}};
	Datum values[2] = {Int64GetDatum(roller->service_id),
					   DateADTGetDatum(storage_day(roller->now) - 1)};

	return read_marks(&read, values, n);
}

/* --- hours --- */

/* The dictionary of paths that rollups of a day are written with. */
static PathDictionary *
roller_paths(Roller *roller, DateADT day)
{
	DateADT month = path_dictionary_month(day);

	if (roller->paths != NULL && path_dictionary_month_of(roller->paths) != month)
	{
		path_dictionary_close(roller->paths);
		roller->paths = NULL;
	}
	if (roller->paths == NULL)
	{
		MemoryContext caller = MemoryContextSwitchTo(roller->context);

		roller->paths = path_dictionary_open(roller->service_id, month);
		MemoryContextSwitchTo(caller);
	}
	return roller->paths;
}

/* Derived rows of an hour that has no segments any more. */
static void
clear_hour(const HourSum *hour)
{
	static StoragePlan rollups = {.sql = "DELETE FROM pprof.rollups "
										 "WHERE service_id = $1 AND type_id = $2 AND hour = $3",
								  .nargs = 3,
								  .args = {INT8OID, INT8OID, TIMESTAMPTZOID}};
	static StoragePlan totals = {.sql = "DELETE FROM pprof.totals "
										"WHERE service_id = $1 AND type_id = $2 AND hour = $3",
								 .nargs = 3,
								 .args = {INT8OID, INT8OID, TIMESTAMPTZOID}};
	Datum values[3] = {Int64GetDatum(hour->service_id),
					   Int64GetDatum(hour->type_id),
					   TimestampTzGetDatum(hour->hour)};

	storage_run(&rollups, values, NULL);
	storage_run(&totals, values, NULL);
}

static void
insert_hour(const HourSum *hour)
{
	static StoragePlan add =
		{.sql = "INSERT INTO pprof.rollups (service_id, type_id, hour, profiles, first_at, duration, "
				"samples, counts, functions, function_counts) "
				"VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
		 .nargs = 10,
		 .args = {INT8OID,
				  INT8OID,
				  TIMESTAMPTZOID,
				  INT4OID,
				  TIMESTAMPTZOID,
				  INT8OID,
				  STORAGE_SAMPLES,
				  STORAGE_SAMPLES,
				  STORAGE_SAMPLES,
				  STORAGE_SAMPLES}};
	Datum values[10] = {Int64GetDatum(hour->service_id),
						Int64GetDatum(hour->type_id),
						TimestampTzGetDatum(hour->hour),
						Int32GetDatum(hour->profiles),
						TimestampTzGetDatum(hour->first_at),
						Int64GetDatum(hour->duration)};
	char nulls[10 + 1] = "          ";
	bytea *samples[4];

	counted_sum_values(&hour->lines, &samples[0], &samples[1]);
	counted_sum_values(&hour->frames, &samples[2], &samples[3]);
	for (int i = 0; i < 4; i++)
	{
		values[6 + i] = PointerGetDatum(samples[i]);
		if (samples[i] == NULL)
			nulls[6 + i] = 'n';
	}
	storage_run(&add, values, nulls);
}

/* The hour is as it should be; its day is not. */
static void
settle_hour(const HourSum *hour)
{
	static StoragePlan clean = {.sql = "DELETE FROM pprof.dirty_hours "
									   "WHERE service_id = $1 AND type_id = $2 AND hour = $3",
								.nargs = 3,
								.args = {INT8OID, INT8OID, TIMESTAMPTZOID}};
	static StoragePlan dirty = {.sql = "INSERT INTO pprof.dirty_days (service_id, type_id, day) "
									   "VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
								.nargs = 3,
								.args = {INT8OID, INT8OID, DATEOID}};
	Datum values[3] = {Int64GetDatum(hour->service_id),
					   Int64GetDatum(hour->type_id),
					   TimestampTzGetDatum(hour->hour)};

	storage_run(&clean, values, NULL);
	values[2] = DateADTGetDatum(storage_day(hour->hour));
	storage_run(&dirty, values, NULL);
}

static void
add_paths(Roller *roller, HourSum **hours, int n, DateADT day)
{
	PathDictionary *paths = roller_paths(roller, day);

	hour_sum_paths(hours, n, paths);
	path_dictionary_flush(paths);
}

/* Make the types of one hour. */
static void
roll_hour(Roller *roller, const Mark *marks, int n)
{
	HourSum **hours = palloc(n * sizeof(HourSum *));
	bool some = false;

	PushActiveSnapshot(GetLatestSnapshot());
	for (int i = 0; i < n; i++)
	{
		hours[i] = hour_sum_make(roller->service_id, marks[i].type_id, marks[i].start);
		some = some || hours[i]->rows > 0;
	}
	PopActiveSnapshot();
	if (some)
		add_paths(roller, hours, n, storage_day(marks[0].start));
	for (int i = 0; i < n; i++)
	{
		if (hours[i]->fits)
		{
			clear_hour(hours[i]);
			if (hours[i]->rows > 0)
			{
				insert_hour(hours[i]);
				/* of the segments that are there with the lock held */
				PushActiveSnapshot(GetLatestSnapshot());
				totals_make(roller->service_id, marks[i].type_id, marks[i].start);
				PopActiveSnapshot();
			}
			settle_hour(hours[i]);
			roller->done++;
		}
		hour_sum_free(hours[i]);
	}
	pfree(hours);
}

/* What functions have of a day, for each of the types that were made of it. */
static void
refresh_functions(Roller *roller, const Mark *marks, uint64 n)
{
	for (uint64 i = 0; i < n; i++)
	{
		DateADT day = storage_day(marks[i].start);
		bool later = false;

		/* once for all hours of the day */
		for (uint64 j = i + 1; j < n && storage_day(marks[j].start) == day && !later; j++)
			later = marks[j].type_id == marks[i].type_id;
		if (later)
			continue;
		CHECK_FOR_INTERRUPTS();
		functions_refresh(roller->service_id, marks[i].type_id, day, roller->paths);
	}
}

static void
roll_hours(Roller *roller)
{
	uint64 n, end;
	Mark *marks = dirty_hours(roller, &n);
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "pprof rollup", ALLOCSET_DEFAULT_SIZES);
	uint64 first = 0;

	for (; first < n && roller->done < roller->most; first = end)
	{
		MemoryContext caller;

		CHECK_FOR_INTERRUPTS();
		for (end = first; end < n && marks[end].start == marks[first].start; end++)
			;
		caller = MemoryContextSwitchTo(context);
		roll_hour(roller, &marks[first], (int) (end - first));
		MemoryContextSwitchTo(caller);
		MemoryContextReset(context);
	}
	refresh_functions(roller, marks, first);
	MemoryContextDelete(context);
}

/* --- days --- */

static void
insert_day(const Roller *roller, int64 type_id, DateADT day, const DaySum *sum)
{
	static StoragePlan add =
		{.sql = "INSERT INTO pprof.day_rollups (service_id, type_id, day, profiles, "
				"functions, function_counts) VALUES ($1, $2, $3, $4, $5, $6)",
		 .nargs = 6,
		 .args = {INT8OID, INT8OID, DATEOID, INT8OID, STORAGE_SAMPLES, STORAGE_SAMPLES}};
	Datum values[6] = {Int64GetDatum(roller->service_id),
					   Int64GetDatum(type_id),
					   DateADTGetDatum(day),
					   Int64GetDatum(sum->profiles),
					   PointerGetDatum(sum->functions),
					   PointerGetDatum(sum->counts)};

	storage_run(&add, values, sum->counts == NULL ? "     n" : NULL);
}

static void
roll_day(Roller *roller, const Mark *mark)
{
	static StoragePlan clear = {.sql = "DELETE FROM pprof.day_rollups "
									   "WHERE service_id = $1 AND type_id = $2 AND day = $3",
								.nargs = 3,
								.args = {INT8OID, INT8OID, DATEOID}};
	static StoragePlan clean = {.sql = "DELETE FROM pprof.dirty_days "
									   "WHERE service_id = $1 AND type_id = $2 AND day = $3",
								.nargs = 3,
								.args = {INT8OID, INT8OID, DATEOID}};
	DateADT day = storage_day(mark->start);
	Datum key[3] = {Int64GetDatum(roller->service_id),
					Int64GetDatum(mark->type_id),
					DateADTGetDatum(day)};
	DaySum sum;

	PushActiveSnapshot(GetLatestSnapshot());
	day_sum_make(roller->service_id, mark->type_id, day, &sum);
	PopActiveSnapshot();
	if (!sum.fits)
		return;
	storage_run(&clear, key, NULL);
	if (sum.rows > 0)
		insert_day(roller, mark->type_id, day, &sum);
	storage_run(&clean, key, NULL);
	roller->done++;
}

static void
roll_days(Roller *roller)
{
	uint64 n;
	Mark *marks = dirty_days(roller, &n);
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "pprof rollup", ALLOCSET_DEFAULT_SIZES);

	for (uint64 i = 0; i < n && roller->done < roller->most; i++)
	{
		MemoryContext caller = MemoryContextSwitchTo(context);

		CHECK_FOR_INTERRUPTS();
		roll_day(roller, &marks[i]);
		MemoryContextSwitchTo(caller);
		MemoryContextReset(context);
	}
	MemoryContextDelete(context);
}

PPROF_FUNCTION(pprof_rollup_service);
Datum
pprof_rollup_service(PG_FUNCTION_ARGS)
{
	Roller roller = {.service_id = PG_GETARG_INT64(0), .most = PG_GETARG_INT32(1)};

	if (IsolationUsesXactSnapshot())
		ereport(ERROR,
				errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				errmsg("rollups are made at the isolation level read committed only"));
	storage_begin();
	roller.context = CurrentMemoryContext;
	if (lock_service_try(roller.service_id, LOCK_TO_MAINTAIN))
	{
		roller.now = GetCurrentTimestamp() - (int64) pprof_hour_grace * USECS_PER_SEC;
		roll_hours(&roller);
		roll_days(&roller);
	}
	storage_end();
	PG_RETURN_INT32(roller.done);
}
