#!/usr/bin/env bash
# Server CPU per ingested profile, beside the phases of the core on the same
# bytes, and bytes on disk per profile; 50 services interleaved, one profile in a
# transaction.  Median over RUNS slices of the corpus.
set -euo pipefail
# shellcheck source=bench/lib/cluster.sh
source "$(dirname "$0")/lib/cluster.sh"
readonly SERVICES=${SERVICES:-50} PODS=${PODS:-5} SCRAPES=${SCRAPES:-48}

bench_recorded
bench_start
bench_corpus --services "$SERVICES" --pods "$PODS" --scrapes "$SCRAPES"
profiles=$(sql -c 'SELECT count(*) FROM bench.bodies')
sql -c "SELECT format('{\"bench\":\"corpus\",\"profiles\":%s,\"services\":$SERVICES,\"pods\":$PODS,\"seed\":$SEED,\"gzip_bytes\":%s}',
	count(*), round(avg(length(body)))) FROM bench.bodies"

# The same bytes through the core alone, in the same run.
sample=$(mktemp -d)
trap 'rm -rf "$sample"; bench_stop' EXIT
sql -c "SELECT replace(encode(body, 'base64'), E'\n', '') FROM bench.bodies WHERE service = 0 ORDER BY seq" |
	{ i=0; while read -r line; do base64 -d <<<"$line" >"$sample/$(printf %05d "$i").pb.gz"; i=$((i + 1)); done; }
"$TOP/build/bench/phases" "$sample" 5

# One long-lived backend ingests everything; its CPU is read from outside.
coproc INGEST { (cd / && as_server "$PG_BINDIR/psql" -XAtq -v ON_ERROR_STOP=1 -h "$bench_home" -U postgres -d postgres 2>&1); }
ask()
{
	echo "$1" >&"${INGEST[1]}"
	IFS= read -r answer <&"${INGEST[0]}"
}
ask 'SELECT pg_backend_pid();'
pid=$answer
slice=$(((profiles + RUNS - 1) / RUNS))
for ((run = 0; run < RUNS; run++)); do
	before=$(cpu_ns "$pid")
	ask "CALL bench.ingest_slice($((run * slice)), $slice); SELECT 'done';"
	[ "$answer" = 'done' ] || die "ingest failed: $answer"
	echo $((($(cpu_ns "$pid") - before) / 1000)) | awk -v n="$slice" '{ print $1 / n }'
done >"$sample/us"
printf '{"bench":"ingest","what":"server CPU per profile","unit":"us","profiles":%d,"services":%d,%s}\n' \
	"$profiles" "$SERVICES" "$(spread <"$sample/us")"
echo '\q' >&"${INGEST[1]}"

stored=$(sql -c 'SELECT count(*) FROM pprof.raw')
sql -c "CHECKPOINT"
sql -c "
	SELECT format('{\"bench\":\"bytes\",\"what\":\"bytes on disk per profile\",\"services\":$SERVICES,\"profiles\":$stored,\"total\":%s,\"raw\":%s,\"raw_index\":%s,\"chunks\":%s,\"other\":%s}',
		round(sum(bytes) / $stored), round(sum(bytes) FILTER (WHERE kind = 'raw') / $stored),
		round(sum(bytes) FILTER (WHERE kind = 'raw_index') / $stored),
		round(sum(bytes) FILTER (WHERE kind = 'chunks') / $stored),
		round(sum(bytes) FILTER (WHERE kind = 'other') / $stored))
	FROM (SELECT CASE WHEN c.relname LIKE 'raw%' AND c.relkind = 'r' THEN 'raw'
	                  WHEN c.relname LIKE 'raw%' THEN 'raw_index'
	                  WHEN c.relname LIKE 'chunks%' THEN 'chunks' ELSE 'other' END AS kind,
	             pg_relation_size(c.oid) + coalesce((SELECT pg_total_relation_size(t.oid) FROM pg_class t WHERE t.oid = c.reltoastrelid), 0) AS bytes
	      FROM pg_class c WHERE c.relnamespace = 'pprof'::regnamespace AND c.relkind IN ('r', 'i')) x"
sql -c "SELECT format('{\"bench\":\"check\",\"problems\":%s}', count(*)) FROM pprof.check()"
