#!/usr/bin/env bash
# Labels of 100,000 series: a reader's selector through the security-barrier view
# must use the index on labels, and label names, values and sets must come fast.
#
# 50 services of 2,000 pods with one profile each; the rows are written into the
# tables, as what matters here are their labels and not what is in the profiles.
set -euo pipefail
# shellcheck source=bench/lib/cluster.sh
source "$(dirname "$0")/lib/cluster.sh"
readonly SERVICES=${SERVICES:-50} PODS=${PODS:-2000} CALLS=${CALLS:-100}
readonly SERIES=$((SERVICES * PODS))

bench_start

# One real profile makes the day's partitions and the samples that all rows share.
profile=$(base64 -w0 "$TOP/tests/data/pprof/in/basic.pb")
sql -v services="$SERVICES" -v pods="$PODS" -v profile="$profile" >/dev/null <<'SQL'
SELECT pprof.ingest(decode(:'profile', 'base64'), '{"__name__": "process_cpu", "service_name": "first"}',
                    timestamptz '2026-01-01 12:00+00');
CREATE TABLE bench.template AS
SELECT r.at, r.duration, r.total, r.samples, t.profile_type, t.type_id
  FROM pprof.raw r JOIN pprof.service_types t USING (service_id, type_id) LIMIT 1;
-- It has served: what is counted below is made of the rows that follow.
TRUNCATE pprof.raw, pprof.series_days, pprof.label_days, pprof.series, pprof.service_types, pprof.services;
INSERT INTO pprof.services (service_id, tenant, name)
SELECT n, 'anonymous', 'service-' || n FROM generate_series(1, :services) n;
INSERT INTO pprof.service_types (service_id, type_id, profile_type)
SELECT n, t.type_id, t.profile_type FROM generate_series(1, :services) n, bench.template t;
INSERT INTO pprof.series (service_id, series_id, labels)
SELECT s, p, jsonb_build_object(
           'service_name', 'service-' || s, 'pod', 'pod-' || s || '-' || p, 'namespace', 'ns-' || s % 10,
           'node', 'node-' || p % 200, 'version', 'v1.' || p % 7, 'region', (ARRAY['eu', 'us', 'ap'])[1 + p % 3],
           'instance', '10.' || s || '.' || p / 250 || '.' || p % 250 || ':6060')
  FROM generate_series(1, :services) s, generate_series(1, :pods) p;
INSERT INTO pprof.series_days (service_id, day, type_id, series_id)
SELECT s.service_id, (t.at AT TIME ZONE 'UTC')::date, t.type_id, s.series_id FROM pprof.series s, bench.template t;
SELECT pprof.label_summary_rebuild(s.service_id, (t.at AT TIME ZONE 'UTC')::date) FROM pprof.services s, bench.template t;
INSERT INTO pprof.raw (service_id, type_id, series_id, at, duration, total, profile_id, samples)
SELECT s.service_id, t.type_id, s.series_id, t.at, t.duration, t.total, gen_random_uuid(), t.samples
  FROM pprof.series s, bench.template t;
VACUUM ANALYZE;

CREATE ROLE bench_reader LOGIN IN ROLE pprof_read;
GRANT USAGE ON SCHEMA bench TO bench_reader;
SQL

# The day of the rows: a profile's own time counts, not that of the call.
RANGE=$(sql -c "SELECT format('%L, %L', at - interval '1 hour', at + interval '1 hour') FROM bench.template")
readonly RANGE

# As the reader.
reader()
{
	(cd / && as_server "$PG_BINDIR/psql" -XAtq -v ON_ERROR_STOP=1 -h "$bench_home" -U bench_reader -d postgres "$@")
}

