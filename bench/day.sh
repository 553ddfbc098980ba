#!/usr/bin/env bash
# The rows of storage and queries: a full day of one service with 50 pods, in its
# last hour 49 other services between its profiles; all profiles are distinct.
# Prints bytes per profile, and times of flame graphs and time series over HTTP:
# one hour (warm and cold), a day, and 30 days.
#
# COMPARE='http://host:port ...' pushes the day to other servers as well, and asks them
# the same, run by run; 30 days are made in the tables, so that others answer those
# queries over what they have.  HOURS=3 makes a shorter day, for a try.
set -euo pipefail
# shellcheck source=bench/lib/cluster.sh
source "$(dirname "$0")/lib/cluster.sh"
# shellcheck source=bench/lib/query.sh
source "$(dirname "$0")/lib/query.sh"
readonly HOURS=${HOURS:-24} PODS=${PODS:-50} OTHERS=${OTHERS:-49} OTHER_PODS=${OTHER_PODS:-10} DAYS=${DAYS:-30}
readonly CLIENTS=${CLIENTS:-32} PORT=${PORT:-46097} CORPUS=${CORPUS:-$TOP/.pgpprof/corpus-$HOURS-$PODS-$OTHERS-$OTHER_PODS-$SEED}
readonly START=1767225600 # 2026-01-01; bench_bytes looks for this day
readonly END=$((START + HOURS * 3600))
readonly CPU='process_cpu:cpu:nanoseconds:cpu:nanoseconds' ONE='{service_name="service-0"}'
export SYNCHRONOUS_COMMIT=on

bridge=
stop_all()
{
	[ -z "$bridge" ] || kill "$bridge" 2>/dev/null || true
	bench_stop
}

start_bridge()
{
	"$TOP/build/pprof-bridge" --listen "127.0.0.1:$PORT" \
		--dbname "host=$bench_home user=postgres dbname=postgres" 2>>"$bench_home/bridge.log" &
	bridge=$!
	until curl -fs --noproxy '*' -o /dev/null "http://127.0.0.1:$PORT/ready"; do
		kill -0 "$bridge"
		sleep 0.1
	done
}

# Parts of the corpus, made once: $1 name, then arguments of corpus.
make_part()
{
	local file=$CORPUS/$1.bin
	shift
	[ -e "$file" ] || {
		"$TOP/build/bench/corpus" --profiles "$RECORDED" --seed "$SEED" "$@" >"$file.part"
		mv "$file.part" "$file"
	}
}

maintain_until_done()
{
	local started
	started=$(date +%s%N)
	sql -c "CALL pprof.maintain()" >/dev/null
	until [ "$(sql -c "SELECT NOT EXISTS (SELECT FROM pprof.dirty_hours) AND NOT EXISTS (SELECT FROM pprof.dirty_days) AND NOT EXISTS (SELECT FROM pprof.raw)")" = t ]; do
		sql -c "CALL pprof.maintain()" >/dev/null
	done
	awk -v a="$started" -v b="$(date +%s%N)" -v p="$profiles" 'BEGIN {
		printf "{\"bench\":\"day\",\"what\":\"maintenance until nothing is left\",\"profiles\":%d,\"seconds\":%.1f,\"us_per_profile\":%.0f}\n", p, (b - a) / 1e9, (b - a) / 1e3 / p }'
}

