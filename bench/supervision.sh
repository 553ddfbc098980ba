#!/usr/bin/env bash
# Seconds until a scraper that was terminated, and a bridge that was killed, are
# back and answer.
set -euo pipefail
# shellcheck source=bench/lib/cluster.sh
source "$(dirname "$0")/lib/cluster.sh"
readonly PORT=${PORT:-46098} TIMES=${TIMES:-9}

bench_start
cat >>"$bench_home/stage/bench.conf" <<-CONF
	shared_preload_libraries = 'pprof'
	pprof.bridge = on
	pprof.bridge_path = '$bench_home/stage$PG_BINDIR/pprof-bridge'
	pprof.bridge_listen = '127.0.0.1:$PORT'
	pprof.bridge_database = 'host=$bench_home user=postgres dbname=postgres'
CONF
(cd / && as_server "$PG_BINDIR/pg_ctl" -D "$bench_home/data" -l "$bench_home/log" -m fast -w -s restart)

scraper_pid()
{
	sql -c "SELECT pid FROM pg_stat_activity WHERE backend_type = 'pprof scraper'"
}

bridge_pid()
{
	pgrep -f -- "--listen 127.0.0.1:$PORT" | head -n 1
}

bridge_ready()
{
	curl -fs --noproxy '*' -o /dev/null "http://127.0.0.1:$PORT/ready"
}

seconds_since()
{
	awk -v a="$1" -v b="$(date +%s%N)" 'BEGIN { print (b - a) / 1e9 }'
}

for ((run = 0; run < TIMES; run++)); do
	until pid=$(scraper_pid) && [ -n "$pid" ]; do sleep 0.05; done
	started=$(date +%s%N)
	sql -c "SELECT pg_terminate_backend($pid)" >/dev/null
	until now=$(scraper_pid) && [ -n "$now" ] && [ "$now" != "$pid" ]; do sleep 0.02; done
	echo "scraper $(seconds_since "$started")"
	until bridge_ready; do sleep 0.05; done
	started=$(date +%s%N)
	kill -9 "$(bridge_pid)"
	until bridge_ready; do sleep 0.02; done
	echo "bridge $(seconds_since "$started")"
	sleep "${PAUSE:-6}" # a process that lived this long is not one that fails at once
done >"$bench_home/stage/times"
for what in scraper bridge; do
	printf '{"bench":"supervision","what":"%s back","unit":"s",%s}\n' "$what" \
		"$(awk -v w=$what '$1 == w { print $2 }' "$bench_home/stage/times" | spread)"
done
