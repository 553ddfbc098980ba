/*
 * db.c
 *		One database connection: prepared statements, reconnecting, errors.
 *
 * A worker thread owns a Db.  A connection that the server closed while it was
 * idle is noticed before a statement is sent; one that breaks during a statement
 * is not tried again, because what happened to the statement is unknown.
 */
#include "bridge/db.h"

#include "bridge/log.h"
#include "bridge/metrics.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BACKOFF_FIRST_US INT64_C(100000)
#define BACKOFF_MOST_US	 INT64_C(5000000)
#define RECYCLE_BYTES	 ((size_t) 16 << 20)

struct Db
{
	const Config *config;
	PGconn *conn; /* NULL or usable */
	bool prepared[DB_STATEMENTS];
	char *tenant;		 /* set in the session; NULL for the default */
	int64_t timeout_ms;	 /* statement_timeout of the session; 0 for the server's own */
	int64_t retry_at_us; /* no attempt to connect before */
	int64_t backoff_us;
};

static const struct
{
	const char *name, *sql;
	int nargs;
	Oid types[DB_MAX_ARGS]; /* 0: as the function says */
} statements[DB_STATEMENTS] = {
	[DB_READY] = {"ready",
				  "SELECT 1 FROM pg_catalog.pg_extension WHERE extname OPERATOR(pg_catalog.=) 'pprof'",
				  0,
				  {0}},
	[DB_PUSH] = {"push",
				 "SELECT idx, stored, sqlstate, message, reason "
				 "FROM pprof.push($1, $2, $3, $4, $5) ORDER BY idx",
				 5,
				 {1001, 3807, 1009, 1185, 3802}},
	[DB_PROFILE_TYPES] = {"profile_types",
						  "SELECT t FROM pprof.profile_types($1, $2) AS t",
						  2,
						  {1184, 1184}},
	[DB_LABEL_NAMES] = {"label_names",
						"SELECT n FROM pprof.label_names($1, $2, $3) AS n",
						3,
						{1009, 1184, 1184}},
	[DB_LABEL_VALUES] = {"label_values",
						 "SELECT v FROM pprof.label_values($1, $2, $3, $4) AS v",
						 4,
						 {25, 1009, 1184, 1184}},
	[DB_LABEL_SETS] = {"label_sets",
					   "SELECT s FROM pprof.label_sets($1, $2, $3, $4) AS s",
					   4,
					   {1009, 1009, 1184, 1184}},
	[DB_FLAMEGRAPH] = {"flamegraph",
					   "SELECT level, value, self, label, truncated "
					   "FROM pprof.flamegraph($1, $2, $3, $4, $5, 'pyroscope') ORDER BY ord",
					   5,
					   {25, 25, 1184, 1184, 23}},
	[DB_TIMESERIES] = {"timeseries",
					   "SELECT at, labels, value::pg_catalog.float8 "
					   "FROM pprof.timeseries($1, $2, $3, $4, $5, $6, $7) "
					   "WITH ORDINALITY AS t (at, labels, value, ord) ORDER BY ord",
					   7,
					   {25, 25, 1184, 1184, 1186, 1009, 25}},
};

/*
 * SQLSTATEs, longest prefix first.  What a sender can mend is its fault; what
 * time can mend is "unavailable", which clients repeat.
 */
static const struct
{
	const char *prefix;
	RpcCode code;
} sqlstates[] = {
	{"0A", RPC_UNIMPLEMENTED},
	{"08", RPC_UNAVAILABLE},
	{"22", RPC_INVALID_ARGUMENT},
	{"25006", RPC_UNAVAILABLE}, /* a standby was asked to write */
	{"28", RPC_UNAVAILABLE},
	{"3D", RPC_UNAVAILABLE},
	{"3F", RPC_UNAVAILABLE}, /* the extension is not there (yet) */
	{"40", RPC_UNAVAILABLE},
	{"42501", RPC_PERMISSION_DENIED},
	{"42883", RPC_UNAVAILABLE},
	{"42P01", RPC_UNAVAILABLE},
	{"53", RPC_UNAVAILABLE},
	{"54", RPC_INVALID_ARGUMENT},
	{"55P03", RPC_UNAVAILABLE}, /* lock_timeout */
	{"57014", RPC_CANCELED},
	{"57", RPC_UNAVAILABLE},
	{"58", RPC_UNAVAILABLE},
};

RpcCode
db_code(const char *sqlstate)
{
	for (size_t i = 0; i < sizeof(sqlstates) / sizeof(sqlstates[0]); i++)
	{
		if (strncmp(sqlstate, sqlstates[i].prefix, strlen(sqlstates[i].prefix)) == 0)
			return sqlstates[i].code;
	}
	return RPC_INTERNAL;
}

Db *
db_new(const Config *config)
{
	Db *db = calloc(1, sizeof(Db));

	if (db != NULL)
		db->config = config;
	return db;
}

