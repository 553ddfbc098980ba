/*
 * locks.c
 *		Transaction locks on a service, and on the dictionaries of a service and day.
 *
 * They are advisory locks whose fourth field sets them apart from those that
 * anybody can take in SQL.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/lock.h"

#include "core/pp_names.h"
#include "locks.h"

#define FIELD_DAY	  4
#define FIELD_SERVICE 5
#define FIELD_DICT	  6

int64
lock_day_key(int64 service_id, DateADT day)
{
	return (int64) pp_stable_mix((uint64) service_id ^ UINT64CONST(0x64696374), (uint64) (int64) day);
}

static bool
acquire(int64 key, uint16 field, StorageLock mode, bool wait)
{
	LOCKTAG tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, (uint32) (key >> 32), (uint32) key, field);
	return LockAcquire(&tag, (LOCKMODE) mode, false, !wait) != LOCKACQUIRE_NOT_AVAIL;
}

void
lock_service(int64 service_id, StorageLock mode)
{
	(void) acquire(service_id, FIELD_SERVICE, mode, true);
}

bool
lock_service_try(int64 service_id, StorageLock mode)
{
	return acquire(service_id, FIELD_SERVICE, mode, false);
}

void
lock_day(int64 service_id, DateADT day, StorageLock mode)
{
	(void) acquire(lock_day_key(service_id, day), FIELD_DAY, mode, true);
}

bool
lock_day_try(int64 service_id, DateADT day, StorageLock mode)
{
	return acquire(lock_day_key(service_id, day), FIELD_DAY, mode, false);
}

void
lock_dictionary(uint64 dict_id)
{
	(void) acquire((int64) dict_id, FIELD_DICT, LOCK_TO_DESTROY, true);
}
