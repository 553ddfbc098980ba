/*
 * store.c
 *		The way into the database: short transactions, errors as values.
 *
 * What was scraped goes through pprof.push, as everything else does.  A batch
 * that fails as a whole is tried again profile by profile, so that one of them
 * cannot hold up the others.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "scraper/scraper.h"

#define MAX_BATCH		64
#define MAX_BATCH_BYTES ((size_t) 16 << 20)

typedef struct Batch
{
	int n;
	Job *jobs[MAX_BATCH];
	size_t bytes;
} Batch;

static void
begin(const char *activity)
{
	SetCurrentStatementStartTimestamp();
	pgstat_report_activity(STATE_RUNNING, activity);
	StartTransactionCommand();
	SPI_connect();
	PushActiveSnapshot(GetTransactionSnapshot());
}

static void
commit(void)
{
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
}

/*
 * Do work in a transaction of its own.  False with the message when it failed;
 * then nothing of it happened.  The server's log says nothing.
 */
bool
store_run(const char *activity, StoreWork work, void *arg, char *error, size_t size)
{
	MemoryContext context = CurrentMemoryContext;
	volatile bool done = false;

	PG_TRY();
	{
		begin(activity);
		work(arg);
		commit();
		done = true;
	}
	PG_CATCH();
	{
		ErrorData *data;

		HOLD_INTERRUPTS();
		MemoryContextSwitchTo(context);
		data = CopyErrorData();
		FlushErrorState();
		AbortCurrentTransaction();
		strlcpy(error, data->message != NULL ? data->message : "unknown error", size);
		FreeErrorData(data);
		RESUME_INTERRUPTS();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	pgstat_report_stat(false);
	pgstat_report_activity(STATE_IDLE, NULL);
	return done;
}

/* Labels of a job as the text of a JSON object. */
char *
labels_json(const ScrapeSpec *spec, bool with_name)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	if (with_name)
	{
		appendStringInfoString(&json, "\"__name__\": ");
		escape_json(&json, spec->name);
	}
	for (int i = 0; i < spec->labels.n; i++)
	{
		if (json.len > 1)
			appendStringInfoString(&json, ", ");
		escape_json(&json, spec->labels.pairs[i].name);
		appendStringInfoString(&json, ": ");
		escape_json(&json, spec->labels.pairs[i].value);
	}
	appendStringInfoChar(&json, '}');
	return json.data;
}

static void
note_stored(Job *job, int row)
{
	char *message = SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 4);
	char *stored = SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 2);

	if (SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 3) != NULL)
	{
		job->state = "store_failed";
		strlcpy(job->store_error,
				message != NULL ? message : "unknown error",
				sizeof(job->store_error));
	}
	else
		job->state = stored != NULL && strcmp(stored, "0") != 0 ? "stored" : "empty";
}

/* StoreWork: push the profiles of a batch. */
static void
push_batch(void *arg)
{
	static const char sql[] =
		"SELECT idx, stored, sqlstate, message"
		" FROM pprof.push($1, $2::pg_catalog.jsonb[], NULL, $3, '{\"infer_name\": false}')";
	Batch *batch = arg;
	Oid types[] = {BYTEAARRAYOID, TEXTARRAYOID, TIMESTAMPTZARRAYOID};
	Datum bodies[MAX_BATCH], labels[MAX_BATCH], times[MAX_BATCH];
	Datum values[3];

	for (int i = 0; i < batch->n; i++)
	{
		Job *job = batch->jobs[i];
		bytea *body = palloc(VARHDRSZ + job->len);

		SET_VARSIZE(body, VARHDRSZ + job->len);
		memcpy(VARDATA(body), job->body, job->len);
		bodies[i] = PointerGetDatum(body);
		labels[i] = CStringGetTextDatum(labels_json(job->spec, true));
		times[i] = TimestampTzGetDatum(job->at);
	}
	values[0] = PointerGetDatum(construct_array(bodies, batch->n, BYTEAOID, -1, false, TYPALIGN_INT));
	values[1] = PointerGetDatum(construct_array(labels, batch->n, TEXTOID, -1, false, TYPALIGN_INT));
	values[2] = PointerGetDatum(construct_array(times,
												batch->n,
												TIMESTAMPTZOID,
												sizeof(TimestampTz),
												FLOAT8PASSBYVAL,
												TYPALIGN_DOUBLE));
	if (SPI_execute_with_args(sql, 3, types, values, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not call pprof.push");
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		bool isnull;
		int index =
			DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 1, &isnull));

		if (!isnull && index >= 0 && index < batch->n)
			note_stored(batch->jobs[index], row);
	}
}

static void
note_store_failure(Job *job, const char *error)
{
	job->state = "store_failed";
	strlcpy(job->store_error, error, sizeof(job->store_error));
}

static void
store_batch(Batch *batch)
{
	char error[sizeof(((Job *) 0)->store_error)];

	if (batch->n == 0 ||
		store_run("storing scraped profiles", push_batch, batch, error, sizeof(error)))
		return;
	for (int i = 0; i < batch->n; i++)
	{
		Batch one = {1, {batch->jobs[i]}, batch->jobs[i]->len};

		if (batch->n == 1 ||
			!store_run("storing a scraped profile", push_batch, &one, error, sizeof(error)))
			note_store_failure(batch->jobs[i], error);
	}
}

