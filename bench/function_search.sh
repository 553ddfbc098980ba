#!/usr/bin/env bash
# Functions by name over 24 hours of 2,000 services: pprof.search_functions and
# pprof.function_history, with the trigram index and by whole days.
#
# Rows are written into the tables: 80 % of the names are those of libraries that
# all services share, the rest are a service's own.  The range touches two days.
set -euo pipefail
# shellcheck source=bench/lib/cluster.sh
source "$(dirname "$0")/lib/cluster.sh"
readonly SERVICES=${SERVICES:-2000} FUNCTIONS=${FUNCTIONS:-1500}

bench_start
# The id of the function whose history is asked for: that of one stored for real.
sql -v include="$TOP/tests/sql/include/body.sql" >/dev/null <<'SQL'
\i :include
SELECT pprof.ingest(body('runtime.mallocgc', 1, '2026-01-01 12:00+00'), '{"__name__": "process_cpu", "service_name": "first"}');
SELECT pprof.compact_service(service_id), pprof.rollup_service(service_id) FROM pprof.services;
CREATE TABLE bench.known AS SELECT function_id, name FROM pprof.functions WHERE name = 'runtime.mallocgc';
TRUNCATE pprof.raw, pprof.segments, pprof.totals, pprof.rollups, pprof.day_rollups, pprof.functions, pprof.function_days,
         pprof.series_days, pprof.label_days, pprof.series, pprof.service_types, pprof.services;
SQL
sql -v services="$SERVICES" -v functions="$FUNCTIONS" >/dev/null <<'SQL'
CREATE EXTENSION IF NOT EXISTS pg_trgm;
SELECT pprof.create_function_index();
SELECT pprof.add_day('2026-01-02');
INSERT INTO pprof.services (service_id, tenant, name)
SELECT n, 'anonymous', 'service-' || n FROM generate_series(1, :services) n;
INSERT INTO pprof.service_types (service_id, type_id, profile_type)
SELECT n, 1, 'process_cpu:cpu:nanoseconds:cpu:nanoseconds' FROM generate_series(1, :services) n;
-- Names as Go's: a package, a type, a method.
CREATE TABLE bench.names AS
SELECT n, format('%s/%s.(*%s).%s',
                 (ARRAY['net/http', 'encoding/json', 'runtime', 'database/sql', 'google.golang.org/grpc', 'github.com/lib/pq', 'crypto/tls', 'internal/poll'])[1 + n % 8],
                 (ARRAY['server', 'client', 'codec', 'pool', 'transport', 'cache', 'conn', 'stream', 'parser', 'handler'])[1 + n / 8 % 10],
                 initcap(substr(md5('t' || n / 7), 1, 6)), initcap(substr(md5('m' || n), 1, 8))) AS name
  FROM generate_series(1, 20000) n;
INSERT INTO bench.names VALUES (20001, 'runtime.mallocgc'), (20002, 'net/http.(*conn).serve'), (20003, 'net/http.HandlerFunc.ServeHTTP'), (20004, 'net/http.serverHandler.ServeHTTP');
INSERT INTO pprof.functions (service_id, function_id, name)
SELECT s, coalesce((SELECT function_id FROM bench.known k WHERE k.name = x.name), hashtextextended(name, 0)), name FROM generate_series(1, :services) s,
       LATERAL (SELECT name FROM bench.names WHERE n > 20000 UNION ALL
                SELECT name FROM bench.names WHERE n <= 20000 AND (n * 7919 + s * 104729) % 20000 < :functions * 4 / 5 UNION ALL
                SELECT format('example.com/service%s/internal/%s.(*%s).%s', s, substr(md5(s || 'p' || n % 30), 1, 5), initcap(substr(md5(s || 't' || n % 90), 1, 6)), initcap(substr(md5(s || 'm' || n), 1, 9)))
                  FROM generate_series(1, :functions / 5) n) x
ON CONFLICT DO NOTHING;
INSERT INTO pprof.function_days (service_id, day, type_id, function_id, self, total)
SELECT service_id, day, 1, function_id, (random() * 1e9)::bigint, (random() * 1e11)::bigint
  FROM pprof.functions, (VALUES (date '2026-01-01'), ('2026-01-02')) d (day) ORDER BY 2, 1, 4;
VACUUM ANALYZE pprof.functions, pprof.function_days, pprof.services, pprof.service_types;
CREATE ROLE bench_reader LOGIN IN ROLE pprof_read;
GRANT USAGE ON SCHEMA bench TO bench_reader;
SQL

reader()
{
	(cd / && as_server "$PG_BINDIR/psql" -XAtq -v ON_ERROR_STOP=1 -h "$bench_home" -U bench_reader -d postgres "$@")
}

rows=$(sql -c 'SELECT count(*) FROM pprof.functions')
readonly rows
readonly RANGE="'2026-01-01 12:00+00', '2026-01-02 12:00+00'"

# Call $2, called $1, which must have $3 rows at least.
measure()
{
	local found ms
	found=$(reader -c "SELECT count(*) FROM $2")
	if [ "$found" -lt "$3" ]; then
		printf '%s: %d rows, not %d\n' "$1" "$found" "$3" >&2
		failures=$((failures + 1))
	fi
	ms=$(reader -c "SELECT bench.time_ms(\$q\$SELECT count(*) FROM $2\$q\$, $RUNS)" | spread)
	printf '{"bench":"function_search","what":"%s","services":%d,"functions":%d,"rows":%d,"unit":"ms",%s}\n' \
		"$1" "$SERVICES" "$rows" "$found" "$ms"
}

failures=0
measure 'search, in all services' "pprof.search_functions('mallocgc', NULL, '{}', $RANGE, 1000000)" "$SERVICES"
measure 'search, the 100 greatest' "pprof.search_functions('ServeHTTP', NULL, '{}', $RANGE)" 100
measure 'search, of one service' "pprof.search_functions('ServeHTTP', NULL, '{service_name=\"service-7\"}', $RANGE)" 2
measure 'search, a package of one service' "pprof.search_functions('service77/internal', NULL, '{}', $RANGE, 1000000)" 100
measure 'search, names of libraries' "pprof.search_functions('google.golang.org/grpc/transport', NULL, '{}', $RANGE)" 100
measure 'history, in all services' "pprof.function_history('runtime.mallocgc', 'process_cpu:cpu:nanoseconds:cpu:nanoseconds', '{}', $RANGE)" "$SERVICES"
exit $((failures > 0))
