# mailmig: build, check, demo. `make help` lists the targets.

VERSION := 0.1.0
BUILD   ?= build
ifeq ($(origin CC),default)
CC      := gcc
endif
PYTHON  ?= /usr/bin/python3
PREFIX  ?= /usr
SYSCONFDIR ?= /etc
LIBEXECDIR ?= $(PREFIX)/libexec
MANDIR  ?= $(PREFIX)/share/man

# Without the build dependencies, demo and check still have to start: their first step installs them.
PKGS     := libsystemd libcurl openssl libconfig sqlite3 jansson
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PKG_LIBS   := $(shell pkg-config --libs $(PKGS) 2>/dev/null)

WARN := -Wall -Wextra -Werror -Wshadow -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes \
	-Wwrite-strings -Wpointer-arith -Wvla -Wno-unused-parameter
HARDEN := -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection -fPIE \
	-ftrivial-auto-var-init=zero
OPT  ?= -O2 -g
SAN  ?=
ifneq ($(SAN),)
HARDEN := -fPIE -fno-omit-frame-pointer
endif

CFLAGS_ALL  = -std=gnu17 -D_GNU_SOURCE -Iinclude -DMAILMIG_VERSION='"$(VERSION)"' \
	-DMAILMIG_LIBEXECDIR='"$(LIBEXECDIR)/mailmig"' $(OPT) $(WARN) $(HARDEN) $(SAN) \
	$(PKG_CFLAGS) $(CFLAGS)
LDFLAGS_ALL = -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(SAN) $(LDFLAGS)

# Each layer is an archive of its own, in an order in which a layer uses only those after it.
LAYERS := engine store imap net state history config varlink model util
PROGRAMS := mailmigd mailmigctl mailmig-worker

lib      = $(BUILD)/lib$(1).a
objs     = $(patsubst src/%.c,$(BUILD)/obj/%.o,$(wildcard src/$(1)/*.c))

daemon_LAYERS := history config varlink model util
ctl_LAYERS    := varlink model util
worker_LAYERS := engine store imap net state config model util

.PHONY: all
all: $(addprefix $(BUILD)/,$(PROGRAMS))

define LAYER_RULE
$(call lib,$(1)): $(call objs,$(1))
	@mkdir -p $$(@D)
	@rm -f $$@
	ar rcs $$@ $$^
endef
$(foreach l,$(LAYERS),$(eval $(call LAYER_RULE,$(l))))

$(BUILD)/mailmigd: $(call objs,daemon) $(foreach l,$(daemon_LAYERS),$(call lib,$(l)))
$(BUILD)/mailmigctl: $(call objs,ctl) $(foreach l,$(ctl_LAYERS),$(call lib,$(l)))
$(BUILD)/mailmig-worker: $(call objs,worker) $(foreach l,$(worker_LAYERS),$(call lib,$(l)))
$(addprefix $(BUILD)/,$(PROGRAMS)):
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(PKG_LIBS) -lpthread

$(BUILD)/obj/%.o: src/%.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

# The interface file becomes a string constant of the varlink layer.
$(BUILD)/gen/control_interface.c: src/varlink/io.mailmig.Control.varlink
	@mkdir -p $(@D)
	{ echo '#include <mailmig/varlink.h>'; echo 'const char control_interface_description[] ='; \
	  sed -e 's/\\/\\\\/g; s/"/\\"/g; s/^/"/; s/$$/\\n"/' $<; echo ';'; } > $@
$(BUILD)/obj/varlink/control_interface.o: $(BUILD)/gen/control_interface.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -c -o $@ $<
$(call lib,varlink): $(BUILD)/obj/varlink/control_interface.o

# ---- unit tests: one cmocka program for each tests/unit/test_*.c ----
UNIT := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/test_*.c))

$(BUILD)/unit/%: tests/unit/%.c $(foreach l,$(LAYERS),$(call lib,$(l)))
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -MMD -MP -Isrc -Itests/unit $(LDFLAGS_ALL) -o $@ $< \
	  -Wl,--start-group $(foreach l,$(LAYERS),$(call lib,$(l))) -Wl,--end-group \
	  $(PKG_LIBS) -lcmocka -lpthread

# Those of a program's own files, test_PROGRAM_*.c, see its objects (but main) and its layers only.
define PROGRAM_UNIT_RULE
$(call lib,$(1)): $(filter-out %/main.o,$(call objs,$(1)))
	@mkdir -p $$(@D)
	@rm -f $$@
	ar rcs $$@ $$^
$(BUILD)/unit/test_$(1)_%: tests/unit/test_$(1)_%.c $(call lib,$(1)) \
		$(foreach l,$($(1)_LAYERS),$(call lib,$(l)))
	@mkdir -p $$(@D)
	$(CC) $(CFLAGS_ALL) -MMD -MP -Isrc -Itests/unit $(LDFLAGS_ALL) -o $$@ $$< \
	  $(call lib,$(1)) $(foreach l,$($(1)_LAYERS),$(call lib,$(l))) \
	  $(PKG_LIBS) -lcmocka -lpthread
endef
$(foreach p,daemon ctl worker,$(eval $(call PROGRAM_UNIT_RULE,$(p))))

.PHONY: unit
unit: $(UNIT)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

.PHONY: clean
clean:
	rm -rf build
