# mailmig: build, check, demo. `make help` lists the targets.

VERSION := 0.1.0
BUILD   ?= build
ifeq ($(origin CC),default)
CC      := gcc
endif
PYTHON  ?= /usr/bin/python3
PREFIX  ?= /usr
SYSCONFDIR ?= /etc
BINDIR  ?= $(PREFIX)/bin
SBINDIR ?= $(PREFIX)/sbin
LIBEXECDIR ?= $(PREFIX)/libexec
MANDIR  ?= $(PREFIX)/share/man
# systemd tells where it looks: /lib or /usr/lib.
systemd_dir = $(or $(shell pkg-config --variable=$(1) systemd 2>/dev/null),$(2))
UNITDIR ?= $(call systemd_dir,systemdsystemunitdir,/usr/lib/systemd/system)
GENERATORDIR ?= $(call systemd_dir,systemdsystemgeneratordir,/usr/lib/systemd/system-generators)
SYSUSERSDIR ?= $(PREFIX)/lib/sysusers.d
TMPFILESDIR ?= $(PREFIX)/lib/tmpfiles.d
CATALOGDIR ?= $(call systemd_dir,catalogdir,/usr/lib/systemd/catalog)
ZSHDIR  ?= $(PREFIX)/share/zsh/site-functions

# Without the build dependencies, demo and check still have to start: their first step installs them.
PKGS     := libsystemd libcurl openssl libconfig sqlite3 jansson libpcre2-8 zlib
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
# libunistring has no file for pkg-config.
PKG_LIBS   := $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lunistring

WARN := -Wall -Wextra -Werror -Wshadow -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes \
	-Wwrite-strings -Wpointer-arith -Wvla -Wno-unused-parameter
HARDEN := -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection -fPIE \
	$(if $(findstring clang,$(CC)),,-ftrivial-auto-var-init=zero)
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
LAYERS := engine store imap net state history vault config bus varlink model util
PROGRAMS := mailmigd mailmigctl mailmig-worker mailmig-generator

lib      = $(BUILD)/lib$(1).a
objs     = $(patsubst src/%.c,$(BUILD)/obj/%.o,$(wildcard src/$(1)/*.c))

daemon_LAYERS := history vault config bus varlink model util
ctl_LAYERS    := bus varlink model util
worker_LAYERS := engine store imap net state vault config model util
generator_LAYERS := config model util

UNITS := $(addprefix $(BUILD)/systemd/,mailmigd.service mailmigd.socket mailmig@.service mailmig@.timer)

.PHONY: all
all: $(addprefix $(BUILD)/,$(PROGRAMS)) $(UNITS)

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
$(BUILD)/mailmig-generator: $(call objs,generator) $(foreach l,$(generator_LAYERS),$(call lib,$(l)))
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

# The table of folder names becomes an array of texts of the model layer.
$(BUILD)/gen/role_rows.c: src/model/role_names.tsv
	@mkdir -p $(@D)
	{ echo '#include <model/role_internal.h>'; echo 'const struct role_row role_rows[] = {'; \
	  sed -e '/^#/d; s/["\\]/\\&/g; s/\t/", "/g; s/.*/{"&"},/' $<; echo '};'; \
	  echo 'const size_t role_n_rows = sizeof(role_rows) / sizeof(role_rows[0]);'; } > $@
$(BUILD)/obj/model/role_rows.o: $(BUILD)/gen/role_rows.c src/model/role_internal.h
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -Isrc -c -o $@ $<
$(call lib,model): $(BUILD)/obj/model/role_rows.o

# The units, with the paths of the programs in them.
$(BUILD)/systemd/%: systemd/%.in Makefile
	@mkdir -p $(@D)
	sed -e 's|@BINDIR@|$(BINDIR)|g; s|@SBINDIR@|$(SBINDIR)|g' $< > $@.new
	@mv $@.new $@
$(BUILD)/systemd/%: systemd/%
	@mkdir -p $(@D)
	cp $< $@

# ---- tests and tools ----

# One cmocka program for each tests/unit/test_*.c.
UNIT := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/test_*.c))
FUZZ := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
BENCH_TOOLS := $(addprefix $(BUILD)/bench/,rawcopy delayproxy measure)
ALL_LIBS = -Wl,--start-group $(foreach l,$(LAYERS),$(call lib,$(l))) -Wl,--end-group \
	$(PKG_LIBS) -lpthread

$(BUILD)/unit/%: tests/unit/%.c $(foreach l,$(LAYERS),$(call lib,$(l)))
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -MMD -MP -Isrc -Itests/unit $(LDFLAGS_ALL) -o $@ $< $(ALL_LIBS) -lcmocka

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

