/*
 * plan.c
 *		Which tables answer which part of a range.
 *
 * What is covered is known row by row, as rollups are read.  The time between
 * is read in a few statements for all services of a group: stretches that all of
 * them have covered are left out as far as there are not too many of them; rows
 * of the others are passed over by their keys, before anything is de-toasted.
 */
#include "postgres.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "core/pp_totals.h"
#include "core_glue.h"
#include "plan.h"
#include "segment.h"
#include "storage.h"

#define MAX_GAPS 8 /* statements for one table and group */

typedef struct Stretch
{
	TimestampTz from, to;
} Stretch;

/* --- times --- */

static TimestampTz
floor_to(TimestampTz at, int64 unit)
{
	int64 rest = at % unit;

	if (TIMESTAMP_NOT_FINITE(at))
		return at;
	return at - (rest < 0 ? rest + unit : rest);
}

static TimestampTz
ceil_to(TimestampTz at, int64 unit)
{
	TimestampTz floor = floor_to(at, unit);

	return floor == at ? at : floor + unit; /* no timestamp is near the end of int64 */
}

TimestampTz
plan_hour(TimestampTz at)
{
	return floor_to(at, USECS_PER_HOUR);
}

/* --- what is covered --- */

static int
compare_covered(const void *a, const void *b)
{
	const Covered *x = a, *y = b;

	if (x->target != y->target)
		return x->target < y->target ? -1 : 1;
	return (x->start > y->start) - (x->start < y->start);
}

static void
cover(RangePlan *plan, CoveredList *list, const Target *target, TimestampTz start)
{
	if (list->n == list->room)
	{
		list->room = list->room * 2 + 64;
		list->items = list->items == NULL
						  ? MemoryContextAlloc(plan->context, sizeof(Covered) * list->room)
						  : repalloc_huge(list->items, sizeof(Covered) * list->room);
	}
	list->items[list->n] = (Covered){target, start};
	list->sorted = list->n == 0 || (list->sorted && compare_covered(&list->items[list->n - 1],
																	&list->items[list->n]) < 0);
	list->n++;
}

static bool
is_covered(CoveredList *list, const Target *target, TimestampTz start)
{
	Covered key = {target, start};

	if (list->n == 0)
		return false;
	if (!list->sorted)
		qsort(list->items, list->n, sizeof(Covered), compare_covered);
	list->sorted = true;
	return bsearch(&key, list->items, list->n, sizeof(Covered), compare_covered) != NULL;
}

static bool
hour_is_covered(RangePlan *plan, const Target *target, TimestampTz hour)
{
	return is_covered(&plan->hours, target, hour) ||
		   is_covered(&plan->days, target, floor_to(hour, USECS_PER_DAY));
}

/* --- what is left --- */

typedef struct Edge
{
	TimestampTz at;
	int step; /* one more target that has it covered, or one less */
} Edge;

static int
compare_edges(const void *a, const void *b)
{
	const Edge *x = a, *y = b;

	return (x->at > y->at) - (x->at < y->at);
}

static int
add_edges(const CoveredList *list, const TargetGroup *group, int64 length, Edge *edges)
{
	int n = 0;

	for (int i = 0; i < list->n; i++)
	{
		if (list->items[i].target < group->targets ||
			list->items[i].target >= group->targets + group->n)
			continue;
		edges[n++] = (Edge){list->items[i].start, 1};
		edges[n++] = (Edge){list->items[i].start + length, -1};
	}
	return n;
}

static int
longest_first(const void *a, const void *b)
{
	const Stretch *x = a, *y = b;
	int64 left = x->to - x->from, right = y->to - y->from;

	return (left < right) - (left > right);
}

static int
earliest_first(const void *a, const void *b)
{
	const Stretch *x = a, *y = b;

	return (x->from > y->from) - (x->from < y->from);
}

/* The longest stretches that all targets of the group have covered, in order of time. */
static int
covered_stretches(const RangePlan *plan, const TargetGroup *group, Stretch **result)
{
	size_t room = ((size_t) plan->days.n + plan->hours.n) * 2;
	Edge *edges = palloc_extended(sizeof(Edge) * Max(room, 1), MCXT_ALLOC_HUGE);
	int nedges = add_edges(&plan->days, group, USECS_PER_DAY, edges);
	Stretch *stretches;
	int n = 0, depth = 0;

	nedges += add_edges(&plan->hours, group, USECS_PER_HOUR, edges + nedges);
	qsort(edges, nedges, sizeof(Edge), compare_edges);
	stretches = palloc_extended(sizeof(Stretch) * Max(nedges, 1), MCXT_ALLOC_HUGE);
	for (int i = 0; i < nedges;)
	{
		TimestampTz at = edges[i].at;
		int before = depth;

		for (; i < nedges && edges[i].at == at; i++)
			depth += edges[i].step;
		if (before < group->n && depth == group->n)
			stretches[n].from = at;
		else if (before == group->n && depth < group->n)
			stretches[n++].to = at;
	}
	pfree(edges);
	if (n >= MAX_GAPS)
	{
		qsort(stretches, n, sizeof(Stretch), longest_first);
		n = MAX_GAPS - 1;
		qsort(stretches, n, sizeof(Stretch), earliest_first);
	}
	*result = stretches;
	return n;
}

