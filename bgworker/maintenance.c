/*
 * maintenance.c
 *		The worker that calls pprof.maintain() in one database, where pg_cron does not.
 *
 * It is always connected, for the caches of the session are worth keeping, but
 * leaves when somebody wants to drop or copy the database.  A call is short;
 * while it used up its time there is more to do, and the next one follows at
 * once.  An error of a step is recorded by the procedure; one of the procedure
 * itself makes the worker rest.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_database.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "libpq/pqsignal.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "tcop/pquery.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/snapmgr.h"
#include "utils/wait_event.h"

#include "bgworker/clock.h"
#include "bgworker/launcher.h"
#include "bgworker/schedule.h"
#include "compat.h"
#include "guc.h"

/* Who drops a database waits five seconds for its sessions to end. */
#define LOOK_EVERY	   (2 * SCHEDULE_SECOND)
#define CALL_SECONDS   2
#define SHORTEST_PAUSE (5 * SCHEDULE_SECOND)
#define LONGEST_PAUSE  (600 * SCHEDULE_SECOND)

static const char CALL[] = "CALL pprof.maintain('" CppAsString2(CALL_SECONDS) " s')";

/* What there is to maintain. */
typedef enum Duty
{
	DUTY_UNKNOWN,
	DUTY_OURS,
	DUTY_ABSENT,	/* no extension */
	DUTY_FOREIGN,	/* of another version */
	DUTY_SCHEDULED, /* pg_cron does it */
} Duty;

typedef struct Worker
{
	MemoryContext cycle; /* reset every round */
	int64 next_run;		 /* us, monotonic */
	int64 pause;		 /* after the last error; 0: none since */
	Duty told;			 /* what the log says */
} Worker;

static Worker worker;

