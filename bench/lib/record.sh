#!/usr/bin/env bash
# Record N distinct CPU profiles of the Go example into a folder, from several
# instances under different loads; used by the other scripts when the folder
# does not have that many yet.
#
#     bench/lib/record.sh [DIR]      (N=240 SECONDS_EACH=5 INSTANCES=4)
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/../../scripts/lib.sh"
readonly DIR=${1:-$TOP/.pgpprof/recorded}
readonly N=${N:-240} SECONDS_EACH=${SECONDS_EACH:-5} INSTANCES=${INSTANCES:-4}
readonly FIRST_PORT=${FIRST_PORT:-46060}

pids=()
stop_instances()
{
	[ ${#pids[@]} -eq 0 ] || kill "${pids[@]}" 2>/dev/null || true
}
trap stop_instances EXIT

# Instance $1 takes every INSTANCES-th profile, one after the other.
record_from()
{
	local i=$1 port=$((FIRST_PORT + $1)) k part
	for ((k = i; k < N; k += INSTANCES)); do
		part=$DIR/part.$i
		curl -fsS --retry 5 --retry-connrefused -o "$part" \
			"http://127.0.0.1:$port/debug/pprof/profile?seconds=$SECONDS_EACH"
		mv "$part" "$DIR/cpu-$(printf %04d "$k").pb.gz"
	done
}

mkdir -p "$DIR"
have=$(find "$DIR" -name 'cpu-*.pb.gz' | wc -l)
if [ "$have" -ge "$N" ]; then
	exit 0
fi
say "recording $N profiles of $SECONDS_EACH s each into $DIR" >&2
program=$DIR/shop
(cd "$TOP/examples/go-service" && "${GO:-go}" build -o "$program" .)
for ((i = 0; i < INSTANCES; i++)); do
	# loads and catalogues differ, so that the instances are not copies of each other
	"$program" -listen "127.0.0.1:$((FIRST_PORT + i))" -load "0.$((4 + i % 4))" \
		-products $((2000 + 1500 * i)) -workers $((4 + 2 * i)) 2>"$DIR/shop-$i.log" &
	pids+=($!)
done
recorders=()
for ((i = 0; i < INSTANCES; i++)); do
	record_from "$i" &
	recorders+=($!)
done
for pid in "${recorders[@]}"; do
	wait "$pid"
done
