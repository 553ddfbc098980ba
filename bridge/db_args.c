/*
 * db_args.c
 *		Arguments and columns in PostgreSQL's binary formats.
 */
#include "bridge/db.h"

#include <string.h>

#define PG_EPOCH_US INT64_C(946684800000000) /* 2000-01-01 */
/* the range of timestamptz, 4714 BC to 294276 AD, in microseconds since 2000 */
#define PG_TIME_LEAST INT64_C(-211813488000000000)
#define PG_TIME_END	  INT64_C(9223371331200000000)

static unsigned
arg_begin(DbArgs *args)
{
	unsigned i = args->n++;

	args->start[i] = args->data.len;
	return i;
}

static void
arg_end(DbArgs *args, unsigned i)
{
	args->len[i] = args->data.len - args->start[i];
}

void
db_arg_null(DbArgs *args)
{
	args->null[args->n++] = true;
}

void
db_arg_bytes(DbArgs *args, const void *data, size_t len)
{
	unsigned i = arg_begin(args);

	buf_put(&args->data, data, len);
	arg_end(args, i);
}

void
db_arg_text(DbArgs *args, const char *text)
{
	db_arg_bytes(args, text, strlen(text));
}

void
db_arg_int4(DbArgs *args, int32_t value)
{
	unsigned i = arg_begin(args);

	buf_be32(&args->data, (uint32_t) value);
	arg_end(args, i);
}

static int64_t
pg_time(int64_t unix_us)
{
	int64_t us;

	if (__builtin_sub_overflow(unix_us, PG_EPOCH_US, &us) || us < PG_TIME_LEAST)
		return PG_TIME_LEAST;
	return us < PG_TIME_END ? us : PG_TIME_END - 1;
}

void
db_arg_time_us(DbArgs *args, int64_t unix_us)
{
	unsigned i = arg_begin(args);

	buf_be64(&args->data, (uint64_t) pg_time(unix_us));
	arg_end(args, i);
}

/* An interval is microseconds, days and months. */
void
db_arg_interval_us(DbArgs *args, int64_t us)
{
	unsigned i = arg_begin(args);

	buf_be64(&args->data, (uint64_t) us);
	buf_be64(&args->data, 0);
	arg_end(args, i);
}

void
db_arg_jsonb(DbArgs *args, const Buf *json)
{
	unsigned i = arg_begin(args);

	buf_char(&args->data, 1);
	buf_put(&args->data, json->data, json->len);
	args->data.failed |= json->failed;
	arg_end(args, i);
}

/*
 * An array: dimensions, has-null flag, element type, then length and lower bound
 * of its one dimension.  The length is filled in at the end.
 */
void
db_array_begin(DbArgs *args, Oid element)
{
	unsigned i = args->n;

	args->start[i] = args->data.len;
	buf_be32(&args->data, 1);
	buf_be32(&args->data, 1);
	buf_be32(&args->data, element);
	args->array_count = args->data.len;
	args->array_n = 0;
	buf_be32(&args->data, 0);
	buf_be32(&args->data, 1);
}

void
db_array_put(DbArgs *args, const void *data, size_t len)
{
	if (len > INT32_MAX)
		args->data.failed = true;
	buf_be32(&args->data, (uint32_t) len);
	buf_put(&args->data, data, len);
	args->array_n++;
}

void
db_array_put_jsonb(DbArgs *args, const Buf *json)
{
	buf_be32(&args->data, (uint32_t) json->len + 1);
	buf_char(&args->data, 1);
	buf_put(&args->data, json->data, json->len);
	args->data.failed |= json->failed;
	args->array_n++;
}

void
db_array_put_time_us(DbArgs *args, int64_t unix_us)
{
	buf_be32(&args->data, 8);
	buf_be64(&args->data, (uint64_t) pg_time(unix_us));
	args->array_n++;
}

void
db_array_put_null(DbArgs *args)
{
	buf_be32(&args->data, UINT32_MAX);
	args->array_n++;
}

void
db_array_end(DbArgs *args)
{
	unsigned i = args->n++;
	uint32_t n = args->array_n;

	if (args->data.failed)
		return;
	if (n == 0)
	{
		/* an empty array has no dimension */
		memset(args->data.data + args->start[i] + 3, 0, 1);
		args->data.len = args->start[i] + 12;
	}
	else
	{
		for (int byte = 0; byte < 4; byte++)
			args->data.data[args->array_count + (size_t) byte] = (char) (n >> (24 - 8 * byte));
	}
	arg_end(args, i);
}

void
db_arg_text_array(DbArgs *args, char *const *texts, size_t n)
{
	db_array_begin(args, DB_OID_TEXT);
	for (size_t i = 0; i < n; i++)
		db_array_put(args, texts[i], strlen(texts[i]));
	db_array_end(args);
}

void
db_args_free(DbArgs *args)
{
	buf_free(&args->data);
	args->n = 0;
}

static uint64_t
big_endian(const PGresult *rows, int row, int column, int size)
{
	const unsigned char *bytes = (const unsigned char *) PQgetvalue(rows, row, column);
	uint64_t value = 0;

	if (PQgetlength(rows, row, column) != size)
		return 0;
	for (int i = 0; i < size; i++)
		value = value << 8 | bytes[i];
	return value;
}

int32_t
db_int4(const PGresult *rows, int row, int column)
{
	return (int32_t) (uint32_t) big_endian(rows, row, column, 4);
}

int64_t
db_int8(const PGresult *rows, int row, int column)
{
	return (int64_t) big_endian(rows, row, column, 8);
}

double
db_float8(const PGresult *rows, int row, int column)
{
	uint64_t bits = big_endian(rows, row, column, 8);
	double value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

int64_t
db_time_us(const PGresult *rows, int row, int column)
{
	int64_t us;

	return __builtin_add_overflow(db_int8(rows, row, column), PG_EPOCH_US, &us) ? INT64_MAX : us;
}

const char *
db_jsonb(const PGresult *rows, int row, int column, size_t *len)
{
	int length = PQgetlength(rows, row, column);

	*len = length > 0 ? (size_t) length - 1 : 0;
	return PQgetvalue(rows, row, column) + (length > 0);
}
