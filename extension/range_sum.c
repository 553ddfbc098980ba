/*
 * range_sum.c
 *		The sum of the profiles of a range.
 *
 * Everything is added up as integers, and handed on when it has become too large
 * to go on in memory, and at the end.
 */
#include "postgres.h"

#include "common/int.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core_glue.h"
#include "distinct.h"
#include "plan.h"
#include "range_sum.h"
#include "segment.h"
#include "selected_rows.h"

#define SUM_MEMORY ((size_t) 64 << 20) /* handed on beyond that */

typedef struct RangeSum
{
	MemoryContext context;
	const RangeSumOptions *options;
	RangePlan plan;
	RangeProfiles *profiles;
	PpSamplesSum *sum;
	RowReader segment_rows, raw_rows;
	DistinctHour hour;
	RawProfiles raw;
	bool by_span;
} RangeSum;

/* --- sums --- */

static PpSamplesSum *
new_sum(RangeSum *range)
{
	PpSamplesSum *sum = pp_samples_sum_new(core_alloc_create(range->context));

	if (sum == NULL)
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
	return sum;
}

/* The largest part first: to add to a tree is quickest while that is empty. */
static void
hand_on(RangeSum *range)
{
	MemoryContext caller = MemoryContextSwitchTo(range->context);
	const RangeSumOptions *options = range->options;
	PpArena *arena = core_arena_create();
	PpSamplesPart *parts;
	uint32_t nparts, largest = 0;
	PpError err;

	CORE_CHECK(pp_samples_sum_parts(range->sum, arena, &parts, &nparts, &err), &err);
	pp_samples_sum_free(range->sum);
	range->sum = new_sum(range);
	for (uint32_t i = 1; i < nparts; i++)
		if (parts[i].n > parts[largest].n)
			largest = i;
	if (nparts > 0)
		options->visit(options->context, &parts[largest]);
	for (uint32_t i = 0; i < nparts; i++)
		if (i != largest)
			options->visit(options->context, &parts[i]);
	pp_arena_free(arena);
	MemoryContextSwitchTo(caller);
}

static void
check_memory(RangeSum *range)
{
	if (pp_samples_sum_memory(range->sum) > SUM_MEMORY)
		hand_on(range);
}

static void
add_samples(RangeSum *range, const uint8_t *samples, size_t len, uint64 divisor)
{
	PpError err;

	CORE_CHECK(pp_samples_sum_add(range->sum, samples, len, divisor, &err), &err);
	check_memory(range);
}

/* --- profiles --- */

static void
count_profiles(RangeSum *range, int64 n, TimestampTz first, int64 duration)
{
	RangeProfiles *profiles = range->profiles;

	profiles->n += n;
	profiles->first = Min(profiles->first, first);
	if (pg_add_s64_overflow(profiles->duration, duration, &profiles->duration))
		profiles->duration = PG_INT64_MAX;
}

static void
count_row(void *context, const SelectedRow *row)
{
	RangeSum *range = context;

	if (distinct_first(&range->hour, row, 0))
		count_profiles(range, 1, row->at, row->duration);
}

static void
count_raw(void *context, const RawProfile *profile)
{
	if (!profile->held)
		count_profiles(context, 1, profile->key.at, profile->duration);
}

/* --- rollups --- */

/*
 * Add a column of a rollup, or the column beside it for the counts of events; false
 * if it cannot tell how many profiles had any.
 */
static bool
add_rollup(RangeSum *range, const SourceRow *row, int column, bool *any)
{
	bool counting = row->target->counting;
	PpBytes samples;
	PpSamplesHeader header;
	uint64 divisor = 1;
	PpError err;

	*any = true;
	if (counting && !source_isnull(row, column + 1))
	{
		if (range->options->with_profiles)
			return false;
		column++;
		counting = false;
	}
	samples = source_bytes(row, column);
	if (counting)
	{
		CORE_CHECK(pp_samples_header((const uint8_t *) samples.data, samples.len, &header, &err),
				   &err);
		*any = (header.flags & PP_SAMPLES_COUNTED) != 0;
		divisor = Max(header.scale, 1);
	}
	if (*any)
		add_samples(range, (const uint8_t *) samples.data, samples.len, divisor);
	return true;
}

