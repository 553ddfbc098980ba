/*
 * timeseries.c
 *		pprof.timeseries: totals of profiles by time and labels.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/int.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "aggregation.h"
#include "core/pp_bucket.h"
#include "core_glue.h"
#include "distinct.h"
#include "hour_totals.h"
#include "plan.h"
#include "pprof.h"
#include "rows.h"
#include "selected_rows.h"
#include "selector.h"
#include "storage.h"

/* Hashed bytewise. */
typedef struct PointKey
{
	int64 group;
	TimestampTz at;
} PointKey;

typedef struct Point
{
	PointKey key;
	int128 sum;
	int64 nprofiles;
} Point;

/* Where the group of a label set is, by 128 bits of its hash. */
typedef struct GroupKey
{
	uint64 a, b;
} GroupKey;

typedef struct GroupEntry
{
	GroupKey key;
	int group;
} GroupEntry;

typedef struct TimeSeries
{
	PpArena *arena;
	TimestampTz since, until;
	int64 step; /* microseconds */
	bool average;
	PpBytes profile_type;
	PpTypeId type;
	uint32 nnames;
	PpBytes *names; /* group_by */
	HTAB *points;
	Point *last; /* the one that was added to last */
	HTAB *by_labels;
	int ngroups, groups_cap;
	Jsonb **groups; /* their labels: those that group_by names */

	const SelectedService *services;
	int **group_of; /* of each service, along its series; -1: not known yet */

	DistinctHour hour;
	RawProfiles raw;
} TimeSeries;

static int
find_group(TimeSeries *ts, const PpLabelSet *labels)
{
	GroupKey key = {pp_labels_hash(labels, 1), pp_labels_hash(labels, 2)};
	bool found;
	GroupEntry *entry = hash_search(ts->by_labels, &key, HASH_ENTER, &found);

	if (found)
		return entry->group;
	if (ts->ngroups == ts->groups_cap)
	{
		ts->groups_cap = ts->groups_cap * 2 + 16;
		ts->groups = ts->groups == NULL ? palloc(sizeof(Jsonb *) * ts->groups_cap)
										: repalloc(ts->groups, sizeof(Jsonb *) * ts->groups_cap);
	}
	ts->groups[ts->ngroups] = core_labels_to_jsonb(labels);
	return entry->group = ts->ngroups++;
}

/* The labels that group_by names, of a series of the service. */
static int
group_of_labels(TimeSeries *ts, const SelectedService *service, const Jsonb *labels)
{
	PpLabelSet set = {0, palloc(sizeof(PpLabelPair) * Max(ts->nnames, 1))};

	for (uint32 i = 0; i < ts->nnames; i++)
	{
		PpBytes name = ts->names[i], value = {"", 0};

		if (pp_bytes_eq(name, pp_bytes_cstr("service_name")) ||
			pp_bytes_eq(name, pp_bytes_cstr("__service_name__")))
			value = service->name;
		else if (!selection_type_label(&ts->type, ts->profile_type, name, &value) && labels != NULL)
			value = selector_label(labels, name);
		set.pairs[set.n++] = (PpLabelPair){name, value};
	}
	pp_labels_normalize(&set);
	return find_group(ts, &set);
}

static int
compare_ids(const void *a, const void *b)
{
	int64 x = *(const int64 *) a, y = *(const int64 *) b;

	return (x > y) - (x < y);
}

/* The group of a series. */
static int
find_series_group(TimeSeries *ts, const SelectedService *service, int64 series_id)
{
	MemoryContext caller = MemoryContextSwitchTo(GetMemoryChunkContext(ts));
	int **of_service = &ts->group_of[service - ts->services];
	int room = service->labels == NULL ? 0 : service->nseries;
	int64 *series = NULL;
	int *group;

	/* the last one is for a series whose labels are not known, or not asked for */
	if (*of_service == NULL)
	{
		*of_service = palloc(sizeof(int) * (room + 1));
		memset(*of_service, -1, sizeof(int) * (room + 1));
	}
	if (room > 0)
		series = bsearch(&series_id, service->series, room, sizeof(int64), compare_ids);
	group = &(*of_service)[series == NULL ? room : series - service->series];
	if (*group < 0)
		*group = group_of_labels(ts,
								 service,
								 series == NULL ? NULL : service->labels[series - service->series]);
	MemoryContextSwitchTo(caller);
	return *group;
}

/* The point that rows of a group at some time belong to; there is one, as the range says. */
static Point *
find_point(TimeSeries *ts, int group, TimestampTz at)
{
	PointKey key = {.group = group};
	int64_t point_at;
	bool found;

	if (ts->last != NULL && ts->last->key.group == group && at <= ts->last->key.at &&
		(uint64) ts->last->key.at - (uint64) at < (uint64) ts->step)
		return ts->last;
	if (!pp_bucket_point(ts->since, ts->until, ts->step, at, &point_at))
		elog(ERROR, "a profile is out of the range that is read");
	key.at = point_at;
	ts->last = hash_search(ts->points, &key, HASH_ENTER, &found);
	if (!found)
	{
		ts->last->sum = 0;
		ts->last->nprofiles = 0;
	}
	return ts->last;
}