/* Push what has a body, in batches. */
static void
store_bodies(dlist_head *finished)
{
	Batch batch = {0};
	dlist_iter iter;

	dlist_foreach (iter, finished)
	{
		Job *job = dlist_container(Job, finished, iter.cur);

		if (job->body == NULL)
			continue;
		if (batch.n == MAX_BATCH || (batch.n > 0 && batch.bytes + job->len > MAX_BATCH_BYTES))
		{
			store_batch(&batch);
			batch.n = 0;
			batch.bytes = 0;
		}
		batch.jobs[batch.n++] = job;
		batch.bytes += job->len;
	}
	store_batch(&batch);
}

/* Columns of what report_jobs writes, as arrays. */
static const struct
{
	Oid type, array;
	int16 len;
	bool by_value;
	char align;
} status_columns[] = {
	{INT8OID, INT8ARRAYOID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE},				/* job_id */
	{BOOLOID, BOOLARRAYOID, 1, true, TYPALIGN_CHAR},							/* up */
	{TEXTOID, TEXTARRAYOID, -1, false, TYPALIGN_INT},							/* state */
	{TIMESTAMPTZOID, TIMESTAMPTZARRAYOID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE}, /* at */
	{INT8OID, INT8ARRAYOID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE},				/* us */
	{TEXTOID, TEXTARRAYOID, -1, false, TYPALIGN_INT},							/* error */
	{TEXTOID, TEXTARRAYOID, -1, false, TYPALIGN_INT},							/* store_error */
	{INT4OID, INT4ARRAYOID, 4, true, TYPALIGN_INT},								/* status */
	{INT8OID, INT8ARRAYOID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE},				/* bytes */
	{INT8OID, INT8ARRAYOID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE},				/* missed */
};

#define STATUS_COLUMNS lengthof(status_columns)

/* StoreWork: write the status of all finished jobs. */
static void
report_jobs(void *arg)
{
	static const char sql[] =
		"UPDATE pprof.scrape_jobs AS j SET"
		" up = u.up, state = u.state, last_scrape = u.at,"
		" last_success = CASE WHEN u.up THEN u.at ELSE j.last_success END,"
		" last_duration = u.us * interval '1 microsecond',"
		" last_error = u.error, last_store_error = u.store_error,"
		" scrapes = j.scrapes + 1, failures = j.failures + (NOT u.up)::int4,"
		" missed = j.missed + u.missed, last_body_bytes = u.bytes, last_http_status = u.status,"
		" consecutive_failures = CASE WHEN u.up THEN 0 ELSE j.consecutive_failures + 1 END"
		" FROM ROWS FROM (unnest($1), unnest($2), unnest($3), unnest($4), unnest($5), unnest($6),"
		" unnest($7), unnest($8), unnest($9), unnest($10))"
		" AS u (id, up, state, at, us, error, store_error, status, bytes, missed)"
		" WHERE j.job_id = u.id";
	dlist_head *finished = arg;
	Datum *columns[STATUS_COLUMNS];
	Datum values[STATUS_COLUMNS];
	Oid types[STATUS_COLUMNS];
	dlist_iter iter;
	int n = 0;

	/* dropped while transfers were under way */
	if (!OidIsValid(get_extension_oid("pprof", true)))
		return;
	/* a status is worth no wait for the disk */
	(void) set_config_option("synchronous_commit",
							 "off",
							 PGC_USERSET,
							 PGC_S_SESSION,
							 GUC_ACTION_LOCAL,
							 true,
							 0,
							 false);
	dlist_foreach (iter, finished)
		n++;
	for (int c = 0; c < STATUS_COLUMNS; c++)
		columns[c] = palloc(sizeof(Datum) * (n + 1));
	n = 0;
	dlist_foreach (iter, finished)
	{
		Job *job = dlist_container(Job, finished, iter.cur);

		columns[0][n] = Int64GetDatum((int64) job->id);
		columns[1][n] = BoolGetDatum(job->up);
		columns[2][n] = CStringGetTextDatum(job->state);
		columns[3][n] = TimestampTzGetDatum(job->at);
		columns[4][n] = Int64GetDatum(job->duration);
		columns[5][n] = CStringGetTextDatum(job->error);
		columns[6][n] = CStringGetTextDatum(job->store_error);
		columns[7][n] = Int32GetDatum((int32) job->request.status);
		columns[8][n] = Int64GetDatum((int64) job->received);
		columns[9][n] = Int64GetDatum(job->missed);
		n++;
	}
	for (int c = 0; c < STATUS_COLUMNS; c++)
	{
		types[c] = status_columns[c].array;
		values[c] = PointerGetDatum(construct_array(columns[c],
													n,
													status_columns[c].type,
													status_columns[c].len,
													status_columns[c].by_value,
													status_columns[c].align));
	}
	if (SPI_execute_with_args(sql, STATUS_COLUMNS, types, values, NULL, false, 0) != SPI_OK_UPDATE)
		elog(ERROR, "could not write pprof.scrape_jobs");
}

/*
 * Store what the finished jobs brought, then write down what became of each.
 * Never fails: a database that takes nothing costs the profiles at hand.
 */
void
store_jobs(dlist_head *finished)
{
	static TimestampTz complained = 0;
	char error[512];

	store_bodies(finished);
	if (store_run("reporting scrapes", report_jobs, finished, error, sizeof(error)))
		return;
	if (!TimestampDifferenceExceeds(complained, GetCurrentTimestamp(), 60000))
		return;
	complained = GetCurrentTimestamp();
	ereport(LOG, errmsg("could not write the status of scrapes: %s", error));
}