# The fuzz targets with a main() that replays the corpus; with libFuzzer: `make fuzz`.
$(BUILD)/replay/%: tests/fuzz/%.c tests/fuzz/replay.c tests/fuzz/fuzz.h $(foreach l,$(LAYERS),$(call lib,$(l)))
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -Isrc -Itests/fuzz $(LDFLAGS_ALL) -o $@ $< tests/fuzz/replay.c $(ALL_LIBS)
$(BUILD)/fuzz/%: tests/fuzz/%.c tests/fuzz/fuzz.h $(foreach l,$(LAYERS),$(call lib,$(l)))
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -fsanitize=fuzzer -Isrc -Itests/fuzz $(LDFLAGS_ALL) -o $@ $< $(ALL_LIBS)

$(BUILD)/bench/rawcopy: tests/bench/rawimap.c
$(BUILD)/bench/%: tests/bench/%.c $(call lib,util)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -MMD -MP $(LDFLAGS_ALL) -o $@ $(filter %.c,$^) $(call lib,util) \
	  $(PKG_LIBS) -lpthread

# A worker that ends itself at the n-th of its durable steps: for tests/crash alone.
.PHONY: crash-worker
crash-worker:
	$(MAKE) BUILD=$(BUILD)/crash CFLAGS="$(CFLAGS) -DMAILMIG_CRASH_POINTS" \
	  $(BUILD)/crash/mailmig-worker

PYTEST = MAILMIG_BUILD=$(abspath $(BUILD)) PYTHONDONTWRITEBYTECODE=1 \
	$(PYTHON) -m pytest -p no:cacheprovider

.PHONY: unit
unit: $(UNIT) $(addprefix $(BUILD)/replay/,$(FUZZ))

# What decides: everything, with all it needs. check-long: sweeps in full, not samples of them.
.PHONY: check check-long
check check-long:
	tests/tools/install-deps check
	$(MAKE) all unit bench-tools crash-worker
	$(if $(filter check-long,$@),MAILMIG_LONG=1) $(PYTEST) tests

# Every server with every other; then the README's table of them, whatever came out.
.PHONY: check-interop
check-interop:
	tests/tools/install-deps check
	$(MAKE) all
	MAILMIG_INTEROP=all $(PYTEST) tests/interop/test_pairs.py; result=$$?; \
	  PYTHONPATH=tests $(PYTHON) -B -m interop.table $(BUILD)/interop/all.jsonl README.md && \
	  exit $$result
	$(PYTEST) tests/interop/test_table.py

# Pure parts only: no root, no servers, under a minute.
.PHONY: check-fast
check-fast: all unit
	$(PYTEST) tests/unit tests/fuzz tests/lint

# The same tests with AddressSanitizer and UndefinedBehaviorSanitizer.
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all
.PHONY: asan
asan:
	tests/tools/install-deps check
	$(MAKE) BUILD=build/asan SAN="$(SANITIZE)" OPT="-O1 -g" all unit
	$(MAKE) BUILD=build/asan pytest-asan
.PHONY: pytest-asan
pytest-asan:
	$(PYTEST) tests/unit tests/fuzz tests/integration

# Let libFuzzer look for more: FUZZ_SECONDS for each target.
FUZZ_SECONDS ?= 60
.PHONY: fuzz
fuzz:
	$(MAKE) BUILD=build/fuzzing CC=clang SAN="$(SANITIZE) -fsanitize=fuzzer-no-link" \
	  OPT="-O1 -g" fuzz-targets
	for t in $(FUZZ); do mkdir -p build/fuzzing/corpus/$$t && \
	  build/fuzzing/fuzz/$$t -max_total_time=$(FUZZ_SECONDS) \
	  -artifact_prefix=build/fuzzing/ build/fuzzing/corpus/$$t \
	  tests/fuzz/corpus/$$t || exit 1; done
.PHONY: fuzz-targets
fuzz-targets: $(addprefix $(BUILD)/fuzz/,$(FUZZ))

.PHONY: bench-tools
bench-tools: $(BENCH_TOOLS)
.PHONY: bench bench-quick
bench bench-quick:
	tests/tools/install-deps check
	$(MAKE) all bench-tools
	$(PYTHON) tests/bench/bench.py --build $(BUILD) $(if $(filter bench-quick,$@),--quick)

.PHONY: demo
demo:
	tests/tools/install-deps demo
	$(MAKE) all
	MAILMIG_BUILD=$(abspath $(BUILD)) $(PYTHON) tests/demo.py

C_FILES := $(shell git ls-files '*.c' '*.h' 2>/dev/null)
.PHONY: format
format:
	clang-format -i $(C_FILES)
.PHONY: lint
lint:
	tests/tools/install-deps check
	$(MAKE) all
	$(PYTEST) tests/lint

# ---- manual pages ----

