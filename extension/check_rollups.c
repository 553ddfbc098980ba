/*
 * check_rollups.c
 *		Are rollups what the segments add up to?
 *
 * Sums of hours are made again and compared by their bytes, which are the same
 * for equal sums.  What is by function may lie in another dictionary than it
 * would now: it is compared as flame graphs, under both sets of rules.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "check_rollups.h"
#include "core_glue.h"
#include "functions.h"
#include "rollup.h"
#include "storage.h"

typedef struct RollupChecker
{
	CheckReport report;
	void *context;
	int found;
} RollupChecker;

static void
report(RollupChecker *checker, const char *object, const char *problem)
{
	checker->found++;
	checker->report(checker->context, object, problem);
}

/* Rows of (object, problem) are problems. */
static void
report_rows(RollupChecker *checker, StoragePlan *plan)
{
	uint64 rows = storage_read(plan, NULL, NULL, 1000);

	for (uint64 i = 0; i < rows; i++)
		report(checker,
			   TextDatumGetCString(storage_value(i, 1)),
			   TextDatumGetCString(storage_value(i, 2)));
	SPI_freetuptable(SPI_tuptable);
}

/* --- marks --- */

#define HOUR_NAME                                                                                  \
	"pg_catalog.format('hour %s of service %s, type %s', pg_catalog.to_char(hour AT TIME ZONE "    \
	"'UTC', 'YYYY-MM-DD HH24:MI'), service_id, type_id)"
#define DAY_NAME                                                                                   \
	"pg_catalog.format('day %s of service %s, type %s', pg_catalog.to_char(day::pg_catalog."       \
	"timestamp, 'YYYY-MM-DD'), service_id, type_id)"
#define DAY_OF_HOUR "(hour AT TIME ZONE 'UTC')::pg_catalog.date"

static void
check_marks(RollupChecker *checker)
{
	static StoragePlan unmarked = {
		.sql = "SELECT " HOUR_NAME ", 'segments have neither rollup nor mark' FROM "
			   "(SELECT service_id, type_id, hour FROM pprof.segments "
			   "EXCEPT SELECT service_id, type_id, hour FROM pprof.rollups "
			   "EXCEPT SELECT service_id, type_id, hour FROM pprof.dirty_hours) x ORDER BY 1"};
	static StoragePlan alone = {
		.sql = "SELECT " HOUR_NAME ", 'rollup has no segments' FROM "
			   "(SELECT service_id, type_id, hour FROM pprof.rollups "
			   "EXCEPT SELECT service_id, type_id, hour FROM pprof.segments) x WHERE NOT EXISTS "
			   "(SELECT FROM pprof.expired_days e WHERE e.service_id = x.service_id "
			   "AND e.day = " DAY_OF_HOUR ") ORDER BY 1"};
	static StoragePlan both = {
		.sql = "SELECT " HOUR_NAME ", 'there is a rollup and a mark that it is missing' "
			   "FROM pprof.rollups JOIN pprof.dirty_hours USING (service_id, type_id, hour) "
			   "ORDER BY 1"};
	static StoragePlan days = {
		.sql = "SELECT " DAY_NAME ", 'hours have rollups, the day neither rollup nor mark' FROM "
			   "(SELECT service_id, type_id, " DAY_OF_HOUR " AS day FROM pprof.rollups "
			   "EXCEPT SELECT service_id, type_id, day FROM pprof.day_rollups "
			   "EXCEPT SELECT service_id, type_id, day FROM pprof.dirty_days) x ORDER BY 1"};
	static StoragePlan early = {
		.sql = "SELECT " DAY_NAME ", 'there is a rollup of a day with hours that have none' FROM "
			   "(SELECT service_id, type_id, day FROM pprof.day_rollups INTERSECT "
			   "SELECT service_id, type_id, " DAY_OF_HOUR " FROM pprof.dirty_hours) x ORDER BY 1"};

	report_rows(checker, &unmarked);
	report_rows(checker, &alone);
	report_rows(checker, &both);
	report_rows(checker, &days);
	report_rows(checker, &early);
}

/* --- dictionaries of paths --- */

