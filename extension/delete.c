/*
 * delete.c
 *		pprof.delete_series(), pprof.delete_profiles(), pprof.delete_profile():
 *		profiles that go before their time, and all that was made of them.
 *
 * Each service is locked against writers and maintenance, then its rows are
 * looked for anew: what was committed before is found, in the write buffer or in
 * segments, and what comes later comes after the delete.  Totals, rollups,
 * functions, series of the day and labels are right in the same transaction.
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
#include "utils/uuid.h"

#include "core_glue.h"
#include "functions.h"
#include "locks.h"
#include "pprof.h"
#include "segment.h"
#include "selection.h"
#include "storage.h"

/* A segment that loses rows. */
typedef struct CutSegment
{
	int64 type_id;
	TimestampTz hour;
	int32 segment;
	uint8 *keep; /* by row: 0 goes */
} CutSegment;

/* A day and type that loses rows, once for each. */
typedef struct TouchedDay
{
	DateADT day;
	int64 type_id;
} TouchedDay;

/* What of one service is to go. */
typedef struct Deletion
{
	int ntaken; /* retention took their profiles; rows may wait for their partition to go */
	TouchedDay *taken;
	int64 service_id;
	TimestampTz since, until;
	bool all_series, by_profile;
	int nseries, ntypes;
	int64 *series; /* ascending */
	int64 *types;
	pg_uuid_t profile_id;
	MemoryContext context; /* of the lists below */
	int64 nrows;		   /* that went, or would go */
	int ncuts, cap_cuts;
	CutSegment *cuts;
	int ntouched, cap_touched;
	TouchedDay *touched;
} Deletion;

static int
compare_ids(const void *a, const void *b)
{
	int64 x = *(const int64 *) a, y = *(const int64 *) b;

	return (x > y) - (x < y);
}

