# module.mk: pprof_scraper.so, entered by the Makefile in a second pass.  A
# library of its own, so that no backend loads libcurl.
EXTVERSION = $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" extension/pprof.control)

MODULE_big = pprof_scraper
OBJS       = $(patsubst %.c,%.o,$(wildcard scraper/*.c)) scraper/schedule.o

PG_CPPFLAGS = -I. -Iextension -DPGPPROF_VERSION='"$(EXTVERSION)"' -MMD -MP
PG_CFLAGS   = $(WERROR)
SHLIB_LINK  = $(CORE_LIB) -lcurl -ldeflate -Wl,--version-script=extension/exports.map

override with_llvm = no

PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# An object of its own: pprof.so compiles the same source, perhaps right now.
scraper/schedule.o: bgworker/schedule.c
	$(CC) $(CFLAGS) $(CPPFLAGS) -c -o $@ $<

pprof_scraper.so: $(CORE_LIB) extension/exports.map

-include $(OBJS:.o=.d)
