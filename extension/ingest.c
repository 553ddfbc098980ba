/*
 * ingest.c
 *		pprof.push and pprof.ingest: profiles into rows.
 *
 * A batch is one transaction.  Every profile is read and checked first, so that
 * whatever is wrong with one concerns nobody else and needs no subtransaction;
 * then all is written, each kind of row in the order of its key, and locks
 * likewise, so that two batches cannot wait for each other.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "core/pp_spans.h"
#include "core_glue.h"
#include "guc.h"
#include "incoming.h"
#include "label_summary.h"
#include "locks.h"
#include "pprof.h"
#include "service_limits.h"
#include "storage.h"

/* A service and day that the batch writes to. */
typedef struct Target
{
	int64 lock_key;
	int64 service_id;
	DateADT day;
	WriterDict *writer;
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
		batch->targets[i].writer =
			dictionary_for_writing(batch->targets[i].service_id, batch->targets[i].day);
}

static Target *
target_of(Batch *batch, const PushItem *item)
{
	Target key = {.lock_key = lock_day_key(item->service_id, item->day),
				  .service_id = item->service_id,
				  .day = item->day};

	return bsearch(&key, batch->targets, batch->ntargets, sizeof(Target), compare_targets);
}

/* Refuse what a service may not add, before anything of it is written. */
static void
check_limits(Batch *batch)
{
	for (int i = 0; i < batch->nitems; i++)
	{
		PushItem *item = &batch->items[i];

		if (!item->skip)
			item->skip = !limits_check(item->in,
									   item->service_id,
									   item->day,
									   pp_dict_count(dictionary_get(target_of(batch, item)->writer),
													 PP_DICT_STACKS));
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

static void
note_series_day(Batch *batch, const Row *row, int64 type_id)
{
	int64 service_id = row->item->service_id;

	if (series_day(service_id, row->item->day, type_id, row->series_id))
		label_summary_note(&batch->new_series, service_id, row->item->day, type_id, row->series_id);
}

static void
insert_row(Batch *batch, const Row *row, PpAlloc *alloc)
{
	static StoragePlan add =
		{.sql = "INSERT INTO pprof.raw (service_id, type_id, series_id, at, duration, total, "
				"profile_id, samples, spans) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) "
				"ON CONFLICT DO NOTHING",
		 .nargs = 9,
		 .args = {INT8OID,
				  INT8OID,
				  INT8OID,
				  TIMESTAMPTZOID,
				  INT8OID,
				  INT8OID,
				  UUIDOID,
				  STORAGE_SAMPLES,
				  BYTEAOID}};
	Incoming *in = row->item->in;
	uint64 dict_id = dictionary_id(target_of(batch, row->item)->writer);
	Datum values[9] = {Int64GetDatum(row->item->service_id),
					   Int64GetDatum(row->type_id),
					   Int64GetDatum(row->series_id),
					   TimestampTzGetDatum(in->at),
					   Int64GetDatum(in->duration),
					   Int64GetDatum(row->type->total),
					   UUIDPGetDatum(&in->profile_id),
					   PointerGetDatum(row_samples(row, dict_id, alloc)),
					   PointerGetDatum(row_spans(row, alloc))};

	if (storage_run(&add, values, NULL) == 0)
		return;
	row->item->stored++;
	note_series_day(batch, row, row->type_id);
	if (row->type->counted.len > 0)
		note_series_day(batch, row, row->counted_id);
}

static void
insert_rows(Batch *batch)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "pprof row", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);

	for (int i = 0; i < batch->nrows; i++)
	{
		insert_row(batch, &batch->rows[i], core_alloc_create(context));
		MemoryContextReset(context);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
}

static void
store(Incoming *incoming, int n, int *stored)
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
	label_summary_store(&batch.new_series);
	for (int i = 0; i < n; i++)
		stored[i] = batch.items[i].stored;
	storage_end();
}

/* --- SQL --- */

/* Elements of an array argument; NULL if it is null. */
static Datum *
array_argument(FunctionCallInfo fcinfo, int argno, Oid type, bool **nulls, int *n)
{
	ArrayType *array;
	int16 typlen;
	bool typbyval;
	char typalign;
	Datum *values;

	if (PG_ARGISNULL(argno))
		return NULL;
	array = PG_GETARG_ARRAYTYPE_P(argno);
	get_typlenbyvalalign(type, &typlen, &typbyval, &typalign);
	deconstruct_array(array, type, typlen, typbyval, typalign, &values, nulls, n);
	return values;
}

static void
check_lengths(bool given, int n, int bodies, const char *what)
{
	if (given && n != bodies)
		ereport(ERROR,
				errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				errmsg("there are %d bodies but %d %s", bodies, n, what));
}