/* Read what is not covered of [from, to); rows that are covered may come along. */
static void
read_rest(const RangePlan *plan, const TargetGroup *group, Source source, TimestampTz from,
		  TimestampTz to, SourceVisit visit, void *context)
{
	Stretch *covered;
	int n = covered_stretches(plan, group, &covered);

	for (int i = 0; i < n; i++)
	{
		source_read(source, group, from, Min(covered[i].from, to), visit, context);
		from = Max(from, covered[i].to);
	}
	source_read(source, group, from, to, visit, context);
	pfree(covered);
}

/* --- the plan --- */

void
plan_begin(RangePlan *plan, const Selection *selection, const SelectedService *services, int n,
		   TimestampTz since, TimestampTz until)
{
	memset(plan, 0, sizeof(*plan));
	plan->context = CurrentMemoryContext;
	plan->selection = selection;
	plan->since = since;
	plan->until = until;
	plan->groups = source_groups(services, n, &plan->ngroups);
}

bool
plan_takes_series(const RangePlan *plan)
{
	const Selection *selection = plan->selection;

	return !selection->by_profile && !selection->by_span && !selection->by_trace;
}

bool
plan_takes_all(const RangePlan *plan)
{
	return plan_takes_series(plan) && plan->selection->labels_text == NULL;
}

typedef struct RollupReader
{
	RangePlan *plan;
	Source source;
	PlanRollupVisit visit;
	void *context;
} RollupReader;

/* Are all profiles of the hour of totals in the range? */
static bool
all_inside(const RangePlan *plan, const SourceRow *totals)
{
	PpBytes bytes = source_bytes(totals, TOTALS_HEAD);
	PpTotalsHead head;
	PpError err;

	CORE_CHECK(pp_totals_head((const uint8_t *) bytes.data, bytes.len, core_arena_create(), &head, &err),
			   &err);
	return head.first_at >= plan->since && head.last_at < plan->until;
}

static void
take_edge(void *context, const SourceRow *row)
{
	RangePlan *plan = context;

	if (all_inside(plan, row))
		cover(plan, &plan->inside, row->target, DatumGetTimestampTz(source_value(row, TOTALS_HOUR)));
}

static void
take_day(void *context, const SourceRow *row)
{
	RollupReader *reader = context;
	TimestampTz start = storage_day_start(DatumGetDateADT(source_value(row, DAYS_DAY)));

	if (reader->visit(reader->context, row))
		cover(reader->plan, &reader->plan->days, row->target, start);
}

static void
take_hour(void *context, const SourceRow *row)
{
	RollupReader *reader = context;
	RangePlan *plan = reader->plan;
	TimestampTz start = DatumGetTimestampTz(source_value(row, HOURS_HOUR));
	bool whole = start >= plan->since && start + USECS_PER_HOUR <= plan->until;

	if (!whole && reader->source == SOURCE_TOTALS)
		whole = all_inside(plan, row);
	else if (!whole)
		whole = is_covered(&plan->inside, row->target, start);
	if (whole && !is_covered(&plan->days, row->target, floor_to(start, USECS_PER_DAY)) &&
		reader->visit(reader->context, row))
		cover(plan, &plan->hours, row->target, start);
}

void
plan_days(RangePlan *plan, PlanRollupVisit visit, void *context)
{
	RollupReader reader = {plan, SOURCE_DAYS, visit, context};
	TimestampTz from = ceil_to(plan->since, USECS_PER_DAY);
	TimestampTz to = floor_to(plan->until, USECS_PER_DAY);

	for (int i = 0; i < plan->ngroups; i++)
		source_read(SOURCE_DAYS, &plan->groups[i], from, to, take_day, &reader);
}

/*
 * Ranges that end with the last millisecond of an hour are frequent, and so are
 * services that rest: totals tell whether an hour at the edge is whole in effect.
 */
static void
look_at_edges(RangePlan *plan, const TargetGroup *group)
{
	TimestampTz first = floor_to(plan->since, USECS_PER_HOUR);
	TimestampTz last = floor_to(plan->until, USECS_PER_HOUR);

	if (first < plan->since)
		source_read(SOURCE_TOTALS, group, first, first + USECS_PER_HOUR, take_edge, plan);
	if (last < plan->until && (last != first || first == plan->since))
		source_read(SOURCE_TOTALS, group, last, last + USECS_PER_HOUR, take_edge, plan);
}

void
plan_hours(RangePlan *plan, Source source, PlanRollupVisit visit, void *context)
{
	RollupReader reader = {plan, source, visit, context};
	TimestampTz from = floor_to(plan->since, USECS_PER_HOUR);
	TimestampTz to = ceil_to(plan->until, USECS_PER_HOUR);

	if (plan->since >= plan->until)
		return;
	for (int i = 0; i < plan->ngroups; i++)
	{
		if (source == SOURCE_HOURS)
			look_at_edges(plan, &plan->groups[i]);
		read_rest(plan, &plan->groups[i], source, from, to, take_hour, &reader);
	}
}