/* --- rows --- */

static int64
group_of_row(void *context, const SelectedRow *row)
{
	return find_series_group(context, row->target->service, row->series_id);
}

static void
add_segment_row(void *context, const SelectedRow *row)
{
	TimeSeries *ts = context;
	int64 group = group_of_row(ts, row);
	Point *point = find_point(ts, group, row->at);

	point->sum += row->value;
	/* rows of one profile that differ in labels of its samples are one profile */
	if (ts->average && distinct_first(&ts->hour, row, group))
		point->nprofiles++;
}

static void
add_raw_row(void *context, const SelectedRow *row)
{
	TimeSeries *ts = context;

	find_point(ts, group_of_row(ts, row), row->at)->sum += row->value;
	if (ts->average)
		raw_profiles_add(&ts->raw, row);
}

static void
count_raw(void *context, const RawProfile *profile)
{
	if (!profile->held)
		find_point(context, profile->key.group, profile->key.at)->nprofiles++;
}

/* --- totals of hours --- */

static void
add_points(TimeSeries *ts, int group, const HourTotals *totals)
{
	for (uint32 i = 0; i < totals->n;)
	{
		Point *point = find_point(ts, group, totals->at[i]);
		TimestampTz last = point->key.at;
		int128 sum = 0;
		uint32 first = i;

		/* they are in order of time */
		for (; i < totals->n && totals->at[i] <= last; i++)
			sum += totals->value[i];
		point->sum += sum;
		point->nprofiles += i - first;
	}
}

/* Are all of the hour in one step? */
static bool
in_one_step(const TimeSeries *ts, const PpTotalsHead *head)
{
	int64_t first, last;

	return pp_bucket_point(ts->since, ts->until, ts->step, head->first_at, &first) &&
		   pp_bucket_point(ts->since, ts->until, ts->step, head->last_at, &last) && first == last;
}

static bool
add_totals(void *context, const SourceRow *row)
{
	TimeSeries *ts = context;
	const Target *target = row->target;
	HourTotals totals;
	bool whole;

	hour_totals_open(&totals, row);
	if (ts->average && totals.head.split)
		return false;
	whole = in_one_step(ts, &totals.head);
	for (uint32_t i = 0; i < totals.head.nseries; i++)
	{
		const PpTotalsSeries *series = &totals.head.series[i];
		int group;

		if (!plan_has_series(target->service, series->series_id) ||
			(target->counting && series->counted == PP_TOTALS_NOT_COUNTED))
			continue;
		group = find_series_group(ts, target->service, series->series_id);
		if (whole && !(target->counting && series->counted == PP_TOTALS_MIXED))
		{
			Point *point = find_point(ts, group, totals.head.first_at);

			point->sum += target->counting ? series->sum / (int128) series->scale : series->sum;
			point->nprofiles += series->n;
			continue;
		}
		hour_totals_points(&totals, series);
		add_points(ts, group, &totals);
	}
	return true;
}

static Datum
int128_numeric(int128 value)
{
	char digits[48], *p = digits + sizeof(digits);
	bool negative = value < 0;
	uint128 rest = negative ? -(uint128) value : (uint128) value;

	if (value >= PG_INT64_MIN && value <= PG_INT64_MAX)
		return NumericGetDatum(int64_to_numeric((int64) value));
	*--p = '\0';
	do
	{
		*--p = '0' + (int) (rest % 10);
		rest /= 10;
	} while (rest != 0);
	if (negative)
		*--p = '-';
	return DirectFunctionCall3(numeric_in,
							   CStringGetDatum(p),
							   ObjectIdGetDatum(InvalidOid),
							   Int32GetDatum(-1));
}

static int
compare_groups(const void *a, const void *b, void *context)
{
	Jsonb **groups = context;

	return compareJsonbContainers(&groups[*(const int *) a]->root, &groups[*(const int *) b]->root);
}

/* Where each group stands in the order of labels. */
static int *
rank_groups(const TimeSeries *ts)
{
	int *order = palloc(sizeof(int) * Max(ts->ngroups, 1));
	int *rank = palloc(sizeof(int) * Max(ts->ngroups, 1));

	for (int i = 0; i < ts->ngroups; i++)
		order[i] = i;
	qsort_arg(order, ts->ngroups, sizeof(int), compare_groups, ts->groups);
	for (int i = 0; i < ts->ngroups; i++)
		rank[order[i]] = i;
	return rank;
}

static int
compare_points(const void *a, const void *b, void *context)
{
	const Point *x = *(Point *const *) a, *y = *(Point *const *) b;
	const int *rank = context;

	if (x->key.group != y->key.group)
		return rank[x->key.group] < rank[y->key.group] ? -1 : 1;
	return (x->key.at > y->key.at) - (x->key.at < y->key.at);
}

