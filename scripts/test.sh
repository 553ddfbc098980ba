#!/usr/bin/env bash
# Run suites of tests and count them:
#
#     scripts/test.sh all                        every suite (what `make test` runs)
#     scripts/test.sh unit sql isolation         some suites (what `make check` runs)
#     scripts/test.sh tap tests/t/020_*.pl       some files of one suite
#
# Actual output of SQL and isolation tests is in build/results/<suite>/; after
# a look at it, that is the file for tests/expected/.
#
# Servers get a stage and clusters of their own in a folder under TMPDIR that
# is removed when all passed.  The last line is `N passed, N failed`; the exit
# status is 0 only when nothing failed and something ran.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"
cd "$TOP"

readonly ALL_SUITES=(unit sql isolation tap fuzz)
passed=0
failed=0
work=

# Count a suite's results and say so: $1 name, $2 passed, $3 failed, $4 what else to say.
report()
{
	passed=$((passed + $2))
	failed=$((failed + $3))
	printf '%-10s %4d passed, %d failed%s (%d s)\n' "$1:" "$2" "$3" "${4:-}" $((SECONDS - suite_start))
}

# Print the log of something that failed, bounded: servers log whole profiles.
show_failure()
{
	printf -- '--- %s failed; the end of its output:\n' "$1"
	tail -n "${SHOW_LINES:-60}" "$2" | cut -c 1-500 | sed 's/^/    /'
}

# A folder the server's user owns, with the stage and a copy of the tests: the
# clone itself may be where that user cannot go.
prepare_work()
{
	[ -z "$work" ] || return 0
	find_postgres
	local base=${TMPDIR:-/tmp}
	server_can_enter "$base" || base=/tmp
	work=$(mktemp -d "$base/pgpprof-test.XXXXXX")
	make_stage "$work/stage"
	cp -R tests "$work/tests"
	mkdir "$work/out" "$work/tmp"
	{
		stage_conf "$work/stage"
		echo "fsync = off"
		echo "max_worker_processes = 16"
	} >"$work/stage.conf"
	sed "\$ashared_preload_libraries = 'pprof'" "$work/stage.conf" >"$work/regress.conf"
	if [ "$(id -u)" -eq 0 ]; then
		chown -R "$SERVER_USER" "$work"
	fi
	chmod 755 "$work"
	# The caller's may be closed to the server's user.
	export TMPDIR=$work/tmp
	export PGPPROF_STAGE=$work/stage PGPPROF_STAGE_CONF=$work/stage.conf
	export PGPPROF_BINDIR=$work/stage$PG_BINDIR PGPPROF_DATA=$work/tests/data
}

cleanup()
{
	[ -n "$work" ] || return 0
	if [ "$failed" -eq 0 ] && [ "${KEEP:-0}" = 0 ]; then
		rm -rf "$work"
	else
		say "logs and results are in $work"
	fi
}
trap cleanup EXIT

# Results of a TAP stream $1: sets ok, not_ok, skipped.  Subtests are indented, so only
# the top level counts; $2 is the exit status of its program.
count_tap()
{
	ok=$(grep -c '^ok ' "$1" || true)
	skipped=$(grep -ciE '^ok .*# skip' "$1" || true)
	not_ok=$(grep -c '^not ok ' "$1" || true)
	ok=$((ok - skipped))
	# A program that died, or tested nothing, is one failure.
	if [ "$not_ok" -eq 0 ] && { [ "$2" -ne 0 ] || [ $((ok + skipped)) -eq 0 ]; }; then
		not_ok=1
	fi
}

# -- suites -----------------------------------------------------------------

suite_unit()
{
	local dir=${UNIT_BUILD:-build}/unit log ok not_ok skipped status test good=0 bad=0
	mkdir -p build/log
	for test in tests/unit/test_*.c; do
		[ -e "$test" ] || continue
		test=$(basename "$test" .c)
		log=build/log/$test.log
		status=0
		# shellcheck disable=SC2086 # the wrapper is a command with arguments
		CMOCKA_MESSAGE_OUTPUT=TAP ${UNIT_WRAPPER:-} "$dir/$test" >"$log" 2>&1 || status=$?
		count_tap "$log" "$status"
		good=$((good + ok))
		bad=$((bad + not_ok))
		[ "$not_ok" -eq 0 ] || show_failure "$test (exit status $status)" "$log"
	done
	report unit "$good" "$bad"
}

