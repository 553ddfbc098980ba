/*
 * function_search.c
 *		pprof.search_functions() and pprof.function_history(): functions by name.
 *
 * Both read function_days by whole days, one index look-up for each function
 * that is found and day.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "core/pp_names.h"
#include "core_glue.h"
#include "functions.h"
#include "pprof.h"
#include "rows.h"
#include "selection.h"
#include "storage.h"

#define MAX_DAYS 3660 /* that one call looks at */

/* Ids of the services that the selector means; 0 (null) for all of the tenant. */
static Datum
services_of(const text *selector)
{
	Selection selection;
	SelectedService *services;
	Datum *ids;
	int n;

	selection_parse(&selection, selector);
	if (selection.labels.n > 0 || selection.types.n > 0 || selection.by_profile ||
		selection.by_span || selection.by_trace)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("functions can be selected by service only"),
				errhint("Use no label but service_name in the selector."));
	if (selection.services.n == 0)
		return (Datum) 0;
	services = selection_services(&selection, &n);
	ids = palloc(Max(n, 1) * sizeof(Datum));
	for (int i = 0; i < n; i++)
		ids[i] = Int64GetDatum(services[i].service_id);
	return PointerGetDatum(
		construct_array(ids, n, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

/* The UTC days that [since, until) touches. */
static Datum
days_of(TimestampTz since, TimestampTz until)
{
	DateADT first, last;
	Datum *days;
	int n = 0;

	if (TIMESTAMP_NOT_FINITE(since) || TIMESTAMP_NOT_FINITE(until))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("the range of time must have a beginning and an end"));
	first = storage_day(since);
	last = storage_day(until - 1);
	if (since < until && last - first >= MAX_DAYS)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("the range of time has more than %d days", MAX_DAYS));
	days = palloc(MAX_DAYS * sizeof(Datum));
	for (DateADT day = first; since < until && day <= last; day++)
		days[n++] = DateADTGetDatum(day);
	return PointerGetDatum(construct_array(days, n, DATEOID, sizeof(DateADT), true, TYPALIGN_INT));
}

/* The days between two arguments; without the second: until now, without the first: so many days. */
static Datum
argument_days(FunctionCallInfo fcinfo, int argument, int days)
{
	TimestampTz until =
		PG_ARGISNULL(argument + 1) ? GetCurrentTimestamp() : PG_GETARG_TIMESTAMPTZ(argument + 1);
	TimestampTz since =
		PG_ARGISNULL(argument) ? until - days * USECS_PER_DAY : PG_GETARG_TIMESTAMPTZ(argument);

	return days_of(since, until);
}

static const text *
argument_selector(FunctionCallInfo fcinfo, int argument)
{
	return PG_ARGISNULL(argument) ? cstring_to_text("{}") : PG_GETARG_TEXT_PP(argument);
}

/* Anything, the pattern, anything: of the characters that LIKE knows only % stays what it is. */
static Datum
like_pattern(const text *pattern)
{
	const char *p = VARDATA_ANY(pattern);
	size_t len = VARSIZE_ANY_EXHDR(pattern);
	char *like = palloc(len * 2 + 2), *out = like;

	*out++ = '%';
	for (size_t i = 0; i < len; i++)
	{
		if (p[i] == '_' || p[i] == '\\')
			*out++ = '\\';
		*out++ = p[i];
	}
	*out++ = '%';
	return PointerGetDatum(cstring_to_text_with_len(like, out - like));
}

/* The rows of SPI_tuptable, whose columns are those of the set. */
static Datum
return_rows(FunctionCallInfo fcinfo, uint64 n, int columns)
{
	SPITupleTable *table = SPI_tuptable;
	Rows rows;

	rows_begin(&rows, fcinfo);
	for (uint64 i = 0; i < n; i++)
	{
		Datum values[8];
		bool nulls[8];

		for (int j = 0; j < columns; j++)
			values[j] = SPI_getbinval(table->vals[i], table->tupdesc, j + 1, &nulls[j]);
		rows_put(&rows, values, nulls);
	}
	return rows_end(&rows);
}

#define SEARCH_ARGS                                                                                \
	.nargs = 6, .args = {TEXTOID, TEXTOID, INT8ARRAYOID, TEXTOID, DATEARRAYOID, INT8OID},          \
	.cursor_options = CURSOR_OPT_CUSTOM_PLAN
#define SEARCH_COLUMNS                                                                             \
	"SELECT s.name, f.name, t.profile_type, pg_catalog.sum(d.self)::pg_catalog.int8, "             \
	"pg_catalog.sum(d.total)::pg_catalog.int8 "                                                    \
	"FROM pprof.functions f JOIN pprof.services s USING (service_id) "                             \
	"JOIN pprof.service_types t USING (service_id) "
#define SEARCH_MATCHES                                                                             \
	"WHERE f.name ILIKE $1 AND s.tenant = $2 AND ($3 IS NULL OR s.service_id = ANY ($3)) "         \
	"AND ($4 IS NULL OR t.profile_type = $4) "
#define SEARCH_ORDER "GROUP BY 1, 2, 3 ORDER BY pg_catalog.sum(d.total) DESC, 1, 2, 3 LIMIT $6"

