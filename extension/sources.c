/*
 * sources.c
 *		Reading the tables of profiles.
 *
 * A statement names the services by an array, so that a selection of thousands
 * takes a few statements.  It is planned with its values: partitions out of the
 * range are not even opened.  Columns are de-toasted when somebody looks at them.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core_glue.h"
#include "sources.h"
#include "storage.h"

#define FETCH_ROWS 256 /* in memory at once */

static StoragePlan statements[] = {
	[SOURCE_DAYS] = {.sql = "SELECT service_id, day, profiles, functions, function_counts "
							"FROM pprof.day_rollups WHERE service_id = ANY ($1) AND type_id = $2 "
							"AND day >= $3 AND day < $4",
					 .nargs = 4,
					 .args = {INT8ARRAYOID, INT8OID, DATEOID, DATEOID},
					 .cursor_options = CURSOR_OPT_CUSTOM_PLAN},
	[SOURCE_HOURS] =
		{.sql = "SELECT service_id, hour, profiles, first_at, duration, samples, counts, functions, "
				"function_counts FROM pprof.rollups WHERE service_id = ANY ($1) AND type_id = $2 "
				"AND hour >= $3 AND hour < $4",
		 .nargs = 4,
		 .args = {INT8ARRAYOID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID},
		 .cursor_options = CURSOR_OPT_CUSTOM_PLAN},
	[SOURCE_TOTALS] = {.sql = "SELECT service_id, hour, head, data FROM pprof.totals "
							  "WHERE service_id = ANY ($1) AND type_id = $2 "
							  "AND hour >= $3 AND hour < $4",
					   .nargs = 4,
					   .args = {INT8ARRAYOID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID},
					   .cursor_options = CURSOR_OPT_CUSTOM_PLAN},
	[SOURCE_SEGMENTS] = {.sql = "SELECT service_id, hour, segment, first_at, last_at, head, ids, samples, spans "
								"FROM pprof.segments WHERE service_id = ANY ($1) AND type_id = $2 "
								"AND hour >= $3 AND hour < $4 ORDER BY service_id, hour, segment",
						 .nargs = 4,
						 .args = {INT8ARRAYOID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID},
						 .cursor_options = CURSOR_OPT_CUSTOM_PLAN},
	[SOURCE_RAW] = {.sql = "SELECT service_id, at, series_id, duration, total, profile_id, samples, spans "
						   "FROM pprof.raw WHERE service_id = ANY ($1) AND type_id = $2 "
						   "AND at >= $3 AND at < $4 ORDER BY service_id, at",
					.nargs = 4,
					.args = {INT8ARRAYOID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID},
					.cursor_options = CURSOR_OPT_CUSTOM_PLAN},
};

/* --- targets --- */

static int
compare_targets(const void *a, const void *b)
{
	const Target *x = a, *y = b;

	if (x->type_id != y->type_id)
		return x->type_id < y->type_id ? -1 : 1;
	/* a type may count events for one service and be the wanted one of another */
	if (x->service->service_id != y->service->service_id)
		return x->service->service_id < y->service->service_id ? -1 : 1;
	return 0;
}

static Datum
service_array(const Target *targets, int n)
{
	Datum *ids = palloc(sizeof(Datum) * Max(n, 1));

	for (int i = 0; i < n; i++)
		ids[i] = Int64GetDatum(targets[i].service->service_id);
	return PointerGetDatum(
		construct_array(ids, n, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

TargetGroup *
source_groups(const SelectedService *services, int n, int *ngroups)
{
	Target *targets = palloc(sizeof(Target) * Max(n * 2, 1));
	TargetGroup *groups;
	int ntargets = 0;

	for (int i = 0; i < n; i++)
	{
		if (!services[i].all_series && services[i].nseries == 0)
			continue;
		if (services[i].has_direct)
			targets[ntargets++] = (Target){&services[i], services[i].direct, false};
		if (services[i].has_counting)
			targets[ntargets++] = (Target){&services[i], services[i].counting, true};
	}
	qsort(targets, ntargets, sizeof(Target), compare_targets);
	groups = palloc(sizeof(TargetGroup) * Max(ntargets, 1));
	*ngroups = 0;
	for (int first = 0, end; first < ntargets; first = end)
	{
		for (end = first; end < ntargets && targets[end].type_id == targets[first].type_id; end++)
			;
		groups[(*ngroups)++] = (TargetGroup){targets[first].type_id,
											 end - first,
											 &targets[first],
											 service_array(&targets[first], end - first)};
	}
	return groups;
}

static const Target *
find_target(const TargetGroup *group, int64 service_id)
{
	int low = 0, high = group->n - 1;

	while (low < high)
	{
		int middle = low + (high - low) / 2;

		if (group->targets[middle].service->service_id < service_id)
			low = middle + 1;
		else
			high = middle;
	}
	return &group->targets[low];
}

/* --- rows --- */

bool
source_isnull(const SourceRow *row, int column)
{
	return heap_attisnull(row->tuple, column, row->desc);
}

Datum
source_value(const SourceRow *row, int column)
{
	bool isnull;
	Datum value = SPI_getbinval(row->tuple, row->desc, column, &isnull);

	if (isnull)
		elog(ERROR, "unexpected null");
	return value;
}

PpBytes
source_bytes(const SourceRow *row, int column)
{
	bytea *value = DatumGetByteaPP(source_value(row, column));

	return (PpBytes){VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value)};
}

/* A day as SQL has it, infinite where the time is. */
static Datum
day_datum(TimestampTz at)
{
	if (TIMESTAMP_IS_NOBEGIN(at))
		return DateADTGetDatum(DATEVAL_NOBEGIN);
	if (TIMESTAMP_IS_NOEND(at))
		return DateADTGetDatum(DATEVAL_NOEND);
	return DateADTGetDatum(storage_day(at));
}

void
source_read(Source source, const TargetGroup *group, TimestampTz from, TimestampTz to,
			SourceVisit visit, void *context)
{
	SourceRow row = {.target = &group->targets[0]};
	MemoryContext memory;
	Datum values[4];
	Portal portal;

	if (from >= to)
		return;
	memory = AllocSetContextCreate(CurrentMemoryContext, "pprof row", ALLOCSET_DEFAULT_SIZES);
	values[0] = group->services;
	values[1] = Int64GetDatum(group->type_id);
	values[2] = source == SOURCE_DAYS ? day_datum(from) : TimestampTzGetDatum(from);
	values[3] = source == SOURCE_DAYS ? day_datum(to) : TimestampTzGetDatum(to);
	portal = SPI_cursor_open(NULL, storage_plan(&statements[source]), values, NULL, true);
	for (;;)
	{
		MemoryContext caller;
		SPITupleTable *rows;
		uint64 n;

		CHECK_FOR_INTERRUPTS();
		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		rows = SPI_tuptable; /* a visitor may use SPI, too */
		n = SPI_processed;
		if (n == 0)
			break;
		caller = MemoryContextSwitchTo(memory);
		for (uint64 i = 0; i < n; i++)
		{
			int64 service_id;

			row.tuple = rows->vals[i];
			row.desc = rows->tupdesc;
			service_id = DatumGetInt64(source_value(&row, 1));
			if (row.target->service->service_id != service_id)
				row.target = find_target(group, service_id);
			visit(context, &row);
			MemoryContextReset(memory);
		}
		MemoryContextSwitchTo(caller);
		SPI_freetuptable(rows);
	}
	SPI_freetuptable(SPI_tuptable);
	SPI_cursor_close(portal);
	MemoryContextDelete(memory);
}