static void
check_path_dictionary(RollupChecker *checker, const DictOwner *owner)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "pprof check", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	PpDict *dict = pp_dict_new(core_alloc_create(context), false, 0);
	DictChunks chunks = {0};
	PpError err;
	PpCode code;

	if (dict == NULL)
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
	code = dictionary_load(dict, owner, &chunks, &err);
	if (code == PP_OK)
		code = pp_dict_verify(dict, &err);
	if (code == PP_EMALFORMED || code == PP_EUNSUPPORTED)
		report(checker,
			   psprintf("dictionary of paths " INT64_FORMAT, (int64) owner->dict_id),
			   err.message);
	else
		CORE_CHECK(code, &err);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
}

static void
check_path_dictionaries(RollupChecker *checker)
{
	static StoragePlan read = {.sql = "SELECT service_id, month, dict_id FROM pprof.path_dictionaries "
									  "ORDER BY 1, 2, 3"};
	static StoragePlan lost = {
		.sql = "SELECT pg_catalog.format('dictionary of paths %s', dict_id), 'it has chunks, but no row' "
			   "FROM (SELECT service_id, month, dict_id FROM pprof.paths "
			   "EXCEPT SELECT service_id, month, dict_id FROM pprof.path_dictionaries) x "
			   /* what retention has done with goes with the partition */
			   "WHERE EXISTS (SELECT FROM pprof.series_days d WHERE d.service_id = x.service_id "
			   "AND d.day >= x.month AND d.day < x.month + interval '1 month') ORDER BY 1"};
	uint64 n = storage_read(&read, NULL, NULL, 0);
	SPITupleTable *table = SPI_tuptable;
	DictOwner *owners = palloc(Max(n, 1) * sizeof(DictOwner));

	for (uint64 i = 0; i < n; i++)
		owners[i] = (DictOwner){.family = DICTIONARY_OF_PATHS,
								.service_id = DatumGetInt64(storage_value(i, 1)),
								.begins = DatumGetDateADT(storage_value(i, 2)),
								.dict_id = (uint64) DatumGetInt64(storage_value(i, 3))};
	SPI_freetuptable(table);
	for (uint64 i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		check_path_dictionary(checker, &owners[i]);
	}
	report_rows(checker, &lost);
}

/* --- names --- */

static void
check_names(RollupChecker *checker)
{
	static StoragePlan read = {.sql = "SELECT service_id, function_id, name FROM pprof.functions"};
	static StoragePlan nameless = {
		.sql = "SELECT pg_catalog.format('functions of service %s', service_id), "
			   "'function_days has some that have no name' FROM (SELECT DISTINCT d.service_id "
			   "FROM pprof.function_days d LEFT JOIN pprof.functions f USING (service_id, function_id) "
			   "WHERE f.name IS NULL) x ORDER BY 1"};
	Portal portal = SPI_cursor_open(NULL, storage_plan(&read), NULL, NULL, true);

	do
	{
		CHECK_FOR_INTERRUPTS();
		SPI_cursor_fetch(portal, true, 1000);
		for (uint64 i = 0; i < SPI_processed; i++)
		{
			text *name = DatumGetTextPP(storage_value(i, 3));
			PpBytes bytes = {VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name)};
			int64 id = DatumGetInt64(storage_value(i, 2));
			uint32 salt = 0;

			while (salt < SERIES_SALTS && functions_id(bytes, salt) != id)
				salt++;
			if (salt == SERIES_SALTS)
				report(checker,
					   psprintf("function " INT64_FORMAT " of service " INT64_FORMAT,
								id,
								DatumGetInt64(storage_value(i, 1))),
					   "id is not the hash of the name");
		}
		SPI_freetuptable(SPI_tuptable);
	} while (SPI_processed > 0);
	SPI_cursor_close(portal);
	report_rows(checker, &nameless);
}

/* --- samples --- */

/* A column of samples; NULL if it is null. */
typedef struct Samples
{
	const uint8_t *data;
	size_t len;
} Samples;

