/*
 * ingest.c
 *		Profiles into rows.
 *
 * A batch is one transaction.  Every profile has been read and checked, so that
 * whatever is wrong with one concerns nobody else and needs no subtransaction;
 * then all is written, each kind of row in the order of its key, and locks
 * likewise, so that two batches cannot wait for each other.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core/pp_spans.h"
#include "core_glue.h"
#include "ingest.h"
#include "label_summary.h"
#include "locks.h"
#include "raw_rows.h"
#include "service_limits.h"
#include "storage.h"

/* A service and day that the batch writes to. */
typedef struct Target
{
	int64 lock_key;
	int64 service_id;
	DateADT day;
	WriterDict *writer; /* NULL: retention took the profiles of the day */
	DictShift shift;
} Target;

typedef struct PushItem
{
	Incoming *in;
	int64 service_id;
	DateADT day;
	uint32_t *stacks; /* by sample */
	int stored;		  /* rows */
	bool skip;		  /* nothing to store, refused, or here before */
} PushItem;

typedef struct Row
{
	PushItem *item;
	PpSplitSeries *split;
	IncomingSeries *series;
	IncomingType *type;
	int64 series_id, type_id, counted_id; /* counted_id: only if type->counted is not empty */
	bool stored;
} Row;

typedef struct Batch
{
	int nitems;
	PushItem *items;
	int ntargets;
	Target *targets;
	int nrows;
	Row *rows;
	LabelSummary new_series; /* rows of series_days that this batch made */
} Batch;

/* --- services, days, dictionaries --- */

static int
compare_services(const void *a, const void *b)
{
	const PushItem *x = *(PushItem *const *) a, *y = *(PushItem *const *) b;

	return pp_bytes_cmp(x->in->service, y->in->service);
}

static void
find_services(Batch *batch)
{
	PushItem **sorted = palloc(sizeof(PushItem *) * batch->nitems);
	int n = 0;

	for (int i = 0; i < batch->nitems; i++)
		if (!batch->items[i].skip)
			sorted[n++] = &batch->items[i];
	qsort(sorted, n, sizeof(PushItem *), compare_services);
	for (int i = 0; i < n; i++)
		sorted[i]->service_id = series_service(storage_tenant(), sorted[i]->in->service);
	pfree(sorted);
}

static int
compare_ids(const void *a, const void *b)
{
	int64 x = *(const int64 *) a, y = *(const int64 *) b;

	return (x > y) - (x < y);
}

/* Nobody deletes or renames them from here on; in ascending order, each once. */
static void
lock_services(Batch *batch)
{
	int64 *ids = palloc(sizeof(int64) * Max(batch->nitems, 1));
	int n = 0;

	for (int i = 0; i < batch->nitems; i++)
		if (!batch->items[i].skip)
			ids[n++] = batch->items[i].service_id;
	qsort(ids, n, sizeof(int64), compare_ids);
	for (int i = 0; i < n; i++)
		if (i == 0 || ids[i] != ids[i - 1])
			lock_service(ids[i], LOCK_TO_STORE);
	pfree(ids);
}

/* Ids of services, as they are once the locks are held. */
static void
settle_services(Batch *batch)
{
	do
	{
		find_services(batch);
		lock_services(batch);
	} while (storage_refresh());
}

static int
compare_days(const void *a, const void *b)
{
	const PushItem *x = *(PushItem *const *) a, *y = *(PushItem *const *) b;

	return (x->day > y->day) - (x->day < y->day);
}

/* Partitions; who asks for too many new days is refused. */
static void
make_days(Batch *batch)
{
	PushItem **sorted = palloc(sizeof(PushItem *) * batch->nitems);
	int64 budget = -1;
	int n = 0;

	for (int i = 0; i < batch->nitems; i++)
		if (!batch->items[i].skip && !partition_exists(batch->items[i].day))
			sorted[n++] = &batch->items[i];
	if (n == 0)
		return;
	qsort(sorted, n, sizeof(PushItem *), compare_days);
	budget = partition_budget(storage_tenant());
	for (int i = 0; i < n; i++)
	{
		if (partition_exists(sorted[i]->day))
			continue;
		if (budget <= 0)
		{
			incoming_fail(sorted[i]->in,
						  ERRCODE_PROGRAM_LIMIT_EXCEEDED,
						  "not_in_ingestion_window",
						  "too many days without profiles so far: no more than 100 are begun within an hour");
			sorted[i]->skip = true;
			continue;
		}
		partition_add(sorted[i]->day, storage_tenant());
		budget--;
	}
}

