# module.mk: pprof.so, entered by the Makefile in a second pass (PGXS owns
# common target names).
EXTENSION  = extension/pprof
EXTVERSION = $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" extension/pprof.control)

MODULE_big = pprof
OBJS       = $(patsubst %.c,%.o,$(wildcard extension/*.c bgworker/*.c))
DATA       = $(wildcard sql/updates/*.sql)
DATA_built = sql/pprof--$(EXTVERSION).sql
SQL_PARTS  = $(sort $(wildcard sql/[0-9][0-9]_*.sql))

PG_CPPFLAGS  = -I. -Iextension -DPGPPROF_VERSION='"$(EXTVERSION)"' -MMD -MP
PG_CFLAGS    = $(WERROR)
SHLIB_LINK   = $(CORE_LIB) -ldeflate -Wl,--version-script=extension/exports.map

# Bitcode for the JIT needs clang of the server's version and gains nothing here.
override with_llvm = no

PGXS := $(shell $(PG_CONFIG) --pgxs)
ifeq ($(PGXS),)
$(error $(PG_CONFIG) not found: `make deps` installs what building needs)
endif
include $(PGXS)

pprof.so: $(CORE_LIB) extension/exports.map

$(DATA_built): $(SQL_PARTS) extension/pprof.control
	cat $(SQL_PARTS) > $@

-include $(OBJS:.o=.d)
