/*
 * supervisor.c
 *		Runs pprof-bridge beside the server and starts it again when it ends.
 *
 * The bridge is a program of its own, not part of the server: it has no shared
 * memory, so that whatever happens to it the server goes on.  This worker forks,
 * executes and awaits it, and takes it down at shutdown.
 */
#include "postgres.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif

#include "lib/stringinfo.h"
#include "libpq/pqsignal.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "postmaster/postmaster.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/varlena.h"
#include "utils/wait_event.h"

#include "bgworker/clock.h"
#include "bgworker/launcher.h"
#include "bgworker/schedule.h"
#include "guc.h"

#define SHORTEST_PAUSE (1 * SCHEDULE_SECOND)
#define LONGEST_PAUSE  (30 * SCHEDULE_SECOND)
#define STOP_WITHIN	   (5 * SCHEDULE_SECOND) /* then SIGKILL */
#define NARGS		   6

typedef struct Bridge
{
	pid_t pid;		   /* 0: not running */
	char *args[NARGS]; /* path, arguments, NULL */
	int64 started;	   /* us, monotonic */
	int64 next_start;
	int64 pause;
} Bridge;

static Bridge bridge;

static void
handle_child_exit(SIGNAL_ARGS)
{
	int save_errno = errno;

	SetLatch(MyLatch);
	errno = save_errno;
}

/* name='value' of a connection string */
static void
append_option(StringInfo conninfo, const char *name, const char *value)
{
	appendStringInfo(conninfo, "%s%s='", conninfo->len > 0 ? " " : "", name);
	for (; *value != '\0'; value++)
	{
		if (*value == '\'' || *value == '\\')
			appendStringInfoChar(conninfo, '\\');
		appendStringInfoChar(conninfo, *value);
	}
	appendStringInfoChar(conninfo, '\'');
}

/* First element of a list setting, or NULL. */
static const char *
first_of(const char *setting)
{
	List *elements = NIL;

	if (!SplitGUCList(pstrdup(setting), ',', &elements) || elements == NIL)
		return NULL;
	return linitial(elements);
}

/*
 * How the bridge reaches this server: pprof.bridge_database as it is when it
 * is a connection string, else as the name of a database of this server.
 */
static char *
bridge_conninfo(void)
{
	const char *database = pprof_bridge_database;
	const char *host = first_of(Unix_socket_directories);
	StringInfoData conninfo;
	char port[16];

	if (strchr(database, '=') != NULL || strstr(database, "://") != NULL)
		return pstrdup(database);
	if (database[0] == '\0')
		database = first_of(pprof_databases);
	initStringInfo(&conninfo);
	snprintf(port, sizeof(port), "%d", PostPortNumber);
	append_option(&conninfo, "host", host != NULL ? host : "localhost");
	append_option(&conninfo, "port", port);
	append_option(&conninfo, "dbname", database != NULL ? database : "postgres");
	return conninfo.data;
}

static char *
bridge_program(void)
{
	char directory[MAXPGPATH];

	if (pprof_bridge_path[0] != '\0')
		return pstrdup(pprof_bridge_path);
	strlcpy(directory, my_exec_path, MAXPGPATH);
	get_parent_directory(directory);
	return psprintf("%s/pprof-bridge", directory);
}