static int
compare_targets(const void *a, const void *b)
{
	const Target *x = a, *y = b;

	if (x->lock_key != y->lock_key)
		return x->lock_key < y->lock_key ? -1 : 1;
	if (x->service_id != y->service_id)
		return x->service_id < y->service_id ? -1 : 1;
	return (x->day > y->day) - (x->day < y->day);
}

static void
lock_targets(Batch *batch)
{
	DateADT today = storage_day(GetCurrentTimestamp());
	int n = 0;

	batch->targets = palloc0(sizeof(Target) * Max(batch->nitems, 1));
	for (int i = 0; i < batch->nitems; i++)
		if (!batch->items[i].skip)
			batch->targets[n++] =
				(Target){.lock_key = lock_day_key(batch->items[i].service_id, batch->items[i].day),
						 .service_id = batch->items[i].service_id,
						 .day = batch->items[i].day};
	qsort(batch->targets, n, sizeof(Target), compare_targets);
	for (int i = 0; i < n; i++)
		if (i == 0 || compare_targets(&batch->targets[i], &batch->targets[i - 1]) != 0)
			batch->targets[batch->ntargets++] = batch->targets[i];
	for (int i = 0; i < batch->ntargets; i++)
		dictionary_lock(batch->targets[i].service_id, batch->targets[i].day);
	/* dictionaries may be gone that were there */
	(void) storage_refresh();
	for (int i = 0; i < batch->ntargets; i++)
	{
		Target *target = &batch->targets[i];

		/* retention does not come back for a day */
		if (target->day >= today - 1 || !retention_expired(target->service_id, target->day))
			target->writer = dictionary_for_writing(target->service_id, target->day);
	}
}

static Target *
target_of(Batch *batch, const PushItem *item)
{
	Target key = {.lock_key = lock_day_key(item->service_id, item->day),
				  .service_id = item->service_id,
				  .day = item->day};

	return bsearch(&key, batch->targets, batch->ntargets, sizeof(Target), compare_targets);
}

static void
check_expired(PushItem *item, const Target *target)
{
	if (target->writer != NULL)
		return;
	incoming_fail(item->in,
				  ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
				  "not_in_ingestion_window",
				  "retention has taken the profiles of that day");
	item->skip = true;
}

/* Refuse what a service may not add, before anything of it is written. */
static void
check_limits(Batch *batch)
{
	for (int i = 0; i < batch->nitems; i++)
	{
		PushItem *item = &batch->items[i];
		const Target *target;

		if (item->skip)
			continue;
		target = target_of(batch, item);
		check_expired(item, target);
		if (!item->skip)
			item->skip =
				!limits_check(item->in, item->service_id, item->day, dictionary_get(target->writer));
	}
}

/* --- what came before under the same id or key --- */

static int
compare_keys(const void *a, const void *b)
{
	const PushItem *x = *(PushItem *const *) a, *y = *(PushItem *const *) b;

	if (x->service_id != y->service_id)
		return x->service_id < y->service_id ? -1 : 1;
	return memcmp(&x->in->push_key, &y->in->push_key, sizeof(pg_uuid_t));
}

static void
note_pushes(Batch *batch)
{
	static StoragePlan add = {.sql = "INSERT INTO pprof.pushes (service_id, push_key) "
									 "VALUES ($1, $2) ON CONFLICT DO NOTHING",
							  .nargs = 2,
							  .args = {INT8OID, UUIDOID}};
	PushItem **sorted = palloc(sizeof(PushItem *) * batch->nitems);
	int n = 0;

	for (int i = 0; i < batch->nitems; i++)
		if (!batch->items[i].skip && batch->items[i].in->has_key)
			sorted[n++] = &batch->items[i];
	qsort(sorted, n, sizeof(PushItem *), compare_keys);
	for (int i = 0; i < n; i++)
	{
		Datum values[2] = {Int64GetDatum(sorted[i]->service_id),
						   UUIDPGetDatum(&sorted[i]->in->push_key)};

		if (storage_run(&add, values, NULL) == 0)
			sorted[i]->skip = true;
	}
}

