/*
 * functions.c
 *		Names of functions, and what each had on each day.
 *
 * Rows of a day are made of the rollups of its hours by function.  Sums over
 * hours add up, as a stack counts in each of its functions once, so the day is
 * summed first and its functions are found in one walk.  Of rows that are there
 * only those that differ are written.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "core/pp_names.h"
#include "core_glue.h"
#include "functions.h"

/* --- sums by name --- */

/* Sums of several dictionaries, by the names that are stored. */
typedef struct DaySums
{
	PpNames names;
	PpFunctionSum *sums;
	uint32 n, cap;
} DaySums;

/* False if a sum does not fit. */
static bool
add_sum(DaySums *day, const PpFunctionSum *sum)
{
	text *name = core_text(sum->name);
	PpBytes bytes = {VARDATA(name), VARSIZE(name) - VARHDRSZ};
	PpFunctionSum *all;
	uint32_t id;
	PpError err;

	CORE_CHECK(pp_names_intern(&day->names, bytes, &id, &err), &err);
	if (id == day->n)
	{
		if (day->n == day->cap)
		{
			day->cap = day->cap * 2 + 256;
			day->sums = day->sums == NULL
							? palloc(day->cap * sizeof(PpFunctionSum))
							: repalloc_huge(day->sums, day->cap * sizeof(PpFunctionSum));
		}
		day->sums[day->n++] = (PpFunctionSum){.name = bytes};
	}
	else
		pfree(name);
	all = &day->sums[id];
	return !__builtin_add_overflow(all->self, sum->self, &all->self) &&
		   !__builtin_add_overflow(all->total, sum->total, &all->total);
}

static bool
add_part(DaySums *day, int64 service_id, const PpSamplesPart *part, const PathDictionary *open)
{
	const PpDict *dict = open != NULL && path_dictionary_id(open) == part->dict_id
							 ? path_dictionary_get(open)
							 : dictionary_of_service(part, service_id);
	PpArena *arena = core_arena_create();
	PpFunctionSum *sums;
	uint32_t n;
	PpError err;
	PpCode code = pp_paths_functions(dict, part, arena, &sums, &n, &err);
	bool fits = code != PP_EOVERFLOW;

	if (fits)
		CORE_CHECK(code, &err);
	for (uint32 i = 0; fits && i < n; i++)
		fits = add_sum(day, &sums[i]);
	pp_arena_free(arena);
	return fits;
}

/* The sum of the rollups of hours by function; false if it does not fit. */
static bool
sum_hours(int64 service_id, int64 type_id, DateADT day, PpSamplesSum *sum)
{
	static StoragePlan read = {.sql = "SELECT functions FROM pprof.rollups WHERE service_id = $1 "
									  "AND type_id = $2 AND hour >= $3 AND hour < $4",
							   .nargs = 4,
							   .args = {INT8OID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID},
							   .cursor_options = CURSOR_OPT_CUSTOM_PLAN};
	Datum values[4] = {Int64GetDatum(service_id),
					   Int64GetDatum(type_id),
					   TimestampTzGetDatum(storage_day_start(day)),
					   TimestampTzGetDatum(storage_day_start(day + 1))};
	uint64 rows = storage_read(&read, values, NULL, 0);
	bool fits = true;

	for (uint64 i = 0; i < rows && fits; i++)
	{
		bytea *samples = DatumGetByteaPP(storage_value(i, 1));
		PpError err;
		PpCode code = pp_samples_sum_add(sum,
										 (const uint8_t *) VARDATA_ANY(samples),
										 VARSIZE_ANY_EXHDR(samples),
										 1,
										 &err);

		fits = code != PP_EOVERFLOW;
		if (fits)
			CORE_CHECK(code, &err);
	}
	SPI_freetuptable(SPI_tuptable);
	return fits;
}

bool
functions_of_day(int64 service_id, int64 type_id, DateADT day, const PathDictionary *open,
				 PpFunctionSum **sums, uint32 *n)
{
	PpAlloc *alloc = core_alloc_create(CurrentMemoryContext);
	PpSamplesSum *sum = pp_samples_sum_new(alloc);
	PpArena *arena = core_arena_create();
	DaySums result = {.n = 0};
	PpSamplesPart *parts;
	uint32_t nparts;
	PpError err;
	bool fits;

	if (sum == NULL)
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
	pp_names_init(&result.names, alloc);
	fits = sum_hours(service_id, type_id, day, sum);
	if (fits)
	{
		CORE_CHECK(pp_samples_sum_parts(sum, arena, &parts, &nparts, &err), &err);
		for (uint32 i = 0; i < nparts && fits; i++)
			fits = add_part(&result, service_id, &parts[i], open);
	}
	pp_samples_sum_free(sum);
	pp_arena_free(arena);
	pp_names_clear(&result.names);
	*sums = result.sums;
	*n = result.n;
	return fits;
}