static Datum
put_points(FunctionCallInfo fcinfo, TimeSeries *ts)
{
	long n = hash_get_num_entries(ts->points);
	Point **sorted = palloc_extended(sizeof(Point *) * Max(n, 1), MCXT_ALLOC_HUGE);
	HASH_SEQ_STATUS scan;
	Point *point;
	Rows rows;

	n = 0;
	hash_seq_init(&scan, ts->points);
	while ((point = hash_seq_search(&scan)) != NULL)
		sorted[n++] = point;
	qsort_arg(sorted, n, sizeof(Point *), compare_points, rank_groups(ts));
	rows_begin(&rows, fcinfo);
	for (long i = 0; i < n; i++)
	{
		Datum values[3];
		bool nulls[3] = {false};

		values[0] = TimestampTzGetDatum(sorted[i]->key.at);
		values[1] = JsonbPGetDatum(ts->groups[sorted[i]->key.group]);
		values[2] = int128_numeric(sorted[i]->sum);
		if (ts->average)
			values[2] = DirectFunctionCall2(numeric_div,
											values[2],
											NumericGetDatum(int64_to_numeric(sorted[i]->nprofiles)));
		rows_put(&rows, values, nulls);
	}
	return rows_end(&rows);
}

static HTAB *
make_table(const char *name, Size keysize, Size entrysize)
{
	HASHCTL ctl = {.keysize = keysize, .entrysize = entrysize, .hcxt = CurrentMemoryContext};

	return hash_create(name, 1024, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static void
read_group_by(TimeSeries *ts, ArrayType *array, bool *need_labels)
{
	Datum *values;
	bool *nulls;
	int n;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &n);
	ts->names = palloc(sizeof(PpBytes) * Max(n, 1));
	*need_labels = false;
	for (int i = 0; i < n; i++)
	{
		PpBytes ignored;
		PpBytes name;

		if (nulls[i])
			continue;
		name = core_bytes(DatumGetTextPP(values[i]));
		ts->names[ts->nnames++] = name;
		if (!selection_type_label(&ts->type, ts->profile_type, name, &ignored) &&
			!pp_bytes_eq(name, pp_bytes_cstr("service_name")) &&
			!pp_bytes_eq(name, pp_bytes_cstr("__service_name__")))
			*need_labels = true;
	}
}

static TimeSeries *
begin(FunctionCallInfo fcinfo, bool *need_labels)
{
	TimeSeries *ts = palloc0(sizeof(TimeSeries));
	PpError err;

	ts->arena = core_arena_create();
	ts->since = PG_GETARG_TIMESTAMPTZ(2);
	ts->until = PG_GETARG_TIMESTAMPTZ(3);
	ts->step = aggregation_step(PG_GETARG_INTERVAL_P(4));
	ts->average = aggregation_is_average(PG_GETARG_TEXT_PP(6));
	CORE_CHECK(pp_type_id_parse(core_bytes(PG_GETARG_TEXT_PP(0)), &ts->type, &err), &err);
	CORE_CHECK(pp_type_id_text(&ts->type, ts->arena, &ts->profile_type, &err), &err);
	read_group_by(ts, PG_GETARG_ARRAYTYPE_P(5), need_labels);
	ts->points = make_table("pprof points", sizeof(PointKey), sizeof(Point));
	ts->by_labels = make_table("pprof groups", sizeof(GroupKey), sizeof(GroupEntry));
	return ts;
}

static void
add_range(TimeSeries *ts, const Selection *selection, int n, TimestampTz from, TimestampTz to)
{
	RangePlan plan;
	RowReader segment_rows = {&plan, ts->average, false, add_segment_row, ts};
	RowReader raw_rows = {&plan, ts->average, false, add_raw_row, ts};

	plan_begin(&plan, selection, ts->services, n, from, to);
	distinct_begin(&ts->hour);
	raw_profiles_begin(&ts->raw, &plan, group_of_row, count_raw, ts);
	if (plan_takes_series(&plan))
		plan_hours(&plan, SOURCE_TOTALS, add_totals, ts);
	plan_segments(&plan, rows_of_segment, &segment_rows);
	plan_raw(&plan, rows_of_raw, &raw_rows);
	if (ts->average)
		raw_profiles_end(&ts->raw);
}

PPROF_FUNCTION(pprof_timeseries);
Datum
pprof_timeseries(PG_FUNCTION_ARGS)
{
	Selection selection;
	TimeSeries *ts;
	int64_t from, to;
	bool need_labels;
	int n;

	ts = begin(fcinfo, &need_labels);
	if (pp_bucket_range(ts->since, ts->until, ts->step, &from, &to))
	{
		storage_begin();
		selection_parse(&selection, PG_GETARG_TEXT_PP(1));
		ts->services = selection_find(&selection, ts->profile_type, need_labels, &n);
		ts->group_of = palloc0(sizeof(int *) * Max(n, 1));
		add_range(ts, &selection, n, from, to);
		storage_end();
	}
	return put_points(fcinfo, ts);
}