static Samples
samples_of(uint64 row, int column)
{
	bool isnull;
	Datum value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &isnull);
	Samples samples = {NULL, 0};

	if (!isnull)
	{
		bytea *copy = DatumGetByteaPCopy(value);

		samples = (Samples){(const uint8_t *) VARDATA(copy), VARSIZE(copy) - VARHDRSZ};
	}
	return samples;
}

static Samples
samples_from(const bytea *value)
{
	Samples samples = {NULL, 0};

	if (value != NULL)
		samples = (Samples){(const uint8_t *) VARDATA(value), VARSIZE(value) - VARHDRSZ};
	return samples;
}

static bool
same_bytes(Samples a, Samples b)
{
	return (a.data == NULL) == (b.data == NULL) && a.len == b.len &&
		   (a.data == NULL || memcmp(a.data, b.data, a.len) == 0);
}

/* Both are counted in the same way, or not at all. */
static bool
same_flags(Samples a, Samples b)
{
	PpSamplesHeader x, y;
	PpError err;

	CORE_CHECK(pp_samples_header(a.data, a.len, &x, &err), &err);
	CORE_CHECK(pp_samples_header(b.data, b.len, &y, &err), &err);
	return x.flags == y.flags && ((x.flags & PP_SAMPLES_COUNTED) == 0 || x.scale == y.scale);
}

/* Rows of the flame graph of samples. */
static PpFlameRow *
flame_of(Samples samples, int64 service_id, PpFlameRules rules, PpArena *arena, size_t *n)
{
	PpAlloc *alloc = core_alloc_create(CurrentMemoryContext);
	PpSamplesSum *sum = pp_samples_sum_new(alloc);
	PpTree *tree = pp_tree_new(alloc, rules);
	PpSamplesPart *parts;
	PpFlameRow *rows;
	uint32_t nparts;
	int64_t hidden;
	PpError err;

	if (sum == NULL || tree == NULL)
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
	CORE_CHECK(pp_samples_sum_add(sum, samples.data, samples.len, 1, &err), &err);
	CORE_CHECK(pp_samples_sum_parts(sum, arena, &parts, &nparts, &err), &err);
	pp_samples_sum_free(sum);
	for (uint32 i = 0; i < nparts; i++)
		CORE_CHECK(pp_dict_scatter(dictionary_of_service(&parts[i], service_id), &parts[i], tree, &err),
				   &err);
	CORE_CHECK(pp_tree_flame(tree, 0, arena, &rows, n, &hidden, &err), &err);
	return rows;
}

static bool
same_flames(Samples a, Samples b, int64 service_id)
{
	bool same = (a.data == NULL) == (b.data == NULL);

	for (PpFlameRules rules = PP_RULES_PPROF; same && a.data != NULL && rules <= PP_RULES_PYROSCOPE;
		 rules++)
	{
		PpArena *arena = core_arena_create();
		size_t na, nb;
		PpFlameRow *x = flame_of(a, service_id, rules, arena, &na);
		PpFlameRow *y = flame_of(b, service_id, rules, arena, &nb);

		same = na == nb;
		for (size_t i = 0; same && i < na; i++)
			same = x[i].level == y[i].level && x[i].value == y[i].value && x[i].self == y[i].self &&
				   pp_bytes_eq(x[i].label, y[i].label);
		pp_arena_free(arena);
	}
	return same;
}

/* --- hours --- */

/* What is stored of an hour. */
typedef struct StoredHour
{
	int64 service_id, type_id;
	TimestampTz hour;
	int32 profiles;
	TimestampTz first_at;
	int64 duration;
	Samples samples, counts, functions, function_counts;
} StoredHour;

static void
read_hour(StoredHour *stored)
{
	static StoragePlan read =
		{.sql = "SELECT profiles, first_at, duration, samples, counts, functions, function_counts "
				"FROM pprof.rollups WHERE service_id = $1 AND type_id = $2 AND hour = $3",
		 .nargs = 3,
		 .args = {INT8OID, INT8OID, TIMESTAMPTZOID}};
	Datum key[3] = {Int64GetDatum(stored->service_id),
					Int64GetDatum(stored->type_id),
					TimestampTzGetDatum(stored->hour)};

	storage_read(&read, key, NULL, 1);
	stored->profiles = DatumGetInt32(storage_value(0, 1));
	stored->first_at = DatumGetTimestampTz(storage_value(0, 2));
	stored->duration = DatumGetInt64(storage_value(0, 3));
	stored->samples = samples_of(0, 4);
	stored->counts = samples_of(0, 5);
	stored->functions = samples_of(0, 6);
	stored->function_counts = samples_of(0, 7);
	SPI_freetuptable(SPI_tuptable);
}

