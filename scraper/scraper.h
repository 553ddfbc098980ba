/*
 * scraper.h
 *		What the parts of the worker that live in the server share: jobs, the
 *		configuration they come from, and the way into the database.
 */
#ifndef SCRAPER_H
#define SCRAPER_H

#include "lib/ilist.h"
#include "lib/pairingheap.h"
#include "utils/timestamp.h"

#include "scraper/delta.h"
#include "scraper/fetch.h"
#include "scraper/target.h"

/* The configuration as it was read at one time; everything is in its arena. */
typedef struct Generation
{
	PpArena *arena;
	int nspecs;
	ScrapeSpec *specs;
} Generation;

/* What tells whether the configuration changed since. */
typedef struct GenerationMark
{
	Oid relid; /* of scrape_generation: another one after CREATE EXTENSION */
	int64 generation;
} GenerationMark;

typedef enum JobPhase
{
	JOB_QUEUED, /* waits for its time */
	JOB_FETCHING,
	JOB_FINISHED, /* waits to be stored and reported */
	JOB_INVALID	  /* its target makes no sense; nothing will happen */
} JobPhase;

/* A target and a profile type, scraped again and again. */
typedef struct Job
{
	uint64 id; /* key of the hash table */
	const ScrapeSpec *spec;
	JobPhase phase;
	bool wanted; /* found in the configuration just read */
	pairingheap_node node;
	int64 due;		/* us, monotonic */
	int64 interval; /* by which due was planned */
	int64 started;	/* us, monotonic */
	FetchRequest request;
	ScrapeDelta *delta;

	/* what became of the last scrape; valid while JOB_FINISHED */
	dlist_node finished;
	TimestampTz at;
	int64 duration;
	bool up;
	const char *state;
	char error[512];
	char store_error[512];
	uint8 *body; /* malloc; what is to be stored, or NULL */
	size_t len;
	size_t received; /* bytes of the answer */
	int64 missed;	 /* ticks not reported yet */
} Job;

typedef enum ConfigState
{
	CONFIG_FOUND,
	CONFIG_ABSENT, /* the extension is not there */
	CONFIG_LOCKED, /* somebody alters, drops or dumps its tables: look again later */
	CONFIG_FOREIGN /* its SQL is of another version than this library */
} ConfigState;

/* config.c; each inside a transaction */
extern ConfigState config_find(GenerationMark *mark);
extern void config_read(Generation *generation);
extern void config_report(const Generation *generation);

/* store.c */
typedef void (*StoreWork)(void *arg);
extern bool store_run(const char *activity, StoreWork work, void *arg, char *error, size_t size);
extern void store_jobs(dlist_head *finished);
extern char *labels_json(const ScrapeSpec *spec, bool with_name);

#endif