/* --- rows --- */

static int
count_rows(const PushItem *item)
{
	int n = 0;

	for (uint32 s = 0; s < item->in->split.nseries; s++)
		n += item->in->series[s].ntypes;
	return n;
}

static void
list_rows(Batch *batch)
{
	int n = 0;

	for (int i = 0; i < batch->nitems; i++)
		if (!batch->items[i].skip)
			n += count_rows(&batch->items[i]);
	batch->rows = palloc_extended(sizeof(Row) * Max(n, 1), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int i = 0; i < batch->nitems; i++)
	{
		PushItem *item = &batch->items[i];

		for (uint32 s = 0; !item->skip && s < item->in->split.nseries; s++)
			for (uint32 t = 0; t < item->in->series[s].ntypes; t++)
				batch->rows[batch->nrows++] = (Row){.item = item,
													.split = &item->in->split.series[s],
													.series = &item->in->series[s],
													.type = &item->in->series[s].types[t]};
	}
}

static int
compare_row_ids(const void *a, const void *b)
{
	const Row *x = a, *y = b;

	if (x->item->service_id != y->item->service_id)
		return x->item->service_id < y->item->service_id ? -1 : 1;
	if (x->type_id != y->type_id)
		return x->type_id < y->type_id ? -1 : 1;
	if (x->item->in->at != y->item->in->at)
		return x->item->in->at < y->item->in->at ? -1 : 1;
	if (x->series_id != y->series_id)
		return x->series_id < y->series_id ? -1 : 1;
	return memcmp(&x->item->in->profile_id, &y->item->in->profile_id, sizeof(pg_uuid_t));
}

/* A type or series that a row needs, by the first id that series.c tries. */
typedef struct Needed
{
	int64 service_id, first_id;
	Row *row;
	bool counted; /* the type that is derived, not the row's own */
} Needed;

static int
compare_needed(const void *a, const void *b)
{
	const Needed *x = a, *y = b;

	if (x->service_id != y->service_id)
		return x->service_id < y->service_id ? -1 : 1;
	return (x->first_id > y->first_id) - (x->first_id < y->first_id);
}

/* Ids of types, made in the order of their keys if they are missing. */
static void
find_types(Batch *batch)
{
	Needed *needed = palloc_extended(sizeof(Needed) * 2 * Max(batch->nrows, 1), MCXT_ALLOC_HUGE);
	int n = 0;

	for (int i = 0; i < batch->nrows; i++)
	{
		Row *row = &batch->rows[i];
		int64 service_id = row->item->service_id;

		needed[n++] = (Needed){service_id, series_type_id(row->type->id, 0), row, false};
		if (row->type->counted.len > 0)
			needed[n++] = (Needed){service_id, series_type_id(row->type->counted, 0), row, true};
	}
	qsort(needed, n, sizeof(Needed), compare_needed);
	for (int i = 0; i < n; i++)
	{
		Row *row = needed[i].row;

		if (needed[i].counted)
			row->counted_id = series_type(needed[i].service_id, row->type->counted);
		else
			row->type_id = series_type(needed[i].service_id, row->type->id);
	}
	pfree(needed);
}

/* The same of series. */
static void
find_series(Batch *batch)
{
	Needed *needed = palloc_extended(sizeof(Needed) * Max(batch->nrows, 1), MCXT_ALLOC_HUGE);

	for (int i = 0; i < batch->nrows; i++)
	{
		Row *row = &batch->rows[i];

		needed[i] =
			(Needed){row->item->service_id, series_labels_id(&row->series->labels, 0), row, false};
	}
	qsort(needed, batch->nrows, sizeof(Needed), compare_needed);
	for (int i = 0; i < batch->nrows; i++)
		needed[i].row->series_id =
			series_labels(needed[i].service_id, &needed[i].row->series->labels);
	pfree(needed);
}

