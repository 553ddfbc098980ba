/*
 * check.c
 *		pprof.check(): is everything that is stored sound?
 *
 * Each dictionary is loaded from its chunks and verified, then the rows of its
 * service and day are decoded against it.  Only problems are returned, and no
 * more of them than a person would read.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "check_labels.h"
#include "check_rollups.h"
#include "check_segments.h"
#include "core/pp_spans.h"
#include "core_glue.h"
#include "pprof.h"
#include "rows.h"
#include "storage.h"

#define MAX_PROBLEMS 1000
#define FETCH_ROWS	 256

typedef struct Problem
{
	char *object, *problem;
} Problem;

typedef struct Checker
{
	MemoryContext context; /* of the problems */
	MemoryContext dicts;   /* of the dictionaries of the service and day that is looked at */
	int n;
	Problem problems[MAX_PROBLEMS];
} Checker;

/* A dictionary of the service and day that is looked at. */
typedef struct KnownDict
{
	uint64 dict_id;
	PpDict *dict;
} KnownDict;

static void problem(Checker *checker, char *object, const char *fmt, ...) pg_attribute_printf(3, 4);

static void
problem(Checker *checker, char *object, const char *fmt, ...)
{
	MemoryContext caller = MemoryContextSwitchTo(checker->context);
	char message[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(message, sizeof(message), fmt, args);
	va_end(args);
	if (checker->n < MAX_PROBLEMS)
		checker->problems[checker->n++] = (Problem){pstrdup(object), pstrdup(message)};
	MemoryContextSwitchTo(caller);
}

/* --- ids --- */

static void
check_services(Checker *checker)
{
	static StoragePlan read = {
		.sql = "SELECT service_id, tenant, name, bucket, relabeled FROM pprof.services "
			   "ORDER BY service_id"};
	uint64 rows = storage_read(&read, NULL, NULL, 0);

	for (uint64 i = 0; i < rows; i++)
	{
		int64 id = DatumGetInt64(storage_value(i, 1));
		bool found = DatumGetBool(storage_value(i, 5));

		for (uint32 salt = 0; salt < SERIES_SALTS && !found; salt++)
			found = id == series_service_id(core_bytes(DatumGetTextPP(storage_value(i, 2))),
											core_bytes(DatumGetTextPP(storage_value(i, 3))),
											DatumGetInt32(storage_value(i, 4)),
											salt);
		if (!found)
			problem(checker,
					psprintf("service " INT64_FORMAT, id),
					"id is not the hash of tenant and name");
	}
}

static void
check_types(Checker *checker)
{
	static StoragePlan read = {
		.sql = "SELECT t.service_id, t.type_id, t.profile_type, s.service_id IS NOT NULL "
			   "FROM pprof.service_types t LEFT JOIN pprof.services s USING (service_id) "
			   "ORDER BY 1, 2"};
	uint64 rows = storage_read(&read, NULL, NULL, 0);

	for (uint64 i = 0; i < rows; i++)
	{
		int64 service = DatumGetInt64(storage_value(i, 1)), id = DatumGetInt64(storage_value(i, 2));
		PpBytes name = core_bytes(DatumGetTextPP(storage_value(i, 3)));
		char *object =
			psprintf("profile type " INT64_FORMAT " of service " INT64_FORMAT, id, service);
		PpTypeId type;
		PpError err;
		bool found = false;

		if (!DatumGetBool(storage_value(i, 4)))
			problem(checker, object, "service does not exist");
		if (pp_type_id_parse(name, &type, &err) != PP_OK)
			problem(checker, object, "%s", err.message);
		for (uint32 salt = 0; salt < SERIES_SALTS && !found; salt++)
			found = id == series_type_id(name, salt);
		if (!found)
			problem(checker, object, "id is not the hash of the profile type");
	}
}

static void
check_series(Checker *checker)
{
	static StoragePlan read = {
		.sql = "SELECT l.service_id, l.series_id, l.labels, s.name, l.relabeled FROM pprof.series l "
			   "LEFT JOIN pprof.services s USING (service_id) ORDER BY 1, 2"};
	uint64 rows = storage_read(&read, NULL, NULL, 0);

	for (uint64 i = 0; i < rows; i++)
	{
		int64 service = DatumGetInt64(storage_value(i, 1)), id = DatumGetInt64(storage_value(i, 2));
		char *object = psprintf("series " INT64_FORMAT " of service " INT64_FORMAT, id, service);
		PpLabelSet labels;
		bool found = DatumGetBool(storage_value(i, 5)), orphan;
		Datum name = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 4, &orphan);

		core_labels_from_jsonb(DatumGetJsonbP(storage_value(i, 3)), core_arena_create(), &labels);
		for (uint32 salt = 0; salt < SERIES_SALTS && !found; salt++)
			found = id == series_labels_id(&labels, salt);
		if (!found)
			problem(checker, object, "id is not the hash of the labels");
		if (orphan)
			problem(checker, object, "service does not exist");
		else if (!pp_bytes_eq(pp_labels_get(&labels, pp_bytes_cstr("service_name")),
							  core_bytes(DatumGetTextPP(name))))
			problem(checker, object, "label service_name is not the name of the service");
	}
}

