/*
 * heatmap.c
 *		pprof.heatmap: how many profiles had which total at which time.
 *
 * Bounds of the totals must be known before anything can be counted, so the range
 * is read twice; nothing but times and totals is.  A profile is one point, however
 * many rows it has: hours in which rows of one profile must be found again are
 * read from segments, which know the ids.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "aggregation.h"
#include "core_glue.h"
#include "distinct.h"
#include "hour_totals.h"
#include "plan.h"
#include "pprof.h"
#include "rows.h"
#include "selected_rows.h"
#include "storage.h"

#define MAX_BUCKETS 10000
#define MAX_CELLS	1000000 /* buckets of all steps */

/* A profile with rows in pprof.raw and in a segment; hashed bytewise. */
typedef struct SplitKey
{
	const Target *target;
	DistinctKey profile;
} SplitKey;

typedef struct SplitProfile
{
	SplitKey key;
	int64 raw_value;
} SplitProfile;

/* Hours that have such profiles. */
typedef struct HourKey
{
	const Target *target;
	TimestampTz hour;
} HourKey;

/* A profile of the hour of segments that is being read. */
typedef struct HourProfile
{
	DistinctKey key;
	int64 value;
} HourProfile;

typedef struct Step
{
	TimestampTz at;
	int64 *profiles; /* by bucket */
} Step;

typedef struct Heatmap
{
	MemoryContext context;
	TimestampTz since, until;
	int64 step;
	int buckets;

	/* pass 1 */
	int64 npoints;
	int64 low, high;

	/* pass 2 */
	bool counting;
	HTAB *steps;
	Step *last; /* the one that was counted in last */

	HTAB *splits, *split_hours;
	HTAB *hour_profiles;
	const Target *target; /* of hour_profiles */
	TimestampTz hour;
} Heatmap;