# pg_regress and its isolation sister: $1 suite, $2 program, rest: tests.
run_regress()
{
	local suite=$1 program=$2 out test good bad status=0
	shift 2
	prepare_work
	out=$work/out/$suite
	# A test without expected output differs in every line; it does not stop the others.
	for test in "$@"; do
		[ -e "$work/tests/expected/$test.out" ] || : >"$work/tests/expected/$test.out"
	done
	mkdir -p "$out"
	[ "$(id -u)" -ne 0 ] || chown "$SERVER_USER" "$out"
	(cd "$work" && as_server "$PG_PGXS/$program" \
		--inputdir="$work/tests" --outputdir="$out" --bindir="$PG_BINDIR" \
		--dlpath="$work/stage$PG_PKGLIBDIR" --temp-instance="$out/cluster" \
		--temp-config="$work/regress.conf" --encoding=UTF8 --no-locale \
		--load-extension=pprof "$@") >"$out/log.txt" 2>&1 || status=$?
	# `test x ... ok` up to PostgreSQL 15, TAP from 16 on.
	good=$(grep -cE '^(test +[^ ]+ +\.\.\. ok|ok [0-9])' "$out/log.txt" || true)
	bad=$(grep -cE '^(test +[^ ]+ +\.\.\. FAILED|not ok [0-9])' "$out/log.txt" || true)
	[ "$status" -eq 0 ] || [ "$bad" -gt 0 ] || bad=1
	rm -rf "build/results/$suite"
	mkdir -p build/results
	cp -R "$out/results" "build/results/$suite"
	if [ "$bad" -gt 0 ]; then
		show_failure "$suite" "$out/log.txt"
		[ ! -s "$out/regression.diffs" ] || SHOW_LINES=300 show_failure "$suite (differences)" "$out/regression.diffs"
		[ ! -s "$out/log/postmaster.log" ] || show_failure "$suite (server log)" "$out/log/postmaster.log"
	fi
	report "$suite" "$good" "$bad"
}