/*
 * Names that a pattern picks have one look-up each: left to itself the planner
 * would rather read all functions of the days.  It is right where a pattern picks
 * nearly all of them, for which it is too short for the index on names, too.
 */
static StoragePlan *
search_plan(const text *pattern)
{
	static StoragePlan picked =
		{.sql = SEARCH_COLUMNS
		 "CROSS JOIN LATERAL (SELECT pg_catalog.sum(r.self) AS self, pg_catalog.sum(r.total) AS total "
		 "FROM pprof.function_days r WHERE r.service_id = f.service_id AND r.type_id = t.type_id "
		 "AND r.function_id = f.function_id AND r.day = ANY ($5)) d " SEARCH_MATCHES
		 "AND d.total IS NOT NULL " SEARCH_ORDER,
		 SEARCH_ARGS};
	static StoragePlan all = {.sql = SEARCH_COLUMNS
							  "JOIN pprof.function_days d USING (service_id, type_id, function_id) " SEARCH_MATCHES
							  "AND d.day = ANY ($5) " SEARCH_ORDER,
							  SEARCH_ARGS};

	return VARSIZE_ANY_EXHDR(pattern) >= 3 ? &picked : &all;
}

PPROF_FUNCTION(pprof_search_functions);
Datum
pprof_search_functions(PG_FUNCTION_ARGS)
{
	char nulls[6 + 1] = "      ";
	MemoryContext caller = CurrentMemoryContext;
	Datum values[6];
	uint64 n = 0;

	storage_begin();
	values[0] = like_pattern(PG_ARGISNULL(0) ? cstring_to_text("") : PG_GETARG_TEXT_PP(0));
	values[1] = PointerGetDatum(core_text(storage_tenant()));
	values[2] = services_of(argument_selector(fcinfo, 2));
	nulls[2] = values[2] == 0 ? 'n' : ' ';
	values[3] = PG_GETARG_DATUM(1);
	nulls[3] = PG_ARGISNULL(1) ? 'n' : ' ';
	values[4] = argument_days(fcinfo, 3, 1);
	values[5] = Int64GetDatum(Max(PG_GETARG_INT32(5), 0));
	nulls[5] = PG_ARGISNULL(5) ? 'n' : ' ';
	if (!PG_ARGISNULL(0))
		n = storage_read(search_plan(PG_GETARG_TEXT_PP(0)), values, nulls, 0);
	MemoryContextSwitchTo(caller);
	return_rows(fcinfo, n, 5);
	storage_end();
	MemoryContextSwitchTo(caller);
	return (Datum) 0;
}

/* Every id that the name may have. */
static Datum
possible_ids(const text *name)
{
	PpBytes bytes = {VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name)};
	Datum ids[SERIES_SALTS];

	for (uint32 salt = 0; salt < SERIES_SALTS; salt++)
		ids[salt] = Int64GetDatum(functions_id(bytes, salt));
	return PointerGetDatum(
		construct_array(ids, SERIES_SALTS, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

PPROF_FUNCTION(pprof_function_history);
Datum
pprof_function_history(PG_FUNCTION_ARGS)
{
	static StoragePlan history =
		{.sql = "SELECT d.day, s.name, pg_catalog.sum(d.self)::pg_catalog.int8, "
				"pg_catalog.sum(d.total)::pg_catalog.int8 "
				"FROM pprof.services s JOIN pprof.functions f USING (service_id) "
				"JOIN pprof.service_types t USING (service_id) "
				"JOIN pprof.function_days d USING (service_id, type_id, function_id) "
				"WHERE f.function_id = ANY ($1) AND f.name = $2 AND s.tenant = $3 "
				"AND ($4 IS NULL OR s.service_id = ANY ($4)) "
				"AND t.profile_type = $5 AND d.day = ANY ($6) GROUP BY 1, 2 ORDER BY 1, 2",
		 .nargs = 6,
		 .args = {INT8ARRAYOID, TEXTOID, TEXTOID, INT8ARRAYOID, TEXTOID, DATEARRAYOID},
		 .cursor_options = CURSOR_OPT_CUSTOM_PLAN};
	char nulls[6 + 1] = "      ";
	MemoryContext caller = CurrentMemoryContext;
	Datum values[6];
	uint64 n = 0;

	storage_begin();
	if (!PG_ARGISNULL(0) && !PG_ARGISNULL(1))
	{
		values[0] = possible_ids(PG_GETARG_TEXT_PP(0));
		values[1] = PG_GETARG_DATUM(0);
		values[2] = PointerGetDatum(core_text(storage_tenant()));
		values[3] = services_of(argument_selector(fcinfo, 2));
		nulls[3] = values[3] == 0 ? 'n' : ' ';
		values[4] = PG_GETARG_DATUM(1);
		values[5] = argument_days(fcinfo, 3, 30);
		n = storage_read(&history, values, nulls, 0);
	}
	MemoryContextSwitchTo(caller);
	return_rows(fcinfo, n, 4);
	storage_end();
	MemoryContextSwitchTo(caller);
	return (Datum) 0;
}
