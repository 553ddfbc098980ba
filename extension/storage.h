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

#include "core/pp_dict.h"
#include "core/pp_labels.h"
#include "datatype/timestamp.h"
#include "executor/spi.h"
#include "utils/date.h"
#include "utils/jsonb.h"

/* --- storage.c: sessions with SPI, plans that are kept --- */

#define STORAGE_MAX_ARGS 12

/* Stands for the type pprof.samples in the arguments of a plan. */
#define STORAGE_SAMPLES InvalidOid

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

/* Once this transaction commits, every backend looks ids up anew. */
extern void storage_invalidate(void);

extern SPIPlanPtr storage_plan(StoragePlan *plan);

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

/* --- dictionary.c: dictionaries for writing --- */

typedef struct WriterDict WriterDict;

/* The dictionary to write to, up to date; the lock is held.  Valid until the next storage_end. */
extern WriterDict *dictionary_for_writing(int64 service_id, DateADT day);
extern PpDict *dictionary_get(WriterDict *writer);
extern uint64 dictionary_id(WriterDict *writer);
/* Store what was added. */
extern void dictionary_flush(WriterDict *writer);

extern void dictionary_check_later(void); /* the tables changed */
extern void dictionary_forget(void);	  /* the tables are gone */
extern void dictionary_at_end(bool commit);
extern void dictionary_trim(void); /* keep within pprof.writer_cache_size */

/* --- dictionary_read.c: dictionaries for reading --- */

/* Where chunks are: of a day in pprof.chunks, of the paths of a month in pprof.paths. */
typedef enum DictFamily
{
	DICTIONARY_OF_DAY,
	DICTIONARY_OF_PATHS
} DictFamily;

/*
 * The dictionary of samples, of either family, with all of its first `nstacks`
 * stacks; valid until the next call.  Its service is checked against the tenant.
 */
extern const PpDict *dictionary_for_reading(uint64 dict_id, uint32 nstacks);
/* The same for maintenance of a service, whosever it is. */
extern const PpDict *dictionary_of_service(uint64 dict_id, int64 service_id, uint32 nstacks);

extern void dictionary_read_forget(void);
extern void dictionary_read_at_end(bool commit, bool wrote);

/*
 * Append chunks from *chunk_no on to a dictionary: all there are, as they never
 * change.  since: its day, or the first of its month.
 */
extern void dictionary_load(PpDict *dict, DictFamily family, int64 service_id, DateADT since,
							uint64 dict_id, int32 *chunk_no);

/* --- partition.c --- */

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