/* Take the settings; true when they ask for another command line than before. */
static bool
read_settings(void)
{
	MemoryContext scratch =
		AllocSetContextCreate(TopMemoryContext, "pprof bridge settings", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);
	const char *args[NARGS - 1] = {bridge_program(),
								   "--listen",
								   pprof_bridge_listen,
								   "--dbname",
								   bridge_conninfo()};
	bool changed = false;

	for (int i = 0; i < NARGS - 1; i++)
	{
		if (bridge.args[i] != NULL && strcmp(bridge.args[i], args[i]) == 0)
			continue;
		if (bridge.args[i] != NULL)
			pfree(bridge.args[i]);
		bridge.args[i] = MemoryContextStrdup(TopMemoryContext, args[i]);
		changed = true;
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
	return changed;
}

static void
close_files(void)
{
	int limit = getdtablesize();

#if defined(__linux__) && defined(SYS_close_range)
	if (syscall(SYS_close_range, 3U, ~0U, 0U) == 0)
		return;
#endif
	for (int fd = 3; fd < limit; fd++)
		(void) close(fd);
}

/* What the child does between fork and exec; nothing of the server may run here. */
static void
exec_bridge(pid_t supervisor)
{
	static const char failed[] = "could not execute pprof-bridge\n";
	sigset_t none;
	int null;

	for (int signo = 1; signo < NSIG; signo++)
		(void) signal(signo, SIG_DFL);
#ifdef __linux__
	/* die with the supervisor, even when it is killed; it may be gone already */
	(void) prctl(PR_SET_PDEATHSIG, SIGTERM);
#endif
	if (getppid() != supervisor)
		_exit(1);
	/* out of the process group that the postmaster signals */
	(void) setsid();
	null = open("/dev/null", O_RDONLY);
	if (null >= 0)
		(void) dup2(null, STDIN_FILENO);
	close_files();
	sigemptyset(&none);
	(void) sigprocmask(SIG_SETMASK, &none, NULL);
	execv(bridge.args[0], bridge.args);
	if (write(STDERR_FILENO, failed, sizeof(failed) - 1) < 0)
		_exit(126);
	_exit(127);
}

static void
plan_start(int64 now)
{
	bridge.pause = schedule_backoff(bridge.pause,
									bridge.started > 0 ? now - bridge.started : 0,
									SHORTEST_PAUSE,
									LONGEST_PAUSE);
	bridge.next_start = now + bridge.pause;
}

static void
start_bridge(int64 now)
{
	pid_t supervisor = MyProcPid;
	sigset_t all, before;

	bridge.started = 0;
	if (access(bridge.args[0], X_OK) != 0)
	{
		ereport(LOG,
				errcode_for_file_access(),
				errmsg("could not execute \"%s\": %m", bridge.args[0]),
				errhint("Correct \"pprof.bridge_path\", or set \"pprof.bridge\" to off."));
		plan_start(now);
		return;
	}
	/* the server's signal handlers must not run in the child */
	sigfillset(&all);
	(void) sigprocmask(SIG_SETMASK, &all, &before);
	bridge.pid = fork();
	if (bridge.pid == 0)
		exec_bridge(supervisor);
	(void) sigprocmask(SIG_SETMASK, &before, NULL);
	if (bridge.pid < 0)
	{
		bridge.pid = 0;
		ereport(LOG, errmsg("could not fork to start pprof-bridge: %m"));
		plan_start(now);
		return;
	}
	bridge.started = now;
	ereport(LOG,
			errmsg("started pprof-bridge on %s, process ID %d", bridge.args[2], (int) bridge.pid));
}

/* Has the bridge ended?  Says so in the log. */
static void
reap_bridge(void)
{
	int status;
	pid_t pid;

	if (bridge.pid == 0)
		return;
	pid = waitpid(bridge.pid, &status, WNOHANG);
	if (pid == 0 || (pid < 0 && errno == EINTR))
		return;
	if (pid == bridge.pid && WIFSIGNALED(status))
		ereport(LOG,
				errmsg("pprof-bridge (process ID %d) was terminated by signal %d",
					   (int) pid,
					   WTERMSIG(status)));
	else if (pid == bridge.pid)
		ereport(LOG,
				errmsg("pprof-bridge (process ID %d) exited with exit code %d",
					   (int) pid,
					   WEXITSTATUS(status)));
	bridge.pid = 0;
}

/* Ask the bridge to end, then make it, within a bounded time. */
static void
stop_bridge(void)
{
	int64 until = monotonic_us() + STOP_WITHIN;

	if (bridge.pid == 0)
		return;
	(void) kill(bridge.pid, SIGTERM);
	for (;;)
	{
		int64 left = until - monotonic_us();

		reap_bridge();
		if (bridge.pid == 0)
			return;
		if (left <= 0)
			break;
		(void) WaitLatch(MyLatch,
						 WL_LATCH_SET | WL_TIMEOUT | WL_POSTMASTER_DEATH,
						 Min(left / 1000 + 1, 200),
						 PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
	(void) kill(bridge.pid, SIGKILL);
	while (waitpid(bridge.pid, NULL, 0) < 0 && errno == EINTR)
		;
	ereport(LOG,
			errmsg("pprof-bridge (process ID %d) did not stop in time and was killed",
				   (int) bridge.pid));
	bridge.pid = 0;
}

/* Whatever ends the supervisor ends the bridge. */
static void
signal_bridge(int code, Datum arg)
{
	if (bridge.pid != 0)
		(void) kill(bridge.pid, SIGTERM);
}

static void
wait_for_work(void)
{
	long timeout = -1;

	if (bridge.pid == 0)
		timeout = Max((bridge.next_start - monotonic_us()) / 1000 + 1, 1);
	(void) WaitLatch(MyLatch,
					 WL_LATCH_SET | WL_EXIT_ON_PM_DEATH | (timeout >= 0 ? WL_TIMEOUT : 0),
					 timeout,
					 PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	/* barriers of other sessions */
	CHECK_FOR_INTERRUPTS();
}

void
pprof_supervisor_main(Datum arg)
{
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	pqsignal(SIGCHLD, handle_child_exit);
	BackgroundWorkerUnblockSignals();
	before_shmem_exit(signal_bridge, (Datum) 0);
	MemoryContextSwitchTo(TopMemoryContext);
	(void) read_settings();
	while (!ShutdownRequestPending)
	{
		int64 now = monotonic_us();

		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
			if (read_settings())
			{
				stop_bridge();
				bridge.next_start = 0;
			}
		}
		if (bridge.pid != 0)
		{
			reap_bridge();
			if (bridge.pid == 0)
				plan_start(now);
		}
		if (bridge.pid == 0 && bridge.next_start <= now)
			start_bridge(now);
		wait_for_work();
	}
	stop_bridge();
	proc_exit(1);
}
