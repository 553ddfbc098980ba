#!/usr/bin/env bash
# A private server with the extension, the bridge and a scraped Go program:
#
#     demo.sh run      in the foreground until Ctrl-C
#     demo.sh start    in the background, until demo.sh stop
#     demo.sh psql     a session in it
#
# State is in .pgpprof/ of the clone.  Where the server's user cannot enter the
# clone (root's home), cluster and stage are in /var/lib/pgpprof-<hash of the
# clone's path> instead.  The server listens on a Unix socket only, in a folder
# that belongs to its user, so it never meets another cluster.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

readonly STATE=$TOP/.pgpprof
readonly FIRST_PORT=${PORT:-4040} FIRST_EXAMPLE_PORT=6060
readonly WAIT_SECONDS=${WAIT_SECONDS:-120}
readonly CPU='process_cpu:cpu:nanoseconds:cpu:nanoseconds'
readonly KINDS=(process_cpu memory goroutine mutex block)

home='' bridge_port='' example_port=''

# -- where things are -------------------------------------------------------

clone_hash()
{
	printf '%s' "$TOP" | sha256sum | cut -c1-8
}

# Everything the server's user reads or writes is below $home.
find_home()
{
	mkdir -p "$STATE"
	if [ "$(id -u)" -ne 0 ] || server_can_enter "$TOP"; then
		home=$STATE/server
	else
		home=/var/lib/pgpprof-$(clone_hash)
	fi
	mkdir -p "$home"
	[ "$(id -u)" -ne 0 ] || chown "$SERVER_USER" "$home"
	chmod 700 "$home"
	as_server mkdir -p "$home/log"
	socket_dir=$home
	# A socket's path has room for 107 bytes.
	if [ "${#home}" -gt 80 ]; then
		socket_dir=/tmp/pgpprof-$(clone_hash)
		as_server mkdir -p -m 700 "$socket_dir"
		[ "$(stat -c %U "$socket_dir")" = "$SERVER_USER" ] || die "$socket_dir belongs to somebody else"
	fi
	data=$home/data
}

# What the last start wrote; nothing when there was none.
load_state()
{
	# shellcheck source=/dev/null
	[ ! -r "$STATE/state" ] || source "$STATE/state"
}

save_state()
{
	printf 'server_dir=%q\nbridge_port=%s\nexample_port=%s\n' "$home" "$bridge_port" "$example_port" >"$STATE/state"
}