static void
disconnect(Db *db)
{
	PQfinish(db->conn);
	db->conn = NULL;
	free(db->tenant);
	db->tenant = NULL;
	db->timeout_ms = 0;
	memset(db->prepared, 0, sizeof(db->prepared));
}

void
db_free(Db *db)
{
	if (db == NULL)
		return;
	disconnect(db);
	free(db);
}

static void
set_error(DbError *err, RpcCode code, const char *sqlstate, const char *message)
{
	err->code = code;
	snprintf(err->sqlstate, sizeof(err->sqlstate), "%s", sqlstate);
	snprintf(err->message, sizeof(err->message), "%s", message);
}

/* Session settings: the role, and that an acknowledged profile is on disk. */
static bool
prepare_session(Db *db)
{
	PGresult *result;
	bool ok;

	result = PQexec(db->conn,
					"SELECT pg_catalog.set_config('synchronous_commit', 'on', false) "
					"WHERE pg_catalog.current_setting('synchronous_commit') IN ('off', 'local')");
	ok = PQresultStatus(result) == PGRES_TUPLES_OK;
	PQclear(result);
	if (ok && db->config->role != NULL)
	{
		const char *values[] = {db->config->role};

		result = PQexecParams(db->conn,
							  "SELECT pg_catalog.set_config('role', $1, false)",
							  1,
							  NULL,
							  values,
							  NULL,
							  NULL,
							  0);
		ok = PQresultStatus(result) == PGRES_TUPLES_OK;
		PQclear(result);
	}
	return ok;
}

static void
ignore_notice(void *arg, const PGresult *result)
{
}

static bool
connect_now(Db *db)
{
	const char *names[] = {"dbname",
						   "client_encoding",
						   "fallback_application_name",
						   "connect_timeout",
						   NULL};
	const char *values[] = {db->config->dbname, "UTF8", "pprof-bridge", "5", NULL};

	/* a connect_timeout of the user's own (in the string or the environment) stays */
	if (strstr(db->config->dbname, "connect_timeout") != NULL || getenv("PGCONNECT_TIMEOUT") != NULL)
		names[3] = values[3] = NULL;
	db->conn = PQconnectdbParams(names, values, 1);
	if (db->conn != NULL && PQstatus(db->conn) == CONNECTION_OK)
	{
		PQsetNoticeReceiver(db->conn, ignore_notice, NULL);
		if (prepare_session(db))
			return true;
	}
	log_error("could not connect to the database: %s",
			  db->conn == NULL ? "out of memory" : PQerrorMessage(db->conn));
	disconnect(db);
	return false;
}

/* Has the server closed the connection while nobody looked? */
static bool
idle_connection_alive(Db *db)
{
	struct pollfd pfd = {.fd = PQsocket(db->conn), .events = POLLIN};

	if (poll(&pfd, 1, 0) <= 0)
		return true;
	return PQconsumeInput(db->conn) && PQstatus(db->conn) == CONNECTION_OK;
}

static bool
ensure_connected(Db *db, DbError *err)
{
	if (db->conn != NULL && (PQstatus(db->conn) != CONNECTION_OK || !idle_connection_alive(db)))
		disconnect(db);
	if (db->conn != NULL)
		return true;
	if (now_monotonic_us() >= db->retry_at_us && connect_now(db))
	{
		metrics_add(COUNTER_DB_CONNECTS, 1);
		db->backoff_us = 0;
		return true;
	}
	if (now_monotonic_us() >= db->retry_at_us)
	{
		metrics_add(COUNTER_DB_FAILURES, 1);
		db->backoff_us = db->backoff_us == 0 ? BACKOFF_FIRST_US : db->backoff_us * 2;
		if (db->backoff_us > BACKOFF_MOST_US)
			db->backoff_us = BACKOFF_MOST_US;
		db->retry_at_us = now_monotonic_us() + db->backoff_us;
	}
	set_error(err, RPC_UNAVAILABLE, "", "the database is not available");
	return false;
}

static bool
set_setting(Db *db, const char *name, const char *value)
{
	const char *values[] = {name, value};
	PGresult *result = PQexecParams(db->conn,
									"SELECT pg_catalog.set_config($1, $2, false)",
									2,
									NULL,
									values,
									NULL,
									NULL,
									0);
	bool ok = PQresultStatus(result) == PGRES_TUPLES_OK;

	PQclear(result);
	return ok;
}

/* Bring tenant and time-out of the session in line with the request. */
static bool
adapt_session(Db *db, const Request *request, DbError *err)
{
	int64_t timeout_ms = 0;

	if (request->deadline_us != 0)
	{
		timeout_ms = (request->deadline_us - now_monotonic_us()) / 1000;
		if (timeout_ms < 1)
		{
			set_error(err, RPC_DEADLINE_EXCEEDED, "", "context deadline exceeded");
			return false;
		}
		if (timeout_ms > INT32_MAX)
			timeout_ms = INT32_MAX;
	}
	if (request->tenant != NULL && (db->tenant == NULL || strcmp(db->tenant, request->tenant) != 0))
	{
		free(db->tenant);
		db->tenant = NULL;
		if (!set_setting(db, "pprof.tenant", request->tenant))
			return false;
		db->tenant = strdup(request->tenant);
	}
	if (timeout_ms != db->timeout_ms)
	{
		char text[24];
		PGresult *result = NULL;
		bool ok;

		snprintf(text, sizeof(text), "%lld", (long long) timeout_ms);
		if (timeout_ms > 0)
			ok = set_setting(db, "statement_timeout", text);
		else
		{
			result = PQexec(db->conn, "RESET statement_timeout");
			ok = PQresultStatus(result) == PGRES_COMMAND_OK;
			PQclear(result);
		}
		if (!ok)
			return false;
		db->timeout_ms = timeout_ms;
	}
	return true;
}

