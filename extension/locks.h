/*
 * locks.h
 *		Transaction locks on a service, and on the dictionaries of a service and day.
 *
 * A lock has three modes: who stores profiles shares it with other writers and
 * with maintenance; maintenance excludes other maintenance; who destroys or
 * renames what writers refer to excludes all.  Locks on services are taken
 * before locks on days, each kind in ascending order of its key.
 */
#ifndef LOCKS_H
#define LOCKS_H

#include "postgres.h"

#include "storage/lockdefs.h"
#include "utils/date.h"

typedef enum StorageLock
{
	LOCK_TO_STORE = RowExclusiveLock,
	LOCK_TO_MAINTAIN = ShareUpdateExclusiveLock,
	LOCK_TO_DESTROY = ExclusiveLock
} StorageLock;

/* Wait for the lock; held until the transaction ends. */
extern void lock_service(int64 service_id, StorageLock mode);
extern void lock_day(int64 service_id, DateADT day, StorageLock mode);

/* False if somebody else has it in a mode that conflicts. */
extern bool lock_service_try(int64 service_id, StorageLock mode);
extern bool lock_day_try(int64 service_id, DateADT day, StorageLock mode);

/*
 * Wait until nobody else is making the row of a dictionary; held until the
 * transaction ends.  The last lock that a writer takes.
 */
extern void lock_dictionary(uint64 dict_id);

/* Order in which several locks on days are taken. */
extern int64 lock_day_key(int64 service_id, DateADT day);

#endif
