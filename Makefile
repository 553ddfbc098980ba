# pgpprof: every task starts here; `make help` lists them.
#
# PGXS owns common target names (`check` among them), so it is entered in a
# second pass: `make all` re-runs make on extension/module.mk.
PG_CONFIG ?= pg_config
CC        ?= gcc
WERROR    ?=
CFLAGS_CORE = -std=gnu11 -O2 -g -fPIC -fvisibility=hidden -ffp-contract=off \
              -Wall -Wextra -Wno-unused-parameter -Wmissing-prototypes $(WERROR) -I.

CORE_OBJS = $(patsubst core/%.c,build/core/%.o,$(wildcard core/*.c))
PGXS      = +$(MAKE) -f extension/module.mk PG_CONFIG=$(PG_CONFIG)

.PHONY: all install clean help core

all: core ## build everything
	$(PGXS) all

core: build/libpprof_core.a

build/core/%.o: core/%.c $(wildcard core/*.h)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_CORE) $(CFLAGS) -c -o $@ $<

build/libpprof_core.a: $(CORE_OBJS)
	rm -f $@ && ar rcs $@ $^

install: all ## install the extension (DESTDIR is honoured)
	$(PGXS) install

clean: ## remove what was built
	$(PGXS) clean
	rm -rf build tmp_install

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14