port_in_use()
{
	(exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# The first free port from $1 on.
free_port()
{
	local port=$1
	while port_in_use "$port"; do
		port=$((port + 1))
	done
	echo "$port"
}

query()
{
	(cd / && as_server "$PG_BINDIR/psql" -XAtq -v ON_ERROR_STOP=1 -h "$socket_dir" -U postgres -d postgres "$@")
}

server_running()
{
	[ -d "$data" ] && (cd / && as_server "$PG_BINDIR/pg_ctl" -D "$data" status) >/dev/null 2>&1
}

example_running()
{
	local pid
	pid=$(cat "$home/shop.pid" 2>/dev/null) && [ "$(readlink "/proc/$pid/exe" 2>/dev/null)" = "$home/shop" ]
}

# -- starting ---------------------------------------------------------------

build_all()
{
	local log=$STATE/build.log
	say 'building (log in .pgpprof/build.log)'
	(cd "$TOP" && env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make --no-print-directory all) >"$log" 2>&1 || { tail -n 40 "$log" >&2; die 'the build failed'; }
	(cd "$TOP/examples/go-service" && env GOFLAGS= GOWORK=off GOPROXY=off GOTOOLCHAIN=local CGO_ENABLED=0 \
		GOCACHE="$STATE/go-cache" "${GO:-go}" build -trimpath -o "$STATE/shop" .) >>"$log" 2>&1 ||
		{ tail -n 40 "$log" >&2; die 'the Go example did not build'; }
}

# Stage the build below $home, where the server's user can read it.
stage_all()
{
	rm -rf "$home/stage"
	make_stage "$home/stage"
	install -m 755 "$STATE/shop" "$home/shop"
	[ "$(id -u)" -ne 0 ] || chown -R "$SERVER_USER" "$home/stage" "$home/shop"
}

# A cluster made for other SQL than today's of the same version cannot be
# updated; it is a demo's, so it is made anew.
init_cluster()
{
	local sum
	sum=$(cat "$TOP"/sql/pprof--*.sql | sha256sum | cut -c1-16)
	if [ -d "$data" ] && [ "$(cat "$home/sql.sum" 2>/dev/null)" != "$sum" ]; then
		say "the extension's SQL has changed: making the demo's cluster anew"
		rm -rf "$data"
	fi
	if [ ! -d "$data" ]; then
		say "making a cluster in $data"
		(cd / && as_server "$PG_BINDIR/initdb" -D "$data" -U postgres --auth=trust \
			--encoding=UTF8 --locale=C.UTF-8 --no-instructions) >"$STATE/initdb.log" 2>&1 ||
			{ rm -rf "$data"; cat "$STATE/initdb.log" >&2; die 'initdb failed'; }
		echo "include_if_exists = 'pgpprof.conf'" >>"$data/postgresql.conf"
	fi
	echo "$sum" >"$home/sql.sum"
}

write_conf()
{
	{
		stage_conf "$home/stage"
		cat <<-CONF
			listen_addresses = ''
			unix_socket_directories = '$socket_dir'
			shared_preload_libraries = 'pprof'
			pprof.bridge = on
			pprof.bridge_path = '$home/stage$PG_BINDIR/pprof-bridge'
			pprof.bridge_listen = '127.0.0.1:$bridge_port'
			pprof.bridge_database = 'host=$socket_dir user=bridge dbname=postgres'
		CONF
	} >"$STATE/pgpprof.conf"
	install -m 644 "$STATE/pgpprof.conf" "$data/pgpprof.conf"
	[ "$(id -u)" -ne 0 ] || chown "$SERVER_USER" "$data/pgpprof.conf"
}

# After a crash the old server's children may still hold its memory for a
# moment: wait and try again.
start_server()
{
	local try
	for try in 1 2 3 4 5 6; do
		if (cd / && as_server "$PG_BINDIR/pg_ctl" -D "$data" -l "$home/log/server.log" -w -s start) >"$STATE/start.log" 2>&1; then
			return 0
		fi
		[ "$try" -eq 6 ] || { say 'the server did not start; trying again in 2 s'; sleep 2; }
	done
	cat "$STATE/start.log" >&2
	tail -n 30 "$home/log/server.log" >&2 || true
	die 'the server does not start'
}

start_example()
{
	! example_running || return 0
	# No descriptor of ours stays open in it, or a pipe that we write to would never end.
	# shellcheck disable=SC2016 # the inner shell expands it
	(cd / && as_server setsid sh -c 'echo $$ >"$1/shop.pid"; exec "$1/shop" -listen "$2" >>"$1/log/shop.log" 2>&1' \
		sh "$home" "127.0.0.1:$example_port") </dev/null >/dev/null 2>&1 &
}

# Which of KINDS have not arrived from this start's example.
missing_kinds()
{
	local types kind
	types=$(query -c "SELECT DISTINCT profile_type FROM pprof.profiles WHERE service = 'shop' AND at >= '$since'" \
		2>>"$STATE/wait.log") || types=
	for kind in "${KINDS[@]}"; do
		grep -q "^$kind" <<<"$types" || echo "$kind"
	done
}

wait_for_profiles()
{
	local missing=("${KINDS[@]}") before=${#KINDS[@]} end=$((SECONDS + WAIT_SECONDS))
	: >"$STATE/wait.log"
	say "waiting for profiles of the example: ${KINDS[*]}"
	while :; do
		mapfile -t missing < <(missing_kinds)
		if [ "${#missing[@]}" -ne "$before" ]; then
			say "  $((${#KINDS[@]} - ${#missing[@]})) of ${#KINDS[@]} kinds are there${missing[*]:+, waiting for ${missing[*]}}"
			before=${#missing[@]}
		fi
		[ "${#missing[@]}" -gt 0 ] || return 0
		[ "$SECONDS" -lt "$end" ] || break
		sleep 1
	done
	tail -n 20 "$home/log/server.log" "$STATE/wait.log" >&2 || true
	die "no ${missing[*]} profiles after $WAIT_SECONDS s; logs are in $home/log"
}

wait_for_bridge()
{
	local end=$((SECONDS + 30))
	until port_in_use "$bridge_port"; do
		[ "$SECONDS" -lt "$end" ] || { tail -n 20 "$home/log/server.log" >&2; die "the bridge does not answer on port $bridge_port"; }
		sleep 0.2
	done
}

start()
{
	"$TOP/scripts/deps.sh" build run
	find_postgres
	find_home
	load_state
	if server_running && example_running; then
		say 'already running; "make stop" first to run a new build'
		show_hints
		return 0
	fi
	stop_all
	# What does not start in full does not stay.
	trap 'stop_all' EXIT
	build_all
	stage_all
	init_cluster
	bridge_port=$(free_port "$FIRST_PORT")
	example_port=$(free_port "$FIRST_EXAMPLE_PORT")
	save_state
	write_conf
	# shellcheck disable=SC2016 # the inner shell expands it
	as_server sh -c 'mv -f "$1" "$1.1" 2>/dev/null || true' sh "$home/log/server.log"
	start_server
	query -c 'SET client_min_messages = warning; CREATE EXTENSION IF NOT EXISTS pprof'
	since=$(query -c 'SELECT now()')
	start_example
	query -v target="127.0.0.1:$example_port" -f - <"$TOP/scripts/demo.sql" >/dev/null
	wait_for_bridge
	wait_for_profiles
	trap - EXIT
	show_hints
}

# -- what to do with it -----------------------------------------------------

# Run and show the commands that a newcomer tries first.
show_hints()
{
	local url="http://localhost:$bridge_port" answer
	local render="$url/pyroscope/render?query=$CPU%7Bservice_name%3D%22shop%22%7D&from=now-1h&until=now&max-nodes=16"
	local sql="SELECT left(name, 60) AS function, round(flat_pct::numeric, 1) AS flat, round(cum_pct::numeric, 1) AS cum
    FROM pprof.top(pprof.query('$CPU', '{service_name=\"shop\"}',
                               now() - interval '1 hour', now()), sort => 'cum')
   LIMIT 5"

	printf "\nPyroscope's API, for SDKs, Alloy and Grafana:  %s\n" "$url"
	printf 'The program that is scraped:                  http://localhost:%s/debug/pprof/\n' "$example_port"
	printf "\nAsk over HTTP:\n\n  curl -s '%s'\n\n" "$render"
	answer=$(curl -fsS "$render") || { say "the bridge gave no answer; see $home/log/server.log"; return 1; }
	printf '    %.600s ...\n' "$answer" | fold -w 120 | sed '2,$s/^/    /'
	printf '\nAsk in SQL (make psql):\n\n  %s;\n\n' "$sql"
	query -P format=aligned -P tuples_only=off -P footer=off -c "$sql" | sed 's/^/    /'
	echo
}

stop_example()
{
	local pid end=$((SECONDS + 10))
	if example_running; then
		pid=$(cat "$home/shop.pid")
		kill "$pid" 2>/dev/null || true
		while example_running && [ "$SECONDS" -lt "$end" ]; do sleep 0.1; done
		! example_running || kill -9 "$pid" 2>/dev/null || true
	fi
	rm -f "$home/shop.pid"
}

stop_server()
{
	server_running || return 0
	(cd / && as_server "$PG_BINDIR/pg_ctl" -D "$data" -m fast -w -s stop) ||
		(cd / && as_server "$PG_BINDIR/pg_ctl" -D "$data" -m immediate -w -s stop) || true
}

stop_all()
{
	stop_example
	stop_server
}

stop()
{
	find_postgres
	[ -d "$STATE" ] || { say 'not running'; return 0; }
	find_home
	load_state
	if ! server_running && ! example_running; then
		say 'not running'
		return 0
	fi
	stop_all
	say 'stopped'
}

run()
{
	# Ctrl-C reaches the whole group; the server and the example are in sessions
	# of their own and are stopped in order here.
	trap 'exit 0' INT TERM
	start
	trap 'trap "" INT TERM; echo; say stopping; stop_all; say stopped' EXIT
	say 'running; Ctrl-C stops everything'
	while server_running; do
		sleep 2 &
		wait $! || true
	done
	die "the server has ended by itself; see $home/log/server.log"
}

open_psql()
{
	find_postgres
	find_home
	load_state
	server_running || die 'not running; "make start" starts it'
	(cd / && exec "$PG_BINDIR/psql" -h "$socket_dir" -U postgres -d postgres "${@}")
}

case ${1:-} in
	run | start | stop) "$1" ;;
	psql) shift; open_psql "$@" ;;
	*) die 'usage: demo.sh run|start|stop|psql' ;;
esac