static ArrayType *
id_array(const int64 *ids, int n)
{
	Datum *datums = palloc(sizeof(Datum) * Max(n, 1));

	for (int i = 0; i < n; i++)
		datums[i] = Int64GetDatum(ids[i]);
	return construct_array(datums, n, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
}

static void
touch(Deletion *deletion, DateADT day, int64 type_id)
{
	MemoryContext caller = MemoryContextSwitchTo(deletion->context);

	for (int i = deletion->ntouched - 1; i >= 0; i--)
		if (deletion->touched[i].day == day && deletion->touched[i].type_id == type_id)
		{
			MemoryContextSwitchTo(caller);
			return;
		}
	if (deletion->ntouched == deletion->cap_touched)
	{
		deletion->cap_touched = Max(deletion->cap_touched * 2, 64);
		deletion->touched =
			deletion->touched == NULL
				? palloc(sizeof(TouchedDay) * deletion->cap_touched)
				: repalloc(deletion->touched, sizeof(TouchedDay) * deletion->cap_touched);
	}
	deletion->touched[deletion->ntouched++] = (TouchedDay){day, type_id};
	MemoryContextSwitchTo(caller);
}

/* --- what is there --- */

static int
compare_days(const void *a, const void *b)
{
	const TouchedDay *x = a, *y = b;

	if (x->day != y->day)
		return x->day < y->day ? -1 : 1;
	return (x->type_id > y->type_id) - (x->type_id < y->type_id);
}

static void
list_taken(Deletion *deletion)
{
	static StoragePlan find = {.sql = "SELECT day, unnest(profiles) FROM pprof.expired_days "
									  "WHERE service_id = $1 ORDER BY 1, 2",
							   .nargs = 1,
							   .args = {INT8OID}};
	Datum values[1] = {Int64GetDatum(deletion->service_id)};

	deletion->ntaken = (int) storage_read_latest(&find, values, NULL, 0);
	deletion->taken = palloc(sizeof(TouchedDay) * Max(deletion->ntaken, 1));
	for (int i = 0; i < deletion->ntaken; i++)
		deletion->taken[i] =
			(TouchedDay){DatumGetDateADT(storage_value(i, 1)), DatumGetInt64(storage_value(i, 2))};
	SPI_freetuptable(SPI_tuptable);
}

/* Sums of such a day could not be made anew. */
static bool
is_taken(const Deletion *deletion, const StoredSegment *segment)
{
	TouchedDay key = {storage_day(segment->hour), segment->type_id};

	return bsearch(&key, deletion->taken, deletion->ntaken, sizeof(TouchedDay), compare_days) != NULL;
}

static bool
goes(const Deletion *deletion, const PpSegmentHead *head, const uint8_t *ids, uint32 row)
{
	return head->at[row] >= deletion->since && head->at[row] < deletion->until &&
		   (deletion->all_series || bsearch(&head->series[head->series_index[row]],
											deletion->series,
											deletion->nseries,
											sizeof(int64),
											compare_ids) != NULL) &&
		   (ids == NULL ||
			memcmp(ids + (size_t) row * UUID_LEN, &deletion->profile_id, UUID_LEN) == 0);
}

static void
add_cut(Deletion *deletion, const StoredSegment *segment, uint8 *keep)
{
	if (deletion->ncuts == deletion->cap_cuts)
	{
		deletion->cap_cuts = Max(deletion->cap_cuts * 2, 64);
		deletion->cuts =
			deletion->cuts == NULL
				? MemoryContextAllocHuge(deletion->context, sizeof(CutSegment) * deletion->cap_cuts)
				: repalloc_huge(deletion->cuts, sizeof(CutSegment) * deletion->cap_cuts);
	}
	deletion->cuts[deletion->ncuts++] = (CutSegment){.type_id = segment->type_id,
													 .hour = segment->hour,
													 .segment = segment->segment,
													 .keep = keep};
}

static void
visit_segment(void *context, const StoredSegment *segment)
{
	Deletion *deletion = context;
	const uint8_t *ids = NULL;
	uint8 *keep = NULL;
	PpSegmentHead head;
	size_t len;

	if (is_taken(deletion, segment))
		return;
	segment_head(segment, core_arena_create(), &head);
	if (deletion->by_profile)
	{
		ids = segment_bytes(segment->ids, &len);
		if (len != (size_t) head.n * UUID_LEN)
			ereport(ERROR,
					errcode(ERRCODE_DATA_CORRUPTED),
					errmsg("a segment of %u profiles has %zu bytes of ids", head.n, len));
	}
	for (uint32 row = 0; row < head.n; row++)
	{
		if (!goes(deletion, &head, ids, row))
			continue;
		if (keep == NULL)
		{
			keep = MemoryContextAlloc(deletion->context, head.n);
			memset(keep, 1, head.n);
		}
		keep[row] = 0;
		deletion->nrows++;
	}
	if (keep != NULL)
		add_cut(deletion, segment, keep);
}

/* Values of the parameters of the queries on raw: service, types, range, series, profile. */
static void
raw_values(const Deletion *deletion, Datum *values, char *nulls)
{
	values[0] = Int64GetDatum(deletion->service_id);
	values[1] = PointerGetDatum(id_array(deletion->types, deletion->ntypes));
	values[2] = TimestampTzGetDatum(deletion->since);
	values[3] = TimestampTzGetDatum(deletion->until);
	values[4] = PointerGetDatum(id_array(deletion->series, deletion->nseries));
	values[5] = UUIDPGetDatum(&deletion->profile_id);
	nulls[4] = deletion->all_series ? 'n' : ' ';
	nulls[5] = deletion->by_profile ? ' ' : 'n';
}

#define RAW_CONDITION                                                                              \
	"service_id = $1 AND type_id = ANY ($2) AND at >= $3 AND at < $4 "                             \
	"AND ($5::pg_catalog.int8[] IS NULL OR series_id = ANY ($5)) "                                 \
	"AND ($6::pg_catalog.uuid IS NULL OR profile_id = $6)"
#define RAW_ARGS                                                                                   \
	{                                                                                              \
		INT8OID, INT8ARRAYOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT8ARRAYOID, UUIDOID               \
	}

static void
delete_raw(Deletion *deletion)
{
	static StoragePlan remove =
		{.sql = "WITH gone AS (DELETE FROM pprof.raw WHERE " RAW_CONDITION " RETURNING type_id, at) "
				"SELECT type_id, (at AT TIME ZONE 'UTC')::pg_catalog.date, pg_catalog.count(*) "
				"FROM gone GROUP BY 1, 2",
		 .nargs = 6,
		 .args = RAW_ARGS,
		 .cursor_options = CURSOR_OPT_CUSTOM_PLAN};
	Datum values[6];
	char nulls[7] = "      ";
	uint64 rows;

	raw_values(deletion, values, nulls);
	rows = storage_run(&remove, values, nulls);
	for (uint64 i = 0; i < rows; i++)
	{
		touch(deletion, DatumGetDateADT(storage_value(i, 2)), DatumGetInt64(storage_value(i, 1)));
		deletion->nrows += DatumGetInt64(storage_value(i, 3));
	}
	SPI_freetuptable(SPI_tuptable);
}

static bool
raw_has_any(const Deletion *deletion)
{
	static StoragePlan find = {.sql = "SELECT 1 FROM pprof.raw WHERE " RAW_CONDITION " LIMIT 1",
							   .nargs = 6,
							   .args = RAW_ARGS,
							   .cursor_options = CURSOR_OPT_CUSTOM_PLAN};
	Datum values[6];
	char nulls[7] = "      ";

	raw_values(deletion, values, nulls);
	return storage_read(&find, values, nulls, 1) > 0;
}

/* --- what was made of it --- */

typedef struct Remaining
{
	int64 (*pairs)[2]; /* type, series; as many as were found, some of them often */
	int n, cap;
} Remaining;

static void
add_remaining(Remaining *remaining, int64 type_id, int64 series_id)
{
	if (remaining->n == remaining->cap)
	{
		remaining->cap *= 2;
		remaining->pairs =
			repalloc_huge(remaining->pairs, sizeof(*remaining->pairs) * remaining->cap);
	}
	remaining->pairs[remaining->n][0] = type_id;
	remaining->pairs[remaining->n++][1] = series_id;
}

static void
visit_remaining(void *context, const StoredSegment *segment)
{
	PpSegmentHead head;

	segment_head(segment, core_arena_create(), &head);
	for (uint32 i = 0; i < head.nseries; i++)
		add_remaining(context, segment->type_id, head.series[i]);
}

/* Types of a service that have rows of their own or count those of others. */
static int64 *
service_types(int64 service_id, const Selection *selection, int *n)
{
	static StoragePlan find = {.sql = "SELECT type_id, profile_type FROM pprof.service_types "
									  "WHERE service_id = $1 ORDER BY 1",
							   .nargs = 1,
							   .args = {INT8OID}};
	Datum values[1] = {Int64GetDatum(service_id)};
	uint64 rows = storage_read_latest(&find, values, NULL, 0);
	int64 *types = palloc(sizeof(int64) * Max(rows, 1));

	*n = 0;
	for (uint64 i = 0; i < rows; i++)
		if (selection == NULL ||
			selection_has_type(selection, core_bytes(DatumGetTextPP(storage_value(i, 2)))))
			types[(*n)++] = DatumGetInt64(storage_value(i, 1));
	SPI_freetuptable(SPI_tuptable);
	return types;
}

static void
find_remaining(const Deletion *deletion, DateADT day, Remaining *remaining)
{
	static StoragePlan find = {.sql = "SELECT DISTINCT type_id, series_id FROM pprof.raw "
									  "WHERE service_id = $1 AND at >= $2 AND at < $3",
							   .nargs = 3,
							   .args = {INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID}};
	TimestampTz since = storage_day_start(day), until = storage_day_start(day + 1);
	Datum values[3] = {Int64GetDatum(deletion->service_id),
					   TimestampTzGetDatum(since),
					   TimestampTzGetDatum(until)};
	uint64 rows = storage_read_latest(&find, values, NULL, 0);
	int64 *types;
	int ntypes;

	remaining->cap = 1024;
	remaining->n = 0;
	remaining->pairs = palloc(sizeof(*remaining->pairs) * remaining->cap);
	for (uint64 i = 0; i < rows; i++)
		add_remaining(remaining,
					  DatumGetInt64(storage_value(i, 1)),
					  DatumGetInt64(storage_value(i, 2)));
	SPI_freetuptable(SPI_tuptable);
	types = service_types(deletion->service_id, NULL, &ntypes);
	PushActiveSnapshot(GetLatestSnapshot());
	segment_each(deletion->service_id, types, ntypes, since, until, visit_remaining, remaining);
	PopActiveSnapshot();
}

/*
 * Take series off the day that have no profiles left.  A type that counts the
 * events of another has no rows: it stays as long as the other does.  So do types
 * whose profiles retention took: their totals know the series.
 */
static void
remove_series_days(const Deletion *deletion, DateADT day)
{
	static StoragePlan remove =
		{.sql = "WITH have AS (SELECT * FROM unnest($3, $4) AS h (type_id, series_id)), "
				"counted AS (SELECT c.type_id, h.series_id FROM have h "
				"JOIN pprof.service_types t ON t.service_id = $1 AND t.type_id = h.type_id "
				"JOIN pprof.service_types c ON c.service_id = $1 AND c.profile_type = "
				"pg_catalog.replace(t.profile_type, ':cpu:nanoseconds:', ':samples:count:')) "
				"DELETE FROM pprof.series_days d WHERE d.service_id = $1 AND d.day = $2 "
				"AND (d.type_id, d.series_id) NOT IN (TABLE have) "
				"AND (d.type_id, d.series_id) NOT IN (TABLE counted) "
				"AND NOT EXISTS (SELECT FROM pprof.expired_days e WHERE e.service_id = $1 "
				"AND e.day = $2 AND d.type_id = ANY (e.profiles))",
		 .nargs = 4,
		 .args = {INT8OID, DATEOID, INT8ARRAYOID, INT8ARRAYOID}};
	static StoragePlan relabel = {.sql = "SELECT pprof.label_summary_rebuild($1, $2)",
								  .nargs = 2,
								  .args = {INT8OID, DATEOID}};
	Remaining remaining;
	int64 *ids;
	Datum values[4] = {Int64GetDatum(deletion->service_id), DateADTGetDatum(day)};

	find_remaining(deletion, day, &remaining);
	ids = palloc_extended(sizeof(int64) * Max(remaining.n, 1), MCXT_ALLOC_HUGE);
	for (int column = 0; column < 2; column++)
	{
		for (int i = 0; i < remaining.n; i++)
			ids[i] = remaining.pairs[i][column];
		values[2 + column] = PointerGetDatum(id_array(ids, remaining.n));
	}
	storage_run(&remove, values, NULL);
	storage_run(&relabel, values, NULL);
}

static void
correct_days(Deletion *deletion)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "pprof day", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);

	qsort(deletion->touched, deletion->ntouched, sizeof(TouchedDay), compare_days);
	for (int i = 0; i < deletion->ntouched; i++)
	{
		const TouchedDay *touched = &deletion->touched[i];

		CHECK_FOR_INTERRUPTS();
		functions_refresh(deletion->service_id, touched->type_id, touched->day, NULL);
		if (i + 1 == deletion->ntouched || touched[1].day != touched->day)
			remove_series_days(deletion, touched->day);
		MemoryContextReset(context);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
}

