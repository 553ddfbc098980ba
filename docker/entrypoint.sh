#!/usr/bin/env bash
# Make a cluster on the first start, then run the server; the extension's
# supervisor runs the bridge.
#
# POSTGRES_PASSWORD (or POSTGRES_PASSWORD_FILE): password of postgres, required
# PGPPROF_READER_PASSWORD: if set, a role "grafana" that may read gets it
set -euo pipefail

readonly BIN=/usr/lib/postgresql/15/bin
readonly RUN=/run/pgpprof

init()
{
	local password=${POSTGRES_PASSWORD:-}
	[ -z "${POSTGRES_PASSWORD_FILE:-}" ] || password=$(cat "$POSTGRES_PASSWORD_FILE")
	[ -n "$password" ] || { echo 'POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE must be set' >&2; exit 1; }
	# Made beside its place and moved there last, so that a start that was cut
	# off begins again.
	rm -rf "$PGDATA.new"
	"$BIN/initdb" -D "$PGDATA.new" -U postgres --auth-local=trust --auth-host=scram-sha-256 \
		--pwfile=<(printf '%s\n' "$password") --encoding=UTF8 --locale=C.UTF-8 --no-instructions
	echo 'host all all all scram-sha-256' >>"$PGDATA.new/pg_hba.conf"
	cat >>"$PGDATA.new/postgresql.conf" <<-CONF
		listen_addresses = '*'
		unix_socket_directories = '$RUN'
		unix_socket_permissions = 0700
		shared_preload_libraries = 'pprof'
		pprof.bridge = on
		pprof.bridge_listen = '0.0.0.0:4040'
		pprof.bridge_database = 'host=$RUN user=bridge dbname=postgres'
	CONF
	"$BIN/pg_ctl" -D "$PGDATA.new" -w -s -o "-c listen_addresses='' -c pprof.bridge=off" start
	psql -qc 'CREATE EXTENSION pprof' -c 'CREATE ROLE bridge LOGIN IN ROLE pprof_ingest, pprof_read'
	if [ -n "${PGPPROF_READER_PASSWORD:-}" ]; then
		psql -q -v password="$PGPPROF_READER_PASSWORD" <<-'SQL'
			CREATE ROLE grafana LOGIN PASSWORD :'password' IN ROLE pprof_read;
		SQL
	fi
	local file
	for file in /docker-entrypoint-initdb.d/*.sql; do
		[ ! -e "$file" ] || psql -qf "$file"
	done
	"$BIN/pg_ctl" -D "$PGDATA.new" -w -s -m fast stop
	mv "$PGDATA.new" "$PGDATA"
}

psql()
{
	"$BIN/psql" -X -v ON_ERROR_STOP=1 -h "$RUN" -U postgres -d postgres "$@"
}

[ -d "$PGDATA" ] || init
exec "$BIN/postgres" -D "$PGDATA" "$@"
