/*
 * storage.c
 *		Sessions with SPI, plans that are kept, and when caches are emptied.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "core_glue.h"
#include "guc.h"
#include "service_limits.h"
#include "storage.h"

/* Tables whose change makes caches doubtful. */
static const char *const watched_names[] = {"services",
											"service_types",
											"series",
											"series_days",
											"label_days",
											"service_limits",
											"dictionaries",
											"chunks",
											"raw",
											"days"};

static Oid watched[lengthof(watched_names)];
static bool watching = false;	   /* callbacks are registered */
static bool tables_changed = true; /* one of them did, or none was looked up yet */
static StoragePlan *plans = NULL;  /* all that are prepared */

static void
relation_changed(Datum arg, Oid relid)
{
	if (relid == InvalidOid)
		tables_changed = true;
	for (size_t i = 0; i < lengthof(watched) && !tables_changed; i++)
		if (watched[i] == relid)
			tables_changed = true;
}

static void
at_end(bool commit)
{
	series_at_end(commit);
	limits_at_end(commit);
	dictionary_at_end(commit);
}

/* A prepared transaction may still be rolled back by another session: as an abort. */
static void
transaction_ended(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT)
		at_end(true);
	else if (event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
		at_end(false);
}

/* What the rest of the transaction holds stays held. */

static void
subtransaction_ended(SubXactEvent event, SubTransactionId id, SubTransactionId parent, void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB)
	{
		series_at_end(false);
		limits_at_end(false);
		dictionary_at_subabort();
	}
}

static void
forget_plans(void)
{
	while (plans != NULL)
	{
		StoragePlan *plan = plans;

		plans = plan->next;
		SPI_freeplan(plan->plan);
		plan->plan = NULL;
	}
}

/* Look the tables up anew; if they are others than before, nothing cached is theirs. */
static void
look_up_tables(void)
{
	Oid schema = get_namespace_oid("pprof", false);
	bool same = true;

	tables_changed = false;
	for (size_t i = 0; i < lengthof(watched); i++)
	{
		Oid relid = get_relname_relid(watched_names[i], schema);

		same = same && watched[i] == relid;
		watched[i] = relid;
	}
	series_forget();
	limits_forget();
	dictionary_check_later();
	dictionary_read_check_later();
	if (!same)
	{
		forget_plans();
		partition_plans_forget();
		dictionary_forget();
		dictionary_read_forget();
	}
}

bool
storage_refresh(void)
{
	AcceptInvalidationMessages();
	if (!tables_changed)
		return false;
	look_up_tables();
	return true;
}

void
storage_invalidate(void)
{
	Oid relid = get_relname_relid("series", get_namespace_oid("pprof", false));

	if (OidIsValid(relid))
		CacheInvalidateRelcacheByRelid(relid);
}

void
storage_begin(void)
{
	if (!watching)
	{
		CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
		RegisterXactCallback(transaction_ended, NULL);
		RegisterSubXactCallback(subtransaction_ended, NULL);
		watching = true;
	}
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	(void) storage_refresh();
}

void
storage_end(void)
{
	dictionary_trim();
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
}

static Oid
samples_type(void)
{
	Oid schema = get_namespace_oid("pprof", false);
	Oid type = GetSysCacheOid2(TYPENAMENSP,
							   Anum_pg_type_oid,
							   CStringGetDatum("samples"),
							   ObjectIdGetDatum(schema));

	if (!OidIsValid(type))
		elog(ERROR, "type pprof.samples does not exist");
	return type;
}

Oid
storage_argument(Oid type)
{
	if (type == STORAGE_SAMPLES)
		return samples_type();
	return type == STORAGE_SAMPLES_ARRAY ? get_array_type(samples_type()) : type;
}

SPIPlanPtr
storage_plan(StoragePlan *plan)
{
	Oid args[STORAGE_MAX_ARGS];
	SPIPlanPtr prepared;

	if (plan->plan != NULL)
		return plan->plan;
	for (int i = 0; i < plan->nargs; i++)
		args[i] = storage_argument(plan->args[i]);
	prepared = SPI_prepare_cursor(plan->sql, plan->nargs, args, plan->cursor_options);
	if (prepared == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	if (SPI_keepplan(prepared) != 0)
		elog(ERROR, "SPI_keepplan failed");
	plan->plan = prepared;
	plan->next = plans;
	plans = plan;
	return prepared;
}

static uint64
execute(StoragePlan *plan, Datum *values, const char *nulls, bool read_only, long count)
{
	int result = SPI_execute_plan(storage_plan(plan), values, nulls, read_only, count);

	if (result < 0)
		elog(ERROR, "SPI_execute_plan failed: %s", SPI_result_code_string(result));
	return SPI_processed;
}

uint64
storage_run(StoragePlan *plan, Datum *values, const char *nulls)
{
	return execute(plan, values, nulls, false, 0);
}

uint64
storage_read_latest(StoragePlan *plan, Datum *values, const char *nulls, long count)
{
	uint64 rows;

	/* planning needs a snapshot as well, and may be done anew by any execution */
	PushActiveSnapshot(GetLatestSnapshot());
	rows = execute(plan, values, nulls, true, count);
	PopActiveSnapshot();
	return rows;
}

uint64
storage_read(StoragePlan *plan, Datum *values, const char *nulls, long count)
{
	return execute(plan, values, nulls, true, count);
}

Datum
storage_value(uint64 row, int column)
{
	bool isnull;
	Datum value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &isnull);

	if (isnull)
		elog(ERROR, "unexpected null");
	return value;
}

PpBytes
storage_tenant(void)
{
	/* what comes with the start of a session, nobody has looked at */
	pg_verifymbstr(pprof_tenant, (int) strlen(pprof_tenant), false);
	return core_bytes(cstring_to_text(pprof_tenant));
}

DateADT
storage_day(TimestampTz at)
{
	int64 day = at / USECS_PER_DAY;

	return (DateADT) (at % USECS_PER_DAY < 0 ? day - 1 : day);
}

TimestampTz
storage_day_start(DateADT day)
{
	return (TimestampTz) day * USECS_PER_DAY;
}

bytea *
storage_bytea(const uint8_t *data, size_t len)
{
	bytea *result;

	if (len > MaxAllocSize - VARHDRSZ)
		ereport(ERROR,
				errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				errmsg("value of %zu bytes is too large to be stored", len));
	result = palloc(VARHDRSZ + len);
	SET_VARSIZE(result, VARHDRSZ + len);
	memcpy(VARDATA(result), data, len);
	return result;
}
