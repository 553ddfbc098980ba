# The HTTP bridge, a libpq client: build/pprof-bridge.  Included by the top
# Makefile, which provides BUILD, CC, CFLAGS, VERSION, CORE_LIB and PG_CONFIG.
BRIDGE_PKGS    = libmicrohttpd libprotobuf-c jansson libdeflate
BRIDGE_PROTOS  = types push querier
BRIDGE_GEN     = $(BUILD)/bridge/proto
BRIDGE         = $(BUILD)/pprof-bridge
BRIDGE_LIB     = $(BUILD)/libpprof_bridge.a
BRIDGE_BINDIR  = $(DESTDIR)$(shell $(PG_CONFIG) --bindir)

BRIDGE_CFLAGS := -D_GNU_SOURCE -pthread -Wshadow -I$(BUILD)/bridge/proto \
                 -isystem $(shell $(PG_CONFIG) --includedir 2>/dev/null) \
                 $(shell pkg-config --cflags $(BRIDGE_PKGS) 2>/dev/null)
BRIDGE_LIBS   := $(shell pkg-config --libs $(BRIDGE_PKGS) 2>/dev/null) -L$(shell $(PG_CONFIG) --libdir 2>/dev/null) -lpq -lm

BRIDGE_GEN_OBJS = $(BRIDGE_PROTOS:%=$(BRIDGE_GEN)/%.pb-c.o)
BRIDGE_GEN_H    = $(BRIDGE_PROTOS:%=$(BRIDGE_GEN)/%.pb-c.h)
BRIDGE_OBJS     = $(patsubst bridge/%.c,$(BUILD)/bridge/%.o,$(wildcard bridge/*.c))

.PHONY: bridge install-bridge uninstall-bridge
.SECONDARY: $(BRIDGE_PROTOS:%=$(BRIDGE_GEN)/%.pb-c.c) $(BRIDGE_GEN_H)

all: bridge
install: install-bridge
uninstall: uninstall-bridge

bridge: $(BRIDGE) ## build the HTTP daemon

$(BRIDGE_GEN)/%.pb-c.c $(BRIDGE_GEN)/%.pb-c.h: bridge/proto/%.proto
	@mkdir -p $(@D)
	protoc-c --proto_path=bridge/proto --c_out=$(BRIDGE_GEN) $<

$(BRIDGE_GEN)/%.pb-c.o: $(BRIDGE_GEN)/%.pb-c.c | $(BRIDGE_GEN_H)
	$(CC) $(CFLAGS_COMMON) $(BRIDGE_CFLAGS) $(CFLAGS) -c -o $@ $<

$(BUILD)/bridge/%.o: bridge/%.c | $(BRIDGE_GEN_H)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_COMMON) $(BRIDGE_CFLAGS) $(CFLAGS) -c -o $@ $<

# All but main(), for the daemon, the unit tests and the fuzz target.
$(BRIDGE_LIB): $(filter-out $(BUILD)/bridge/main.o,$(BRIDGE_OBJS)) $(BRIDGE_GEN_OBJS)
	rm -f $@
	ar rcs $@ $^

$(BRIDGE): $(BUILD)/bridge/main.o $(BRIDGE_LIB) $(CORE_LIB)
	$(CC) $(CFLAGS) -o $@ $^ $(LDFLAGS) -pthread $(BRIDGE_LIBS)

$(BUILD)/fuzz/fuzz_http: tests/fuzz/fuzz_http.c $(BRIDGE_LIB) $(CORE_LIB)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_COMMON) $(BRIDGE_CFLAGS) $(CFLAGS) -o $@ $< $(BRIDGE_LIB) $(CORE_LIB) \
		$(LDFLAGS) $(BRIDGE_LIBS)

install-bridge: bridge
	install -d '$(BRIDGE_BINDIR)'
	install -m 755 $(BRIDGE) '$(BRIDGE_BINDIR)/pprof-bridge'

uninstall-bridge:
	rm -f '$(BRIDGE_BINDIR)/pprof-bridge'

-include $(BRIDGE_OBJS:.o=.d) $(BRIDGE_GEN_OBJS:.o=.d)

# Unit tests that link the bridge besides the core; see tests/unit/module.mk.
define bridge_unit_test
UNIT_CFLAGS_$(1) = $(BRIDGE_CFLAGS)
UNIT_SRCS_$(1)   = $(BRIDGE_LIB)
UNIT_LIBS_$(1)   = $(BRIDGE_LIBS)
endef
$(foreach t,test_bridge_json test_bridge_multipart test_bridge_time,$(eval $(call bridge_unit_test,$(t))))