/* --- one service --- */

/* Find segments that lose rows, under the active snapshot. */
static void
find_cuts(Deletion *deletion)
{
	if (deletion->ntypes > 0)
		segment_each(deletion->service_id,
					 deletion->types,
					 deletion->ntypes,
					 deletion->since,
					 deletion->until,
					 visit_segment,
					 deletion);
}

/* The service is locked. */
static void
delete_rows(Deletion *deletion)
{
	PushActiveSnapshot(GetLatestSnapshot());
	find_cuts(deletion);
	PopActiveSnapshot();
	for (int i = 0; i < deletion->ncuts; i++)
	{
		const CutSegment *cut = &deletion->cuts[i];

		CHECK_FOR_INTERRUPTS();
		segment_rewrite(deletion->service_id, cut->type_id, cut->hour, cut->segment, cut->keep);
		touch(deletion, storage_day(cut->hour), cut->type_id);
	}
	delete_raw(deletion);
	correct_days(deletion);
}

/* Retention took the profiles of these days: nothing can be subtracted from sums. */
static void
warn_expired(const Deletion *deletion, PpBytes name)
{
	static StoragePlan count = {.sql = "SELECT pg_catalog.count(*) FROM pprof.expired_days "
									   "WHERE service_id = $1 AND pprof.day_start(day + 1) > $2 "
									   "AND pprof.day_start(day) < $3",
								.nargs = 3,
								.args = {INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID}};
	Datum values[3] = {Int64GetDatum(deletion->service_id),
					   TimestampTzGetDatum(deletion->since),
					   TimestampTzGetDatum(deletion->until)};
	int64 days;

	storage_read_latest(&count, values, NULL, 1);
	days = DatumGetInt64(storage_value(0, 1));
	if (days > 0)
		ereport(NOTICE,
				errmsg("sums of " INT64_FORMAT " days of service \"%s\" stay as they are",
					   days,
					   text_to_cstring(core_text(name))),
				errdetail("Retention has taken the profiles that they were made of."),
				errhint("pprof.delete_service() removes sums, too."));
}

