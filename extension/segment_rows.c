/*
 * segment_rows.c
 *		pprof.segment_rows: the profiles of a segment as rows.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "core/pp_segment.h"
#include "core_glue.h"
#include "pprof.h"
#include "rows.h"
#include "storage.h"

static uint8_t *
argument(FunctionCallInfo fcinfo, int argno, size_t *len)
{
	bytea *value = PG_GETARG_BYTEA_PP(argno);

	*len = VARSIZE_ANY_EXHDR(value);
	return (uint8_t *) VARDATA_ANY(value);
}

static void
put_row(Rows *rows, const PpSegmentRow *row)
{
	pg_uuid_t id;
	Datum values[7];
	bool nulls[7] = {false};

	memcpy(id.data, row->id, UUID_LEN);
	values[0] = Int64GetDatum(row->series_id);
	values[1] = TimestampTzGetDatum(row->at);
	values[2] = Int64GetDatum(row->duration);
	values[3] = Int64GetDatum(row->total);
	values[4] = UUIDPGetDatum(&id);
	values[5] = PointerGetDatum(storage_bytea(row->samples, row->samples_len));
	values[6] = PointerGetDatum(storage_bytea(row->spans, row->spans_len));
	rows_put(rows, values, nulls);
}

PPROF_FUNCTION(pprof_segment_rows);
Datum
pprof_segment_rows(PG_FUNCTION_ARGS)
{
	PpSegmentBytes bytes;
	PpSegmentRow *decoded;
	uint32_t n;
	PpError err;
	Rows rows;

	bytes.head = argument(fcinfo, 0, &bytes.head_len);
	bytes.ids = argument(fcinfo, 1, &bytes.ids_len);
	bytes.samples = argument(fcinfo, 2, &bytes.samples_len);
	bytes.spans = argument(fcinfo, 3, &bytes.spans_len);
	CORE_CHECK(pp_segment_decode(&bytes, core_arena_create(), &decoded, &n, &err), &err);
	rows_begin(&rows, fcinfo);
	for (uint32_t i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		put_row(&rows, &decoded[i]);
	}
	return rows_end(&rows);
}
