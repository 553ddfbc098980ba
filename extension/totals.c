/*
 * totals.c
 *		Rows of pprof.totals, from the heads of the segments of an hour.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "core_glue.h"
#include "segment.h"
#include "segment_write.h"
#include "storage.h"

/* Of a profile that counts events but has none. */
#define ANY_SCALE PG_UINT64_MAX

typedef struct Point
{
	int64 series_id, at, total;
	uint64 scale; /* 0: not counted */
	pg_uuid_t profile_id;
} Point;

typedef struct Points
{
	MemoryContext context; /* of the points */
	Point *points;
	size_t n, room;
} Points;

static void
take_segment(void *context, const StoredSegment *segment)
{
	Points *points = context;
	PpSegmentHead head;
	size_t len;
	const uint8_t *ids = segment_bytes(segment->ids, &len);

	segment_head(segment, core_arena_create(), &head);
	if (len != (size_t) head.n * UUID_LEN)
	{
		PpError err = {.code = PP_EMALFORMED, .message = "ids have a wrong length"};

		segment_raise(segment, &err);
	}
	if (points->n + head.n > points->room)
	{
		points->room = (points->n + head.n) * 2;
		points->points = points->points == NULL
							 ? MemoryContextAllocHuge(points->context, points->room * sizeof(Point))
							 : repalloc_huge(points->points, points->room * sizeof(Point));
	}
	for (uint32_t i = 0; i < head.n; i++)
	{
		Point *point = &points->points[points->n++];

		point->series_id = head.series[head.series_index[i]];
		point->at = head.at[i];
		point->total = head.total[i];
		point->scale = !head.counted[i] ? 0 : head.scale[i] > 0 ? head.scale[i] : ANY_SCALE;
		memcpy(&point->profile_id, ids + (size_t) i * UUID_LEN, UUID_LEN);
	}
}

static int
compare_numbers(int64 a, int64 b)
{
	return (a > b) - (a < b);
}

static int
compare_profiles(const void *a, const void *b)
{
	const Point *x = a, *y = b;
	int order = compare_numbers(x->at, y->at);

	return order != 0 ? order : memcmp(&x->profile_id, &y->profile_id, UUID_LEN);
}

static int
compare_series(const void *a, const void *b)
{
	const Point *x = a, *y = b;
	int order = compare_numbers(x->series_id, y->series_id);

	return order != 0 ? order : compare_profiles(a, b);
}

/* Has some profile several rows?  Sorts the points. */
static bool
is_split(Points *points)
{
	qsort(points->points, points->n, sizeof(Point), compare_profiles);
	for (size_t i = 1; i < points->n; i++)
		if (compare_profiles(&points->points[i - 1], &points->points[i]) == 0)
			return true;
	return false;
}

/* Profiles without samples take the scale of the others of their series. */
static void
settle_scales(const PpTotalsSeries *series, uint64 *scales)
{
	uint64 scale = 1;

	for (uint32 i = 0; i < series->n; i++)
		if (scales[i] != 0 && scales[i] != ANY_SCALE)
		{
			scale = scales[i];
			break;
		}
	for (uint32 i = 0; i < series->n; i++)
		if (scales[i] == ANY_SCALE)
			scales[i] = scale;
}

/* The points as series; arrays in the current memory context. */
static PpTotalsSeries *
list_series(Points *points, uint32 *nseries)
{
	size_t n = points->n;
	int64 *at = palloc_extended(sizeof(int64) * n, MCXT_ALLOC_HUGE);
	int64 *total = palloc_extended(sizeof(int64) * n, MCXT_ALLOC_HUGE);
	uint64 *scales = palloc_extended(sizeof(uint64) * n, MCXT_ALLOC_HUGE);
	PpTotalsSeries *series = palloc_extended(sizeof(PpTotalsSeries) * n, MCXT_ALLOC_HUGE);

	qsort(points->points, n, sizeof(Point), compare_series);
	*nseries = 0;
	for (size_t i = 0; i < n; i++)
	{
		const Point *point = &points->points[i];

		at[i] = point->at;
		total[i] = point->total;
		scales[i] = point->scale;
		if (i == 0 || point->series_id != point[-1].series_id)
			series[(*nseries)++] = (PpTotalsSeries){.series_id = point->series_id,
													.at = at + i,
													.total = total + i,
													.scales = scales + i};
		series[*nseries - 1].n++;
	}
	for (uint32 i = 0; i < *nseries; i++)
		settle_scales(&series[i], scales + (series[i].scales - scales));
	return series;
}

bool
totals_build(int64 service_id, int64 type_id, TimestampTz hour, PpTotalsBytes *bytes)
{
	Points points = {.context = CurrentMemoryContext};
	PpTotalsSeries *series;
	uint32 nseries;
	bool split;
	PpError err;

	segment_each_of_hour(service_id, type_id, hour, take_segment, &points);
	if (points.n == 0)
		return false;
	split = is_split(&points);
	series = list_series(&points, &nseries);
	CORE_CHECK(pp_totals_encode(series,
								nseries,
								split,
								core_alloc_create(CurrentMemoryContext),
								bytes,
								&err),
			   &err);
	return true;
}

void
totals_make(int64 service_id, int64 type_id, TimestampTz hour)
{
	static StoragePlan remove = {.sql = "DELETE FROM pprof.totals WHERE service_id = $1 "
										"AND type_id = $2 AND hour = $3",
								 .nargs = 3,
								 .args = {INT8OID, INT8OID, TIMESTAMPTZOID}};
	static StoragePlan add = {.sql = "INSERT INTO pprof.totals (service_id, type_id, hour, head, data) "
									 "VALUES ($1, $2, $3, $4, $5)",
							  .nargs = 5,
							  .args = {INT8OID, INT8OID, TIMESTAMPTZOID, BYTEAOID, BYTEAOID}};
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "pprof totals", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	Datum values[5] = {Int64GetDatum(service_id), Int64GetDatum(type_id), TimestampTzGetDatum(hour)};
	PpTotalsBytes bytes;

	(void) storage_run(&remove, values, NULL);
	if (totals_build(service_id, type_id, hour, &bytes))
	{
		values[3] = PointerGetDatum(storage_bytea(bytes.head, bytes.head_len));
		values[4] = PointerGetDatum(storage_bytea(bytes.data, bytes.data_len));
		(void) storage_run(&add, values, NULL);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
}