static HTAB *
make_table(const char *name, Size keysize, Size entrysize)
{
	HASHCTL ctl = {.keysize = keysize, .entrysize = entrysize, .hcxt = CurrentMemoryContext};

	return hash_create(name, 256, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* --- points --- */

/* Steps with profiles are kept, and each has all buckets: that must not become too much. */
static int64 *
new_buckets(Heatmap *map)
{
	if (hash_get_num_entries(map->steps) * (int64) map->buckets > MAX_CELLS)
		ereport(ERROR,
				errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("heat map would have more than %d cells", MAX_CELLS),
				errhint("Use longer steps or fewer buckets."));
	return MemoryContextAllocZero(map->context, sizeof(int64) * map->buckets);
}

/* The right edge of the step of a time; the first step takes its left edge, too. */
static TimestampTz
step_of(const Heatmap *map, TimestampTz at)
{
	int128 past = (int128) at - map->since;
	int128 step =
		past <= 0 ? map->since : map->since + (past + map->step - 1) / map->step * map->step;

	return (TimestampTz) Min(step, (int128) PG_INT64_MAX);
}

static int
bucket_of(const Heatmap *map, int64 value)
{
	uint64 width = (uint64) map->high - (uint64) map->low;
	uint64 past = (uint64) value - (uint64) map->low;
	uint64 bucket;

	/* 128 bits are slow to divide, and seldom needed */
	if (width <= PG_UINT64_MAX / MAX_BUCKETS)
		bucket = past * map->buckets / width;
	else
		bucket = (uint64) ((uint128) past * map->buckets / width);
	return (int) Min(bucket, (uint64) map->buckets - 1);
}

static void
add_point(Heatmap *map, TimestampTz at, int64 value)
{
	TimestampTz step;
	bool found;

	if (!map->counting)
	{
		map->low = map->npoints == 0 ? value : Min(map->low, value);
		map->high = map->npoints++ == 0 ? value : Max(map->high, value);
		return;
	}
	if (map->last == NULL || at > map->last->at ||
		(uint64) map->last->at - (uint64) at >= (uint64) map->step)
	{
		step = step_of(map, at);
		map->last = hash_search(map->steps, &step, HASH_ENTER, &found);
		if (!found)
			map->last->profiles = new_buckets(map);
	}
	map->last->profiles[bucket_of(map, value)]++;
}

/* --- what the range has --- */

static void
note_split(void *context, const RawProfile *profile)
{
	Heatmap *map = context;
	SplitKey key = {profile->target, profile->key};
	HourKey hour = {profile->target, plan_hour(profile->key.at)};
	SplitProfile *split;

	if (!profile->held)
		return;
	split = hash_search(map->splits, &key, HASH_ENTER, NULL);
	split->raw_value = profile->value;
	hash_search(map->split_hours, &hour, HASH_ENTER, NULL);
}

static void
add_raw_profile(void *context, const RawProfile *profile)
{
	if (!profile->held)
		add_point(context, profile->key.at, profile->value);
}

static void
add_raw_row(void *context, const SelectedRow *row)
{
	raw_profiles_add(context, row);
}

static void
read_raw(Heatmap *map, RangePlan *plan, RawProfileVisit visit)
{
	RawProfiles profiles;
	RowReader rows = {plan, true, false, add_raw_row, &profiles};

	raw_profiles_begin(&profiles, plan, NULL, visit, map);
	plan_raw(plan, rows_of_raw, &rows);
	raw_profiles_end(&profiles);
}

static bool
add_totals(void *context, const SourceRow *row)
{
	Heatmap *map = context;
	HourKey hour = {row->target, DatumGetTimestampTz(source_value(row, TOTALS_HOUR))};
	HourTotals totals;

	hour_totals_open(&totals, row);
	if (totals.head.split || hash_search(map->split_hours, &hour, HASH_FIND, NULL) != NULL)
		return false;
	for (uint32_t i = 0; i < totals.head.nseries; i++)
	{
		if (!plan_has_series(row->target->service, totals.head.series[i].series_id))
			continue;
		hour_totals_points(&totals, &totals.head.series[i]);
		for (uint32 j = 0; j < totals.n; j++)
			add_point(map, totals.at[j], totals.value[j]);
	}
	return true;
}

static void
end_hour(Heatmap *map)
{
	HASH_SEQ_STATUS scan;
	HourProfile *profile;

	if (map->hour_profiles == NULL)
		return;
	hash_seq_init(&scan, map->hour_profiles);
	while ((profile = hash_seq_search(&scan)) != NULL)
	{
		SplitKey key = {map->target, profile->key};
		SplitProfile *split = hash_search(map->splits, &key, HASH_FIND, NULL);

		add_point(map, profile->key.at, profile->value + (split == NULL ? 0 : split->raw_value));
	}
	hash_destroy(map->hour_profiles);
	map->hour_profiles = NULL;
}

static void
add_segment_row(void *context, const SelectedRow *row)
{
	Heatmap *map = context;
	DistinctKey key = {row->at, 0, row->profile_id};
	TimestampTz hour = plan_hour(row->at);
	HourProfile *profile;
	bool found;

	if (map->target != row->target || map->hour != hour)
		end_hour(map);
	if (map->hour_profiles == NULL)
	{
		MemoryContext caller = MemoryContextSwitchTo(map->context);

		map->target = row->target;
		map->hour = hour;
		map->hour_profiles =
			make_table("pprof profiles of an hour", sizeof(DistinctKey), sizeof(HourProfile));
		MemoryContextSwitchTo(caller);
	}
	profile = hash_search(map->hour_profiles, &key, HASH_ENTER, &found);
	profile->value = row->value + (found ? profile->value : 0); /* parts of a total that fits */
}

/* Visit all points; what is covered is found anew each time. */
static void
read_points(Heatmap *map, const RangePlan *all)
{
	RangePlan plan = *all;
	RowReader rows = {&plan, true, false, add_segment_row, map};

	if (plan_takes_series(&plan))
		plan_hours(&plan, SOURCE_TOTALS, add_totals, map);
	plan_segments(&plan, rows_of_segment, &rows);
	end_hour(map);
	read_raw(map, &plan, add_raw_profile);
}

/* --- rows --- */

static int
compare_steps(const void *a, const void *b)
{
	const Step *x = *(Step *const *) a, *y = *(Step *const *) b;

	return (x->at > y->at) - (x->at < y->at);
}

static int64
bucket_start(const Heatmap *map, int bucket)
{
	return (int64) (map->low + (int128) bucket * ((int128) map->high - map->low) / map->buckets);
}

static Datum
put_steps(FunctionCallInfo fcinfo, Heatmap *map)
{
	long n = hash_get_num_entries(map->steps);
	Step **sorted = palloc_extended(sizeof(Step *) * Max(n, 1), MCXT_ALLOC_HUGE);
	HASH_SEQ_STATUS scan;
	Step *step;
	Rows rows;

	n = 0;
	hash_seq_init(&scan, map->steps);
	while ((step = hash_seq_search(&scan)) != NULL)
		sorted[n++] = step;
	qsort(sorted, n, sizeof(Step *), compare_steps);
	rows_begin(&rows, fcinfo);
	for (long i = 0; i < n; i++)
		for (int bucket = 0; bucket < map->buckets; bucket++)
		{
			Datum values[4];
			bool nulls[4] = {false};

			values[0] = TimestampTzGetDatum(sorted[i]->at);
			values[1] = Int64GetDatum(bucket_start(map, bucket));
			values[2] = Int64GetDatum(bucket_start(map, bucket + 1));
			values[3] = Int64GetDatum(sorted[i]->profiles[bucket]);
			rows_put(&rows, values, nulls);
		}
	return rows_end(&rows);
}

static Heatmap *
begin(FunctionCallInfo fcinfo)
{
	Heatmap *map = palloc0(sizeof(Heatmap));

	map->context = CurrentMemoryContext;
	map->since = PG_GETARG_TIMESTAMPTZ(2);
	map->until = PG_GETARG_TIMESTAMPTZ(3);
	map->step = aggregation_step(PG_GETARG_INTERVAL_P(4));
	map->buckets = PG_GETARG_INT32(5);
	if (map->buckets < 1 || map->buckets > MAX_BUCKETS)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("number of buckets must be between 1 and %d", MAX_BUCKETS));
	if (TIMESTAMP_NOT_FINITE(map->since))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("a heat map begins at a time"),
				errdetail("Its steps count from there."));
	map->steps = make_table("pprof steps", sizeof(TimestampTz), sizeof(Step));
	map->splits = make_table("pprof split profiles", sizeof(SplitKey), sizeof(SplitProfile));
	map->split_hours = make_table("pprof split hours", sizeof(HourKey), sizeof(HourKey));
	return map;
}

