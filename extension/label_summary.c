/*
 * label_summary.c
 *		Maintains pprof.label_days while profiles are stored.
 *
 * Whoever inserts a row of pprof.series_days inserts the labels of the series in
 * the same transaction, unless they are there: so what is committed of the one is
 * always covered by the other.  Rows are written in the order of their key, all of
 * a batch at once, so that two batches cannot wait for each other.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"

#include "label_summary.h"
#include "storage.h"

typedef struct LabelSummaryEntry
{
	int64 service_id, type_id, series_id;
	DateADT day;
} LabelSummaryEntry;

void
label_summary_note(LabelSummary *summary, int64 service_id, DateADT day, int64 type_id,
				   int64 series_id)
{
	if (summary->n == summary->cap)
	{
		summary->cap = summary->cap * 2 + 16;
		summary->entries =
			summary->entries == NULL
				? MemoryContextAlloc(summary->context, sizeof(LabelSummaryEntry) * summary->cap)
				: repalloc(summary->entries, sizeof(LabelSummaryEntry) * summary->cap);
	}
	summary->entries[summary->n++] = (LabelSummaryEntry){service_id, type_id, series_id, day};
}

static Datum
int8_array(const Datum *values, int n)
{
	return PointerGetDatum(construct_array(unconstify(Datum *, values),
										   n,
										   INT8OID,
										   sizeof(int64),
										   FLOAT8PASSBYVAL,
										   TYPALIGN_DOUBLE));
}

/* service ids, days, type ids, series ids */
static void
set_values(const LabelSummary *summary, Datum *values)
{
	Datum *columns[4];

	for (int i = 0; i < 4; i++)
		columns[i] = palloc(sizeof(Datum) * summary->n);
	for (int i = 0; i < summary->n; i++)
	{
		columns[0][i] = Int64GetDatum(summary->entries[i].service_id);
		columns[1][i] = DateADTGetDatum(summary->entries[i].day);
		columns[2][i] = Int64GetDatum(summary->entries[i].type_id);
		columns[3][i] = Int64GetDatum(summary->entries[i].series_id);
	}
	for (int i = 0; i < 4; i++)
		values[i] = i == 1 ? PointerGetDatum(construct_array(columns[i],
															 summary->n,
															 DATEOID,
															 sizeof(DateADT),
															 true,
															 TYPALIGN_INT))
						   : int8_array(columns[i], summary->n);
}

/*
 * Which rows are missing is looked up with what is committed now, whatever the
 * isolation level: a row that is there, but too new for the snapshot of the
 * transaction, would be an error to INSERT.
 */
void
label_summary_store(LabelSummary *summary)
{
	static StoragePlan missing =
		{.sql =
			 "SELECT pg_catalog.array_agg(x.service_id), pg_catalog.array_agg(x.day), "
			 "pg_catalog.array_agg(x.type_id), pg_catalog.array_agg(x.name), "
			 "pg_catalog.array_agg(x.value), pg_catalog.count(*) FROM ("
			 "SELECT DISTINCT n.service_id, n.day, n.type_id, l.name, l.value "
			 "FROM unnest($1, $2, $3, $4) AS n (service_id, day, type_id, series_id) "
			 "JOIN pprof.series s ON s.service_id = n.service_id AND s.series_id = n.series_id, "
			 "LATERAL pprof.label_summary(s.labels) l OFFSET 0) x "
			 "WHERE NOT EXISTS (SELECT FROM pprof.label_days d WHERE d.service_id = x.service_id "
			 "AND d.day = x.day AND d.type_id = x.type_id AND d.name = x.name AND d.value = x.value)",
		 .nargs = 4,
		 .args = {INT8ARRAYOID, DATEARRAYOID, INT8ARRAYOID, INT8ARRAYOID}};
	static StoragePlan add =
		{.sql = "INSERT INTO pprof.label_days (service_id, day, type_id, name, value) "
				"SELECT * FROM unnest($1, $2, $3, $4, $5) AS n (service_id, day, type_id, name, value) "
				"ORDER BY service_id, day, type_id, name COLLATE \"C\", value COLLATE \"C\" "
				"ON CONFLICT DO NOTHING",
		 .nargs = 5,
		 .args = {INT8ARRAYOID, DATEARRAYOID, INT8ARRAYOID, TEXTARRAYOID, TEXTARRAYOID}};
	Datum values[5];

	if (summary->n == 0)
		return;
	set_values(summary, values);
	summary->n = 0;
	storage_read_latest(&missing, values, NULL, 0);
	if (DatumGetInt64(storage_value(0, 6)) == 0)
		return;
	for (int i = 0; i < 5; i++)
		values[i] = storage_value(0, i + 1);
	storage_run(&add, values, NULL);
}
