#!/usr/bin/env bash
# Reading recorded profiles against inflating and walking the same bytes.
set -euo pipefail
# shellcheck source=bench/lib/cluster.sh
source "$(dirname "$0")/lib/cluster.sh"

bench_recorded
make -C "$TOP" --no-print-directory bench-programs >&2
"$TOP/build/bench/decode" "$RECORDED" "${RUNS_FILES:-9}"