/* What was new has its final ids now; the order of samples by stack stays what it is. */
static void
shift_stacks(Batch *batch, PushItem *item)
{
	DictShift shift = target_of(batch, item)->shift;

	for (uint32 i = 0; i < item->in->profile->nsamples && shift.by > 0; i++)
		if (item->stacks[i] >= shift.from)
			item->stacks[i] += shift.by;
}

static void
intern_items(Batch *batch)
{
	for (int i = 0; i < batch->nitems; i++)
	{
		PushItem *item = &batch->items[i];
		PpError err;

		if (item->skip)
			continue;
		item->stacks =
			palloc_extended(sizeof(uint32_t) * Max(item->in->profile->nsamples, 1), MCXT_ALLOC_HUGE);
		CORE_CHECK(pp_dict_intern(dictionary_get(target_of(batch, item)->writer),
								  item->in->profile,
								  item->stacks,
								  &err),
				   &err);
		/* once per series, for all its types */
		for (uint32 s = 0; s < item->in->split.nseries; s++)
		{
			PpSplitSeries *series = &item->in->split.series[s];
			uint32_t *scratch =
				palloc_extended(sizeof(uint32_t) * Max(series->n, 1), MCXT_ALLOC_HUGE);

			pp_split_sort(series->samples, series->n, item->stacks, scratch);
			pfree(scratch);
		}
	}
	for (int i = 0; i < batch->ntargets; i++)
		if (batch->targets[i].writer != NULL)
			batch->targets[i].shift = dictionary_flush(batch->targets[i].writer);
	for (int i = 0; i < batch->nitems; i++)
		if (!batch->items[i].skip)
			shift_stacks(batch, &batch->items[i]);
}

static bytea *
row_samples(const Row *row, uint64 dict_id, PpAlloc *alloc)
{
	const PpProfile *p = row->item->in->profile;
	bool counted = row->type->counted.len > 0;
	PpSamplesPart part = {.dict_id = dict_id, .scale = counted ? (uint64) p->period : 0};
	uint8_t *data;
	size_t len;
	PpError err;

	part.entries = palloc_extended(sizeof(PpSampleEntry) * Max(row->split->n, 1), MCXT_ALLOC_HUGE);
	CORE_CHECK(pp_split_entries(p,
								row->split->samples,
								row->split->n,
								row->item->stacks,
								row->type->column,
								part.entries,
								&part.n,
								&err),
			   &err);
	CORE_CHECK(pp_samples_encode(&part,
								 part.n > 0 ? 1 : 0,
								 counted ? PP_SAMPLES_COUNTED : 0,
								 alloc,
								 &data,
								 &len,
								 &err),
			   &err);
	return storage_bytea(data, len);
}

static bytea *
row_spans(const Row *row, PpAlloc *alloc)
{
	PpArena *arena;
	PpSpanGroup *groups;
	uint32_t ngroups;
	uint8_t *data = NULL;
	size_t len = 0;
	PpError err;

	if (row->item->in->split.span_of != NULL)
	{
		arena = core_arena_create();
		CORE_CHECK(pp_split_spans(row->item->in->profile,
								  &row->item->in->split,
								  row->split->samples,
								  row->split->n,
								  row->item->stacks,
								  row->type->column,
								  arena,
								  &groups,
								  &ngroups,
								  &err),
				   &err);
		CORE_CHECK(pp_spans_encode(groups, ngroups, alloc, &data, &len, &err), &err);
	}
	return storage_bytea(data, len);
}

/* Rows of one day that are inserted at once. */
#define ROWS_AT_ONCE 128