/* Series of the service that a selector means, now; false: none. */
static bool
find_series(Deletion *deletion, const Selection *selection)
{
	static StoragePlan find = {.sql =
								   "SELECT series_id FROM pprof.series WHERE service_id = $1 "
								   "AND labels OPERATOR(pprof.@~) ($2::text)::pprof.selector ORDER BY 1",
							   .nargs = 2,
							   .args = {INT8OID, TEXTOID},
							   .cursor_options = CURSOR_OPT_CUSTOM_PLAN};
	Datum values[2] = {Int64GetDatum(deletion->service_id)};
	uint64 rows;

	deletion->all_series = selection->labels_text == NULL;
	if (deletion->all_series)
		return true;
	values[1] = CStringGetTextDatum(selection->labels_text);
	rows = storage_read_latest(&find, values, NULL, 0);
	deletion->series = palloc(sizeof(int64) * Max(rows, 1));
	deletion->nseries = (int) rows;
	for (uint64 i = 0; i < rows; i++)
		deletion->series[i] = DatumGetInt64(storage_value(i, 1));
	SPI_freetuptable(SPI_tuptable);
	return rows > 0;
}

static bool
prepare(Deletion *deletion, const Selection *selection, int64 service_id, TimestampTz since,
		TimestampTz until)
{
	memset(deletion, 0, sizeof(*deletion));
	deletion->context = CurrentMemoryContext;
	deletion->service_id = service_id;
	deletion->since = since;
	deletion->until = until;
	deletion->by_profile = selection->by_profile;
	deletion->profile_id = selection->profile_id;
	if (!find_series(deletion, selection))
		return false;
	deletion->types = service_types(service_id, selection, &deletion->ntypes);
	list_taken(deletion);
	return deletion->ntypes > 0;
}

