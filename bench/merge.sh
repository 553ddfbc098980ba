#!/usr/bin/env bash
# Merge of stored profiles to a profile and to a flame graph: 240 and 12,000
# profiles of one service, alone in the table and with 49 others interleaved.
#
# The 12,000 are distinct (build/bench/corpus).  The neighbours are clones of
# their rows under other services: what matters of them is only that they lie
# between the rows that are read.
set -euo pipefail
# shellcheck source=bench/lib/cluster.sh
source "$(dirname "$0")/lib/cluster.sh"
readonly PODS=${PODS:-50} SCRAPES=${SCRAPES:-240}
readonly CPU='process_cpu:cpu:nanoseconds:cpu:nanoseconds'

bench_recorded
bench_start
bench_corpus --services 1 --pods "$PODS" --scrapes "$SCRAPES"
sql -c "CALL bench.ingest_slice(0, 1000000000)"
bench_bytes $((PODS * SCRAPES)) 1

# $1 profiles in the range, $2 services in the table, $3 what, $4 query of the range
measure()
{
	local n=$1 services=$2 what=$3 call=$4
	sql -c "SELECT bench.time_ms(\$q\$SELECT $call\$q\$, $RUNS)" | spread |
		xargs -0 printf '{"bench":"merge","what":"%s","profiles":%d,"services":%d,"seed":%d,"unit":"ms",%s}\n' \
			"$what" "$n" "$services" "$SEED"
}

measure_all()
{
	local services=$1 n until range
	for n in 240 $((PODS * SCRAPES)); do
		# profiles are spread evenly, so n of them are a stretch of time from the start
		until=$(sql -c "SELECT at FROM pprof.raw WHERE service_id = (SELECT service_id FROM pprof.services WHERE name = 'bench-0') ORDER BY at OFFSET $n - 1 LIMIT 1")
		range="'$CPU', '{service_name=\"bench-0\"}', '2026-01-01 00:00+00', timestamptz '$until' + interval '1 us'"
		measure "$n" "$services" 'merge to profile' "pprof.num_samples(pprof.query($range))"
		measure "$n" "$services" 'flame graph, 8192 nodes' "count(*) FROM pprof.flamegraph($range, 8192, 'pyroscope')"
	done
}

measure_all 1

# The same rows again, each followed by 49 neighbours: physically interleaved in time.
sql <<'SQL'
CREATE TABLE bench.rows AS SELECT * FROM pprof.raw;
TRUNCATE pprof.raw;
INSERT INTO pprof.raw
SELECT CASE n WHEN 0 THEN r.service_id ELSE n END, r.type_id, r.series_id, r.at, r.duration, r.total,
       r.profile_id, r.samples, r.spans
  FROM bench.rows r, generate_series(0, 49) n
 ORDER BY r.at, n;
DROP TABLE bench.rows;
VACUUM ANALYZE pprof.raw;
SQL
measure_all 50