/* Rows that refer to what is not there: the query names object and problem itself. */
static void
check_references(Checker *checker)
{
	static StoragePlan read = {
		.sql =
			"WITH r AS (SELECT DISTINCT service_id, type_id, series_id, "
			"(at AT TIME ZONE 'UTC')::pg_catalog.date AS day FROM pprof.raw) "
			"SELECT pg_catalog.format('raw rows of service %s, type %s, series %s, day %s', "
			"service_id, type_id, series_id, pg_catalog.to_char(day::pg_catalog.timestamp, 'YYYY-MM-DD')), "
			"CASE WHEN s.service_id IS NULL THEN 'service does not exist' "
			"WHEN t.type_id IS NULL THEN 'profile type does not exist' "
			"WHEN l.series_id IS NULL THEN 'series does not exist' "
			"WHEN d.dict_id IS NULL THEN 'day has no dictionary' "
			"ELSE 'series_days does not have them' END "
			"FROM r LEFT JOIN pprof.services s USING (service_id) "
			"LEFT JOIN pprof.service_types t USING (service_id, type_id) "
			"LEFT JOIN pprof.series l USING (service_id, series_id) "
			"LEFT JOIN pprof.series_days p USING (service_id, day, type_id, series_id) "
			"LEFT JOIN (SELECT service_id, day, pg_catalog.min(dict_id) AS dict_id "
			"FROM pprof.dictionaries GROUP BY 1, 2) d USING (service_id, day) "
			"WHERE s.service_id IS NULL OR t.type_id IS NULL OR l.series_id IS NULL "
			"OR d.dict_id IS NULL OR p.service_id IS NULL "
			"UNION ALL "
			"SELECT pg_catalog.format('chunks of dictionary %s, service %s', c.dict_id, c.service_id), "
			"'dictionary does not exist' FROM (SELECT DISTINCT service_id, dict_id, day "
			"FROM pprof.chunks) c LEFT JOIN pprof.dictionaries d USING (service_id, day, dict_id) "
			"WHERE d.dict_id IS NULL "
			"UNION ALL "
			"SELECT pg_catalog.format('dictionary %s', dict_id), 'id belongs to several' "
			"FROM pprof.dictionaries GROUP BY dict_id HAVING pg_catalog.count(*) > 1 ORDER BY 1, 2"};
	uint64 rows = storage_read(&read, NULL, NULL, MAX_PROBLEMS);

	for (uint64 i = 0; i < rows; i++)
		problem(checker,
				TextDatumGetCString(storage_value(i, 1)),
				"%s",
				TextDatumGetCString(storage_value(i, 2)));
}

static void
check_labels(Checker *checker)
{
	uint64 rows = check_labels_read(MAX_PROBLEMS);

	for (uint64 i = 0; i < rows; i++)
		problem(checker,
				TextDatumGetCString(storage_value(i, 1)),
				"%s",
				TextDatumGetCString(storage_value(i, 2)));
}

/* --- dictionaries --- */

static void
check_dictionary(Checker *checker, KnownDict *known, int64 service_id, DateADT day)
{
	char *object = psprintf("dictionary " INT64_FORMAT, (int64) known->dict_id);
	DictOwner owner = {.family = DICTIONARY_OF_DAY,
					   .service_id = service_id,
					   .begins = day,
					   .dict_id = known->dict_id};
	PpDict *dict = pp_dict_new(core_alloc_create(checker->dicts), false, 0);
	DictChunks chunks = {0};
	PpError err;

	if (dict == NULL)
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
	known->dict = dict;
	if (dictionary_load(dict, &owner, &chunks, &err) != PP_OK)
	{
		if (err.code != PP_EMALFORMED && err.code != PP_EUNSUPPORTED)
			core_raise(&err);
		problem(checker, object, "chunk %d: %s", chunks.failed, err.message);
	}
	else if (pp_dict_verify(dict, &err) != PP_OK)
		problem(checker, object, "%s", err.message);
}

