#!/usr/bin/env bash
# Merge of 240 recorded profiles, stored as pprof.profile, against the pprof tool's
# merge of the same files, in one interleaved run.
set -euo pipefail
# shellcheck source=bench/lib/cluster.sh
source "$(dirname "$0")/lib/cluster.sh"
readonly TOOL=${TOOL:-${GO:-go} tool pprof}

bench_recorded
bench_start
sql -c 'CREATE TABLE bench.profiles (p pprof.profile)' -c 'ALTER TABLE bench.profiles ALTER p SET COMPRESSION lz4'
for file in "$RECORDED"/*.pb.gz; do
	printf '%s\n' "$(base64 -w0 "$file")"
done | sql -c 'CREATE TEMP TABLE t (b text)' -c 'COPY t FROM STDIN' \
	-c "INSERT INTO bench.profiles SELECT decode(b, 'base64')::pprof.profile FROM t"
sql -c 'ANALYZE bench.profiles'

out=$(mktemp -d)
trap 'rm -rf "$out"; bench_stop' EXIT
# The first runs warm up: caches here, the tool's own build there.
for ((run = -1; run < ${RUNS_FILES:-9}; run++)); do
	ours=$(sql -c "SELECT * FROM bench.time_ms('SELECT pprof.num_samples(pprof.merge(p)) FROM bench.profiles', 1)")
	started=$(date +%s%N)
	# shellcheck disable=SC2086 # the tool is a command with arguments
	$TOOL -symbolize=none -proto -output="$out/merged" "$RECORDED"/*.pb.gz >/dev/null 2>"$out/err" || die "$(cat "$out/err")"
	theirs=$((($(date +%s%N) - started) / 1000))
	[ "$run" -lt 0 ] || echo "$ours $theirs"
done >"$out/times"
files=$(find "$RECORDED" -name '*.pb.gz' | wc -l)
for column in 1 2; do
	printf '{"bench":"merge_files","what":"%s","files":%d,"unit":"ms",%s}\n' \
		"$([ $column = 1 ] && echo 'pprof.merge' || echo 'go tool pprof -proto')" "$files" \
		"$(awk -v c=$column '{ print c == 1 ? $1 : $2 / 1000 }' "$out/times" | spread)"
done
