/*
 * dictionary.h
 *		Dictionaries of names and stacks: for writing, for reading, their chunks.
 *
 * There are two families with the same chunks: those of a service and UTC day,
 * which ingest grows, and those of function paths of a service and UTC month,
 * which only maintenance grows.
 */
#ifndef DICTIONARY_H
#define DICTIONARY_H

#include "postgres.h"

#include "core/pp_dict.h"
#include "utils/date.h"

typedef enum DictFamily
{
	DICTIONARY_OF_DAY,	/* pprof.dictionaries, pprof.chunks */
	DICTIONARY_OF_PATHS /* pprof.path_dictionaries, pprof.paths */
} DictFamily;

/* Which dictionary, and where its chunks are. */
typedef struct DictOwner
{
	DictFamily family;
	int64 service_id;
	DateADT begins; /* the day, or the first day of the month */
	uint64 dict_id;
	bool gone; /* removed since: only the active snapshot still shows it */
} DictOwner;

/* --- dictionary.c: for writing --- */

typedef struct WriterDict WriterDict;

/* Stacks that pp_dict_intern gave before the flush: those from `from` on are `by` higher now. */
typedef struct DictShift
{
	uint32 from, by;
} DictShift;

/*
 * The dictionary to write to, up to date but for what is committed this moment;
 * the lock on the day is held: LOCK_TO_STORE, or LOCK_TO_DESTROY if
 * dictionary_lock says so.  Valid until the next storage_end.
 */
extern WriterDict *dictionary_for_writing(int64 service_id, DateADT day);
extern PpDict *dictionary_get(WriterDict *writer);
extern uint64 dictionary_id(WriterDict *writer);
/* Store what was added; stacks may move. */
extern DictShift dictionary_flush(WriterDict *writer);

/* Take the lock on a day that dictionary_for_writing needs. */
extern void dictionary_lock(int64 service_id, DateADT day);

extern void dictionary_check_later(void); /* the tables changed */
extern void dictionary_forget(void);	  /* the tables are gone */
extern void dictionary_at_end(bool commit);
extern void dictionary_at_subabort(void);
extern void dictionary_trim(void); /* keep within pprof.writer_cache_size */

/* --- dictionary_chunks.c: what is stored --- */

#define DICT_GAPS 64

typedef struct DictGap
{
	int32 number;
	int32 tries; /* how often it was looked for */
} DictGap;

/* Which chunks of a dictionary are loaded: those below next, but for the gaps. */
typedef struct DictChunks
{
	int32 next;
	int ngaps;
	DictGap gaps[DICT_GAPS]; /* ascending; rolled back, or still under way */
	int32 failed;			 /* the chunk that could not be loaded */
} DictChunks;

/*
 * Load what is committed now (or of this transaction) and not loaded yet.  A
 * chunk that refers to one that was given up as lost is PP_EMALFORMED: then a
 * new dictionary that is loaded from the beginning has all.
 */
extern PpCode dictionary_load(PpDict *dict, const DictOwner *owner, DictChunks *chunks, PpError *err);
/* Load all of an empty dictionary; raises if that cannot be done. */
extern void dictionary_load_all(PpDict *dict, const DictOwner *owner, DictChunks *chunks);
/* Raise what dictionary_load returned. */
extern void dictionary_load_failed(const DictOwner *owner, const DictChunks *chunks,
								   const PpError *err) pg_attribute_noreturn();
/* The row [first_no, last_no] is loaded: others before it may be missing. */
extern void dictionary_loaded(DictChunks *chunks, int32 first_no, int32 last_no);
/* Insert a row: a chunk, or several that were packed. */
extern void dictionary_append(const DictOwner *owner, int32 first_no, int32 last_no,
							  const uint8_t *data, size_t len);

/* --- dictionary_read.c: for reading --- */

/*
 * The dictionary of a part of samples, of either family, that knows all of its
 * stacks; valid until the next call.  Its service is checked against the tenant.
 */
extern const PpDict *dictionary_for_reading(const PpSamplesPart *part);
/* The same for maintenance of a service, whosever it is. */
extern const PpDict *dictionary_of_service(const PpSamplesPart *part, int64 service_id);

extern void dictionary_read_check_later(void);
extern void dictionary_read_forget(void);
extern void dictionary_read_at_end(bool commit, bool wrote);

#endif