static RawRow
make_row(Batch *batch, const Row *row)
{
	Incoming *in = row->item->in;
	PpAlloc *alloc = core_alloc_create(CurrentMemoryContext);

	return (RawRow){.service_id = row->item->service_id,
					.type_id = row->type_id,
					.series_id = row->series_id,
					.at = in->at,
					.duration = in->duration,
					.total = row->type->total,
					.profile_id = in->profile_id,
					.unique = in->random_id,
					.samples =
						row_samples(row, dictionary_id(target_of(batch, row->item)->writer), alloc),
					.spans = row_spans(row, alloc)};
}

/* How many rows from the first one on go in at once. */
static int
rows_at_once(const Batch *batch, int first)
{
	int n = 1;

	while (first + n < batch->nrows && n < ROWS_AT_ONCE &&
		   batch->rows[first + n].item->day == batch->rows[first].item->day)
		n++;
	return n;
}

static void
insert_rows(Batch *batch)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "pprof rows", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	RawRow rows[ROWS_AT_ONCE];

	for (int first = 0, n; first < batch->nrows; first += n)
	{
		n = rows_at_once(batch, first);
		for (int i = 0; i < n; i++)
			rows[i] = make_row(batch, &batch->rows[first + i]);
		raw_insert(rows, n);
		for (int i = 0; i < n; i++)
			batch->rows[first + i].stored = rows[i].stored;
		MemoryContextReset(context);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
}

/* --- days of series --- */

typedef struct SeriesDay
{
	int64 service_id, type_id, series_id;
	DateADT day;
} SeriesDay;

static int
compare_series_days(const void *a, const void *b)
{
	const SeriesDay *x = a, *y = b;

	if (x->service_id != y->service_id)
		return x->service_id < y->service_id ? -1 : 1;
	if (x->day != y->day)
		return x->day < y->day ? -1 : 1;
	if (x->type_id != y->type_id)
		return x->type_id < y->type_id ? -1 : 1;
	return (x->series_id > y->series_id) - (x->series_id < y->series_id);
}

/* Of what was stored, in the order of the key. */
static void
note_series_days(Batch *batch)
{
	SeriesDay *days = palloc_extended(sizeof(SeriesDay) * 2 * Max(batch->nrows, 1), MCXT_ALLOC_HUGE);
	int n = 0;

	for (int i = 0; i < batch->nrows; i++)
	{
		const Row *row = &batch->rows[i];
		SeriesDay day = {row->item->service_id, row->type_id, row->series_id, row->item->day};

		if (!row->stored)
			continue;
		row->item->stored++;
		days[n++] = day;
		day.type_id = row->counted_id;
		if (row->type->counted.len > 0)
			days[n++] = day;
	}
	qsort(days, n, sizeof(SeriesDay), compare_series_days);
	for (int i = 0; i < n; i++)
		if ((i == 0 || compare_series_days(&days[i], &days[i - 1]) != 0) &&
			series_day(days[i].service_id, days[i].day, days[i].type_id, days[i].series_id))
			label_summary_note(&batch->new_series,
							   days[i].service_id,
							   days[i].day,
							   days[i].type_id,
							   days[i].series_id);
	pfree(days);
}

void
ingest_store(Incoming *incoming, int n, int *stored)
{
	Batch batch = {.nitems = n};

	storage_begin();
	batch.new_series.context = CurrentMemoryContext;
	batch.items = palloc0(sizeof(PushItem) * Max(n, 1));
	for (int i = 0; i < n; i++)
		batch.items[i] = (PushItem){.in = &incoming[i],
									.day = storage_day(incoming[i].at),
									.skip = incoming[i].error.sqlstate != 0};
	for (int i = 0; i < n; i++)
		batch.items[i].skip = batch.items[i].skip || count_rows(&batch.items[i]) == 0;
	make_days(&batch);
	settle_services(&batch);
	lock_targets(&batch);
	check_limits(&batch);
	note_pushes(&batch);
	list_rows(&batch);
	find_types(&batch);
	find_series(&batch);
	qsort(batch.rows, batch.nrows, sizeof(Row), compare_row_ids);
	intern_items(&batch);
	insert_rows(&batch);
	note_series_days(&batch);
	label_summary_store(&batch.new_series);
	for (int i = 0; i < n; i++)
		stored[i] = batch.items[i].stored;
	storage_end();
}
