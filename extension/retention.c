/*
 * retention.c
 *		Days that retention took, and the locks that SQL functions of maintenance take.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"

#include "core/pp_names.h"
#include "core_glue.h"
#include "locks.h"
#include "pprof.h"
#include "storage.h"

bool
retention_expired(int64 service_id, DateADT day)
{
	static StoragePlan find = {.sql = "SELECT 1 FROM pprof.expired_days "
									  "WHERE service_id = $1 AND day = $2",
							   .nargs = 2,
							   .args = {INT8OID, DATEOID}};
	Datum values[2] = {Int64GetDatum(service_id), DateADTGetDatum(day)};

	return storage_read_latest(&find, values, NULL, 1) > 0;
}

static StorageLock
lock_mode(const char *name)
{
	if (strcmp(name, "maintain") == 0)
		return LOCK_TO_MAINTAIN;
	if (strcmp(name, "destroy") == 0)
		return LOCK_TO_DESTROY;
	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("mode of a lock must be \"maintain\" or \"destroy\", not \"%s\"", name));
	return LOCK_TO_DESTROY;
}

PPROF_FUNCTION(pprof_lock_service);
Datum
pprof_lock_service(PG_FUNCTION_ARGS)
{
	int64 service_id = PG_GETARG_INT64(0);
	StorageLock mode = lock_mode(text_to_cstring(PG_GETARG_TEXT_PP(1)));

	if (!PG_GETARG_BOOL(2))
		PG_RETURN_BOOL(lock_service_try(service_id, mode));
	lock_service(service_id, mode);
	PG_RETURN_BOOL(true);
}

typedef struct DayLock
{
	int64 key, service_id;
} DayLock;

static int
compare_locks(const void *a, const void *b)
{
	const DayLock *x = a, *y = b;

	return (x->key > y->key) - (x->key < y->key);
}

PPROF_FUNCTION(pprof_lock_days);
Datum
pprof_lock_days(PG_FUNCTION_ARGS)
{
	DateADT day = PG_GETARG_DATEADT(1);
	DayLock *locks;
	Datum *services;
	int n;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(0),
					  INT8OID,
					  sizeof(int64),
					  FLOAT8PASSBYVAL,
					  TYPALIGN_DOUBLE,
					  &services,
					  NULL,
					  &n);
	locks = palloc(sizeof(DayLock) * Max(n, 1));
	for (int i = 0; i < n; i++)
		locks[i] =
			(DayLock){lock_day_key(DatumGetInt64(services[i]), day), DatumGetInt64(services[i])};
	qsort(locks, n, sizeof(DayLock), compare_locks);
	for (int i = 0; i < n; i++)
		lock_day(locks[i].service_id, day, LOCK_TO_DESTROY);
	PG_RETURN_VOID();
}

/* Its only label is the name that the service has now. */
PPROF_FUNCTION(pprof_bare_series);
Datum
pprof_bare_series(PG_FUNCTION_ARGS)
{
	static StoragePlan find = {.sql = "SELECT name FROM pprof.services WHERE service_id = $1",
							   .nargs = 1,
							   .args = {INT8OID}};
	int64 service_id = PG_GETARG_INT64(0), series_id;
	Datum values[1] = {Int64GetDatum(service_id)};
	PpLabelPair pair = {.name = pp_bytes_cstr("service_name")};
	PpLabelSet labels = {.n = 1, .pairs = &pair};

	storage_begin();
	if (storage_read_latest(&find, values, NULL, 1) == 0)
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_OBJECT),
				errmsg("service " INT64_FORMAT " does not exist", service_id));
	pair.value = core_bytes(DatumGetTextPP(storage_value(0, 1)));
	series_id = series_labels(service_id, &labels);
	storage_end();
	PG_RETURN_INT64(series_id);
}

PPROF_FUNCTION(pprof_storage_invalidate);
Datum
pprof_storage_invalidate(PG_FUNCTION_ARGS)
{
	storage_invalidate();
	PG_RETURN_VOID();
}