/* It may have been renamed or deleted until the lock was there. */
static bool
is_still_selected(const Selection *selection, int64 service_id)
{
	static StoragePlan find = {.sql = "SELECT name FROM pprof.services "
									  "WHERE service_id = $1 AND tenant = $2",
							   .nargs = 2,
							   .args = {INT8OID, TEXTOID}};
	Datum values[2] = {Int64GetDatum(service_id), PointerGetDatum(core_text(storage_tenant()))};

	return storage_read_latest(&find, values, NULL, 1) > 0 &&
		   selection_has_service(selection, core_bytes(DatumGetTextPP(storage_value(0, 1))));
}

/* A profile may be anywhere: only services that have it are locked. */
static bool
has_profile(Deletion *deletion)
{
	if (raw_has_any(deletion))
		return true;
	find_cuts(deletion);
	return deletion->ncuts > 0;
}

static int64
delete_selected(const Selection *selection, TimestampTz since, TimestampTz until)
{
	SelectedService *services;
	int64 nrows = 0;
	int n;

	if (selection->by_span || selection->by_trace)
		ereport(ERROR,
				errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("samples of a span cannot be deleted from their profiles"));
	if (IsolationUsesXactSnapshot())
		ereport(ERROR,
				errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("this is possible in READ COMMITTED transactions only"));
	services = selection_services(selection, &n);
	/* in ascending order, as all who lock several */
	for (int i = 0; i < n; i++)
	{
		Deletion deletion;

		CHECK_FOR_INTERRUPTS();
		if (!prepare(&deletion, selection, services[i].service_id, since, until) ||
			(selection->by_profile && !has_profile(&deletion)))
			continue;
		lock_service(services[i].service_id, LOCK_TO_DESTROY);
		if (!is_still_selected(selection, services[i].service_id) ||
			!prepare(&deletion, selection, services[i].service_id, since, until))
			continue;
		delete_rows(&deletion);
		nrows += deletion.nrows;
		if (!selection->by_profile)
			warn_expired(&deletion, services[i].name);
	}
	if (nrows > 0)
		storage_invalidate();
	return nrows;
}

/* --- SQL --- */

PPROF_FUNCTION(pprof_delete_series);
Datum
pprof_delete_series(PG_FUNCTION_ARGS)
{
	Selection selection;
	int64 nrows;

	storage_begin();
	selection_parse(&selection, PG_GETARG_TEXT_PP(0));
	nrows = delete_selected(&selection, PG_GETARG_TIMESTAMPTZ(1), PG_GETARG_TIMESTAMPTZ(2));
	storage_end();
	PG_RETURN_INT64(nrows);
}

PPROF_FUNCTION(pprof_delete_profile);
Datum
pprof_delete_profile(PG_FUNCTION_ARGS)
{
	pg_uuid_t *profile_id = PG_GETARG_UUID_P(0);
	Selection selection;
	int64 nrows;

	storage_begin();
	selection_parse(&selection, PG_GETARG_TEXT_PP(1));
	if (selection.by_profile && memcmp(&selection.profile_id, profile_id, UUID_LEN) != 0)
		selection.nothing = true;
	selection.by_profile = true;
	selection.profile_id = *profile_id;
	nrows = delete_selected(&selection, PG_GETARG_TIMESTAMPTZ(2), PG_GETARG_TIMESTAMPTZ(3));
	storage_end();
	PG_RETURN_INT64(nrows);
}
