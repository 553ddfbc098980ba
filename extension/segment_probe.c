/*
 * segment_probe.c
 *		Is a profile among those of the segments?
 *
 * Ingest asks this for every row, so the statement reads the partition of the day
 * itself: a plan over the parent would lock every partition at each execution.
 * Mostly no segment reaches as far as the time of a new profile, and the
 * statement finds nothing.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/datetime.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "core_glue.h"
#include "segment.h"
#include "storage.h"

/* Plans for the days asked for last. */
#define PLANS 8

typedef struct ProbePlan
{
	DateADT day;
	uint64 used; /* when, in calls; 0: never */
	SPIPlanPtr plan;
} ProbePlan;

static ProbePlan plans[PLANS];
static uint64 calls = 0;

/* Name of the partition of a day; NULL if there is none. */
static char *
partition_of(DateADT day)
{
	struct pg_tm tm;
	char *name;

	j2date(day + POSTGRES_EPOCH_JDATE, &tm.tm_year, &tm.tm_mon, &tm.tm_mday);
	name = psprintf("segments_%04d%02d%02d", tm.tm_year, tm.tm_mon, tm.tm_mday);
	return OidIsValid(get_relname_relid(name, get_namespace_oid("pprof", false))) ? name : NULL;
}

static SPIPlanPtr
plan_for(DateADT day, const char *partition)
{
	Oid args[5] = {INT8OID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID};
	ProbePlan *place = &plans[0];
	SPIPlanPtr plan;

	for (int i = 0; i < PLANS; i++)
	{
		if (plans[i].plan != NULL && plans[i].day == day)
		{
			plans[i].used = ++calls;
			return plans[i].plan;
		}
		if (plans[i].used < place->used)
			place = &plans[i];
	}
	plan = SPI_prepare(psprintf("SELECT segment, profiles, first_at, last_at, head, ids FROM pprof.%s "
								"WHERE service_id = $1 AND type_id = $2 AND hour = $3 "
								"AND last_at >= $4 AND first_at <= $5",
								partition),
					   lengthof(args),
					   args);
	if (plan == NULL || SPI_keepplan(plan) != 0)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	if (place->plan != NULL)
		SPI_freeplan(place->plan);
	*place = (ProbePlan){day, ++calls, plan};
	return plan;
}

static int
compare_ids(int64 a, int64 b)
{
	return (a > b) - (a < b);
}

static int
compare_probes(const void *a, const void *b)
{
	const SegmentProbe *x = a, *y = b;
	int order = compare_ids(x->service_id, y->service_id);

	if (order == 0)
		order = compare_ids(segment_hour(x->at), segment_hour(y->at));
	if (order == 0)
		order = compare_ids(x->type_id, y->type_id);
	return order != 0 ? order : compare_ids(x->at, y->at);
}

static bool
same_group(const SegmentProbe *a, const SegmentProbe *b)
{
	return a->service_id == b->service_id && a->type_id == b->type_id &&
		   segment_hour(a->at) == segment_hour(b->at);
}

/* First row of the segment at or after the time. */
static uint32_t
first_row(const PpSegmentHead *head, TimestampTz at)
{
	uint32_t low = 0, high = head->n;

	while (low < high)
	{
		uint32_t middle = low + (high - low) / 2;

		if (head->at[middle] < at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Ids lie apart and are fetched only when time and series fit. */
static bool
has_row(const StoredSegment *segment, const PpSegmentHead *head, const SegmentProbe *probe,
		const uint8_t **ids)
{
	size_t len;

	for (uint32_t i = first_row(head, probe->at); i < head->n && head->at[i] == probe->at; i++)
	{
		if (head->series[head->series_index[i]] != probe->series_id)
			continue;
		if (*ids == NULL)
		{
			*ids = segment_bytes(segment->ids, &len);
			if (len != (size_t) head->n * UUID_LEN)
				ereport(ERROR,
						errcode(ERRCODE_DATA_CORRUPTED),
						errmsg("ids of a segment have a wrong length"));
		}
		if (memcmp(*ids + (size_t) i * UUID_LEN, &probe->profile_id, UUID_LEN) == 0)
			return true;
	}
	return false;
}

static void
probe_segment(SegmentProbe *probes, int n, HeapTuple tuple, TupleDesc desc)
{
	StoredSegment segment = {.service_id = probes->service_id,
							 .type_id = probes->type_id,
							 .hour = segment_hour(probes->at)};
	PpSegmentHead head;
	const uint8_t *ids = NULL;
	bool null;

	segment.segment = DatumGetInt32(SPI_getbinval(tuple, desc, 1, &null));
	segment.profiles = DatumGetInt32(SPI_getbinval(tuple, desc, 2, &null));
	segment.first_at = DatumGetTimestampTz(SPI_getbinval(tuple, desc, 3, &null));
	segment.last_at = DatumGetTimestampTz(SPI_getbinval(tuple, desc, 4, &null));
	segment.head = SPI_getbinval(tuple, desc, 5, &null);
	segment.ids = SPI_getbinval(tuple, desc, 6, &null);
	segment_head(&segment, core_arena_create(), &head);
	for (int i = 0; i < n; i++)
		if (!probes[i].held && probes[i].at >= segment.first_at && probes[i].at <= segment.last_at)
			probes[i].held = has_row(&segment, &head, &probes[i], &ids);
}

/* Probes of one service, type and hour, in order of time. */
static void
probe_hour(SegmentProbe *probes, int n)
{
	TimestampTz hour = segment_hour(probes->at);
	DateADT day = storage_day(hour);
	char *partition = partition_of(day);
	Datum values[5] = {Int64GetDatum(probes->service_id),
					   Int64GetDatum(probes->type_id),
					   TimestampTzGetDatum(hour),
					   TimestampTzGetDatum(probes[0].at),
					   TimestampTzGetDatum(probes[n - 1].at)};
	SPITupleTable *table;
	int result;

	if (partition == NULL)
		return;
	/* planning needs a snapshot as well */
	PushActiveSnapshot(GetLatestSnapshot());
	result = SPI_execute_plan(plan_for(day, partition), values, NULL, true, 0);
	PopActiveSnapshot();
	if (result != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_plan failed: %s", SPI_result_code_string(result));
	table = SPI_tuptable;
	for (uint64 i = 0, found = SPI_processed; i < found; i++)
		probe_segment(probes, n, table->vals[i], table->tupdesc);
	SPI_freetuptable(table);
}

void
segment_holds(SegmentProbe *probes, int n)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "pprof probe", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);

	qsort(probes, n, sizeof(SegmentProbe), compare_probes);
	for (int first = 0, end; first < n; first = end)
	{
		for (end = first; end < n && same_group(&probes[first], &probes[end]); end++)
			probes[end].held = false;
		probe_hour(&probes[first], end - first);
		MemoryContextReset(context);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
}
