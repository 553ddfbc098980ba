/*
 * launcher.c
 *		The one static worker: starts a scraper and a worker for maintenance per
 *		database, and the bridge.
 *
 * It is connected to no database, so it holds up neither DROP DATABASE nor
 * CREATE DATABASE.  Its children are dynamic workers that the postmaster does
 * not restart; the launcher does, after a pause that grows while they fail
 * quickly.  A database that does not exist is looked for now and then; no worker
 * is started for it, so it costs one line in the log.
 *
 * Children die with the launcher: a second launcher would not know them.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/varlena.h"
#include "utils/wait_event.h"

#include "bgworker/clock.h"
#include "bgworker/launcher.h"
#include "bgworker/schedule.h"
#include "guc.h"

#define SHORTEST_PAUSE (1 * SCHEDULE_SECOND)
#define LONGEST_PAUSE  (30 * SCHEDULE_SECOND)
#define LOOK_AGAIN	   (5 * SCHEDULE_SECOND) /* for a database that is not there */

typedef enum ChildKind
{
	CHILD_SCRAPER,
	CHILD_MAINTENANCE,
	CHILD_SUPERVISOR
} ChildKind;

/* How a kind of worker is called, and where its code is. */
static const struct
{
	const char *name;
	const char *library;
	const char *function;
} child_kinds[] = {
	[CHILD_SCRAPER] = {"pprof scraper", "pprof_scraper", "pprof_scraper_main"},
	[CHILD_MAINTENANCE] = {"pprof maintenance", "pprof", "pprof_maintenance_main"},
	[CHILD_SUPERVISOR] = {"pprof bridge supervisor", "pprof", "pprof_supervisor_main"},
};

/* A worker that ought to run. */
typedef struct Child
{
	ChildKind kind;
	char database[NAMEDATALEN];		/* empty: the supervisor of the bridge */
	BackgroundWorkerHandle *handle; /* NULL: not running, as far as we know */
	int64 started;					/* us, monotonic */
	int64 next_start;				/* not before this time */
	int64 pause;
	bool wanted;
	bool told; /* the reason why it cannot start is in the log */
} Child;

static List *children = NIL;
static MemoryContext launcher_context = NULL;

void
launcher_register(void)
{
	BackgroundWorker worker;

	if (IsBinaryUpgrade)
		return;
	memset(&worker, 0, sizeof(worker));
	snprintf(worker.bgw_name, BGW_MAXLEN, "pprof launcher");
	snprintf(worker.bgw_type, BGW_MAXLEN, "pprof launcher");
	snprintf(worker.bgw_library_name, BGW_MAXLEN, "pprof");
	snprintf(worker.bgw_function_name, BGW_MAXLEN, "pprof_launcher_main");
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	/* nothing is scraped or maintained on a standby */
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = 1;
	RegisterBackgroundWorker(&worker);
}

static Child *
child_find(ChildKind kind, const char *database)
{
	ListCell *cell;

	foreach (cell, children)
	{
		Child *child = lfirst(cell);

		if (child->kind == kind && strcmp(child->database, database) == 0)
			return child;
	}
	return NULL;
}

static void
child_want(ChildKind kind, const char *database)
{
	Child *child = child_find(kind, database);

	if (child == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(launcher_context);

		child = palloc0(sizeof(Child));
		child->kind = kind;
		strlcpy(child->database, database, NAMEDATALEN);
		children = lappend(children, child);
		MemoryContextSwitchTo(old);
	}
	child->wanted = true;
}

/* Bring the list of children in line with the settings. */
static void
read_settings(void)
{
	char *raw = pstrdup(pprof_databases);
	List *names = NIL;
	ListCell *cell;

	foreach (cell, children)
		((Child *) lfirst(cell))->wanted = false;
	if (!SplitGUCList(raw, ',', &names))
		ereport(LOG,
				errmsg("could not read \"%s\" as a list of databases", pprof_databases),
				errhint(
					"Correct the setting \"pprof.databases\"; until then nothing is scraped or maintained."));
	else
	{
		foreach (cell, names)
		{
			const char *name = lfirst(cell);

			if (name[0] == '\0')
				continue;
			child_want(CHILD_SCRAPER, name);
			if (pprof_maintenance)
				child_want(CHILD_MAINTENANCE, name);
		}
	}
	if (pprof_bridge)
		child_want(CHILD_SUPERVISOR, "");
	foreach (cell, children)
	{
		Child *child = lfirst(cell);

		/* whoever changed the settings wants to see the effect now */
		child->told = false;
		child->next_start = 0;
		if (!child->wanted && child->handle != NULL)
			TerminateBackgroundWorker(child->handle);
	}
	list_free(names);
	pfree(raw);
}

