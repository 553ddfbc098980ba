#!/usr/bin/env bash
# Install the Debian packages that are missing for the purposes given:
# build, run, test, lint, docker.  Says what, and how to do it by hand; silent when all is there.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

# pg_cron for the server that is there, which one test uses if it is; nothing
# where there is no such package.
cron_package()
{
	local dir package=
	for dir in /usr/lib/postgresql/*/lib/pgxs; do
		[ ! -d "$dir" ] || package=postgresql-$(basename "${dir%/lib/pgxs}")-cron
	done
	if [ -n "$package" ] && apt-cache show "$package" >/dev/null 2>&1; then
		echo "$package"
	fi
}

packages_for()
{
	case $1 in
		build)
			echo gcc libc6-dev make pkg-config postgresql-server-dev-all libdeflate-dev \
				libcurl4-openssl-dev libmicrohttpd-dev libprotobuf-c-dev protobuf-c-compiler \
				libjansson-dev zlib1g-dev
			;;
		run)
			echo postgresql curl golang-go
			;;
		test)
			echo postgresql curl golang-go libcmocka-dev libpcre2-dev libipc-run-perl perl procps python3 \
				clang-14 libclang-rt-14-dev g++ libgoogle-perftools-dev "$(cron_package)"
			;;
		lint)
			echo clang-format-14 cppcheck shellcheck
			;;
		docker)
			echo python3 python3-yaml debootstrap
			;;
		*)
			die "usage: deps.sh build|run|test|lint|docker ..."
			;;
	esac
}

installed()
{
	case $1 in
		# Either of the version-less names is satisfied by any version.
		postgresql-server-dev-all) compgen -G '/usr/lib/postgresql/*/lib/pgxs/src/makefiles/pgxs.mk' >/dev/null ;;
		postgresql) compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null ;;
		golang-go) command -v "${GO:-go}" >/dev/null ;;
		python3-yaml) python3 -c 'import yaml' 2>/dev/null ;;
		curl | perl | python3 | gcc | make) command -v "$1" >/dev/null ;;
		*) dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed ;;
	esac
}

# Packages of a list that are not installed, each once.
missing_of()
{
	local package
	for package in $(printf '%s\n' "$@" | sort -u); do
		installed "$package" || echo "$package"
	done
}

as_root()
{
	if [ "$(id -u)" -eq 0 ]; then
		env DEBIAN_FRONTEND=noninteractive "$@"
	else
		sudo env DEBIAN_FRONTEND=noninteractive "$@"
	fi
}

wanted=()
for purpose in "$@"; do
	read -ra list <<<"$(packages_for "$purpose" | tr '\n' ' ')"
	wanted+=("${list[@]}")
done
mapfile -t missing < <(missing_of "${wanted[@]}")
[ "${#missing[@]}" -gt 0 ] || exit 0

say "these packages are missing: ${missing[*]}"
say "by hand: sudo apt-get update && sudo apt-get install -y --no-install-recommends ${missing[*]}"
command -v apt-get >/dev/null || die 'no apt-get here; install the equivalents of these packages'
if [ "$(id -u)" -ne 0 ]; then
	command -v sudo >/dev/null || die 'neither root nor sudo; run the command above as root'
fi
say 'installing them with apt-get'
as_root apt-get update -q </dev/null
as_root apt-get install -y -q --no-install-recommends "${missing[@]}" </dev/null
mapfile -t missing < <(missing_of "${wanted[@]}")
[ "${#missing[@]}" -eq 0 ] || die "still missing: ${missing[*]}"
