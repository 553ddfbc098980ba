/*
 * scraper.c
 *		The worker that scrapes the targets of one database.
 *
 * One loop: wait for the latch, for the network and for the next thing that is
 * due; move transfers on; store what is complete.  No transaction is open while
 * it waits, and nothing of libcurl is on the stack where the server may raise an
 * error or serve an interrupt.
 */
#include "postgres.h"

#include <sys/resource.h>

#include "access/xact.h"
#include "catalog/pg_database.h"
#include "libpq/pqsignal.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/fd.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"

#include "bgworker/clock.h"
#include "bgworker/schedule.h"
#include "compat.h"
#include "guc.h"
#include "scraper/jobs.h"

#define FLUSH_AFTER		  (SCHEDULE_SECOND / 4)	 /* profiles are stored together */
#define RELOAD_AT_MOST	  (SCHEDULE_SECOND / 10) /* between looks at the configuration, */
#define RELOAD_SHARE	  10					 /* which take at most a tenth of the time */
#define FLUSH_COUNT		  64
#define FLUSH_BYTES		  ((size_t) 16 << 20)
#define PAUSE_AFTER_ERROR (5 * SCHEDULE_SECOND)

PG_MODULE_MAGIC;

PGDLLEXPORT void pprof_scraper_main(Datum arg);

typedef struct Worker
{
	Fetch *fetch;
	WaitEventSet *wait;
	MemoryContext cycle; /* reset every round */
	JobLimits limits;
	int64 next_reload; /* all us, monotonic */
	int64 no_reload_before;
	int64 flush_at; /* 0: nothing waits to be stored */
	GenerationMark mark;
	bool told; /* that the extension is of another version */
} Worker;

static Worker worker;

/*
 * One scraper per database, also when a former one has not ended yet.  The
 * fourth field keeps the lock apart from those that SQL can take.
 */
static bool
become_the_only_one(void)
{
	LOCKTAG tag;
	LockAcquireResult result;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, 0x7070, 0x726f66, 3);
	StartTransactionCommand();
	result = LockAcquire(&tag, ExclusiveLock, true, true);
	CommitTransactionCommand();
	return result != LOCKACQUIRE_NOT_AVAIL;
}

static void
set_session_options(void)
{
	static const char *const options[][2] =
	{ {"search_path", "pg_catalog, pg_temp"},
	  {"lock_timeout", "5s"},
	  {"jit", "off"},
#if PG_VERSION_NUM >= 170000
	  {"transaction_timeout", "0"},
#endif
	};

	for (int i = 0; i < lengthof(options); i++)
		SetConfigOption(options[i][0], options[i][1], PGC_SUSET, PGC_S_OVERRIDE);
	SetConfigOption("application_name", MyBgworkerEntry->bgw_name, PGC_USERSET, PGC_S_SESSION);
}

/* Room for `concurrency` transfers and as many idle connections, or less. */
static int
open_file_allowance(int concurrency)
{
	int64 wanted = max_safe_fds + 2 * (int64) concurrency + 64;
	struct rlimit limit;
	int allowed;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
		return concurrency;
	limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		(void) getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur >= wanted)
		return concurrency;
	allowed = Max(((int64) limit.rlim_cur - max_safe_fds - 64) / 2, 4);
	ereport(LOG,
			errmsg("at most %d targets are scraped at a time, for lack of file descriptors", allowed),
			errhint(
				"Raise the limit on open files, or lower \"max_files_per_process\" or \"pprof.scrape_concurrency\"."));
	return allowed;
}

static void
read_limits(void)
{
	if (worker.limits.concurrency != pprof_scrape_concurrency)
		worker.limits.concurrency = open_file_allowance(pprof_scrape_concurrency);
	worker.limits.max_body = (size_t) pprof_scrape_max_body * 1024;
	worker.limits.max_memory = (size_t) pprof_scrape_memory * 1024;
}

