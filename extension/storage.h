/*
 * storage.h
 *		What the files that read and write stored profiles share.
 *
 * Look-ups and dictionaries are cached in the backend.  What a transaction put
 * there is taken out again when it, or one of its subtransactions, is rolled
 * back, and nothing outlives the tables it came from.
 */
#ifndef STORAGE_H
#define STORAGE_H

#include "postgres.h"

#include "core/pp_labels.h"
#include "datatype/timestamp.h"
#include "dictionary.h"
#include "executor/spi.h"
#include "utils/date.h"
#include "utils/jsonb.h"

/* --- storage.c: sessions with SPI, plans that are kept --- */

#define STORAGE_MAX_ARGS 12

/* Stand for the type pprof.samples, and arrays of it, in the arguments of a plan. */
#define STORAGE_SAMPLES		  InvalidOid
#define STORAGE_SAMPLES_ARRAY ((Oid) 1)

typedef struct StoragePlan
{
	const char *sql;
	int nargs;
	Oid args[STORAGE_MAX_ARGS];
	int cursor_options;
	SPIPlanPtr plan; /* kept; NULL until it is used */
	struct StoragePlan *next;
} StoragePlan;

/* Connect to SPI; caches that belong to tables that are gone are emptied first. */
extern void storage_begin(void);
extern void storage_end(void);

/*
 * Take in what others have changed since, as one must after waiting for a lock:
 * true if ids that were looked up before are to be looked up again.
 */
extern bool storage_refresh(void);
/*
 * For whoever deletes or renames services, types or series, or touches
 * dictionaries: after commit, the caches of all sessions look things up again.
 */
extern void storage_invalidate(void);

extern SPIPlanPtr storage_plan(StoragePlan *plan);
/* The type that an argument of a plan stands for. */
extern Oid storage_argument(Oid type);

/* Run for its effect; gives SPI_processed. */
extern uint64 storage_run(StoragePlan *plan, Datum *values, const char *nulls);
/*
 * Read what is committed now (and what this transaction wrote), in every
 * isolation level: for whoever has just got a lock, and for what never changes.
 */
extern uint64 storage_read_latest(StoragePlan *plan, Datum *values, const char *nulls, long count);
/* Read under the snapshot of the query. */
extern uint64 storage_read(StoragePlan *plan, Datum *values, const char *nulls, long count);

/* A column of a row of SPI_tuptable that is never null; by reference: valid until SPI_finish. */
extern Datum storage_value(uint64 row, int column);

/* The tenant of the session, as UTF-8; ERROR if it is no text of the server. */
extern PpBytes storage_tenant(void);

extern DateADT storage_day(TimestampTz at);
extern TimestampTz storage_day_start(DateADT day);

/* A varlena of bytes. */
extern bytea *storage_bytea(const uint8_t *data, size_t len);

/* --- series.c: services, types, series and their days; they are made if missing --- */

extern int64 series_service(PpBytes tenant, PpBytes name);
extern int64 series_type(int64 service_id, PpBytes profile_type);
extern int64 series_labels(int64 service_id, const PpLabelSet *labels);
/* True if the row was not there: its labels are to be noted then, see label_summary.h. */
extern bool series_day(int64 service_id, DateADT day, int64 type_id, int64 series_id);

/* The id that a label set has when nobody took it; pprof.check() recomputes it. */
extern int64 series_labels_id(const PpLabelSet *labels, uint32 salt);
extern int64 series_type_id(PpBytes profile_type, uint32 salt);
extern int64 series_service_id(PpBytes tenant, PpBytes name, int32 bucket, uint32 salt);
#define SERIES_SALTS 8 /* how many ids are tried */

extern void series_forget(void); /* empties the cache */
extern void series_at_end(bool commit);

/* --- partition.c, partition_plan.c --- */

extern void partition_plans_forget(void); /* the tables are gone */

/* Is there a partition for the day? */
extern bool partition_exists(DateADT day);
/* Days the tenant may still add within the hour. */
extern int64 partition_budget(PpBytes tenant);
extern void partition_add(DateADT day, PpBytes tenant);

/* --- retention.c --- */

/*
 * Did retention take profiles of the service and day?  Then no more are stored
 * there.  Final once the lock on the day is held; days from yesterday on never are.
 */
extern bool retention_expired(int64 service_id, DateADT day);

#endif