MAN_PAGES := $(patsubst packaging/man/%.scd,$(BUILD)/man/%,$(wildcard packaging/man/*.scd))
$(BUILD)/man/%: packaging/man/%.scd
	@mkdir -p $(@D)
	scdoc < $< > $@.new
	@mv $@.new $@

.PHONY: man
man: $(MAN_PAGES)
# scdoc writes paragraphs that mandoc finds needless: harmless, and not to be mended here.
.PHONY: man-lint
man-lint: man
	@for page in $(MAN_PAGES); do \
	  found=$$(mandoc -Tlint -Wwarning $$page | grep -v 'skipping paragraph macro: PP'); \
	  [ -z "$$found" ] || { echo "$$found"; exit 1; }; done

# ---- installation ----

.PHONY: install
install: all man
	install -D -m 755 -t $(DESTDIR)$(SBINDIR) $(BUILD)/mailmigd
	install -D -m 755 -t $(DESTDIR)$(BINDIR) $(BUILD)/mailmigctl
	install -D -m 755 -t $(DESTDIR)$(LIBEXECDIR)/mailmig $(BUILD)/mailmig-worker
	install -D -m 755 -t $(DESTDIR)$(GENERATORDIR) $(BUILD)/mailmig-generator
	install -D -m 644 -t $(DESTDIR)$(UNITDIR) $(UNITS)
	install -D -m 644 systemd/mailmig.sysusers $(DESTDIR)$(SYSUSERSDIR)/mailmig.conf
	install -D -m 644 systemd/mailmig.tmpfiles $(DESTDIR)$(TMPFILESDIR)/mailmig.conf
	install -D -m 644 -t $(DESTDIR)$(CATALOGDIR) systemd/mailmig.catalog
	for page in $(MAN_PAGES); do \
	  install -D -m 644 -t $(DESTDIR)$(MANDIR)/man$${page##*.} $$page || exit 1; done
	install -D -m 644 packaging/completion/mailmigctl.bash \
	  $(DESTDIR)$(PREFIX)/share/bash-completion/completions/mailmigctl
	install -D -m 644 -t $(DESTDIR)$(ZSHDIR) packaging/completion/_mailmigctl
	install -d $(DESTDIR)$(SYSCONFDIR)/mailmig/accounts.d
	install -d -m 700 $(DESTDIR)$(SYSCONFDIR)/mailmig/secrets
	[ -e $(DESTDIR)$(SYSCONFDIR)/mailmig.conf ] || \
	  install -m 640 etc/mailmig.conf $(DESTDIR)$(SYSCONFDIR)/
	@[ -n "$(DESTDIR)" ] || echo 'Then: systemd-sysusers mailmig.conf && systemd-tmpfiles' \
	  '--create mailmig.conf && journalctl --update-catalog && systemctl daemon-reload'

# All that install brought, but for what is the administrator's by now: /etc and the state.
.PHONY: uninstall
uninstall:
	rm -f $(addprefix $(DESTDIR),$(SBINDIR)/mailmigd $(BINDIR)/mailmigctl \
	  $(GENERATORDIR)/mailmig-generator $(addprefix $(UNITDIR)/,$(notdir $(UNITS))) \
	  $(SYSUSERSDIR)/mailmig.conf $(TMPFILESDIR)/mailmig.conf $(CATALOGDIR)/mailmig.catalog \
	  $(PREFIX)/share/bash-completion/completions/mailmigctl $(ZSHDIR)/_mailmigctl \
	  $(foreach page,$(notdir $(MAN_PAGES)),$(MANDIR)/man$(subst .,,$(suffix $(page)))/$(page)))
	rm -rf $(DESTDIR)$(LIBEXECDIR)/mailmig

# ---- packages ----

# The Debian package and its source, in build/deb.
DEB_REVISION ?= 1
.PHONY: deb
deb:
	tests/tools/install-deps deb
	packaging/make-deb $(abspath $(BUILD))/deb $(VERSION) $(DEB_REVISION)

.PHONY: help
help:
	@echo 'make           build all programs in build/'
	@echo 'make demo      see it work between two throw-away servers'
	@echo 'make check     all tests (installs what they need)'
	@echo 'make check-long  the same with every stop, cut and failure instead of samples'
	@echo 'make check-interop  all pairs of mail servers, and the README table of them'
	@echo 'make check-fast  unit tests and style, under a minute'
	@echo 'make asan      all tests with ASan and UBSan'
	@echo 'make fuzz      libFuzzer on the parsers, FUZZ_SECONDS each'
	@echo 'make bench     speed against mbsync and the raw ceiling; bench-quick for less'
	@echo 'make lint      layers, style, warnings of both compilers'
	@echo 'make format    clang-format all sources'
	@echo 'make man       manual pages in build/man; man-lint checks them'
	@echo 'make install   DESTDIR, PREFIX, SYSCONFDIR, LIBEXECDIR; uninstall takes it away again'
	@echo 'make deb       Debian package and its source in build/deb'
	@echo 'make clean'

-include $(shell find $(BUILD)/obj $(BUILD)/unit $(BUILD)/bench -type f -name '*.d' 2>/dev/null)

# With the roots of the foreign servers (build/roots): a minute to make them again.
.PHONY: clean
clean:
	rm -rf build
