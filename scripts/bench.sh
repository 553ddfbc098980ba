#!/usr/bin/env bash
# Run every bench/*.sh (or those given) and keep its JSON lines in bench/results/.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"
cd "$TOP"

mkdir -p bench/results
commit=$(git rev-parse --short HEAD 2>/dev/null || echo none)
[ $# -gt 0 ] || set -- bench/*.sh
for script in "$@"; do
	result=bench/results/$(basename "$script" .sh)-$commit.jsonl
	say "$script > $result"
	"$script" | tee "$result"
done