static bool
prepare(Db *db, DbStatement statement)
{
	PGresult *result;
	bool ok;

	if (db->prepared[statement])
		return true;
	result = PQprepare(db->conn,
					   statements[statement].name,
					   statements[statement].sql,
					   statements[statement].nargs,
					   statements[statement].types);
	ok = PQresultStatus(result) == PGRES_COMMAND_OK;
	db->prepared[statement] = ok;
	if (!ok)
		log_error("could not prepare \"%s\": %s",
				  statements[statement].name,
				  PQresultErrorMessage(result));
	PQclear(result);
	return ok;
}

static PGresult *
execute(Db *db, DbStatement statement, const DbArgs *args)
{
	const char *values[DB_MAX_ARGS];
	int lengths[DB_MAX_ARGS], formats[DB_MAX_ARGS];

	for (unsigned i = 0; i < args->n; i++)
	{
		values[i] = args->null[i] ? NULL : args->data.data + args->start[i];
		lengths[i] = (int) args->len[i];
		formats[i] = 1;
		/* an empty text still needs an address */
		if (!args->null[i] && args->len[i] == 0)
			values[i] = "";
	}
	return PQexecPrepared(db->conn,
						  statements[statement].name,
						  (int) args->n,
						  values,
						  lengths,
						  formats,
						  1);
}

/* What the client is told; details of our own failures go to the log only. */
static void
error_of_result(Db *db, const Request *request, DbStatement statement, PGresult *result, DbError *err)
{
	const char *sqlstate = result == NULL ? NULL : PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *message = result == NULL ? NULL : PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

	if (sqlstate == NULL)
	{
		log_error("statement \"%s\" failed: %s", statements[statement].name, PQerrorMessage(db->conn));
		set_error(err, RPC_UNAVAILABLE, "", "the connection to the database was lost");
		return;
	}
	set_error(err, db_code(sqlstate), sqlstate, message == NULL ? "" : message);
	if (err->code == RPC_CANCELED && request->deadline_us != 0 &&
		now_monotonic_us() >= request->deadline_us - 1000)
		set_error(err, RPC_DEADLINE_EXCEEDED, sqlstate, "context deadline exceeded");
	if (err->code != RPC_INTERNAL && err->code != RPC_UNAVAILABLE)
		return;
	log_error("statement \"%s\" failed: %s: %s", statements[statement].name, sqlstate, err->message);
	snprintf(err->message,
			 sizeof(err->message),
			 err->code == RPC_INTERNAL ? "internal error (SQLSTATE %s)"
									   : "the database cannot do this now (SQLSTATE %s)",
			 sqlstate);
}

/* Two writers met; nothing was stored, and the other one is through by now. */
static bool
is_conflict(const DbError *err)
{
	return strcmp(err->sqlstate, "40001") == 0 || strcmp(err->sqlstate, "40P01") == 0;
}

static PGresult *
run_once(Db *db, const Request *request, DbStatement statement, const DbArgs *args, DbError *err)
{
	PGresult *result = NULL;

	memset(err, 0, sizeof(*err));
	if (!ensure_connected(db, err))
		return NULL;
	if (!adapt_session(db, request, err))
	{
		if (err->code == RPC_OK)
			error_of_result(db, request, statement, NULL, err);
		return NULL;
	}
	if (!prepare(db, statement))
	{
		set_error(err, RPC_UNAVAILABLE, "", "the extension is not installed in the database");
		return NULL;
	}
	result = execute(db, statement, args);
	if (PQresultStatus(result) == PGRES_TUPLES_OK)
		return result;
	error_of_result(db, request, statement, result, err);
	PQclear(result);
	return NULL;
}

PGresult *
db_run(Db *db, const Request *request, DbStatement statement, DbArgs *args, DbError *err)
{
	bool large = args->data.len > RECYCLE_BYTES;
	PGresult *result = NULL;

	if (args->data.failed)
		set_error(err, RPC_UNAVAILABLE, "", "out of memory");
	else
	{
		result = run_once(db, request, statement, args, err);
		if (result == NULL && is_conflict(err))
		{
			metrics_add(COUNTER_DB_RETRIES, 1);
			result = run_once(db, request, statement, args, err);
		}
	}
	db_args_free(args);
	/* libpq never shrinks its buffer */
	if (large)
		disconnect(db);
	return result;
}