static void
set_session_options(void)
{
	static const char *const options[][2] =
	{ {"search_path", "pg_catalog, pg_temp"},
	  {"default_transaction_isolation", "read committed"},
	  {"default_transaction_read_only", "off"},
	  {"default_transaction_deferrable", "off"},
	  {"statement_timeout", "0"},
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

/* Does somebody wait to drop, rename or copy this database?  They lock it first. */
static bool
database_is_wanted(void)
{
	LOCKTAG tag;

	SET_LOCKTAG_OBJECT(tag, InvalidOid, DatabaseRelationId, MyDatabaseId, 0);
	return LockAcquire(&tag, RowExclusiveLock, false, true) == LOCKACQUIRE_NOT_AVAIL;
}

/* The only value of a query that returns one row, as text. */
static const char *
query_value(const char *sql)
{
	if (SPI_execute(sql, true, 0) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "could not find out what there is to maintain");
	return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
}

static Duty
find_duty(void)
{
	const char *version;
	const char *scheduled;

	if (!OidIsValid(get_extension_oid("pprof", true)))
		return DUTY_ABSENT;
	version = query_value("SELECT max(extversion) FROM pg_extension WHERE extname = 'pprof'");
	if (version == NULL)
		return DUTY_ABSENT;
	if (strcmp(version, PGPPROF_VERSION) != 0)
		return DUTY_FOREIGN;
	scheduled = query_value("SELECT pprof.maintenance_is_scheduled()");
	return scheduled != NULL && strcmp(scheduled, "t") == 0 ? DUTY_SCHEDULED : DUTY_OURS;
}

/* Say once why nothing is done, or that something is again. */
static void
tell(Duty duty)
{
	const char *database = MyBgworkerEntry->bgw_extra;

	if (duty == worker.told)
		return;
	switch (duty)
	{
		case DUTY_ABSENT:
			ereport(LOG,
					errmsg("nothing is maintained in database \"%s\": it has no extension pprof",
						   database));
			break;
		case DUTY_FOREIGN:
			ereport(LOG,
					errmsg("nothing is maintained in database \"%s\": its extension pprof is not of version %s",
						   database,
						   PGPPROF_VERSION),
					errhint("Run ALTER EXTENSION pprof UPDATE, or restart the server."));
			break;
		case DUTY_SCHEDULED:
			ereport(LOG, errmsg("database \"%s\" is maintained by pg_cron", database));
			break;
		case DUTY_OURS:
			ereport(LOG,
					errmsg("database \"%s\" is maintained every %d seconds",
						   database,
						   pprof_maintenance_interval));
			break;
		case DUTY_UNKNOWN:
			break;
	}
	worker.told = duty;
}

/* Begin to be busy; pprof.maintenance_is_running() looks at the time. */
static void
begin(const char *activity)
{
	SetCurrentStatementStartTimestamp();
	debug_query_string = activity;
	pgstat_report_activity(STATE_RUNNING, activity);
	StartTransactionCommand();
}

static void
finish(void)
{
	CommitTransactionCommand();
	debug_query_string = NULL;
	pgstat_report_stat(false);
	pgstat_report_activity(STATE_IDLE, NULL);
}

/* Leaves when the database is wanted by somebody else. */
static Duty
look(bool thoroughly)
{
	Duty duty = worker.told;

	begin("looking what is to be maintained");
	if (database_is_wanted())
		proc_exit(1); /* the launcher starts another when it is free again */
	if (thoroughly)
	{
		PushActiveSnapshot(GetTransactionSnapshot());
		SPI_connect();
		duty = find_duty();
		SPI_finish();
		PopActiveSnapshot();
	}
	finish();
	return duty;
}

/*
 * Run one statement as a client's would be run: a procedure that commits needs
 * a portal, which outlives the transactions.  So does what was parsed, in the
 * caller's memory context.
 */
static void
run_statement(const char *sql)
{
	MemoryContext context = CurrentMemoryContext;
	RawStmt *parsed;
	List *plans;
	Portal portal;
	DestReceiver *nowhere;

	begin(sql);
	MemoryContextSwitchTo(context);
	parsed = linitial_node(RawStmt, pg_parse_query(sql));
	PushActiveSnapshot(GetTransactionSnapshot());
	plans =
		pg_plan_queries(pg_analyze_and_rewrite_fixedparams(parsed, sql, NULL, 0, NULL), sql, 0, NULL);
	PopActiveSnapshot();
	portal = CreatePortal("", true, true);
	portal->visible = false;
	PortalDefineQuery(portal, NULL, sql, CreateCommandTag(parsed->stmt), plans, NULL);
	PortalStart(portal, NULL, 0, InvalidSnapshot);
	nowhere = CreateDestReceiver(DestNone);
	(void) RunPortal(portal, nowhere);
	nowhere->rDestroy(nowhere);
	PortalDrop(portal, false);
	finish();
	MemoryContextSwitchTo(context);
}

static void
maintain(void)
{
	int64 started = monotonic_us();
	int64 took;

	run_statement(CALL);
	took = monotonic_us() - started;
	worker.pause = 0;
	worker.next_run = took >= CALL_SECONDS * SCHEDULE_SECOND
						  ? 0
						  : started + pprof_maintenance_interval * SCHEDULE_SECOND;
}

static void
run_round(void)
{
	int64 now = monotonic_us();
	bool due = worker.next_run <= now;
	Duty duty;

	MemoryContextReset(worker.cycle);
	MemoryContextSwitchTo(worker.cycle);
	duty = look(due);
	if (due)
	{
		tell(duty);
		if (duty == DUTY_OURS)
			maintain();
		else
			worker.next_run = now + LOOK_EVERY;
	}
	now = monotonic_us();
	if (worker.next_run <= now)
		return;
	(void) WaitLatch(MyLatch,
					 WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
					 (long) (Min(worker.next_run - now, LOOK_EVERY) / 1000 + 1),
					 PG_WAIT_EXTENSION);
}

/* After an error that the procedure did not expect: clean up and rest, longer each time. */
static void
recover(void)
{
	/* its entries lay on the part of the stack that is gone */
	error_context_stack = NULL;
	HOLD_INTERRUPTS();
	EmitErrorReport();
	AbortCurrentTransaction();
	PortalErrorCleanup();
	MemoryContextSwitchTo(worker.cycle);
	FlushErrorState();
	RESUME_INTERRUPTS();
	debug_query_string = NULL;
	pgstat_report_stat(true);
	pgstat_report_activity(STATE_IDLE, NULL);
	worker.pause = schedule_backoff(worker.pause, 0, SHORTEST_PAUSE, LONGEST_PAUSE);
	worker.next_run = monotonic_us() + worker.pause;
}

static void
reload_settings(void)
{
	ConfigReloadPending = false;
	ProcessConfigFile(PGC_SIGHUP);
	worker.next_run =
		Min(worker.next_run, monotonic_us() + pprof_maintenance_interval * SCHEDULE_SECOND);
}

void
pprof_maintenance_main(Datum arg)
{
	sigjmp_buf boundary;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(MyBgworkerEntry->bgw_extra, NULL, 0);
	set_session_options();
	worker.cycle =
		AllocSetContextCreate(TopMemoryContext, "pprof maintenance cycle", ALLOCSET_DEFAULT_SIZES);
	pgstat_report_activity(STATE_IDLE, NULL);

	if (sigsetjmp(boundary, 1) != 0)
		recover();
	PG_exception_stack = &boundary;
	for (;;)
	{
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
			reload_settings();
		run_round();
	}
}