static void
read_range(Heatmap *map, PpBytes profile_type, const text *selector)
{
	int128 before = (int128) map->since - map->step;
	TimestampTz from = (TimestampTz) Max(before, (int128) PG_INT64_MIN);
	SelectedService *services;
	Selection selection;
	RangePlan plan;
	int n;

	selection_parse(&selection, selector);
	services = selection_find(&selection, profile_type, false, &n);
	plan_begin(&plan, &selection, services, n, from, map->until);
	read_raw(map, &plan, note_split);
	read_points(map, &plan);
	if (map->npoints == 0)
		return;
	if (map->low == map->high && map->high < PG_INT64_MAX)
		map->high++;
	else if (map->low == map->high)
		map->low--;
	map->counting = true;
	read_points(map, &plan);
}

PPROF_FUNCTION(pprof_heatmap);
Datum
pprof_heatmap(PG_FUNCTION_ARGS)
{
	Heatmap *map = begin(fcinfo);
	PpTypeId type;
	PpBytes profile_type;
	PpArena *arena = core_arena_create();
	PpError err;

	CORE_CHECK(pp_type_id_parse(core_bytes(PG_GETARG_TEXT_PP(0)), &type, &err), &err);
	CORE_CHECK(pp_type_id_text(&type, arena, &profile_type, &err), &err);
	if (map->since < map->until)
	{
		storage_begin();
		read_range(map, profile_type, PG_GETARG_TEXT_PP(1));
		storage_end();
	}
	return put_steps(fcinfo, map);
}