/* --- ids --- */

int64
functions_id(PpBytes name, uint32 salt)
{
	return (int64) pp_stable_hash(name.data, name.len, 301 + (uint64) salt);
}

static Datum
int8_array(const int64 *values, uint32 n)
{
	Datum *datums = palloc(Max(n, 1) * sizeof(Datum));

	for (uint32 i = 0; i < n; i++)
		datums[i] = Int64GetDatum(values[i]);
	return PointerGetDatum(
		construct_array(datums, (int) n, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

static Datum
text_array(const PpFunctionSum *sums, uint32 n)
{
	Datum *datums = palloc(Max(n, 1) * sizeof(Datum));

	for (uint32 i = 0; i < n; i++)
		datums[i] =
			PointerGetDatum(cstring_to_text_with_len(sums[i].name.data, (int) sums[i].name.len));
	return PointerGetDatum(construct_array(datums, (int) n, TEXTOID, -1, false, TYPALIGN_INT));
}

/* Names under their ids that are not stored yet; others hold ids[] of some: their salt goes up. */
static bool
settle_ids(int64 service_id, const PpFunctionSum *sums, Datum names, int64 *ids, uint32 *salts,
		   uint32 n)
{
	static StoragePlan compare =
		{.sql = "SELECT u.ord, f.name IS NULL "
				"FROM ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3)) "
				"WITH ORDINALITY AS u (id, name, ord) "
				"LEFT JOIN pprof.functions f ON f.service_id = $1 AND f.function_id = u.id "
				"WHERE f.name IS DISTINCT FROM u.name COLLATE pg_catalog.\"C\"",
		 .nargs = 3,
		 .args = {INT8OID, INT8ARRAYOID, TEXTARRAYOID}};
	static StoragePlan add = {.sql = "INSERT INTO pprof.functions (service_id, function_id, name) "
									 "SELECT $1, u.id, u.name "
									 "FROM ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3)) "
									 "AS u (id, name) ON CONFLICT DO NOTHING",
							  .nargs = 3,
							  .args = {INT8OID, INT8ARRAYOID, TEXTARRAYOID}};
	Datum values[3] = {Int64GetDatum(service_id), int8_array(ids, n), names};
	uint64 rows = storage_read_latest(&compare, values, NULL, 0);
	PpFunctionSum *missing = palloc(Max(rows, 1) * sizeof(PpFunctionSum));
	int64 *missing_ids = palloc(Max(rows, 1) * sizeof(int64));
	uint32 nmissing = 0;

	for (uint64 i = 0; i < rows; i++)
	{
		uint32 at = (uint32) DatumGetInt64(storage_value(i, 1)) - 1;

		if (DatumGetBool(storage_value(i, 2)))
		{
			missing[nmissing] = sums[at];
			missing_ids[nmissing++] = ids[at];
			continue;
		}
		if (++salts[at] == SERIES_SALTS)
			ereport(ERROR,
					errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					errmsg("no id is left for a function"));
		ids[at] = functions_id(sums[at].name, salts[at]);
	}
	SPI_freetuptable(SPI_tuptable);
	if (nmissing > 0)
	{
		values[1] = int8_array(missing_ids, nmissing);
		values[2] = text_array(missing, nmissing);
		storage_run(&add, values, NULL);
	}
	return rows == 0;
}

/* Ids of names, which are stored if they are new. */
static int64 *
function_ids(int64 service_id, const PpFunctionSum *sums, uint32 n)
{
	int64 *ids = palloc(Max(n, 1) * sizeof(int64));
	uint32 *salts = palloc0(Max(n, 1) * sizeof(uint32));
	Datum names = text_array(sums, n);

	for (uint32 i = 0; i < n; i++)
		ids[i] = functions_id(sums[i].name, 0);
	while (n > 0 && !settle_ids(service_id, sums, names, ids, salts, n))
		CHECK_FOR_INTERRUPTS();
	return ids;
}

/* --- rows of a day --- */

typedef struct FunctionRow
{
	int64 id, self, total;
} FunctionRow;

/* Columns of rows that are written. */
typedef struct RowList
{
	int64 *id, *self, *total;
	uint32 n;
} RowList;

static int
compare_rows(const void *a, const void *b)
{
	int64 x = ((const FunctionRow *) a)->id, y = ((const FunctionRow *) b)->id;

	return x < y ? -1 : x > y;
}

static RowList
row_list(uint32 most)
{
	return (RowList){.id = palloc(Max(most, 1) * sizeof(int64)),
					 .self = palloc(Max(most, 1) * sizeof(int64)),
					 .total = palloc(Max(most, 1) * sizeof(int64))};
}

static void
row_list_add(RowList *list, const FunctionRow *row)
{
	list->id[list->n] = row->id;
	list->self[list->n] = row->self;
	list->total[list->n++] = row->total;
}

/* The rows that are stored, by id. */
static FunctionRow *
stored_rows(const Datum *key, uint32 *n)
{
	static StoragePlan read =
		{.sql = "SELECT function_id, self, total FROM pprof.function_days "
				"WHERE service_id = $1 AND type_id = $2 AND day = $3 ORDER BY function_id",
		 .nargs = 3,
		 .args = {INT8OID, INT8OID, DATEOID},
		 .cursor_options = CURSOR_OPT_CUSTOM_PLAN};
	Datum values[3] = {key[0], key[1], key[2]};
	FunctionRow *rows;

	*n = (uint32) storage_read_latest(&read, values, NULL, 0);
	rows = palloc(Max(*n, 1) * sizeof(FunctionRow));
	for (uint32 i = 0; i < *n; i++)
		rows[i] = (FunctionRow){DatumGetInt64(storage_value(i, 1)),
								DatumGetInt64(storage_value(i, 2)),
								DatumGetInt64(storage_value(i, 3))};
	SPI_freetuptable(SPI_tuptable);
	return rows;
}

static void
write_rows(StoragePlan *plan, const Datum *key, const RowList *list)
{
	Datum values[6] = {key[0], key[1], key[2]};

	if (list->n == 0)
		return;
	values[3] = int8_array(list->id, list->n);
	values[4] = int8_array(list->self, list->n);
	values[5] = int8_array(list->total, list->n);
	storage_run(plan, values, NULL);
}

#define ROW_ARGS                                                                                   \
	.nargs = 6, .args = {INT8OID, INT8OID, DATEOID, INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID},     \
	.cursor_options = CURSOR_OPT_CUSTOM_PLAN
#define ROW_SOURCE                                                                                 \
	"FROM ROWS FROM (pg_catalog.unnest($4), pg_catalog.unnest($5), pg_catalog.unnest($6)) "        \
	"AS u (id, self, total)"

/* Bring what is stored to what there is; both by id. */
static void
store_rows(const Datum *key, const FunctionRow *old, uint32 nold, const FunctionRow *rows, uint32 n)
{
	static StoragePlan insert =
		{.sql = "INSERT INTO pprof.function_days (service_id, type_id, day, function_id, self, total) "
				"SELECT $1, $2, $3, u.id, u.self, u.total " ROW_SOURCE,
		 ROW_ARGS};
	static StoragePlan update =
		{.sql = "UPDATE pprof.function_days d SET self = u.self, total = u.total " ROW_SOURCE
				" WHERE d.service_id = $1 AND d.type_id = $2 AND d.day = $3 AND d.function_id = u.id",
		 ROW_ARGS};
	static StoragePlan delete =
		{.sql = "DELETE FROM pprof.function_days d USING (SELECT u.id " ROW_SOURCE ") v "
				"WHERE d.service_id = $1 AND d.type_id = $2 AND d.day = $3 AND d.function_id = v.id",
		 ROW_ARGS};
	RowList added = row_list(n), changed = row_list(n), gone = row_list(nold);
	uint32 at = 0;

	for (uint32 i = 0; i < n; i++)
	{
		for (; at < nold && old[at].id < rows[i].id; at++)
			row_list_add(&gone, &old[at]);
		if (at == nold || old[at].id != rows[i].id)
			row_list_add(&added, &rows[i]);
		else
		{
			if (old[at].self != rows[i].self || old[at].total != rows[i].total)
				row_list_add(&changed, &rows[i]);
			at++;
		}
	}
	for (; at < nold; at++)
		row_list_add(&gone, &old[at]);
	write_rows(&delete, key, &gone);
	write_rows(&update, key, &changed);
	write_rows(&insert, key, &added);
}

void
functions_refresh(int64 service_id, int64 type_id, DateADT day, const PathDictionary *open)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "pprof functions", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	Datum key[3] = {Int64GetDatum(service_id), Int64GetDatum(type_id), DateADTGetDatum(day)};
	PpFunctionSum *sums;
	FunctionRow *rows, *old;
	int64 *ids;
	uint32 n, nold;

	PushActiveSnapshot(GetLatestSnapshot());
	if (!functions_of_day(service_id, type_id, day, open, &sums, &n))
		n = 0; /* no numbers, rather than wrong ones */
	PopActiveSnapshot();
	ids = function_ids(service_id, sums, n);
	rows = palloc(Max(n, 1) * sizeof(FunctionRow));
	for (uint32 i = 0; i < n; i++)
		rows[i] = (FunctionRow){ids[i], sums[i].self, sums[i].total};
	qsort(rows, n, sizeof(FunctionRow), compare_rows);
	old = stored_rows(key, &nold);
	store_rows(key, old, nold, rows, n);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
}