# Names of the tests $2... or of all files tests/$1.
names_of()
{
	local pattern=$1 file
	shift
	# shellcheck disable=SC2086 # the pattern is to be expanded
	[ $# -gt 0 ] || set -- $pattern
	for file in "$@"; do
		[ ! -e "$file" ] || basename "${file%.*}"
	done
}

suite_sql()
{
	local tests
	mapfile -t tests < <(names_of 'tests/sql/*.sql' "$@")
	[ "${#tests[@]}" -eq 0 ] || run_regress sql src/test/regress/pg_regress "${tests[@]}"
}

# Specs have no way to share what they set up: a line `-- include x.sql` stands for
# the file tests/sql/include/x.sql.
expand_specs()
{
	local spec
	for spec in "$work"/tests/specs/*.spec; do
		awk -v dir="$work/tests/sql/include/" '
			$1 == "--" && $2 == "include" { while ((getline line < (dir $3)) > 0) print line; close(dir $3); next }
			{ print }' "$spec" >"$work/out/spec"
		cat "$work/out/spec" >"$spec"
	done
}

suite_isolation()
{
	local tests
	mapfile -t tests < <(names_of 'tests/specs/*.spec' "$@")
	[ "${#tests[@]}" -gt 0 ] || return 0
	prepare_work
	expand_specs
	run_regress isolation src/test/isolation/pg_isolation_regress "${tests[@]}"
}

# The Go example, for tests that scrape a real program.
build_example()
{
	local go=${GO:-go}
	command -v "$go" >/dev/null || die "$go not found; \`make deps\` installs what is missing"
	(cd examples/go-service && env GOFLAGS= GOWORK=off GOPROXY=off GOTOOLCHAIN=local CGO_ENABLED=0 \
		GOCACHE="$TOP/build/go-cache" "$go" build -trimpath -o "$work/shop" .)
	PGPPROF_GO=$(command -v "$go")
	export PGPPROF_GO PGPPROF_SHOP=$work/shop
}

# What the test said on both its outputs, and the ends of its servers' logs.
show_tap_failure()
{
	local server_log
	show_failure "$1 (exit status $2)" "$work/out/$1.log"
	for server_log in "$work/out/${1%.pl}"/tmp_check/log/*; do
		[ ! -e "$server_log" ] || SHOW_LINES=25 show_failure "$1 ($(basename "$server_log"))" "$server_log"
	done
}

# TAP programs: $1 suite, rest: files below tests/.
run_tap()
{
	local suite=$1 path file log ok not_ok skipped status good=0 bad=0 left_out=0
	shift
	[ -e "$1" ] || return 0
	prepare_work
	for path in "$@"; do
		file=$(basename "$path")
		log=$work/out/$file.log
		status=0
		as_server mkdir -p "$work/out/${file%.pl}"
		(cd "$work" && as_server env PATH="$PG_BINDIR:$PATH" \
			PG_REGRESS="$PG_PGXS/src/test/regress/pg_regress" \
			TESTDIR="$work/out/${file%.pl}" TESTDATADIR="$work/out/${file%.pl}/tmp_check" \
			PERL5LIB="$PG_PGXS/src/test/perl:$work/tests/t/lib" \
			perl "$path") >"$log" 2>&1 || status=$?
		count_tap "$log" "$status"
		good=$((good + ok))
		bad=$((bad + not_ok))
		left_out=$((left_out + skipped))
		printf '  %-44s %4d passed, %d failed\n' "$file" "$ok" "$not_ok"
		[ "$not_ok" -eq 0 ] || show_tap_failure "$file" "$status"
	done
	[ "$left_out" -eq 0 ] || left_out=", $left_out skipped"
	report "$suite" "$good" "$bad" "${left_out#0}"
}

suite_tap()
{
	[ $# -gt 0 ] || set -- tests/t/*.pl
	prepare_work
	build_example
	run_tap tap "$@"
}

# Real clients from their registries: needs the network, so it is not part of `all`.
suite_clients()
{
	[ $# -gt 0 ] || set -- tests/clients/*.pl
	run_tap clients "$@"
}

# One target for FUZZ_TIME seconds; its verdict is the exit code.
fuzz_one()
{
	local name=$1 seeds
	# New inputs go into build/, so that the corpus in git stays as it is.
	mkdir -p "build/corpus/$name"
	mapfile -t seeds < <(find "tests/fuzz/corpus/$name" "tests/fuzz/corpus/${name#fuzz_}" \
		-maxdepth 0 -type d 2>/dev/null)
	build/fuzzing/fuzz/"$name" -max_total_time="${FUZZ_TIME:-10}" -timeout=20 -rss_limit_mb=2048 \
		-artifact_prefix="build/crashes/$name-" "build/corpus/$name" \
		"${seeds[@]}" >"build/log/$name.log" 2>&1
}

# As many targets at a time as there are cores.
suite_fuzz()
{
	local target name i good=0 bad=0 names=() pids=()
	local -r width=$(nproc)
	mkdir -p build/log build/crashes
	for target in tests/fuzz/fuzz_*.c; do
		[ ! -e "$target" ] || names+=("$(basename "$target" .c)")
	done
	for ((i = 0; i < ${#names[@]} + width; i++)); do
		# the one begun `width` ago makes room for the next
		if [ "$i" -ge "$width" ] && [ $((i - width)) -lt "${#names[@]}" ]; then
			name=${names[i - width]}
			if wait "${pids[i - width]}"; then
				good=$((good + 1))
			else
				bad=$((bad + 1))
				show_failure "$name" "build/log/$name.log"
			fi
		fi
		if [ "$i" -lt "${#names[@]}" ]; then
			fuzz_one "${names[i]}" &
			pids+=($!)
		fi
	done
	report fuzz "$good" "$bad"
}

# Processes that the tests started and left behind live below $work.
leftovers()
{
	local dir
	for dir in /proc/[0-9]*/cwd; do
		case $(readlink "$dir" 2>/dev/null) in
			"$work"*) tr '\0' ' ' <"${dir%cwd}cmdline" 2>/dev/null && echo ;;
		esac
	done
}

# Nothing may be left running; what is just ending gets a moment.
check_leftovers()
{
	local found try
	[ -n "$work" ] || return 0
	for try in 1 2 3 4 5 6 7 8 9 10; do
		found=$(leftovers)
		[ -n "$found" ] || break
		sleep 0.5
	done
	if [ -n "$found" ]; then
		printf -- '--- still running after %d looks:\n%s\n' "$try" "$found"
		report leftovers 0 1
	else
		report leftovers 1 0
	fi
}

main()
{
	local suite suite_start suites=()
	while [ $# -gt 0 ] && declare -F "suite_$1" >/dev/null; do
		suites+=("$1")
		shift
	done
	if [ "${1:-}" = all ]; then
		suites=("${ALL_SUITES[@]}")
		shift
	fi
	[ "${#suites[@]}" -gt 0 ] || die "usage: test.sh all | suite... [file...]; suites: ${ALL_SUITES[*]}"
	for suite in "${suites[@]}"; do
		suite_start=$SECONDS
		"suite_$suite" "$@"
	done
	suite_start=$SECONDS
	check_leftovers
	printf '%d passed, %d failed\n' "$passed" "$failed"
	[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}

main "$@"