static const char *
compare_hour(const StoredHour *stored, const HourSum *sum)
{
	bytea *samples, *counts;

	if (!sum->fits)
		return "there is a rollup, but the sum is out of range";
	counted_sum_values(&sum->lines, &samples, &counts);
	if (stored->profiles != sum->profiles || stored->first_at != sum->first_at ||
		stored->duration != sum->duration)
		return "profiles, their first time or their duration are not those of the segments";
	if (!same_bytes(stored->samples, samples_from(samples)))
		return "samples are not the sum of the segments";
	if (!same_bytes(stored->counts, samples_from(counts)))
		return "counts are not the sum of the segments";
	return NULL;
}

static void
check_hour(RollupChecker *checker, StoredHour *stored)
{
	const char *problem = NULL;
	HourSum *sum = hour_sum_make(stored->service_id, stored->type_id, stored->hour);

	read_hour(stored);
	if (sum->rows > 0)
		problem = compare_hour(stored, sum);
	/* where lines are, with or without segments, functions are theirs */
	if (problem == NULL && (!same_flags(stored->samples, stored->functions) ||
							!same_flames(stored->samples, stored->functions, stored->service_id)))
		problem = "samples by function are not those by line";
	if (problem == NULL && !same_flames(stored->counts, stored->function_counts, stored->service_id))
		problem = "counts by function are not those by line";
	if (problem != NULL)
		report(checker,
			   psprintf("rollup of service " INT64_FORMAT ", type " INT64_FORMAT ", hour %s",
						stored->service_id,
						stored->type_id,
						timestamptz_to_str(stored->hour)),
			   problem);
}

static void
check_hours(RollupChecker *checker)
{
	static StoragePlan read = {
		.sql = "SELECT service_id, type_id, hour FROM pprof.rollups ORDER BY 1, 3, 2"};
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "pprof check", ALLOCSET_DEFAULT_SIZES);
	uint64 n = storage_read(&read, NULL, NULL, 0);
	SPITupleTable *table = SPI_tuptable;
	StoredHour *hours = palloc0(Max(n, 1) * sizeof(StoredHour));

	for (uint64 i = 0; i < n; i++)
		hours[i] = (StoredHour){.service_id = DatumGetInt64(storage_value(i, 1)),
								.type_id = DatumGetInt64(storage_value(i, 2)),
								.hour = DatumGetTimestampTz(storage_value(i, 3))};
	SPI_freetuptable(table);
	for (uint64 i = 0; i < n; i++)
	{
		MemoryContext caller = MemoryContextSwitchTo(context);

		CHECK_FOR_INTERRUPTS();
		check_hour(checker, &hours[i]);
		MemoryContextSwitchTo(caller);
		MemoryContextReset(context);
	}
	MemoryContextDelete(context);
	pfree(hours);
}

/* --- days --- */

static const char *
compare_day(int64 service_id, int64 type_id, DateADT day)
{
	static StoragePlan read = {.sql = "SELECT profiles, functions, function_counts FROM pprof.day_rollups "
									  "WHERE service_id = $1 AND type_id = $2 AND day = $3",
							   .nargs = 3,
							   .args = {INT8OID, INT8OID, DATEOID}};
	Datum key[3] = {Int64GetDatum(service_id), Int64GetDatum(type_id), DateADTGetDatum(day)};
	const char *problem = NULL;
	DaySum sum;

	if (storage_read(&read, key, NULL, 1) > 0)
	{
		int64 profiles = DatumGetInt64(storage_value(0, 1));
		Samples functions = samples_of(0, 2), counts = samples_of(0, 3);

		SPI_freetuptable(SPI_tuptable);
		day_sum_make(service_id, type_id, day, &sum);
		if (sum.rows > 0 && (!sum.fits || profiles != sum.profiles ||
							 !same_bytes(functions, samples_from(sum.functions)) ||
							 !same_bytes(counts, samples_from(sum.counts))))
			problem = "it is not the sum of the rollups of its hours";
	}
	return problem;
}

