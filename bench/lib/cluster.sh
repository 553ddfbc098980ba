# cluster.sh: a throw-away server for one benchmark; sourced, never run.
# shellcheck shell=bash
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib.sh"

readonly RECORDED=${RECORDED:-$TOP/.pgpprof/recorded}
readonly SEED=${SEED:-42} RUNS=${RUNS:-20}
export LC_ALL=C

bench_home=''

# KEEP=1 leaves the server running, for a look at it.
bench_stop()
{
	[ -n "$bench_home" ] || return 0
	if [ "${KEEP:-0}" != 0 ]; then
		say "the server stays: psql -h $bench_home -U postgres postgres" >&2
		return
	fi
	(cd / && as_server "$PG_BINDIR/pg_ctl" -D "$bench_home/data" -m immediate -w -s stop) >/dev/null 2>&1 || true
	rm -rf "$bench_home"
}

# Build the programs, stage, start a server tuned as a small production one is.
bench_start()
{
	find_postgres
	make -C "$TOP" --no-print-directory all bench-programs >&2
	bench_home=$(mktemp -d "${BENCH_DIR:-/var/tmp}/pgpprof-bench.XXXXXX")
	trap bench_stop EXIT
	chmod 755 "$bench_home"
	make_stage "$bench_home/stage"
	[ "$(id -u)" -ne 0 ] || chown "$SERVER_USER" "$bench_home"
	(cd / && as_server "$PG_BINDIR/initdb" -D "$bench_home/data" -U postgres --auth=trust \
		--encoding=UTF8 --locale=C.UTF-8 --no-instructions) >/dev/null
	{
		stage_conf "$bench_home/stage"
		cat <<-CONF
			listen_addresses = ''
			unix_socket_directories = '$bench_home'
			shared_buffers = '1GB'
			max_wal_size = '8GB'
			checkpoint_timeout = '30min'
			synchronous_commit = ${SYNCHRONOUS_COMMIT:-off}
			jit = off
			pprof.accept_past = 0
			shared_preload_libraries = 'pprof'
			pprof.databases = ''
		CONF
	} >"$bench_home/stage/bench.conf"
	echo "include '$bench_home/stage/bench.conf'" >>"$bench_home/data/postgresql.conf"
	(cd / && as_server "$PG_BINDIR/pg_ctl" -D "$bench_home/data" -l "$bench_home/log" -w -s start)
	sql -f - <"$TOP/bench/lib/setup.sql" >/dev/null
}

# psql as the superuser, quiet, tuples only.
sql()
{
	(cd / && as_server "$PG_BINDIR/psql" -XAtq -v ON_ERROR_STOP=1 -h "$bench_home" -U postgres -d postgres "$@")
}

# Profiles to start from; recorded once, kept for the next run.
bench_recorded()
{
	N=${N:-240} "$TOP/bench/lib/record.sh" "$RECORDED"
}

# Fill bench.bodies: arguments of build/bench/corpus.
bench_corpus()
{
	"$TOP/build/bench/corpus" --profiles "$RECORDED" --seed "$SEED" --start 1767225600 "$@" |
		sql -c 'COPY bench.bodies FROM STDIN (FORMAT binary)'
	sql -c 'ANALYZE bench.bodies'
}

# Median, least and greatest of the numbers on standard input, as JSON members.
spread()
{
	sort -g | awk '{ v[NR] = $1 } END { printf "\"median\":%.4g,\"min\":%.4g,\"max\":%.4g,\"runs\":%d", v[int((NR + 1) / 2)], v[1], v[NR], NR }'
}

# CPU nanoseconds that process $1 has used.
cpu_ns()
{
	awk '{ print $1 }' "/proc/$1/schedstat"
}

# Bytes on disk per profile: $1 profiles, $2 services, $3 more JSON members.  Days
# made ahead and still empty are left out.
bench_bytes()
{
	sql -c 'CHECKPOINT'
	sql -v profiles="$1" -v services="$2" -v more="${3:-}" <<-'SQL'
		WITH sizes AS (
		    SELECT regexp_replace(c.relname, '_(2026.*|pkey|.*_idx)$', '') AS kind,
		           pg_relation_size(c.oid)
		           + coalesce((SELECT pg_total_relation_size(t.oid) FROM pg_class t WHERE t.oid = c.reltoastrelid), 0) AS bytes
		      FROM pg_class c
		     WHERE c.relnamespace = 'pprof'::regnamespace AND c.relkind IN ('r', 'i')
		       AND (c.relname !~ '_[0-9]{8}' OR c.relname ~ '_20260101')),
		kinds AS (SELECT kind, round(sum(bytes) / :profiles, 1) AS bytes FROM sizes GROUP BY kind)
		SELECT format('{"bench":"bytes","what":"bytes on disk per profile","profiles":%s,"services":%s%s,"total":%s,%s}',
			:profiles, :services, :'more', sum(bytes), string_agg(format('%s:%s', to_json(kind), bytes), ',' ORDER BY bytes DESC) FILTER (WHERE bytes >= 0.1))
		FROM kinds;
	SQL
}
