/*
 * check_labels.c
 *		Is pprof.label_days what series_days and series say?
 */
#include "postgres.h"

#include "check_labels.h"
#include "storage.h"

uint64
check_labels_read(long most)
{
	static StoragePlan read = {
		.sql = "WITH wanted AS MATERIALIZED (SELECT DISTINCT d.service_id, d.day, d.type_id, "
			   "l.name COLLATE \"C\" AS name, l.value COLLATE \"C\" AS value "
			   "FROM pprof.series_days d JOIN pprof.series s USING (service_id, series_id), "
			   "LATERAL pprof.label_summary(s.labels) l), "
			   "wrong AS (SELECT service_id, day, w.service_id IS NULL AS extra "
			   "FROM (SELECT *, true AS w FROM wanted) AS w "
			   "FULL JOIN (SELECT *, true AS h FROM pprof.label_days) AS h "
			   "USING (service_id, day, type_id, name, value) WHERE w.w IS NULL OR h.h IS NULL) "
			   "SELECT pg_catalog.format('labels of service %s, day %s', service_id, "
			   "pg_catalog.to_char(day::pg_catalog.timestamp, 'YYYY-MM-DD')), "
			   "CASE WHEN extra THEN 'no series has some of the names and values in label_days' "
			   "ELSE 'label_days does not have all names and values of the series' END "
			   "FROM wrong GROUP BY service_id, day, extra ORDER BY 1, 2"};

	return storage_read(&read, NULL, NULL, most);
}