/* Does the database exist, and may one connect to it? */
static bool
database_is_open(const char *name)
{
	Relation relation;
	TableScanDesc scan;
	HeapTuple tuple;
	bool open = false;

	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	relation = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(relation, 0, NULL);
	while ((tuple = heap_getnext(scan, ForwardScanDirection)) != NULL)
	{
		Form_pg_database database = (Form_pg_database) GETSTRUCT(tuple);

		if (strcmp(NameStr(database->datname), name) == 0)
			open = database->datallowconn;
	}
	table_endscan(scan);
	table_close(relation, AccessShareLock);
	CommitTransactionCommand();
	return open;
}

static void
describe_worker(const Child *child, BackgroundWorker *worker)
{
	const char *name = child_kinds[child->kind].name;

	memset(worker, 0, sizeof(*worker));
	worker->bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker->bgw_restart_time = BGW_NEVER_RESTART;
	worker->bgw_notify_pid = MyProcPid;
	worker->bgw_flags = BGWORKER_SHMEM_ACCESS;
	strlcpy(worker->bgw_name, name, BGW_MAXLEN);
	strlcpy(worker->bgw_type, name, BGW_MAXLEN);
	strlcpy(worker->bgw_library_name, child_kinds[child->kind].library, BGW_MAXLEN);
	strlcpy(worker->bgw_function_name, child_kinds[child->kind].function, BGW_MAXLEN);
	if (child->database[0] == '\0')
		return;
	worker->bgw_flags |= BGWORKER_BACKEND_DATABASE_CONNECTION;
	snprintf(worker->bgw_name, BGW_MAXLEN, "%s: %s", name, child->database);
	strlcpy(worker->bgw_extra, child->database, BGW_EXTRALEN);
}

static void
child_start(Child *child, int64 now)
{
	BackgroundWorker worker;
	MemoryContext old;
	bool registered;

	if (child->database[0] != '\0' && !database_is_open(child->database))
	{
		/* one line for all its workers */
		if (!child->told && child->kind == CHILD_SCRAPER)
			ereport(LOG,
					errmsg("nothing is scraped or maintained in database \"%s\": it does not exist or accepts no connections",
						   child->database));
		child->told = true;
		child->next_start = now + LOOK_AGAIN;
		return;
	}
	describe_worker(child, &worker);
	old = MemoryContextSwitchTo(launcher_context);
	registered = RegisterDynamicBackgroundWorker(&worker, &child->handle);
	MemoryContextSwitchTo(old);
	if (!registered)
	{
		child->handle = NULL;
		if (!child->told)
			ereport(WARNING,
					errmsg("could not start \"%s\": no background worker slot is free",
						   worker.bgw_name),
					errhint("Raise \"max_worker_processes\"."));
		child->told = true;
		child->next_start = now + LONGEST_PAUSE;
		return;
	}
	child->told = false;
	child->started = now;
}

/* Notice the end of a child; plan its next start. */
static void
child_watch(Child *child, int64 now)
{
	pid_t pid;

	if (GetBackgroundWorkerPid(child->handle, &pid) != BGWH_STOPPED)
		return;
	pfree(child->handle);
	child->handle = NULL;
	child->pause =
		schedule_backoff(child->pause, now - child->started, SHORTEST_PAUSE, LONGEST_PAUSE);
	child->next_start = now + child->pause;
}

/* Look after all children; ms until one needs it again, -1 for never. */
static long
supervise(void)
{
	int64 now = monotonic_us();
	int64 next = PG_INT64_MAX;
	ListCell *cell;

	foreach (cell, children)
	{
		Child *child = lfirst(cell);

		if (child->handle != NULL)
			child_watch(child, now);
		if (child->handle == NULL && !child->wanted)
		{
			children = foreach_delete_current(children, cell);
			pfree(child);
			continue;
		}
		if (child->handle == NULL && child->next_start <= now)
			child_start(child, now);
		if (child->handle == NULL && child->next_start < next)
			next = child->next_start;
	}
	if (next == PG_INT64_MAX)
		return -1;
	return next > now ? (long) ((next - now) / 1000 + 1) : 1;
}

static void
terminate_children(int code, Datum arg)
{
	ListCell *cell;

	foreach (cell, children)
	{
		Child *child = lfirst(cell);

		if (child->handle != NULL)
			TerminateBackgroundWorker(child->handle);
	}
}

void
pprof_launcher_main(Datum arg)
{
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);

	launcher_context =
		AllocSetContextCreate(TopMemoryContext, "pprof launcher", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(launcher_context);
	before_shmem_exit(terminate_children, (Datum) 0);
	read_settings();
	for (;;)
	{
		long timeout = supervise();

		(void) WaitLatch(MyLatch,
						 WL_LATCH_SET | WL_EXIT_ON_PM_DEATH | (timeout >= 0 ? WL_TIMEOUT : 0),
						 timeout,
						 PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
			read_settings();
		}
	}
}
