#!/usr/bin/env bash
# Check docker/ without a Docker daemon: parsers first; then, as root and where
# debootstrap is, the Dockerfile's steps in plain folders (some minutes).
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

"$TOP/scripts/deps.sh" docker
if [ "$(id -u)" -eq 0 ] && [ "${PARSE_ONLY:-0}" = 0 ]; then
	exec python3 "$TOP/scripts/check_docker.py" --run
fi
say 'only parsing: carrying the steps out needs root'
exec python3 "$TOP/scripts/check_docker.py"
