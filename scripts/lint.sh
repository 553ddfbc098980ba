#!/usr/bin/env bash
# Formatting, static checks and the rules of the house; needs a build for the
# checks of the libraries.  A tool that is not there is said to be missing, and
# the lint fails: `scripts/deps.sh lint` installs them.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"
cd "$TOP"

failures=0

# Run check $1 (a function), say how it went.
check()
{
	local output
	if output=$("check_$1" 2>&1); then
		printf 'ok      %s\n' "$1"
	else
		printf 'FAILED  %s\n' "$1"
		tail -n 40 <<<"$output" | sed 's/^/    /'
		failures=$((failures + 1))
	fi
}

c_files()
{
	git ls-files 'core/*.[ch]' 'extension/*.[ch]' 'bgworker/*.[ch]' 'scraper/*.[ch]' 'bridge/*.[ch]' \
		'tests/unit/*.[ch]' 'tests/fuzz/*.[ch]' 'bench/*.[ch]'
}

check_clang_format()
{
	c_files | xargs clang-format-14 --dry-run -Werror
}

check_cppcheck()
{
	git ls-files 'core/*.c' 'bgworker/*.c' 'scraper/*.c' 'bridge/*.c' |
		xargs cppcheck --quiet --std=c11 --enable=warning,portability --inline-suppr --error-exitcode=1 \
			--suppressions-list=scripts/cppcheck.txt -I.
}

check_shellcheck()
{
	git ls-files '*.sh' .ci/run | xargs shellcheck -x
}

check_gofmt()
{
	local gofmt
	gofmt=$(dirname "$(readlink -f "$(command -v "${GO:-go}")")")/gofmt
	[ -z "$("$gofmt" -l examples)" ] || { "$gofmt" -d examples; return 1; }
}

check_perl()
{
	git ls-files 'tests/*.pl' 'tests/*.pm' |
		PERL5LIB=$PG_PGXS/src/test/perl:tests/t/lib xargs -n 1 perl -wc
}

# Each header compiles alone; those of the backend after postgres.h.
check_headers()
{
	local header first flags status=0
	while read -r header; do
		first=''
		flags=-I.
		case $header in
			extension/* | bgworker/* | scraper/*)
				first='#include "postgres.h"'
				flags="-I. -Iextension -I$("${PG_CONFIG:-pg_config}" --includedir-server)"
				;;
			bridge/*)
				flags="-I. -Ibridge -Ibuild/bridge/proto -I$("${PG_CONFIG:-pg_config}" --includedir) -D_GNU_SOURCE"
				;;
			tests/*) continue ;;
		esac
		# shellcheck disable=SC2086 # the flags are many
		printf '%s\n#include "%s"\n' "$first" "$header" |
			gcc -std=gnu11 -Wall -Werror -fsyntax-only $flags -x c - || status=1
	done < <(git ls-files '*.h')
	return "$status"
}

# guc.c defines every setting, once and in alphabetical order.
check_settings()
{
	local names
	names=$(grep -oE '"pprof\.[a-z0-9_]+",' extension/guc.c)
	diff <(printf '%s\n' "$names") <(printf '%s\n' "$names" | LC_ALL=C sort -u)
}

# Only what PostgreSQL looks up leaves the libraries.
check_exports()
{
	local library strange
	for library in pprof.so pprof_scraper.so; do
		[ -e "$library" ] || continue
		strange=$(nm -D --defined-only "$library" | awk '{print $NF}' | sed 's/@.*//' |
			grep -vE '^(Pg_magic_func|_PG_init|_PG_fini|pg_finfo_[a-z0-9_]+|pprof_[a-z0-9_]+)$' || true)
		[ -z "$strange" ] || { echo "$library exports: $strange"; return 1; }
	done
}

# Every symbol of the core that a library uses is linked into it.
check_symbols()
{
	local library status=0
	for library in pprof.so pprof_scraper.so; do
		[ -e "$library" ] || continue
		if nm -D --undefined-only "$library" | grep -E ' pp_'; then
			status=1
		fi
	done
	return "$status"
}

# No backend that only uses the types loads libcurl, TLS or threads.
check_libraries()
{
	local needed
	needed=$(objdump -p pprof.so | awk '$1 == "NEEDED" {print $2}')
	! grep -E 'curl|ssl|crypto|pthread|microhttpd|protobuf' <<<"$needed"
}

# The version is written in extension/pprof.control and nowhere else.
check_version()
{
	local version
	version=$(sed -n "s/^default_version *= *'\(.*\)'/\1/p" extension/pprof.control)
	! git grep -nF "'$version'" -- '*.c' '*.h' '*.mk' Makefile '*.sh' 'docker/*' '*.sql' '*.go' ':!sql/updates'
}

# Nothing of the backend's, the bridge's or the scraper's reaches into the core.
check_core_stands_alone()
{
	! git grep -nE '#include "(postgres|fmgr|extension/|bridge/|scraper/|bgworker/)' -- core
}

find_postgres
for name in clang_format cppcheck shellcheck gofmt perl headers settings exports symbols libraries version \
	core_stands_alone; do
	check "$name"
done
[ "$failures" -eq 0 ] || die "$failures of the checks failed"
