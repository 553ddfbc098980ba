#!/usr/bin/env bash
# Server CPU per ingested profile, beside the phases of the core on the same
# bytes, and bytes on disk per profile; 50 services interleaved, one profile in a
# transaction, one long-lived backend.  Figures are over RUNS slices of the corpus.
# Twice: without labels on samples (one series per profile), and with those that
# the example sets, each set of which is a series of its own.
set -euo pipefail
# shellcheck source=bench/lib/cluster.sh
source "$(dirname "$0")/lib/cluster.sh"
readonly SERVICES=${SERVICES:-50} PODS=${PODS:-5} SCRAPES=${SCRAPES:-48}

ask()
{
	echo "$1" >&"${session[1]}"
	IFS= read -r answer <&"${session[0]}"
}

# Ingest all $1 bodies in slices, or read them only ($2 false); microseconds of CPU
# per profile, a line per slice.
ingest_slices()
{
	local profiles=$1 push=$2 slice=$((($1 + RUNS - 1) / RUNS)) pid before run
	local session_PID
	coproc session { (cd / && as_server "$PG_BINDIR/psql" -XAtq -v ON_ERROR_STOP=1 -h "$bench_home" -U postgres -d postgres 2>&1); }
	ask 'SELECT pg_backend_pid();'
	pid=$answer
	for ((run = 0; run * slice < profiles; run++)); do
		before=$(cpu_ns "$pid")
		ask "CALL bench.ingest_slice($((run * slice)), $slice, $push); SELECT 'done';"
		[ "$answer" = 'done' ] || die "ingest failed: $answer"
		echo "$(($(cpu_ns "$pid") - before)) $slice" | awk '{ print $1 / 1000 / $2 }'
	done
	echo '\q' >&"${session[1]}"
	wait "$session_PID" || true
}

# The same bytes through the core alone.
core_phases()
{
	local dir=$1 i=0 line
	while read -r line; do
		base64 -d <<<"$line" >"$dir/$(printf %05d "$i").pb.gz"
		i=$((i + 1))
	done < <(sql -c "SELECT replace(encode(body, 'base64'), E'\n', '') FROM bench.bodies WHERE service = 0 ORDER BY seq")
	"$TOP/build/bench/phases" "$dir" 5
}

# $1: yes or no, labels on samples; rest: arguments of the corpus
measure()
{
	local labels=$1 profiles dir
	shift
	sql -f - <"$TOP/bench/lib/setup.sql" >/dev/null
	bench_corpus --services "$SERVICES" --pods "$PODS" --scrapes "$SCRAPES" "$@"
	profiles=$(sql -c 'SELECT count(*) FROM bench.bodies')
	sql -c "SELECT format('{\"bench\":\"corpus\",\"labels\":\"$labels\",\"profiles\":$profiles,\"services\":$SERVICES,\"pods\":$PODS,\"seed\":$SEED,\"gzip_bytes\":%s,\"gzip_stddev\":%s}',
		round(avg(length(body))), round(stddev(length(body)))) FROM bench.bodies"
	dir=$(mktemp -d)
	[ "$labels" = yes ] || core_phases "$dir"
	ingest_slices "$profiles" false >"$dir/us"
	printf '{"bench":"ingest","what":"of which the loop of the benchmark","labels":"%s","unit":"us","profiles":%d,"services":%d,%s}\n' \
		"$labels" "$profiles" "$SERVICES" "$(spread <"$dir/us")"
	ingest_slices "$profiles" true >"$dir/us"
	printf '{"bench":"ingest","what":"server CPU per profile","labels":"%s","unit":"us","profiles":%d,"services":%d,%s}\n' \
		"$labels" "$profiles" "$SERVICES" "$(spread <"$dir/us")"
	rm -rf "$dir"
	bench_bytes "$profiles" "$SERVICES" ",\"labels\":\"$labels\""
	sql -c "SELECT format('{\"bench\":\"check\",\"problems\":%s}', count(*)) FROM pprof.check()"
}

bench_recorded
bench_start
measure no
measure yes --labels --mix 1