/* --- segments --- */

static int
compare_ids(const void *a, const void *b)
{
	int64 x = *(const int64 *) a, y = *(const int64 *) b;

	return (x > y) - (x < y);
}

bool
plan_has_series(const SelectedService *service, int64 series_id)
{
	return service->all_series ||
		   bsearch(&series_id, service->series, service->nseries, sizeof(int64), compare_ids) != NULL;
}

/* Which series of the segment are selected; NULL: all.  False if none is. */
static bool
choose_series(const SelectedService *service, const PpSegmentHead *head, bool **chosen)
{
	uint32 n = 0;

	*chosen = NULL;
	if (service->all_series)
		return true;
	*chosen = palloc(head->nseries);
	for (uint32 i = 0; i < head->nseries; i++)
		n += (*chosen)[i] = plan_has_series(service, head->series[i]);
	return n > 0;
}

void
plan_raise(const SourceRow *row, const PpError *err)
{
	StoredSegment segment = {.service_id = row->target->service->service_id,
							 .type_id = row->target->type_id,
							 .hour = DatumGetTimestampTz(source_value(row, SEGMENTS_HOUR)),
							 .segment = DatumGetInt32(source_value(row, SEGMENTS_SEGMENT))};

	segment_raise(&segment, err);
}

PpBytes
plan_ids(const SourceRow *row, const PpSegmentHead *head)
{
	PpBytes ids = source_bytes(row, SEGMENTS_IDS);
	PpError err;

	if (ids.len != (uint64) head->n * UUID_LEN)
	{
		pp_fail(&err, PP_EMALFORMED, PP_NO_OFFSET, "number of ids is wrong");
		plan_raise(row, &err);
	}
	return ids;
}

bool
plan_choose(const RangePlan *plan, const SourceRow *row, PlanSegment *segment)
{
	TimestampTz first = DatumGetTimestampTz(source_value(row, SEGMENTS_FIRST_AT));
	TimestampTz last = DatumGetTimestampTz(source_value(row, SEGMENTS_LAST_AT));
	const Selection *selection = plan->selection;
	PpSegmentHead *head = &segment->head;
	PpBytes bytes, ids = {NULL, 0};
	bool *series;
	uint8_t *chosen;
	PpError err;

	if (last < plan->since || first >= plan->until)
		return false;
	segment->row = row;
	segment->target = row->target;
	segment->hour = DatumGetTimestampTz(source_value(row, SEGMENTS_HOUR));
	bytes = source_bytes(row, SEGMENTS_HEAD);
	PLAN_CHECK(row,
			   pp_segment_head((const uint8_t *) bytes.data, bytes.len, core_arena_create(), head, &err),
			   &err);
	if (!choose_series(row->target->service, head, &series))
		return false;
	if (selection->by_profile)
		ids = plan_ids(row, head);
	chosen = palloc(Max(head->n, 1));
	segment->nchosen = 0;
	for (uint32 i = 0; i < head->n; i++)
	{
		chosen[i] = head->at[i] >= plan->since && head->at[i] < plan->until &&
					(series == NULL || series[head->series_index[i]]) &&
					(!row->target->counting || head->counted[i]) &&
					(ids.data == NULL ||
					 memcmp(ids.data + (size_t) i * UUID_LEN, &selection->profile_id, UUID_LEN) == 0);
		segment->nchosen += chosen[i];
	}
	segment->chosen = segment->nchosen == head->n ? NULL : chosen;
	return segment->nchosen > 0;
}

typedef struct SegmentReader
{
	RangePlan *plan;
	PlanSegmentVisit visit;
	void *context;
} SegmentReader;

static void
take_segment(void *context, const SourceRow *row)
{
	SegmentReader *reader = context;
	PlanSegment segment;

	if (!hour_is_covered(reader->plan,
						 row->target,
						 DatumGetTimestampTz(source_value(row, SEGMENTS_HOUR))) &&
		plan_choose(reader->plan, row, &segment))
		reader->visit(reader->context, &segment);
}

void
plan_segments(RangePlan *plan, PlanSegmentVisit visit, void *context)
{
	SegmentReader reader = {plan, visit, context};
	TimestampTz from = floor_to(plan->since, USECS_PER_HOUR);

	if (plan->since >= plan->until)
		return;
	for (int i = 0; i < plan->ngroups; i++)
		read_rest(plan, &plan->groups[i], SOURCE_SEGMENTS, from, plan->until, take_segment, &reader);
}

void
plan_raw(RangePlan *plan, SourceVisit visit, void *context)
{
	for (int i = 0; i < plan->ngroups; i++)
		source_read(SOURCE_RAW, &plan->groups[i], plan->since, plan->until, visit, context);
}