/* What of a good profile is not stored, or NULL: negative samples, as Pyroscope does. */
static char *
left_out(const Incoming *in)
{
	if (in->split.nnegative == 0)
		return NULL;
	return psprintf("Samples with negative values, which are left out: %u of %u.",
					in->split.nnegative,
					in->profile->nsamples);
}

static void
put_result(ReturnSetInfo *rsinfo, int idx, int stored, const Incoming *in)
{
	const IncomingError *error = &in->error;
	char *detail = error->sqlstate == 0 ? left_out(in) : NULL;
	Datum values[7] = {Int32GetDatum(idx), Int32GetDatum(stored)};
	bool nulls[7] = {false, false, true, true, true, true, true};

	if (detail != NULL)
	{
		values[4] = CStringGetTextDatum(detail);
		nulls[4] = false;
	}
	if (error->sqlstate != 0)
	{
		const char *texts[5] = {unpack_sql_state(error->sqlstate),
								error->message,
								error->detail,
								error->hint,
								error->reason};

		for (int i = 0; i < 5; i++)
			if (texts[i] != NULL)
			{
				values[2 + i] = CStringGetTextDatum(texts[i]);
				nulls[2 + i] = false;
			}
	}
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

PPROF_FUNCTION(pprof_push);
Datum
pprof_push(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	bool *body_nulls, *label_nulls, *id_nulls = NULL, *time_nulls = NULL;
	int n = 0, nlabels = 0, nids = 0, ntimes = 0;
	Datum *bodies, *labels, *ids, *times;
	IncomingOptions options;
	Incoming *incoming;
	int *stored;

	InitMaterializedSRF(fcinfo, 0);
	bodies = array_argument(fcinfo, 0, BYTEAOID, &body_nulls, &n);
	labels = array_argument(fcinfo, 1, JSONBOID, &label_nulls, &nlabels);
	ids = array_argument(fcinfo, 2, TEXTOID, &id_nulls, &nids);
	times = array_argument(fcinfo, 3, TIMESTAMPTZOID, &time_nulls, &ntimes);
	check_lengths(bodies != NULL || labels != NULL, nlabels, n, "label sets");
	check_lengths(ids != NULL, nids, n, "ids");
	check_lengths(times != NULL, ntimes, n, "times");
	incoming_options(&options, PG_ARGISNULL(4) ? NULL : PG_GETARG_JSONB_P(4));

	incoming = palloc0(sizeof(Incoming) * Max(n, 1));
	stored = palloc0(sizeof(int) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		TimestampTz at = times != NULL && !time_nulls[i] ? DatumGetTimestampTz(times[i]) : 0;

		CHECK_FOR_INTERRUPTS();
		if (body_nulls[i] || label_nulls[i])
			incoming_fail(&incoming[i],
						  ERRCODE_NULL_VALUE_NOT_ALLOWED,
						  "malformed_profile",
						  "body and labels must not be null");
		else
			incoming_read(&incoming[i],
						  DatumGetByteaPP(bodies[i]),
						  DatumGetJsonbP(labels[i]),
						  ids != NULL && !id_nulls[i] ? TextDatumGetCString(ids[i]) : NULL,
						  times != NULL && !time_nulls[i] ? &at : NULL,
						  "auto",
						  i,
						  &options);
	}
	store(incoming, n, stored);
	for (int i = 0; i < n; i++)
		put_result(rsinfo, i, stored[i], &incoming[i]);
	return (Datum) 0;
}

PPROF_FUNCTION(pprof_ingest);
Datum
pprof_ingest(PG_FUNCTION_ARGS)
{
	TimestampTz at = PG_ARGISNULL(2) ? 0 : PG_GETARG_TIMESTAMPTZ(2);
	IncomingOptions options;
	Incoming incoming;
	int stored;
	char *detail;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				errmsg("body and labels must not be null"));
	incoming_options(&options, NULL);
	options.infer_name = true;
	incoming_read(&incoming,
				  PG_GETARG_BYTEA_PP(0),
				  PG_GETARG_JSONB_P(1),
				  NULL,
				  PG_ARGISNULL(2) ? NULL : &at,
				  PG_ARGISNULL(3) ? "auto" : text_to_cstring(PG_GETARG_TEXT_PP(3)),
				  0,
				  &options);
	store(&incoming, 1, &stored);
	if (incoming.error.sqlstate != 0)
		ereport(ERROR,
				errcode(incoming.error.sqlstate),
				errmsg("%s", incoming.error.message),
				incoming.error.detail != NULL ? errdetail("%s", incoming.error.detail) : 0,
				incoming.error.hint != NULL ? errhint("%s", incoming.error.hint) : 0);
	if ((detail = left_out(&incoming)) != NULL)
		ereport(NOTICE, errmsg("profile is not stored in full"), errdetail("%s", detail));
	PG_RETURN_INT32(stored);
}