# The claim about selector $1: the plan of a query on the view has the index in it.
claim_index()
{
	local query="SELECT count(*), sum(total) FROM pprof.profiles WHERE labels OPERATOR(pprof.@~) \$s\$$1\$s\$"
	local plan rows ms
	plan=$(reader -c "EXPLAIN $query")
	if ! grep -q 'Index Scan on series_labels_idx' <<<"$plan"; then
		printf 'the plan for %s does not use the index on labels:\n%s\n' "$1" "$plan" >&2
		failures=$((failures + 1))
	fi
	rows=$(reader -c "$query" | cut -d'|' -f1)
	ms=$(reader -c "SELECT bench.time_ms(\$q\$$query\$q\$, 20)" | spread)
	printf '{"bench":"label_index","what":"selector on the view","selector":"%s","series":%d,"rows":%d,"index":%s,"unit":"ms",%s}\n' \
		"${1//\"/\\\"}" "$SERIES" "$rows" "$(grep -q 'Index Scan on series_labels_idx' <<<"$plan" && echo true || echo false)" "$ms"
}

# p50 and p99 of call $2, called $1, which must have $3 rows: an empty answer is fast.
latency()
{
	local rows
	rows=$(reader -c "SELECT count(*) FROM $2")
	if [ "$rows" -ne "$3" ]; then
		printf '%s: %d rows, not %d\n' "$1" "$rows" "$3" >&2
		failures=$((failures + 1))
	fi
	reader -c "SELECT bench.time_ms(\$q\$SELECT count(*) FROM $2\$q\$, $CALLS)" | sort -g |
		awk -v what="$1" -v series="$SERIES" -v rows="$rows" '{ v[NR] = $1 }
			END {
				printf "{\"bench\":\"label_index\",\"what\":\"%s\",\"series\":%d,\"rows\":%d,\"unit\":\"ms\",\"p50\":%.4g,\"p99\":%.4g,\"calls\":%d}\n",
					what, series, rows, v[int((NR + 1) / 2)], v[int(NR * 0.99 + 0.5)], NR
			}'
}

failures=0
claim_index '{pod="pod-7-77"}'
claim_index '{service_name="service-7", version="v1.3"}'
claim_index '{pod=~"pod-7-7.", region!="eu"}'
claim_index '{node=~"node-1|node-2|node-3"}'
claim_index '{instance=~".*\\.7:6060"}'

# Seven labels and seven private ones.
readonly ONE="ARRAY['{service_name=\"service-7\"}']"
latency 'label names' "pprof.label_names('{}', $RANGE)" 14
latency 'label names of a service' "pprof.label_names($ONE, $RANGE)" 14
latency 'label values, service_name' "pprof.label_values('service_name', '{}', $RANGE)" "$SERVICES"
latency 'label values, region' "pprof.label_values('region', '{}', $RANGE)" 3
latency 'label values, pod' "pprof.label_values('pod', '{}', $RANGE)" "$SERIES"
latency 'label values, pod of a service' "pprof.label_values('pod', $ONE, $RANGE)" "$PODS"
latency 'label sets, service and type' "pprof.label_sets('{}', '{service_name,__profile_type__}', $RANGE)" "$SERVICES"
latency 'label sets of a service' "pprof.label_sets($ONE, '{}', $RANGE)" "$PODS"
# Selectors on labels of series: what matches is looked at one by one.
readonly POD="ARRAY['{pod=\"pod-7-77\"}']" NODE="ARRAY['{node=\"node-7\"}']" VERSION="ARRAY['{service_name=\"service-7\", version=\"v1.3\"}']"
latency 'label names of a pod' "pprof.label_names($POD, $RANGE)" 14
latency 'label names of a node, all services' "pprof.label_names($NODE, $RANGE)" 14
latency 'label values, pod of a node, all services' "pprof.label_values('pod', $NODE, $RANGE)" $((SERVICES * PODS / 200))
latency 'label values, pod of a version of a service' "pprof.label_values('pod', $VERSION, $RANGE)" 286
latency 'label sets of a node, all services' "pprof.label_sets($NODE, '{}', $RANGE)" $((SERVICES * PODS / 200))
exit $((failures > 0))