static bool
add_day(void *context, const SourceRow *row)
{
	RangeSum *range = context;
	bool any;

	if (!add_rollup(range, row, DAYS_FUNCTIONS, &any))
		return false;
	if (any)
		range->profiles->n += DatumGetInt64(source_value(row, DAYS_PROFILES));
	return true;
}

static bool
add_hour(void *context, const SourceRow *row)
{
	RangeSum *range = context;
	int column = range->options->functions ? HOURS_FUNCTIONS : HOURS_SAMPLES;
	bool any;

	if (!add_rollup(range, row, column, &any))
		return false;
	if (any)
		count_profiles(range,
					   DatumGetInt32(source_value(row, HOURS_PROFILES)),
					   DatumGetTimestampTz(source_value(row, HOURS_FIRST_AT)),
					   DatumGetInt64(source_value(row, HOURS_DURATION)));
	return true;
}

/* --- rows --- */

static void
add_segment_row(void *context, const SelectedRow *row)
{
	RangeSum *range = context;

	if (row->samples != NULL)
		add_samples(range, row->samples, row->samples_len, row->divisor);
	if (range->options->with_profiles)
		count_row(range, row);
}

static void
add_segment(void *context, const PlanSegment *segment)
{
	RangeSum *range = context;
	const bool counts = segment->target->counting;
	const uint8_t *samples;
	size_t len;
	PpError err;

	if (!range->by_span)
	{
		samples = segment_prefix(source_value(segment->row, SEGMENTS_SAMPLES),
								 pp_segment_sum_len(&segment->head, segment->chosen, counts),
								 &len);
		PLAN_CHECK(segment->row,
				   pp_segment_sum(&segment->head, samples, len, segment->chosen, counts, range->sum, &err),
				   &err);
		check_memory(range);
	}
	if (range->by_span || range->options->with_profiles)
		rows_of_segment(&range->segment_rows, segment);
}

static void
add_raw(void *context, const SelectedRow *row)
{
	RangeSum *range = context;

	add_samples(range, row->samples, row->samples_len, row->divisor);
	if (range->options->with_profiles)
		raw_profiles_add(&range->raw, row);
}

void
range_sum(const Selection *selection, const SelectedService *services, int n, TimestampTz since,
		  TimestampTz until, const RangeSumOptions *options, RangeProfiles *profiles)
{
	RangeSum *range = palloc0(sizeof(RangeSum));
	bool with_profiles = options->with_profiles;

	*profiles = (RangeProfiles){0, DT_NOEND, 0};
	range->context = CurrentMemoryContext;
	range->options = options;
	range->profiles = profiles;
	range->by_span = selection->by_span || selection->by_trace;
	plan_begin(&range->plan, selection, services, n, since, until);
	range->segment_rows =
		(RowReader){&range->plan, with_profiles, range->by_span, add_segment_row, range};
	range->raw_rows = (RowReader){&range->plan, with_profiles, true, add_raw, range};
	range->sum = new_sum(range);
	distinct_begin(&range->hour);
	raw_profiles_begin(&range->raw, &range->plan, NULL, count_raw, range);
	if (plan_takes_all(&range->plan))
	{
		if (options->functions)
			plan_days(&range->plan, add_day, range);
		plan_hours(&range->plan, SOURCE_HOURS, add_hour, range);
	}
	plan_segments(&range->plan, add_segment, range);
	plan_raw(&range->plan, rows_of_raw, &range->raw_rows);
	if (with_profiles)
		raw_profiles_end(&range->raw);
	hand_on(range);
}
