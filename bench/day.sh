#!/usr/bin/env bash
# The rows of storage and queries: a full day of one service with 50 pods, in its
# last hour 49 other services between its profiles; all profiles are distinct.
# Prints bytes per profile, and times of flame graphs and time series over HTTP:
# one hour (warm and cold), a day, and 30 days.
#
# COMPARE='http://host:port ...' sends everything to other servers as well, run by
# run.  HOURS=3 makes a shorter day, for a try.
set -euo pipefail
# shellcheck source=bench/lib/cluster.sh
source "$(dirname "$0")/lib/cluster.sh"
# shellcheck source=bench/lib/query.sh
source "$(dirname "$0")/lib/query.sh"
readonly HOURS=${HOURS:-24} PODS=${PODS:-50} OTHERS=${OTHERS:-49} OTHER_PODS=${OTHER_PODS:-10} DAYS=${DAYS:-30}
readonly CLIENTS=${CLIENTS:-32} PORT=${PORT:-46097} CORPUS=${CORPUS:-$TOP/.pgpprof/corpus-$HOURS-$PODS-$OTHERS-$OTHER_PODS-$SEED}
readonly START=1767225600 # 2026-01-01
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

# Days before and after, made of the one: new dictionaries, a tenth of the stacks
# others by function.  Of the line level only the first and the last day have
# profiles: no other is read below.
clone_days()
{
	sql -v days="$((DAYS - 1))" <<-'SQL'
		SET client_min_messages = warning;
		SELECT count(pprof.add_day('2026-01-01'::date + d)) FROM generate_series(1, :days) d;
		CREATE TABLE bench.days AS
		SELECT d, service_id, dict_id, ('x' || substr(md5(d || ' ' || dict_id), 1, 16))::bit(64)::bigint AS new_id
		  FROM generate_series(1, :days) d, pprof.dictionaries
		 WHERE service_id = (SELECT service_id FROM pprof.services WHERE name = 'service-0');
		CREATE FUNCTION bench.dict(samples bytea) RETURNS bigint LANGUAGE sql IMMUTABLE AS
		$$ SELECT ('x' || encode((SELECT string_agg(substr(samples, 11 - i, 1), '') FROM generate_series(0, 7) i), 'hex'))::bit(64)::bigint $$;
		CREATE FUNCTION bench.redict(samples bytea, at int, id bigint) RETURNS bytea LANGUAGE sql IMMUTABLE AS
		$$ SELECT overlay(samples PLACING (SELECT string_agg(substr(int8send(id), 9 - i, 1), '' ORDER BY i) FROM generate_series(1, 8) i) FROM at) $$;
		INSERT INTO pprof.dictionaries (service_id, day, dict_id)
		SELECT service_id, '2026-01-01'::date + d, new_id FROM bench.days;
		INSERT INTO pprof.totals
		SELECT t.service_id, t.type_id, t.hour + d * interval '24 hours', t.head, t.data
		  FROM pprof.totals t, generate_series(1, :days) d
		 WHERE t.service_id IN (SELECT service_id FROM bench.days);
		INSERT INTO pprof.series_days
		SELECT s.service_id, s.day + d, s.type_id, s.series_id
		  FROM pprof.series_days s, generate_series(1, :days) d
		 WHERE s.service_id IN (SELECT service_id FROM bench.days);
	SQL
	{
		sql -c "COPY (SELECT encode(data, 'hex') FROM pprof.paths WHERE service_id = (SELECT service_id FROM pprof.services WHERE name = 'service-0') ORDER BY first_no) TO STDOUT"
		echo samples
		sql -c "COPY (SELECT functions FROM pprof.day_rollups WHERE service_id = (SELECT service_id FROM pprof.services WHERE name = 'service-0')) TO STDOUT"
	} | "$TOP/build/bench/vary_paths" "$((DAYS - 1))" "$SEED" |
		sql -c 'CREATE TABLE bench.varied (kind text, d int, data bytea)' -c 'COPY bench.varied FROM STDIN'
	sql -v days="$((DAYS - 1))" <<-'SQL'
		SET client_min_messages = warning;
		INSERT INTO pprof.paths
		SELECT p.service_id, p.dict_id, p.month, p.last_no + v.d, p.last_no + v.d, v.data
		  FROM (SELECT service_id, dict_id, month, max(last_no) AS last_no FROM pprof.paths
		         WHERE service_id IN (SELECT service_id FROM bench.days) GROUP BY 1, 2, 3) p, bench.varied v
		 WHERE v.kind = 'paths';
		INSERT INTO pprof.day_rollups
		SELECT r.service_id, r.type_id, r.day + v.d, r.profiles, v.data::text::pprof.samples, r.function_counts
		  FROM pprof.day_rollups r, bench.varied v
		 WHERE r.service_id IN (SELECT service_id FROM bench.days) AND v.kind = 'samples';
		-- hours: the functions of the day's hours; lines only where they are read
		INSERT INTO pprof.rollups
		SELECT r.service_id, r.type_id, r.hour + d * interval '24 hours', r.profiles, r.first_at + d * interval '24 hours',
		       r.duration, r.functions, r.counts, r.functions, r.function_counts
		  FROM pprof.rollups r, generate_series(1, :days) d
		 WHERE r.service_id IN (SELECT service_id FROM bench.days);
		INSERT INTO pprof.chunks
		SELECT c.service_id, b.new_id, c.day + b.d, c.first_no, c.last_no, c.data
		  FROM pprof.chunks c JOIN bench.days b USING (service_id, dict_id) WHERE b.d = :days;
		INSERT INTO pprof.segments
		SELECT s.service_id, s.type_id, s.hour + :days * interval '24 hours', s.segment, s.profiles,
		       s.first_at + :days * interval '24 hours', s.last_at + :days * interval '24 hours',
		       overlay(s.head PLACING bench.shift(s.head, :days) FROM 2), s.ids,
		       bench.redict(s.samples, 3, b.new_id), s.spans
		  FROM pprof.segments s JOIN bench.days b ON b.service_id = s.service_id AND b.d = :days;
	SQL
	sql -c 'VACUUM ANALYZE'
}
