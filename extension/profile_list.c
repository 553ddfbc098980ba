/*
 * profile_list.c
 *		pprof.profile_list: single profiles, the newest or largest first.
 *
 * Lists are made of the heads of segments.  Ids are looked at where a row may get
 * into the list, labels of the rows that did, samples never.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core_glue.h"
#include "plan.h"
#include "pprof.h"
#include "rows.h"
#include "selected_rows.h"
#include "storage.h"

#define MAX_LISTED 100000

typedef struct Listed
{
	TimestampTz at;
	int64 total;
	int64 series_id;
	pg_uuid_t profile_id;
	const SelectedService *service;
	int64 duration;
	Jsonb *labels;
} Listed;

typedef enum ListOrder
{
	LIST_NEWEST,
	LIST_OLDEST,
	LIST_LARGEST,
	LIST_SMALLEST
} ListOrder;

static const char *const order_names[] = {"newest", "oldest", "largest", "smallest"};

typedef struct ProfileList
{
	ListOrder order;
	int max;
	int n, room; /* twice max: rows that are too many are cut off now and then */
	Listed *items;
	bool full; /* items[max - 1] is the last that may stay */
	RowReader rows;
} ProfileList;

/* --- order --- */

static int
compare_numbers(int64 x, int64 y)
{
	return (x > y) - (x < y);
}

static int
compare_key(ListOrder order, TimestampTz at, int64 total, const Listed *other)
{
	switch (order)
	{
		case LIST_NEWEST:
			return compare_numbers(other->at, at);
		case LIST_OLDEST:
			return compare_numbers(at, other->at);
		case LIST_LARGEST:
			return compare_numbers(other->total, total);
		case LIST_SMALLEST:
			return compare_numbers(total, other->total);
	}
	return 0;
}

/* What the order leaves open is decided by time, then by ids: lists are always the same. */
static int
compare_listed(const void *a, const void *b, void *order)
{
	const Listed *x = a, *y = b;
	int diff = compare_key(*(ListOrder *) order, x->at, x->total, y);

	if (diff == 0)
		diff = compare_numbers(y->at, x->at);
	if (diff == 0)
		diff = memcmp(&x->profile_id, &y->profile_id, UUID_LEN);
	if (diff == 0)
		diff = compare_numbers(x->service->service_id, y->service->service_id);
	return diff != 0 ? diff : compare_numbers(x->series_id, y->series_id);
}

static void
cut(ProfileList *list)
{
	qsort_arg(list->items, list->n, sizeof(Listed), compare_listed, &list->order);
	list->full = list->n >= list->max;
	list->n = Min(list->n, list->max);
}

static bool
may_enter(const ProfileList *list, TimestampTz at, int64 total)
{
	return !list->full || compare_key(list->order, at, total, &list->items[list->max - 1]) <= 0;
}

/* --- rows --- */

static void
add_row(void *context, const SelectedRow *row)
{
	ProfileList *list = context;

	if (!may_enter(list, row->at, row->value))
		return;
	if (list->n == list->max * 2)
		cut(list);
	if (list->n == list->room)
	{
		list->room = Min(list->room * 2, list->max * 2);
		list->items = repalloc_huge(list->items, sizeof(Listed) * list->room);
	}
	list->items[list->n++] = (Listed){.at = row->at,
									  .total = row->value,
									  .series_id = row->series_id,
									  .profile_id = row->profile_id,
									  .service = row->target->service,
									  .duration = row->duration};
}

static void
add_segment(void *context, const PlanSegment *segment)
{
	ProfileList *list = context;
	const PpSegmentHead *head = &segment->head;
	bool counting = segment->target->counting;

	for (uint32 i = 0; i < head->n; i++)
	{
		int64 scale = counting ? Max((int64) head->scale[i], 1) : 1;

		if ((segment->chosen == NULL || segment->chosen[i]) &&
			may_enter(list, head->at[i], head->total[i] / scale))
		{
			rows_of_segment(&list->rows, segment);
			return;
		}
	}
}

