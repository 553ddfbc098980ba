/*
 * raw_rows.h
 *		Rows of pprof.raw: stored unless they are there already.
 */
#ifndef RAW_ROWS_H
#define RAW_ROWS_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "utils/uuid.h"

typedef struct RawRow
{
	int64 service_id, type_id, series_id;
	TimestampTz at;
	int64 duration, total;
	pg_uuid_t profile_id;
	bool unique; /* its id is random: nothing can be its double */
	bytea *samples, *spans;
	bool stored; /* answer */
} RawRow;

/*
 * Insert rows, which come in the order of the key of the table, but for those
 * that are there or in a segment.  All of one UTC day.
 */
extern void raw_insert(RawRow *rows, int n);

#endif
