# module.mk: pprof.so, entered by the Makefile in a second pass (PGXS owns
# common target names).
EXTENSION  = extension/pprof
EXTVERSION = $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" extension/pprof.control)

MODULE_big = pprof
OBJS       = $(patsubst %.c,%.o,$(wildcard extension/*.c bgworker/*.c))
DATA       = $(wildcard sql/updates/*.sql)
DATA_built = sql/pprof--$(EXTVERSION).sql
SQL_PARTS  = $(sort $(wildcard sql/[0-9][0-9]_*.sql))

PG_CPPFLAGS  = -I. -Iextension
SHLIB_LINK   = build/libpprof_core.a -ldeflate -Wl,--version-script=extension/exports.map
EXTRA_CLEAN  = $(DATA_built)

PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

pprof.so: build/libpprof_core.a

$(DATA_built): $(SQL_PARTS) extension/pprof.control
	cat $(SQL_PARTS) > $@
