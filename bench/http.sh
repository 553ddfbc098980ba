#!/usr/bin/env bash
# Durable ingest through the bridge: profiles per second with keep-alive clients
# as fast as they can, then the latency of a steady rate, and the bridge's memory.
set -euo pipefail
# shellcheck source=bench/lib/cluster.sh
source "$(dirname "$0")/lib/cluster.sh"
readonly SERVICES=${SERVICES:-50} PODS=${PODS:-20} SCRAPES=${SCRAPES:-10}
readonly CLIENTS=${CLIENTS:-32} RATE=${RATE:-4} PORT=${PORT:-46099}
export SYNCHRONOUS_COMMIT=on

bridge=
stop_all()
{
	[ -z "$bridge" ] || kill "$bridge" 2>/dev/null || true
	bench_stop
}

bench_recorded
bench_start
trap stop_all EXIT
"$TOP/build/pprof-bridge" --listen "127.0.0.1:$PORT" \
	--dbname "host=$bench_home user=postgres dbname=postgres" 2>"$bench_home/bridge.log" &
bridge=$!
until curl -fs --noproxy '*' -o /dev/null "http://127.0.0.1:$PORT/ready"; do
	kill -0 "$bridge"
	sleep 0.1
done

# $1 what, then start, services, pods, scrapes, and arguments of http_load
push_corpus()
{
	local what=$1 start=$2 services=$3 pods=$4 scrapes=$5
	shift 5
	"$TOP/build/bench/corpus" --profiles "$RECORDED" --seed "$SEED" --start "$start" \
		--services "$services" --pods "$pods" --scrapes "$scrapes" |
		"$TOP/build/bench/http_load" "$@" "http://127.0.0.1:$PORT" |
		sed "s/{\"bench\":\"http_load\"/{\"bench\":\"http\",\"what\":\"$what\"/"
}

push_corpus 'durable ingest' 1767225600 "$SERVICES" "$PODS" "$SCRAPES" --clients "$CLIENTS" --rounds 10
push_corpus 'one service at its own pace' 1767312000 1 50 3 --clients "$CLIENTS" --rate "$RATE"
awk '/VmHWM/ { printf "{\"bench\":\"http\",\"what\":\"resident memory of the bridge, peak\",\"kB\":%d}\n", $2 }' \
	"/proc/$bridge/status"
