#!/usr/bin/env bash
# Write docs/reference.md: every function, aggregate, type, table, view and
# setting of the extension with its comment, out of the catalog of a cluster
# that is made for it.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

find_postgres
work=$(mktemp -d "${TMPDIR:-/tmp}/pgpprof-docs.XXXXXX")
stop()
{
	(cd / && as_server "$PG_BINDIR/pg_ctl" -D "$work/data" -m immediate -s stop) 2>/dev/null || true
	rm -rf "$work"
}
trap stop EXIT
make_stage "$work/stage"
[ "$(id -u)" -ne 0 ] || chown "$SERVER_USER" "$work"
chmod 755 "$work"

(cd / && as_server "$PG_BINDIR/initdb" -N -D "$work/data" -U postgres --auth=trust --encoding=UTF8 --locale=C) >/dev/null
{
	stage_conf "$work/stage"
	echo "shared_preload_libraries = 'pprof'"
	echo "listen_addresses = ''"
	echo "unix_socket_directories = '$work'"
	echo 'fsync = off'
} >>"$work/data/postgresql.conf"
(cd / && as_server "$PG_BINDIR/pg_ctl" -D "$work/data" -l "$work/data/log" -w -s start) >/dev/null || { cat "$work/data/log" >&2; die "the server did not start"; }

query()
{
	(cd / && as_server "$PG_BINDIR/psql" -XAtq -v ON_ERROR_STOP=1 -h "$work" -U postgres -d postgres "$@")
}

query -c 'CREATE EXTENSION pprof'
mkdir -p "$TOP/docs"
query -f - <"$TOP/scripts/reference.sql" >"$work/reference.md"
mv "$work/reference.md" "$TOP/docs/reference.md"
say 'docs/reference.md is written'