static Datum
int8_array(const Listed *items, int n, bool services)
{
	Datum *ids = palloc(sizeof(Datum) * Max(n, 1));

	for (int i = 0; i < n; i++)
		ids[i] = Int64GetDatum(services ? items[i].service->service_id : items[i].series_id);
	return PointerGetDatum(
		construct_array(ids, n, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

static void
find_labels(ProfileList *list)
{
	static StoragePlan find = {.sql = "SELECT u.n::pg_catalog.int8, s.labels FROM "
									  "unnest($1, $2) WITH ORDINALITY AS u (service_id, series_id, n) "
									  "JOIN pprof.series s USING (service_id, series_id)",
							   .nargs = 2,
							   .args = {INT8ARRAYOID, INT8ARRAYOID}};
	Datum values[2] = {int8_array(list->items, list->n, true),
					   int8_array(list->items, list->n, false)};
	uint64 n = storage_read(&find, values, NULL, 0);

	for (uint64 i = 0; i < n; i++)
		list->items[DatumGetInt64(storage_value(i, 1)) - 1].labels =
			DatumGetJsonbPCopy(storage_value(i, 2));
	SPI_freetuptable(SPI_tuptable);
}

static void
read_range(ProfileList *list, PpBytes profile_type, const text *selector, TimestampTz since,
		   TimestampTz until)
{
	SelectedService *services;
	Selection selection;
	RangePlan plan;
	int n;

	selection_parse(&selection, selector);
	services = selection_find(&selection, profile_type, false, &n);
	plan_begin(&plan, &selection, services, n, since, until);
	list->rows = (RowReader){&plan, true, false, add_row, list};
	plan_raw(&plan, rows_of_raw, &list->rows); /* the newest come from here */
	plan_segments(&plan, add_segment, list);
	cut(list);
	find_labels(list);
}

static Datum
duration_datum(int64 nanos)
{
	Interval *interval = palloc0(sizeof(Interval));

	interval->time = nanos / 1000;
	return IntervalPGetDatum(interval);
}

static Datum
put_list(FunctionCallInfo fcinfo, const ProfileList *list)
{
	Rows rows;

	rows_begin(&rows, fcinfo);
	for (int i = 0; i < list->n; i++)
	{
		const Listed *item = &list->items[i];
		Datum values[6];
		bool nulls[6] = {false};

		values[0] = TimestampTzGetDatum(item->at);
		values[1] = PointerGetDatum(core_text(item->service->name));
		values[2] = JsonbPGetDatum(item->labels);
		nulls[2] = item->labels == NULL;
		values[3] = UUIDPGetDatum(&item->profile_id);
		values[4] = duration_datum(item->duration);
		values[5] = Int64GetDatum(item->total);
		rows_put(&rows, values, nulls);
	}
	return rows_end(&rows);
}

static ListOrder
read_order(const text *name)
{
	char *order = text_to_cstring(name);

	for (size_t i = 0; i < lengthof(order_names); i++)
		if (strcmp(order, order_names[i]) == 0)
			return (ListOrder) i;
	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("unknown order \"%s\"", order),
			errhint("Use \"newest\", \"oldest\", \"largest\" or \"smallest\"."));
}

PPROF_FUNCTION(pprof_profile_list);
Datum
pprof_profile_list(PG_FUNCTION_ARGS)
{
	ProfileList list = {.max = PG_GETARG_INT32(4)};
	PpArena *arena = core_arena_create();
	PpBytes profile_type;
	PpTypeId type;
	PpError err;

	list.order = read_order(PG_GETARG_TEXT_PP(5));
	if (list.max < 1 || list.max > MAX_LISTED)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("number of profiles must be between 1 and %d", MAX_LISTED));
	list.room = Min(list.max * 2, 256);
	list.items = palloc(sizeof(Listed) * list.room);
	CORE_CHECK(pp_type_id_parse(core_bytes(PG_GETARG_TEXT_PP(0)), &type, &err), &err);
	CORE_CHECK(pp_type_id_text(&type, arena, &profile_type, &err), &err);
	storage_begin();
	read_range(&list,
			   profile_type,
			   PG_GETARG_TEXT_PP(1),
			   PG_GETARG_TIMESTAMPTZ(2),
			   PG_GETARG_TIMESTAMPTZ(3));
	put_list(fcinfo, &list); /* names and labels go with storage_end */
	storage_end();
	return (Datum) 0;
}
