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

#include "core/pp_bucket.h"
#include "core_glue.h"
#include "pprof.h"
#include "rows.h"
#include "selection.h"
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

/* A profile that was counted for a point. */
typedef struct SeenKey
{
	PointKey point;
	pg_uuid_t profile_id;
} SeenKey;

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
	HTAB *points, *seen;
	HTAB *by_labels;
	int ngroups, groups_cap;
	Jsonb **groups; /* their labels: those that group_by names */

	/* group of each series of the service whose rows are read */
	const SelectedService *service;
	int *group_of; /* along service->series; -1: not known yet */
	int group_without_labels;
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

static int
group_of_row(TimeSeries *ts, const SelectedRow *row)
{
	MemoryContext caller = MemoryContextSwitchTo(GetMemoryChunkContext(ts));
	const SelectedService *service = row->service;
	int64 *series = NULL;
	int *group = &ts->group_without_labels;

	if (ts->service != service)
	{
		ts->service = service;
		ts->group_without_labels = -1;
		ts->group_of = palloc(sizeof(int) * Max(service->nseries, 1));
		for (int i = 0; i < service->nseries; i++)
			ts->group_of[i] = -1;
	}
	if (service->labels != NULL)
		series =
			bsearch(&row->series_id, service->series, service->nseries, sizeof(int64), compare_ids);
	if (series != NULL)
		group = &ts->group_of[series - service->series];
	if (*group < 0)
		*group = group_of_labels(ts,
								 service,
								 series == NULL ? NULL : service->labels[series - service->series]);
	MemoryContextSwitchTo(caller);
	return *group;
}

static void
add_row(void *context, const SelectedRow *row)
{
	TimeSeries *ts = context;
	PointKey key = {0};
	int64_t at;
	Point *point;
	bool found;

	if (!pp_bucket_point(ts->since, ts->until, ts->step, row->at, &at))
		return;
	key.group = group_of_row(ts, row);
	key.at = at;
	point = hash_search(ts->points, &key, HASH_ENTER, &found);
	if (!found)
	{
		point->sum = 0;
		point->nprofiles = 0;
	}
	point->sum += row->value;
	if (ts->average)
	{
		/* rows of one profile that differ in labels of its samples are one profile */
		SeenKey seen = {key, row->profile_id};

		hash_search(ts->seen, &seen, HASH_ENTER, &found);
		if (found)
			return;
	}
	point->nprofiles++;
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
compare_points(const void *a, const void *b, void *context)
{
	const Point *x = *(Point *const *) a, *y = *(Point *const *) b;

	if (x->key.group != y->key.group)
		return x->key.group < y->key.group ? -1 : 1;
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
	qsort_arg(sorted, n, sizeof(Point *), compare_points, NULL);
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

static int64
step_usecs(const Interval *step)
{
	int64 usecs;

	if (step->month != 0 || pg_mul_s64_overflow(step->day, USECS_PER_DAY, &usecs) ||
		pg_add_s64_overflow(usecs, step->time, &usecs) || usecs < 1)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("step must be a positive time, without months"));
	return usecs;
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
	char *aggregation = text_to_cstring(PG_GETARG_TEXT_PP(6));
	PpError err;

	ts->arena = core_arena_create();
	ts->since = PG_GETARG_TIMESTAMPTZ(2);
	ts->until = PG_GETARG_TIMESTAMPTZ(3);
	ts->step = step_usecs(PG_GETARG_INTERVAL_P(4));
	ts->average = strcmp(aggregation, "avg") == 0;
	if (!ts->average && strcmp(aggregation, "sum") != 0)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("unknown aggregation \"%s\"", aggregation),
				errhint("Use \"sum\" or \"avg\"."));
	CORE_CHECK(pp_type_id_parse(core_bytes(PG_GETARG_TEXT_PP(0)), &ts->type, &err), &err);
	CORE_CHECK(pp_type_id_text(&ts->type, ts->arena, &ts->profile_type, &err), &err);
	read_group_by(ts, PG_GETARG_ARRAYTYPE_P(5), need_labels);
	ts->points = make_table("pprof points", sizeof(PointKey), sizeof(Point));
	ts->seen = make_table("pprof profiles", sizeof(SeenKey), sizeof(SeenKey));
	ts->by_labels = make_table("pprof groups", sizeof(GroupKey), sizeof(GroupEntry));
	return ts;
}

PPROF_FUNCTION(pprof_timeseries);
Datum
pprof_timeseries(PG_FUNCTION_ARGS)
{
	Selection selection;
	SelectedService *services;
	TimeSeries *ts;
	int64_t from, to;
	bool need_labels;
	int n;

	ts = begin(fcinfo, &need_labels);
	if (pp_bucket_range(ts->since, ts->until, ts->step, &from, &to))
	{
		storage_begin();
		selection_parse(&selection, PG_GETARG_TEXT_PP(1));
		services = selection_find(&selection, ts->profile_type, need_labels, &n);
		selection_rows(&selection, services, n, from, to, false, add_row, ts);
		storage_end();
	}
	return put_points(fcinfo, ts);
}