# Days that follow, made of the one: a tenth of the stacks are others by function.
# Their profiles are not there, but in the hour in which the range of 30 days ends:
# that one is pushed like everything else.
clone_days()
{
	sql -v days="$((DAYS - 1))" <<-'SQL'
		SET client_min_messages = warning;
		SELECT count(pprof.add_day('2026-01-01'::date + d)) FROM generate_series(1, :days) d;
		CREATE FUNCTION bench.uvarint(v bigint) RETURNS bytea LANGUAGE plpgsql AS $$
		DECLARE
		    bytes bytea := '';
		BEGIN
		    WHILE v >= 128 LOOP
		        bytes := bytes || set_byte('\x00', 0, (v % 128 + 128)::int);
		        v := v / 128;
		    END LOOP;
		    RETURN bytes || set_byte('\x00', 0, v::int);
		END $$;
		-- The first time of the head of totals, moved: behind version and flags, zigzag-coded.
		CREATE FUNCTION bench.shift_head(head bytea, usecs bigint) RETURNS bytea LANGUAGE plpgsql AS $$
		DECLARE
		    v bigint := 0;
		    i int := 2;
		    factor bigint := 1;
		BEGIN
		    LOOP
		        v := v + (get_byte(head, i) & 127) * factor;
		        factor := factor * 128;
		        i := i + 1;
		        EXIT WHEN get_byte(head, i - 1) < 128;
		    END LOOP;
		    RETURN substr(head, 1, 2) || bench.uvarint(v + 2 * usecs) || substr(head, i + 1);
		END $$;
		INSERT INTO pprof.dictionaries (service_id, day, dict_id)
		SELECT v.service_id, date '2026-01-01' + d, d FROM pprof.services v, generate_series(1, :days) d WHERE v.name = 'service-0';
		INSERT INTO pprof.series_days
		SELECT s.service_id, s.day + d, s.type_id, s.series_id
		  FROM pprof.series_days s JOIN pprof.services v USING (service_id), generate_series(1, :days) d
		 WHERE v.name = 'service-0';
	SQL
	{
		sql -c "COPY (SELECT encode(data, 'hex') FROM pprof.paths JOIN pprof.services USING (service_id) WHERE name = 'service-0' ORDER BY first_no) TO STDOUT"
		echo samples
		sql -c "COPY (SELECT functions FROM pprof.day_rollups JOIN pprof.services USING (service_id) WHERE name = 'service-0') TO STDOUT"
	} | "$TOP/build/bench/vary_paths" "$((DAYS - 1))" "$SEED" |
		sql -c 'CREATE TABLE bench.varied (kind text, d int, data text)' -c 'COPY bench.varied FROM STDIN'
	sql -v days="$((DAYS - 1))" -v edge_hour="$(date -u -d "@$EDGE" +'%F %T+00')" <<-'SQL'
		SET client_min_messages = warning;
		INSERT INTO pprof.paths
		SELECT p.service_id, p.dict_id, p.month, p.last_no + v.d, p.last_no + v.d, v.data::bytea
		  FROM (SELECT service_id, dict_id, month, max(last_no) AS last_no
		          FROM pprof.paths JOIN pprof.services USING (service_id)
		         WHERE name = 'service-0' GROUP BY 1, 2, 3) p, bench.varied v
		 WHERE v.kind = 'paths';
		INSERT INTO pprof.day_rollups (service_id, type_id, day, profiles, functions, function_counts)
		SELECT r.service_id, r.type_id, r.day + v.d, r.profiles, v.data::pprof.samples, r.function_counts
		  FROM pprof.day_rollups r JOIN pprof.services s USING (service_id), bench.varied v
		 WHERE s.name = 'service-0' AND v.kind = 'samples';
		-- of the hours: samples by line are not read below
		INSERT INTO pprof.rollups (service_id, type_id, hour, profiles, first_at, duration, samples, counts, functions, function_counts)
		SELECT r.service_id, r.type_id, r.hour + d * interval '24 hours', r.profiles, r.first_at + d * interval '24 hours',
		       r.duration, r.functions, r.counts, r.functions, r.function_counts
		  FROM pprof.rollups r JOIN pprof.services s USING (service_id), generate_series(1, :days) d
		 WHERE s.name = 'service-0' AND r.hour + d * interval '24 hours' <> timestamptz :'edge_hour';
		INSERT INTO pprof.totals (service_id, type_id, hour, head, data)
		SELECT t.service_id, t.type_id, t.hour + d * interval '24 hours', bench.shift_head(t.head, d * 86400000000), t.data
		  FROM pprof.totals t JOIN pprof.services s USING (service_id), generate_series(1, :days) d
		 WHERE s.name = 'service-0' AND t.hour + d * interval '24 hours' <> timestamptz :'edge_hour';
	SQL
	"$TOP/build/bench/corpus" --profiles "$RECORDED" --seed "$((SEED + 1))" --services 1 --pods "$PODS" --start "$EDGE" |
		"$TOP/build/bench/http_load" --clients "$CLIENTS" "http://127.0.0.1:$PORT" >&2
	maintain_until_done >&2
	sql -c 'VACUUM ANALYZE'
}

bench_recorded
make -C "$TOP" --no-print-directory bench-programs >&2
mkdir -p "$CORPUS"
readonly LAST=$(((HOURS - 1) * 240)) # the first scrape of the last hour
make_part day --services 1 --pods "$PODS" --scrapes "$LAST" --start "$START"
make_part last0 --services 1 --pods "$PODS" --first-scrape "$LAST" --start "$START"
make_part last --services "$OTHERS" --first-service 1 --pods "$OTHER_PODS" --start "$((END - 3600))"

