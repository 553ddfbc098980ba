# pgpprof: every task starts here; `make help` lists them.
#
# PGXS owns common target names (`check` among them), so it is entered in a
# second pass: `make all` runs make on this file again with PGXS_PASS=extension
# and PGXS_PASS=scraper, which include that folder's module.mk and nothing else.
# The bridge is no PGXS module: bridge/module.mk is included below.
PG_CONFIG ?= pg_config

# Warnings are errors in CI and with WERROR=1 only: a newer compiler may know more.
ifneq ($(CI)$(WERROR),)
override WERROR := -Werror
endif

ifdef PGXS_PASS
include $(PGXS_PASS)/module.mk
else

GO        ?= go
BUILD     ?= build
TIME      ?= 60
VERSION   := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" extension/pprof.control)

CFLAGS_COMMON = -std=gnu11 -O2 -g -fPIC -fvisibility=hidden -ffp-contract=off \
                -Wall -Wextra -Wno-unused-parameter -Wmissing-prototypes $(WERROR) \
                -DPGPPROF_VERSION='"$(VERSION)"' -I. -MMD -MP
CFLAGS_CORE   = $(CFLAGS_COMMON)

CORE_LIB  = $(BUILD)/libpprof_core.a
CORE_OBJS = $(patsubst core/%.c,$(BUILD)/core/%.o,$(wildcard core/*.c))
UNIT      = $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/test_*.c))
BENCH     = $(patsubst bench/%.c,$(BUILD)/bench/%,$(wildcard bench/*.c))
FUZZ      = $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
C_FILES   = $(wildcard $(addsuffix /*.[ch],core extension bgworker scraper bridge tests/unit tests/fuzz))

# The second passes.  The scraper is skipped while it has no source.
PGXS      = +@$(MAKE) --no-print-directory PG_CONFIG=$(PG_CONFIG) CORE_LIB=$(CORE_LIB)
EXTENSION = $(PGXS) PGXS_PASS=extension
SCRAPER   = $(if $(wildcard scraper/*.c),$(PGXS) PGXS_PASS=scraper,@:)

.DEFAULT_GOAL := all
.PHONY: help all core extension scraper install uninstall stage check test test-clients \
        unit fuzz-targets extremes format lint run start stop psql bench sanitize valgrind fuzz docs \
        dist deps check-docker clean

all: extension scraper ## build extension, core, scraper and bridge

# It adds itself to all, install and uninstall.
-include bridge/module.mk
# What a unit test links besides the core: UNIT_SRCS_<test>, UNIT_LIBS_<test>.
-include tests/unit/module.mk

core: $(CORE_LIB)

$(BUILD)/core/%.o: core/%.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_CORE) $(CFLAGS) -c -o $@ $<

# Fields come in the same order in every message, so comparisons are predicted; the
# indirect jumps of a table are not (decoding takes an eighth longer with them).
$(patsubst core/%.c,$(BUILD)/core/%.o,$(wildcard core/pp_decode*.c)): CFLAGS_CORE += -fno-jump-tables

# Made anew, so that the object of a deleted file does not stay in it.
$(CORE_LIB): $(CORE_OBJS)
	rm -f $@
	ar rcs $@ $^

extension: core
	$(EXTENSION) all

scraper: core
	$(SCRAPER) all

install: all ## install all of it (DESTDIR is honoured)
	$(EXTENSION) install
	$(SCRAPER) install

uninstall: ## remove what install put there
	$(EXTENSION) uninstall
	$(SCRAPER) uninstall

# -- tests ------------------------------------------------------------------

check: all unit ## unit, SQL and isolation tests; no root, no network
	scripts/test.sh unit sql isolation

test: ## install what is missing, then run every test
	scripts/deps.sh build test
	$(MAKE) -j$$(nproc) all unit fuzz-targets
	scripts/test.sh all

test-clients: all ## real SDKs against the bridge
	scripts/test.sh clients

unit: $(UNIT)

# A unit test may name sources of its own and libraries: see tests/unit/module.mk.
$(BUILD)/unit/%: tests/unit/%.c $(CORE_LIB)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_CORE) -Itests/unit $(UNIT_CFLAGS_$*) $(CFLAGS) -o $@ $< $(UNIT_SRCS_$*) $(CORE_LIB) \
		$(LDFLAGS) $(UNIT_LIBS_$*) -ldeflate -lcmocka -lpcre2-8 -lm

.SECONDEXPANSION:
$(UNIT): $(BUILD)/unit/%: $$(UNIT_SRCS_$$*)

$(BUILD)/fuzz/%: tests/fuzz/%.c $(CORE_LIB)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_CORE) $(CFLAGS) -o $@ $< $(CORE_LIB) $(LDFLAGS) -ldeflate -lpcre2-8 -lm

# libFuzzer comes with clang; the core is built once more, instrumented.
CLANG    = $(firstword $(foreach c,clang clang-14,$(if $(shell command -v $(c)),$(c))) clang)
SANITIZE = address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
fuzz-targets:
	$(MAKE) --no-print-directory BUILD=build/fuzzing CC=$(CLANG) fuzz-programs \
		CFLAGS='-fsanitize=fuzzer-no-link,$(SANITIZE)' LDFLAGS='-fsanitize=fuzzer'

.PHONY: fuzz-programs
fuzz-programs: $(FUZZ)

fuzz: fuzz-targets ## fuzz each target for TIME seconds (60)
	FUZZ_TIME=$(TIME) scripts/test.sh fuzz

sanitize: ## unit tests under ASan and UBSan
	$(MAKE) BUILD=build/sanitize CFLAGS='-fsanitize=$(SANITIZE)' unit
	UNIT_BUILD=build/sanitize scripts/test.sh unit

valgrind: unit ## unit tests under memcheck
	EXTREMES_DIVIDE=$${EXTREMES_DIVIDE:-200} \
	UNIT_WRAPPER='valgrind -q --error-exitcode=99 --leak-check=full' scripts/test.sh unit

extremes: $(BUILD)/unit/test_pp_extremes ## profiles as large as the limits allow, with times and memory
	EXTREMES_DIVIDE=1 EXTREMES_VERBOSE=1 $(BUILD)/unit/test_pp_extremes

# -- a private server to play with ------------------------------------------

run: ## build, start server, bridge and example; Ctrl-C stops all
	scripts/demo.sh run

start: ## the same in the background
	scripts/demo.sh start

stop: ## stop what start started
	scripts/demo.sh stop

psql: ## a session in the running server
	@scripts/demo.sh psql

deps: ## install the packages that building and running need
	scripts/deps.sh build run

# -- the rest ---------------------------------------------------------------

bench: all bench-programs ## run bench/*.sh into bench/results/
	scripts/bench.sh

.PHONY: bench-programs
bench-programs: $(BENCH)

$(BUILD)/bench/%: bench/%.c $(CORE_LIB)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_CORE) -D_GNU_SOURCE $(CFLAGS) -o $@ $< $(CORE_LIB) $(LDFLAGS) -ldeflate -lm

format: ## reformat C with clang-format 14
	clang-format-14 -i $(C_FILES)

lint: all ## formatting, static checks, house rules
	scripts/lint.sh

docs: all ## docs/reference.md from the comments in the catalog
	scripts/docs.sh

dist: ## the release archive
	git archive --format=tar.gz --prefix=pgpprof-$(VERSION)/ -o pgpprof-$(VERSION).tar.gz HEAD
	@echo pgpprof-$(VERSION).tar.gz

check-docker: ## check docker/ without a Docker daemon
	scripts/check-docker.sh

# No pass through PGXS here: clean works where PostgreSQL is not installed.
clean: ## remove what was built
	rm -f pprof.so pprof_scraper.so *.a pgpprof-*.tar.gz sql/pprof--$(VERSION).sql
	rm -f $(addsuffix /*.o,extension bgworker scraper) $(addsuffix /*.d,extension bgworker scraper)
	rm -rf build tmp_install

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

-include $(CORE_OBJS:.o=.d) $(UNIT:=.d) $(FUZZ:=.d) $(BENCH:=.d)

endif
