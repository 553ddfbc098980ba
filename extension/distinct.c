/*
 * distinct.c
 *		Counting profiles of which several rows may be selected.
 *
 * Raw profiles wait in batches; then the segments that have any of their times
 * are looked at, and nothing but their heads and ids.  Usually that is none: what
 * is raw is newer than every segment.
 */
#include "postgres.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "distinct.h"

#define BATCH 32768 /* raw profiles that wait */

void
distinct_begin(DistinctHour *hour)
{
	memset(hour, 0, sizeof(*hour));
	hour->context = CurrentMemoryContext;
}

bool
distinct_first(DistinctHour *hour, const SelectedRow *row, int64 group)
{
	DistinctKey key = {row->at, group, row->profile_id};
	TimestampTz start = plan_hour(row->at);
	bool found;

	if (hour->seen == NULL || hour->target != row->target || hour->hour != start)
	{
		HASHCTL ctl = {.keysize = sizeof(DistinctKey),
					   .entrysize = sizeof(DistinctKey),
					   .hcxt = hour->context};

		if (hour->seen != NULL)
			hash_destroy(hour->seen);
		hour->seen = hash_create("pprof profiles", 1024, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
		hour->target = row->target;
		hour->hour = start;
	}
	hash_search(hour->seen, &key, HASH_ENTER, &found);
	return !found;
}

/* --- raw profiles --- */

void
raw_profiles_begin(RawProfiles *profiles, RangePlan *plan, RawGroup group, RawProfileVisit visit,
				   void *context)
{
	memset(profiles, 0, sizeof(*profiles));
	profiles->plan = plan;
	profiles->group = group;
	profiles->visit = visit;
	profiles->context = context;
	distinct_begin(&profiles->hour);
}

static int
compare_profiles(const void *a, const void *b)
{
	const RawProfile *x = a, *y = b;

	if (x->target != y->target)
		return x->target < y->target ? -1 : 1;
	if (x->key.at != y->key.at)
		return x->key.at < y->key.at ? -1 : 1;
	return memcmp(&x->key, &y->key, sizeof(DistinctKey));
}

static void
mark_held(void *context, const SelectedRow *row)
{
	RawProfiles *profiles = context;
	RawProfile key = {.target = row->target, .key = {row->at, 0, row->profile_id}};
	RawProfile *found;

	if (profiles->group != NULL)
		key.key.group = profiles->group(profiles->context, row);
	found = bsearch(&key, profiles->items, profiles->n, sizeof(RawProfile), compare_profiles);
	if (found != NULL)
		found->held = true;
}

/* Does any profile lie in the time of the segment? */
static bool
touches(const RawProfiles *profiles, const Target *target, TimestampTz first, TimestampTz last)
{
	int low = 0, high = profiles->n;

	while (low < high)
	{
		int middle = low + (high - low) / 2;
		const RawProfile *item = &profiles->items[middle];

		if (item->target < target || (item->target == target && item->key.at < first))
			low = middle + 1;
		else
			high = middle;
	}
	return low < profiles->n && profiles->items[low].target == target &&
		   profiles->items[low].key.at <= last;
}

static void
look_into_segment(void *context, const SourceRow *row)
{
	RawProfiles *profiles = context;
	RowReader reader = {profiles->plan, true, false, mark_held, profiles};
	PlanSegment segment;

	if (touches(profiles,
				row->target,
				DatumGetTimestampTz(source_value(row, SEGMENTS_FIRST_AT)),
				DatumGetTimestampTz(source_value(row, SEGMENTS_LAST_AT))) &&
		plan_choose(profiles->plan, row, &segment))
		rows_of_segment(&reader, &segment);
}

static void
flush(RawProfiles *profiles)
{
	const RangePlan *plan = profiles->plan;

	qsort(profiles->items, profiles->n, sizeof(RawProfile), compare_profiles);
	for (int i = 0; i < plan->ngroups; i++)
	{
		const TargetGroup *group = &plan->groups[i];
		TimestampTz first = DT_NOEND, last = DT_NOBEGIN;

		for (int j = 0; j < profiles->n; j++)
			if (profiles->items[j].target >= group->targets &&
				profiles->items[j].target < group->targets + group->n)
			{
				first = Min(first, profiles->items[j].key.at);
				last = Max(last, profiles->items[j].key.at);
			}
		if (first <= last)
			source_read(SOURCE_SEGMENTS, group, plan_hour(first), last + 1, look_into_segment, profiles);
	}
	for (int i = 0; i < profiles->n; i++)
		profiles->visit(profiles->context, &profiles->items[i]);
	profiles->n = 0;
}

/* Another row of a profile that is among the last ones. */
static void
add_to_last(RawProfiles *profiles, const DistinctKey *key, int64 value)
{
	for (int i = profiles->n; i-- > 0 && profiles->items[i].key.at == key->at;)
		if (memcmp(&profiles->items[i].key, key, sizeof(DistinctKey)) == 0)
		{
			profiles->items[i].value += value; /* parts of a total that fits */
			return;
		}
}

void
raw_profiles_add(RawProfiles *profiles, const SelectedRow *row)
{
	int64 group = profiles->group == NULL ? 0 : profiles->group(profiles->context, row);
	DistinctKey key = {row->at, group, row->profile_id};

	if (!distinct_first(&profiles->hour, row, group))
	{
		add_to_last(profiles, &key, row->value);
		return;
	}
	/* rows of a profile stay together: they have one time */
	if (profiles->n >= BATCH && profiles->items[profiles->n - 1].key.at != row->at)
		flush(profiles);
	if (profiles->n == profiles->room)
	{
		profiles->room = profiles->room == 0 ? 256 : profiles->room * 2;
		profiles->items =
			profiles->items == NULL
				? MemoryContextAlloc(profiles->hour.context, sizeof(RawProfile) * profiles->room)
				: repalloc_huge(profiles->items, sizeof(RawProfile) * profiles->room);
	}
	profiles->items[profiles->n++] = (RawProfile){row->target, key, row->duration, row->value, false};
}

void
raw_profiles_end(RawProfiles *profiles)
{
	flush(profiles);
}