bench_start
# A day goes by in minutes, so VACUUM has to come as much more often.
sql -c "ALTER SYSTEM SET autovacuum_naptime = 2" -c "ALTER SYSTEM SET autovacuum_vacuum_cost_delay = 0" \
	-c "SELECT pg_reload_conf()" >/dev/null
trap stop_all EXIT
start_bridge

# The day hour by hour, with maintenance beside it as in life.
(
	while sleep 30; do sql -c "CALL pprof.maintain()" >/dev/null 2>&1 || exit 0; done
) &
maintainer=$!
"$TOP/build/bench/http_load" --clients "$CLIENTS" --rounds "$((${#COMPARE[@]} + 1))" --corpus "$CORPUS/day.bin" \
	"http://127.0.0.1:$PORT" "${COMPARE[@]}" |
	sed 's/"bench":"http_load"/"bench":"day","what":"durable ingest, one service, maintenance beside it"/'
"$TOP/build/bench/http_load" --clients "$CLIENTS" --rounds 10 --corpus "$CORPUS/last0.bin" --corpus "$CORPUS/last.bin" \
	"http://127.0.0.1:$PORT" "${COMPARE[@]}" |
	sed 's/"bench":"http_load"/"bench":"day","what":"durable ingest, all services interleaved, maintenance beside it"/'
kill "$maintainer" 2>/dev/null || true
wait "$maintainer" 2>/dev/null || true
profiles=$(sql -c "SELECT (SELECT count(*) FROM pprof.raw) + (SELECT coalesce(sum(profiles), 0) FROM pprof.segments)")
maintain_until_done
sql -c 'VACUUM ANALYZE'
bench_bytes "$profiles" "$((OTHERS + 1))"

measure_query 'flame graph of the last hour' "$TREE" "$(tree_body "$CPU" "$ONE" "$((END - 3600))000" "$((END - 1))999")"
measure_query 'flame graph of one pod, last hour' "$TREE" "$(tree_body "$CPU" '{service_name="service-0",pod="pod-7"}' "$((END - 3600))000" "$((END - 1))999")"
measure_query 'flame graph of the day' "$TREE" "$(tree_body "$CPU" "$ONE" "${START}000" "$((END - 1))999")"
measure_query 'flame graph of the day but 1,111 s at both ends' "$TREE" "$(tree_body "$CPU" "$ONE" "$((START + 1111))000" "$((END - 1111))000")"
measure_query 'flame graph of all services, last hour' "$TREE" "$(tree_body "$CPU" '{}' "$((END - 3600))000" "$((END - 1))999")"
measure_query 'series of the last hour by pod' "$SERIES_OF" "$(series_body "$CPU" "$ONE" "$((END - 3600))000" "${END}000" 15 pod)"

# Cold: a new server, nothing of its files in memory.
for ((run = 0; run < ${COLD_RUNS:-10}; run++)); do
	kill "$bridge"
	wait "$bridge" 2>/dev/null || true
	(cd / && as_server "$PG_BINDIR/pg_ctl" -D "$bench_home/data" -l "$bench_home/log" -m fast -w -s restart)
	sync
	echo 3 >/proc/sys/vm/drop_caches 2>/dev/null || die 'cold runs need root: COLD_RUNS=0 leaves them out'
	start_bridge
	post_ms "http://127.0.0.1:$PORT" "$TREE" "$(tree_body "$CPU" "$ONE" "$((END - 3600))000" "$((END - 1))999")"
done >"$bench_home/cold"
[ ! -s "$bench_home/cold" ] || spread <"$bench_home/cold" |
	xargs -0 printf '{"bench":"query","what":"flame graph of the last hour, cold","unit":"ms",%s}\n'

readonly EDGE=$((START + (DAYS - 1) * 86400 + 12 * 3600)) # the hour in which 30 days end
clone_days
measure_query '30 days, first and last second anywhere' "$TREE" "$(tree_body "$CPU" "$ONE" "$((START + 1111))000" "$((EDGE + 2096))000")"
measure_query 'series of 30 days by hour' "$SERIES_OF" "$(series_body "$CPU" "$ONE" "$((START + 1111))000" "$((EDGE + 2096))000" 3600 pod)"
