/*
 * partition_plan.c
 *		Statements on the partition of one day or month, planned once for each.
 *
 * Plans of the partitions used last are kept.  One of a partition that was dropped
 * and made again is planned anew by the server, as its text names it.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "utils/datetime.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "partition_plan.h"

#define KEPT_PLANS 64

typedef struct KeptPlan
{
	const PartitionPlan *plan;
	DateADT begins;
	uint64 used; /* when, in calls; 0: never */
	SPIPlanPtr prepared;
} KeptPlan;

static KeptPlan kept[KEPT_PLANS];
static uint64 calls = 0;

char *
partition_name(const char *parent, DateADT begins, bool by_month)
{
	int year, month, day;

	j2date(begins + POSTGRES_EPOCH_JDATE, &year, &month, &day);
	return by_month ? psprintf("%s_%04d%02d", parent, year, month)
					: psprintf("%s_%04d%02d%02d", parent, year, month, day);
}

static SPIPlanPtr
prepare(const PartitionPlan *plan, const char *name)
{
	Oid args[STORAGE_MAX_ARGS];
	SPIPlanPtr prepared;

	for (int i = 0; i < plan->nargs; i++)
		args[i] = storage_argument(plan->args[i]);
	prepared = SPI_prepare(psprintf(plan->sql, name), plan->nargs, args);
	if (prepared == NULL || SPI_keepplan(prepared) != 0)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	return prepared;
}

/* The plan, or the place where it goes. */
static KeptPlan *
find(const PartitionPlan *plan, DateADT begins)
{
	KeptPlan *place = &kept[0];

	for (int i = 0; i < KEPT_PLANS; i++)
	{
		if (kept[i].plan == plan && kept[i].begins == begins)
			return &kept[i];
		if (kept[i].used < place->used)
			place = &kept[i];
	}
	return place;
}

/* NULL if there is no such partition. */
static SPIPlanPtr
plan_for(const PartitionPlan *plan, DateADT begins)
{
	KeptPlan *place = find(plan, begins);
	char *name = partition_name(plan->parent, begins, plan->by_month);

	if (!OidIsValid(get_relname_relid(name, get_namespace_oid("pprof", false))))
		return NULL;
	if (place->plan != plan || place->begins != begins)
	{
		SPIPlanPtr prepared = prepare(plan, name);

		if (place->prepared != NULL)
			SPI_freeplan(place->prepared);
		*place = (KeptPlan){.plan = plan, .begins = begins, .prepared = prepared};
	}
	place->used = ++calls;
	return place->prepared;
}

void
partition_plans_forget(void)
{
	for (int i = 0; i < KEPT_PLANS; i++)
	{
		if (kept[i].prepared != NULL)
			SPI_freeplan(kept[i].prepared);
		kept[i] = (KeptPlan){0};
	}
}

static uint64
execute(SPIPlanPtr plan, Datum *values, const char *nulls, bool read_only, long count)
{
	int result = SPI_execute_plan(plan, values, nulls, read_only, count);

	if (result < 0)
		elog(ERROR, "SPI_execute_plan failed: %s", SPI_result_code_string(result));
	return SPI_processed;
}

static SPIPlanPtr
plan_that_must_be(const PartitionPlan *plan, DateADT begins)
{
	SPIPlanPtr prepared = plan_for(plan, begins);

	if (prepared == NULL)
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_TABLE),
				errmsg("table \"pprof.%s\" does not exist",
					   partition_name(plan->parent, begins, plan->by_month)),
				errhint("Run SELECT pprof.add_day(...) for the day."));
	return prepared;
}

uint64
partition_run(const PartitionPlan *plan, DateADT begins, Datum *values, const char *nulls)
{
	return execute(plan_that_must_be(plan, begins), values, nulls, false, 0);
}

uint64
partition_run_latest(const PartitionPlan *plan, DateADT begins, Datum *values)
{
	SPIPlanPtr prepared = plan_that_must_be(plan, begins);
	Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
	int result =
		SPI_execute_snapshot(prepared, values, NULL, snapshot, InvalidSnapshot, false, true, 0);

	if (result < 0)
		elog(ERROR, "SPI_execute_snapshot failed: %s", SPI_result_code_string(result));
	UnregisterSnapshot(snapshot);
	return SPI_processed;
}

uint64
partition_read(const PartitionPlan *plan, DateADT begins, Datum *values, long count)
{
	SPIPlanPtr prepared = plan_for(plan, begins);

	return prepared == NULL ? 0 : execute(prepared, values, NULL, true, count);
}