/* --- rows --- */

typedef struct RowSum
{
	const KnownDict *dicts;
	int ndicts;
	int128 total;
	const char *wrong; /* what is, or NULL */
	uint64 dict_id;	   /* of the last sample */
} RowSum;

static const KnownDict *
known_dict(const RowSum *sum, uint64 dict_id)
{
	for (int i = 0; i < sum->ndicts; i++)
		if (sum->dicts[i].dict_id == dict_id)
			return &sum->dicts[i];
	return NULL;
}

static bool
knows_stack(const KnownDict *dict, uint32_t stack)
{
	PpSampleEntry entry = {stack, 0};
	PpSamplesPart part = {.n = 1, .entries = &entry};

	return pp_dict_knows(dict->dict, &part);
}

static PpCode
visit_sample(void *context, uint64_t dict_id, uint32_t stack, int64_t value, PpError *err)
{
	RowSum *sum = context;
	const KnownDict *dict = known_dict(sum, dict_id);

	if (dict == NULL)
		sum->wrong = "samples refer to a dictionary of another service or day";
	else if (!knows_stack(dict, stack))
		sum->wrong = "samples refer to a stack that the dictionary does not have";
	sum->total += value;
	sum->dict_id = dict_id;
	return PP_OK;
}

static void
check_spans(RowSum *sum, const uint8_t *spans, size_t len)
{
	const KnownDict *dict = known_dict(sum, sum->dict_id);
	PpArena *arena = core_arena_create();
	PpSpanGroup *groups;
	uint32_t n;
	PpError err;

	if (pp_spans_decode(spans, len, arena, &groups, &n, &err) != PP_OK)
	{
		sum->wrong = "spans cannot be read";
		return;
	}
	for (uint32 i = 0; i < n; i++)
		for (uint32 j = 0; j < groups[i].n; j++)
			if (dict != NULL && !knows_stack(dict, groups[i].entries[j].stack))
				sum->wrong = "spans refer to a stack that the dictionary does not have";
}

/* What is wrong with samples and spans, or NULL. */
static const char *
row_problem(const KnownDict *dicts, int ndicts, const PpSegmentRow *row)
{
	RowSum sum = {.dicts = dicts, .ndicts = ndicts};
	PpError err;

	if (pp_samples_check(row->samples, row->samples_len, &err) != PP_OK ||
		pp_samples_visit(row->samples, row->samples_len, visit_sample, &sum, &err) != PP_OK)
		sum.wrong = psprintf("samples cannot be read: %s", err.message);
	else if (sum.total != row->total)
		sum.wrong = "total is not the sum of the values";
	else
		check_spans(&sum, row->spans, row->spans_len);
	return sum.wrong;
}

static void
check_row(Checker *checker, const KnownDict *dicts, int ndicts, int64 service_id, uint64 number)
{
	bytea *samples = DatumGetByteaPP(storage_value(number, 3));
	bytea *spans = DatumGetByteaPP(storage_value(number, 4));
	PpSegmentRow row = {.total = DatumGetInt64(storage_value(number, 2)),
						.samples = (const uint8_t *) VARDATA_ANY(samples),
						.samples_len = VARSIZE_ANY_EXHDR(samples),
						.spans = (const uint8_t *) VARDATA_ANY(spans),
						.spans_len = VARSIZE_ANY_EXHDR(spans)};
	const char *wrong = row_problem(dicts, ndicts, &row);

	if (wrong != NULL)
		problem(checker,
				psprintf("raw row of service " INT64_FORMAT ", profile %s",
						 service_id,
						 DatumGetCString(DirectFunctionCall1(uuid_out, storage_value(number, 1)))),
				"%s",
				wrong);
}