static int
compare_sums(const void *a, const void *b)
{
	return pp_bytes_cmp(((const PpFunctionSum *) a)->name, ((const PpFunctionSum *) b)->name);
}

/* function_days of a day without marks are what its rollups say. */
static const char *
compare_functions(int64 service_id, int64 type_id, DateADT day)
{
	static StoragePlan read = {.sql = "SELECT f.name, d.self, d.total FROM pprof.function_days d "
									  "JOIN pprof.functions f USING (service_id, function_id) WHERE d.service_id = $1 "
									  "AND d.type_id = $2 AND d.day = $3 ORDER BY f.name",
							   .nargs = 3,
							   .args = {INT8OID, INT8OID, DATEOID}};
	Datum key[3] = {Int64GetDatum(service_id), Int64GetDatum(type_id), DateADTGetDatum(day)};
	PpFunctionSum *sums;
	uint32 n;
	uint64 rows;
	bool same;

	if (!functions_of_day(service_id, type_id, day, NULL, &sums, &n))
		n = 0;
	qsort(sums, n, sizeof(PpFunctionSum), compare_sums);
	rows = storage_read(&read, key, NULL, 0);
	same = rows == n;
	for (uint64 i = 0; i < rows && same; i++)
	{
		text *name = DatumGetTextPP(storage_value(i, 1));
		PpBytes bytes = {VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name)};

		same = pp_bytes_eq(bytes, sums[i].name) &&
			   DatumGetInt64(storage_value(i, 2)) == sums[i].self &&
			   DatumGetInt64(storage_value(i, 3)) == sums[i].total;
	}
	SPI_freetuptable(SPI_tuptable);
	return same ? NULL : "function_days are not what the rollups of its hours say";
}

/* Days whose hours all have their rollups. */
static void
check_days(RollupChecker *checker)
{
	static StoragePlan read = {
		.sql = "SELECT service_id, type_id, day, " DAY_NAME " FROM "
			   "(SELECT service_id, type_id, " DAY_OF_HOUR " AS day FROM pprof.rollups "
			   "EXCEPT SELECT service_id, type_id, " DAY_OF_HOUR " FROM pprof.dirty_hours) x "
			   "ORDER BY 1, 3, 2"};
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "pprof check", ALLOCSET_DEFAULT_SIZES);
	uint64 n = storage_read(&read, NULL, NULL, 0);
	SPITupleTable *table = SPI_tuptable;

	for (uint64 i = 0; i < n; i++)
	{
		MemoryContext caller = MemoryContextSwitchTo(context);
		int64 service_id, type_id;
		DateADT day;
		const char *object, *problem;

		CHECK_FOR_INTERRUPTS();
		SPI_tuptable = table;
		service_id = DatumGetInt64(storage_value(i, 1));
		type_id = DatumGetInt64(storage_value(i, 2));
		day = DatumGetDateADT(storage_value(i, 3));
		object = TextDatumGetCString(storage_value(i, 4));
		if ((problem = compare_day(service_id, type_id, day)) != NULL ||
			(problem = compare_functions(service_id, type_id, day)) != NULL)
			report(checker, object, problem);
		MemoryContextSwitchTo(caller);
		MemoryContextReset(context);
	}
	SPI_freetuptable(table);
	MemoryContextDelete(context);
}

void
check_rollups(CheckReport report_to, void *context, bool dictionaries_sound)
{
	RollupChecker checker = {.report = report_to, .context = context};

	check_path_dictionaries(&checker);
	dictionaries_sound = dictionaries_sound && checker.found == 0;
	check_marks(&checker);
	check_names(&checker);
	if (!dictionaries_sound)
		return;
	check_hours(&checker);
	check_days(&checker);
}
