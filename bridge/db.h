/*
 * db.h
 *		One database connection: prepared statements with binary parameters.
 */
#ifndef BRIDGE_DB_H
#define BRIDGE_DB_H

#include "bridge/request.h"

#include <libpq-fe.h>

#define DB_MAX_ARGS 8

typedef enum DbStatement
{
	DB_READY,
	DB_PUSH,
	DB_PROFILE_TYPES,
	DB_LABEL_NAMES,
	DB_LABEL_VALUES,
	DB_LABEL_SETS,
	DB_FLAMEGRAPH,
	DB_TIMESERIES,
	DB_STATEMENTS
} DbStatement;

/* Arguments of a statement; a zeroed one is empty.  Free with db_args_free. */
typedef struct DbArgs
{
	unsigned n;
	bool null[DB_MAX_ARGS];
	size_t start[DB_MAX_ARGS], len[DB_MAX_ARGS];
	Buf data;
	size_t array_count; /* of the array being written: where its length stands */
	uint32_t array_n;
} DbArgs;

extern void db_arg_null(DbArgs *args);
extern void db_arg_text(DbArgs *args, const char *text);
extern void db_arg_bytes(DbArgs *args, const void *data, size_t len);
extern void db_arg_int4(DbArgs *args, int32_t value);
/* A timestamptz; out of its range means its end. */
extern void db_arg_time_us(DbArgs *args, int64_t unix_us);
extern void db_arg_interval_us(DbArgs *args, int64_t us);
extern void db_arg_jsonb(DbArgs *args, const Buf *json);
extern void db_arg_text_array(DbArgs *args, char *const *texts, size_t n);

/* Arrays element by element: begin, one put (or null) for each, end. */
extern void db_array_begin(DbArgs *args, Oid element);
extern void db_array_put(DbArgs *args, const void *data, size_t len);
extern void db_array_put_jsonb(DbArgs *args, const Buf *json);
extern void db_array_put_time_us(DbArgs *args, int64_t unix_us);
extern void db_array_put_null(DbArgs *args);
extern void db_array_end(DbArgs *args);
extern void db_args_free(DbArgs *args);

#define DB_OID_BYTEA	   17
#define DB_OID_TEXT		   25
#define DB_OID_TIMESTAMPTZ 1184
#define DB_OID_JSONB	   3802

typedef struct DbError
{
	RpcCode code;
	char sqlstate[6]; /* empty if the database was not reached */
	char message[1024];
} DbError;

/* Never NULL for lack of a database: connecting waits for the first statement. */
extern Db *db_new(const Config *config);
extern void db_free(Db *db);

/*
 * Run a statement for a request (its tenant, its deadline) and give its rows in
 * binary; NULL with *err.  PQclear() is the caller's.  The arguments are freed.
 */
extern PGresult *db_run(Db *db, const Request *request, DbStatement statement, DbArgs *args,
						DbError *err);

/* What an SQLSTATE means to a client. */
extern RpcCode db_code(const char *sqlstate);

extern int32_t db_int4(const PGresult *rows, int row, int column);
extern int64_t db_int8(const PGresult *rows, int row, int column);
extern double db_float8(const PGresult *rows, int row, int column);
extern int64_t db_time_us(const PGresult *rows, int row, int column); /* since 1970 */
/* The text of a jsonb; *len excludes the version byte. */
extern const char *db_jsonb(const PGresult *rows, int row, int column, size_t *len);

#endif