static void
check_rows(Checker *checker, const KnownDict *dicts, int ndicts, int64 service_id, DateADT day)
{
	static StoragePlan read = {.sql = "SELECT profile_id, total, samples, spans FROM pprof.raw "
									  "WHERE service_id = $1 AND at >= $2 AND at < $3",
							   .nargs = 3,
							   .args = {INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID},
							   .cursor_options = CURSOR_OPT_CUSTOM_PLAN};
	Datum values[3] = {Int64GetDatum(service_id),
					   TimestampTzGetDatum(storage_day_start(day)),
					   TimestampTzGetDatum(storage_day_start(day + 1))};
	Portal portal = SPI_cursor_open(NULL, storage_plan(&read), values, NULL, true);
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "pprof row", ALLOCSET_DEFAULT_SIZES);

	for (;;)
	{
		MemoryContext caller;

		CHECK_FOR_INTERRUPTS();
		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		if (SPI_processed == 0)
			break;
		caller = MemoryContextSwitchTo(context);
		for (uint64 i = 0; i < SPI_processed; i++)
		{
			check_row(checker, dicts, ndicts, service_id, i);
			MemoryContextReset(context);
		}
		MemoryContextSwitchTo(caller);
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(portal);
	MemoryContextDelete(context);
}

/* --- segments --- */

typedef struct SegmentContext
{
	Checker *checker;
	const KnownDict *dicts;
	int ndicts;
} SegmentContext;

static const char *
segment_row_problem(void *context, const PpSegmentRow *row)
{
	const SegmentContext *segments = context;

	return row_problem(segments->dicts, segments->ndicts, row);
}

static void
segment_report(void *context, const char *object, const char *what)
{
	problem(((SegmentContext *) context)->checker, unconstify(char *, object), "%s", what);
}

static void
check_day_segments(Checker *checker, const KnownDict *dicts, int ndicts, int64 service_id, DateADT day)
{
	SegmentContext context = {checker, dicts, ndicts};
	SegmentChecks checks = {&context, segment_row_problem, segment_report};

	check_segments(&checks, service_id, day);
}

static void
check_references_of_segments(Checker *checker)
{
	SegmentContext context = {.checker = checker};
	SegmentChecks checks = {&context, segment_row_problem, segment_report};

	check_segment_references(&checks);
}

/* All dictionaries, service and day by service and day. */
static void
check_stored(Checker *checker)
{
	static StoragePlan read = {.sql = "SELECT service_id, day, dict_id FROM pprof.dictionaries "
									  "ORDER BY service_id, day, dict_id"};
	uint64 n = storage_read(&read, NULL, NULL, 0);
	SPITupleTable *table = SPI_tuptable;
	KnownDict *dicts = palloc(sizeof(KnownDict) * Max(n, 1));
	int64 *services = palloc(sizeof(int64) * Max(n, 1));
	DateADT *days = palloc(sizeof(DateADT) * Max(n, 1));

	for (uint64 i = 0; i < n; i++)
	{
		services[i] = DatumGetInt64(storage_value(i, 1));
		days[i] = DatumGetDateADT(storage_value(i, 2));
		dicts[i] = (KnownDict){(uint64) DatumGetInt64(storage_value(i, 3)), NULL};
	}
	SPI_freetuptable(table);
	for (uint64 first = 0, end; first < n; first = end)
	{
		for (end = first; end < n && services[end] == services[first] && days[end] == days[first];
			 end++)
			check_dictionary(checker, &dicts[end], services[first], days[first]);
		check_rows(checker, dicts + first, (int) (end - first), services[first], days[first]);
		check_day_segments(checker, dicts + first, (int) (end - first), services[first], days[first]);
		MemoryContextReset(checker->dicts);
	}
}

static void
report_rollup(void *context, const char *object, const char *what)
{
	problem(context, pstrdup(object), "%s", what);
}

PPROF_FUNCTION(pprof_check);
Datum
pprof_check(PG_FUNCTION_ARGS)
{
	Checker *checker = palloc0(sizeof(Checker));
	Rows rows;

	checker->context = CurrentMemoryContext;
	checker->dicts =
		AllocSetContextCreate(CurrentMemoryContext, "pprof dictionaries", ALLOCSET_DEFAULT_SIZES);
	storage_begin();
	check_services(checker);
	check_types(checker);
	check_series(checker);
	check_references(checker);
	check_labels(checker);
	check_references_of_segments(checker);
	check_stored(checker);
	check_rollups(report_rollup, checker, checker->n == 0);
	storage_end();
	rows_begin(&rows, fcinfo);
	for (int i = 0; i < checker->n; i++)
	{
		Datum values[2] = {CStringGetTextDatum(checker->problems[i].object),
						   CStringGetTextDatum(checker->problems[i].problem)};
		bool nulls[2] = {false};

		rows_put(&rows, values, nulls);
	}
	return rows_end(&rows);
}
