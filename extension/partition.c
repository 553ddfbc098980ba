/*
 * partition.c
 *		Partitions that a profile of an unusual day makes necessary.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "core_glue.h"
#include "storage.h"

#define MAX_NEW_DAYS 100 /* per tenant and hour */

/*
 * A day that has its partition of raw has all others, too: that one is made last
 * and dropped first.  Days that retention may be dropping are locked until the
 * transaction ends, parent first, as DROP does it.
 */
bool
partition_exists(DateADT day)
{
	Oid schema = get_namespace_oid("pprof", false), partition;
	char name[NAMEDATALEN];
	int year, month, mday;

	j2date(day + POSTGRES_EPOCH_JDATE, &year, &month, &mday);
	snprintf(name, sizeof(name), "raw_%04d%02d%02d", year, month, mday);
	partition = get_relname_relid(name, schema);
	if (!OidIsValid(partition) || day >= storage_day(GetCurrentTimestamp()) - 1)
		return OidIsValid(partition);
	LockRelationOid(get_relname_relid("raw", schema), RowExclusiveLock);
	LockRelationOid(partition, RowExclusiveLock);
	return get_relname_relid(name, schema) == partition;
}

int64
partition_budget(PpBytes tenant)
{
	static StoragePlan count = {.sql =
									"SELECT pg_catalog.count(*) FROM pprof.days WHERE tenant = $1 "
									"AND created > pg_catalog.clock_timestamp() - interval '1 hour'",
								.nargs = 1,
								.args = {TEXTOID}};
	Datum values[1] = {PointerGetDatum(core_text(tenant))};

	storage_read_latest(&count, values, NULL, 1);
	return MAX_NEW_DAYS - DatumGetInt64(storage_value(0, 1));
}

void
partition_add(DateADT day, PpBytes tenant)
{
	static StoragePlan add = {.sql = "SELECT pprof.add_day($1, $2)",
							  .nargs = 2,
							  .args = {DATEOID, TEXTOID}};
	Datum values[2] = {DateADTGetDatum(day), PointerGetDatum(core_text(tenant))};

	storage_run(&add, values, NULL);
}
