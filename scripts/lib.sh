# lib.sh: what the other scripts share; sourced, never run.
# shellcheck shell=bash

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly TOP
# PostgreSQL refuses to run as root; then the package's own user runs it.
SERVER_USER=$(id -un)
[ "$(id -u)" -ne 0 ] || SERVER_USER=postgres
readonly SERVER_USER

say()
{
	printf 'pgpprof: %s\n' "$*"
}

die()
{
	printf 'pgpprof: %s\n' "$*" >&2
	exit 1
}

# Run a command as the user that runs servers, with a HOME of its own.
as_server()
{
	if [ "$(id -u)" -eq 0 ]; then
		setpriv --reuid="$SERVER_USER" --regid="$SERVER_USER" --init-groups env HOME=/nonexistent "$@"
	else
		"$@"
	fi
}

# shellcheck disable=SC2034 # for those who source this
# Paths of the PostgreSQL that PG_CONFIG (default: the first in PATH) belongs to.
find_postgres()
{
	local config=${PG_CONFIG:-pg_config}
	command -v "$config" >/dev/null || die "$config not found; \`make deps\` installs what is missing"
	PG_BINDIR=$("$config" --bindir)
	PG_PKGLIBDIR=$("$config" --pkglibdir)
	PG_SHAREDIR=$("$config" --sharedir)
	PG_PGXS=$(cd "$(dirname "$("$config" --pgxs)")/../.." && pwd)
	PG_MAJOR=$("$config" --version | sed 's/^PostgreSQL \([0-9]*\).*/\1/')
	[ -x "$PG_BINDIR/initdb" ] || die "no server in $PG_BINDIR; \`make deps\` installs what is missing"
}

# Install the build tree below folder $1, for servers that are told by
# stage_conf; the system's own PostgreSQL stays as it is.
make_stage()
{
	local stage=$1
	(cd "$TOP" && env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make --no-print-directory install DESTDIR="$stage") >/dev/null
	chmod -R a+rX "$stage"
}

# Settings that make a server find what make_stage installed below folder $1.
# Debian patches extension_destdir in; PostgreSQL 18 has a setting of its own.
stage_conf()
{
	local stage=$1
	if [ "$PG_MAJOR" -ge 18 ]; then
		printf "extension_control_path = '%s:\$system'\n" "$stage$PG_SHAREDIR"
	else
		printf "extension_destdir = '%s'\n" "$stage"
	fi
	printf "dynamic_library_path = '%s:\$libdir'\n" "$stage$PG_PKGLIBDIR"
}

# Can the server's user enter and read folder $1?
server_can_enter()
{
	(cd / && as_server test -r "$1" -a -x "$1")
}