/* The setting was checked when it was set. */
static void
read_denied(void)
{
	PpNetworks denied;
	PpError err;

	if (pp_networks_parse(pprof_scrape_deny, &denied, &err) != PP_OK)
		ereport(ERROR, errmsg("invalid list in setting \"%s\"", "pprof.scrape_deny"));
	fetch_deny(worker.fetch, &denied);
}

static void
open_network(void)
{
	const char *problem;
	const char *weakness = fetch_weakness();

	read_limits();
	worker.fetch = fetch_new(worker.limits.concurrency, "pgpprof/" PGPPROF_VERSION, &problem);
	if (worker.fetch == NULL)
		ereport(ERROR, errmsg("could not start scraping: %s", problem));
	read_denied();
	if (weakness != NULL)
		ereport(LOG, errmsg("this libcurl is not the best for scraping: %s", weakness));
	ReserveExternalFD();
	worker.wait = CreateLastingWaitEventSet(3);
	AddWaitEventToSet(worker.wait, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
	AddWaitEventToSet(worker.wait, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
	AddWaitEventToSet(worker.wait, WL_SOCKET_READABLE, fetch_fd(worker.fetch), NULL, NULL);
}

/*
 * Does somebody wait to drop or rename this database, or to copy it?  They
 * lock it, then wait a few seconds for its sessions to end; ours can.
 */
static bool
database_is_wanted(void)
{
	LOCKTAG tag;

	SET_LOCKTAG_OBJECT(tag, InvalidOid, DatabaseRelationId, MyDatabaseId, 0);
	return LockAcquire(&tag, RowExclusiveLock, false, true) == LOCKACQUIRE_NOT_AVAIL;
}

/* What a look at the configuration found. */
typedef struct Reload
{
	bool leave; /* the database is wanted by somebody else */
	ConfigState state;
	bool changed;
	GenerationMark mark;
	Generation generation;
} Reload;

static void
reload_work(void *arg)
{
	Reload *reload = arg;

	if ((reload->leave = database_is_wanted()))
		return;
	reload->state = config_find(&reload->mark);
	if (reload->state != CONFIG_FOUND)
		return;
	reload->changed = reload->mark.relid != worker.mark.relid ||
					  reload->mark.generation != worker.mark.generation;
	if (!reload->changed)
		return;
	if ((reload->generation.arena = pp_arena_new(&pp_alloc_malloc)) == NULL)
		ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
	config_read(&reload->generation);
	config_report(&reload->generation);
}

/* Nothing is scraped any more, or never was. */
static void
stop_scraping(void)
{
	static const Generation nothing = {0};

	if (OidIsValid(worker.mark.relid))
		jobs_adopt(&nothing, worker.fetch);
	worker.mark.relid = InvalidOid;
}

/*
 * Look whether the configuration changed.  While a table is locked the one in
 * force stays; when the extension is gone, nothing is scraped any more.
 */
static void
reload(void)
{
	static char told[512];
	Reload reload = {0};
	char error[512];

	if (!store_run("reading the scrape configuration", reload_work, &reload, error, sizeof(error)))
	{
		pp_arena_free(reload.generation.arena);
		if (strcmp(error, told) != 0)
			ereport(LOG, errmsg("could not read the scrape configuration: %s", error));
		strlcpy(told, error, sizeof(told));
		worker.next_reload = monotonic_us() + PAUSE_AFTER_ERROR;
		return;
	}
	told[0] = '\0';
	if (reload.leave)
		proc_exit(1); /* the launcher starts another when it is free again */
	switch (reload.state)
	{
		case CONFIG_FOUND:
			if (reload.changed)
			{
				jobs_adopt(&reload.generation, worker.fetch);
				worker.mark = reload.mark;
			}
			break;
		case CONFIG_LOCKED:
			return;
		case CONFIG_ABSENT:
			stop_scraping();
			break;
		case CONFIG_FOREIGN:
			stop_scraping();
			if (!worker.told)
				ereport(LOG,
						errmsg("nothing is scraped in database \"%s\": its extension pprof is not of version %s",
							   MyBgworkerEntry->bgw_extra,
							   PGPPROF_VERSION),
						errhint("Run ALTER EXTENSION pprof UPDATE, or restart the server."));
			break;
	}
	worker.told = reload.state == CONFIG_FOREIGN;
}

/* Store what is complete, when it is enough or has waited long enough. */
static void
flush(int64 now)
{
	size_t bytes;
	int n;
	dlist_head *finished = jobs_finished(&bytes, &n);

	if (n == 0)
	{
		worker.flush_at = 0;
		return;
	}
	if (worker.flush_at == 0)
		worker.flush_at = now + FLUSH_AFTER;
	if (worker.flush_at > now && n < FLUSH_COUNT && bytes < FLUSH_BYTES)
		return;
	store_jobs(finished);
	jobs_release();
	worker.flush_at = 0;
}

/* ms until something is to be done. */
static long
time_to_wait(void)
{
	int64 now = monotonic_us();
	int64 next = Min(worker.next_reload, jobs_next(worker.fetch, &worker.limits));
	long network = fetch_timeout(worker.fetch);
	long timeout;

	if (worker.flush_at != 0)
		next = Min(next, worker.flush_at);
	timeout = next > now ? (long) ((next - now + 999) / 1000) : 0;
	return network >= 0 && network < timeout ? network : timeout;
}

static void
run_round(void)
{
	WaitEvent events[3];
	int64 now;
	int n;

	n = WaitEventSetWait(worker.wait, time_to_wait(), events, lengthof(events), PG_WAIT_EXTENSION);
	for (int i = 0; i < n; i++)
	{
		/* perhaps somebody changed the configuration */
		if (events[i].events & WL_LATCH_SET)
			worker.next_reload = Min(worker.next_reload, worker.no_reload_before);
	}
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
		read_limits();
		read_denied();
	}
	MemoryContextReset(worker.cycle);
	MemoryContextSwitchTo(worker.cycle);
	now = monotonic_us();
	if (worker.next_reload <= now)
	{
		worker.next_reload = now + (int64) pprof_scrape_reload * 1000;
		reload();
		worker.no_reload_before =
			monotonic_us() + Max(RELOAD_AT_MOST, RELOAD_SHARE * (monotonic_us() - now));
	}
	jobs_start(worker.fetch, &worker.limits);
	fetch_process(worker.fetch);
	jobs_collect(worker.fetch);
	flush(monotonic_us());
}

/* After an error that nobody expected: clean up and go on, slowly. */
static void
recover(void)
{
	/* its entries lay on the part of the stack that is gone */
	error_context_stack = NULL;
	HOLD_INTERRUPTS();
	EmitErrorReport();
	AbortCurrentTransaction();
	MemoryContextSwitchTo(worker.cycle);
	FlushErrorState();
	RESUME_INTERRUPTS();
	pgstat_report_activity(STATE_IDLE, NULL);
	worker.next_reload = monotonic_us() + PAUSE_AFTER_ERROR;
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 1000L, PG_WAIT_EXTENSION);
}

void
pprof_scraper_main(Datum arg)
{
	sigjmp_buf boundary;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(MyBgworkerEntry->bgw_extra, NULL, 0);
	if (!become_the_only_one())
		proc_exit(1);
	set_session_options();
	worker.cycle =
		AllocSetContextCreate(TopMemoryContext, "pprof scraper cycle", ALLOCSET_DEFAULT_SIZES);
	jobs_init();
	open_network();
	pgstat_report_activity(STATE_IDLE, NULL);

	if (sigsetjmp(boundary, 1) != 0)
		recover();
	PG_exception_stack = &boundary;
	for (;;)
		run_round();
}
