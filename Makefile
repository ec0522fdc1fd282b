# SPDX-License-Identifier: Apache-2.0
#
# make            build build/$(VARIANT)/signalbox
# make demo       set up what is missing, build, open the console on a simulated replica set
# make test       set up what is missing, build, run every test
# make help       the other targets

SHELL := /bin/sh
.DEFAULT_GOAL := all
.SUFFIXES:
.DELETE_ON_ERROR:

CC := gcc
VARIANT ?= $(if $(findstring clang,$(CC)),clang,gcc)
B := build/$(VARIANT)
V ?= 0
JOBS ?= $(shell nproc)
Q := $(if $(filter 1,$(V)),,@)
say = $(if $(filter 1,$(V)),,@printf '  %-7s %s\n' '$(1)' '$(2)';)

# ---- the house: rooms, and what each may use. A room stands behind everything it uses. ----

ROOMS := base model bus term formats policy ledger mongo shared sim telemetry agents orchestrator tui cli
USES_base         :=
USES_model        := base
USES_bus          := base
USES_term         := base
USES_formats      := base
USES_policy       := model
USES_ledger       := model
USES_mongo        := model
USES_shared       := mongo ledger model bus
USES_sim          := base formats
USES_telemetry    := formats mongo bus model
USES_agents       := telemetry formats mongo model
USES_orchestrator := agents policy ledger telemetry mongo shared bus
USES_tui          := term model
USES_cli          := base model bus term formats policy ledger mongo shared sim telemetry agents orchestrator tui

closure = $(sort $(1) $(foreach used,$(USES_$(1)),$(call closure,$(used))))
reverse = $(if $(1),$(call reverse,$(wordlist 2,99,$(1))) $(firstword $(1)))
link_order = $(call reverse,$(filter $(1),$(ROOMS)))

# Foreign libraries, each let into the rooms that may know it and no others.
PKG_base    := jansson libpcre2-8 libcrypto
PKG_term    := ncursesw libutf8proc
PKG_formats := libbson-1.0 zlib
PKG_ledger  := sqlite3
PKG_mongo   := libmongoc-1.0 libbson-1.0
PKG_shared  := libbson-1.0
PKG_sim     := libbson-1.0 libssl libcrypto
PKG_telemetry := libbson-1.0
PKG_agents  := libbson-1.0
PKG_orchestrator := libbson-1.0
PKG_cli     := libbson-1.0
LIB_base    := -lm -lpthread

# ---- flags ----

WARN := -Wall -Wextra -Werror -Wshadow -Wformat=2 -Wmissing-prototypes -Wstrict-prototypes -Wvla -Wwrite-strings \
        -Wpointer-arith -Wundef -Wold-style-definition
# snprintf into a bounded buffer is how a text is cut here, on purpose; clang has no such warning
WARN += $(if $(findstring clang,$(CC)),,-Wno-format-truncation)
CSTD := -std=c17 -D_GNU_SOURCE -fno-strict-aliasing -fno-omit-frame-pointer
OPT_gcc := -O2 -g
OPT_clang := -O2 -g
OPT_asan := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined
OPT_tsan := -O1 -g -fsanitize=thread
OPT_fuzz := -O1 -g -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=undefined
OPT := $(OPT_$(VARIANT))
VERSION := 0.1.0
CPPFLAGS_ALL = -Iinclude -DSIGNALBOX_VERSION='"$(VERSION)"' $(CPPFLAGS)
CFLAGS_ALL = $(CSTD) $(OPT) $(WARN) -MMD -MP $(CFLAGS)
LDFLAGS_ALL = $(OPT) $(LDFLAGS)

pkg_cflags = $(if $(1),$(shell pkg-config --cflags $(1) 2>/dev/null))
pkg_libs = $(if $(1),$(shell pkg-config --libs $(1) 2>/dev/null))

# Whoever builds without the libraries is told so in one sentence, not by a compiler. Order-only: it rebuilds nothing.
FOREIGN := $(sort $(foreach r,$(ROOMS),$(PKG_$(r))))
.PHONY: libraries
libraries:
	@missing=; for tool in $(firstword $(CC)) pkg-config; do command -v $$tool >/dev/null || missing="$$missing $$tool"; done; \
	for lib in $(FOREIGN); do pkg-config --exists $$lib 2>/dev/null || missing="$$missing $$lib"; done; \
	[ -z "$$missing" ] || { printf 'Not found, and needed to build Signalbox:%s. "make setup" installs the Debian packages.\n' "$$missing" >&2; exit 1; }

# ---- rules made for each room ----

define room
SRC_$(1) := $$(wildcard src/$(1)/*.c src/$(1)/*/*.c)
OBJ_$(1) := $$(SRC_$(1):%.c=$(B)/%.o)
CFLAGS_$(1) = $$(call pkg_cflags,$$(sort $$(foreach r,$$(call closure,$(1)),$$(filter-out $$(if $$(filter mongo,$(1)),,libmongoc-1.0) $$(if $$(filter ledger,$(1)),,sqlite3) $$(if $$(filter term,$(1)),,ncursesw),$$(PKG_$$(r))))))
FLAGS_$(1) := $$(CFLAGS_$(1))
$$(OBJ_$(1)): $(B)/%.o: %.c Makefile | libraries
	$$(call say,CC,$$<)mkdir -p $$(@D) && $(CC) $$(CPPFLAGS_ALL) $$(FLAGS_$(1)) $$(CFLAGS_ALL) -c -o $$@ $$<
$(B)/lib$(1).a: $$(OBJ_$(1))
	$$(call say,AR,$$@)rm -f $$@ && ar rcsD $$@ $$^
-include $$(OBJ_$(1):.o=.d)
endef
$(foreach r,$(ROOMS),$(eval $(call room,$(r))))

room_libs = $(foreach r,$(call link_order,$(call closure,$(1))),$(B)/lib$(r).a)
foreign_libs = $(call pkg_libs,$(sort $(foreach r,$(call closure,$(1)),$(PKG_$(r))))) $(LIB_base)

# themes, keymaps, policies, scenarios and intents are compiled in as they stand in their files
EMBEDDED := $(sort $(wildcard themes/*.theme keymaps/*.keys policy/*.json tests/scenarios/*.scenario src/*/*.data))
EMBED_LIST := $(B)/gen/embedded.inc
ifneq ($(shell cat $(EMBED_LIST).names 2>/dev/null),$(EMBEDDED))
.PHONY: $(EMBED_LIST)
endif
$(EMBED_LIST): Makefile
	$(call say,GEN,$@)mkdir -p $(@D) && { n=0; for f in $(EMBEDDED); do echo "EMBED($$n, \"$$f\")"; n=$$((n + 1)); done; } >$@ && echo '$(EMBEDDED)' >$@.names
$(B)/src/cli/embed.o: $(EMBEDDED) $(EMBED_LIST)
$(B)/src/cli/embed.o: CPPFLAGS_ALL += -I$(B)/gen

PROGRAM := $(B)/signalbox
all: $(PROGRAM)

$(B)/src/main.o: src/main.c Makefile | libraries
	$(call say,CC,$<)mkdir -p $(@D) && $(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -c -o $@ $<
-include $(B)/src/main.d

$(PROGRAM): $(B)/src/main.o $(call room_libs,cli)
	$(call say,LINK,$@)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(call foreign_libs,cli)

# ---- tests: one program a file, linked with its room and what the room may use, so that the linker proves the arrows ----

SUPPORT_OBJ := $(patsubst %.c,$(B)/%.o,$(wildcard tests/support/*.c))
$(SUPPORT_OBJ): $(B)/%.o: %.c Makefile | libraries
	$(call say,CC,$<)mkdir -p $(@D) && $(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -Itests/support -c -o $@ $<
-include $(SUPPORT_OBJ:.o=.d)

define room_tests
TEST_SRC_$(1) := $$(wildcard tests/$(1)/test_*.c)
TEST_BIN_$(1) := $$(TEST_SRC_$(1):%.c=$(B)/%)
TEST_FLAGS_$(1) := $$(call pkg_cflags,$$(sort $$(foreach r,$$(call closure,$(1)),$$(PKG_$$(r)))))
$$(TEST_BIN_$(1):=.o): $(B)/%.o: %.c Makefile | libraries
	$$(call say,CC,$$<)mkdir -p $$(@D) && $(CC) $$(CPPFLAGS_ALL) $$(TEST_FLAGS_$(1)) $$(CFLAGS_ALL) -Itests/support -c -o $$@ $$<
$$(TEST_BIN_$(1)): %: %.o $$(SUPPORT_OBJ) $$(call room_libs,$(1))
	$$(call say,LINK,$$@)$(CC) $(LDFLAGS_ALL) -o $$@ $$^ -lcmocka $$(call foreign_libs,$(1))
-include $$(TEST_BIN_$(1):=.d)
endef
$(foreach r,$(ROOMS),$(eval $(call room_tests,$(r))))

UNIT_TESTS := $(foreach r,$(ROOMS),$(TEST_BIN_$(r)))
.PRECIOUS: $(UNIT_TESTS:=.o)

# Programs that end-to-end tests drive, what is measured (and what it is measured against) and what fuzzers call may use
# every room, as the program itself.
HELPERS := $(patsubst %.c,$(B)/%,$(wildcard tests/e2e/*.c))
BENCH_PROGRAMS := $(patsubst %.c,$(B)/%,$(wildcard tests/bench/*.c))
FUZZERS := $(patsubst %.c,$(B)/%,$(wildcard tests/fuzz/fuzz_*.c))
REPLAY := $(B)/tests/fuzz/replay
# In the fuzz build a fuzzer's main is libFuzzer's; in every other it is a replay of the corpus, a test like any.
FUZZ_MAIN := $(if $(filter fuzz,$(VARIANT)),,$(REPLAY).o)
PROGRAMS := $(HELPERS) $(BENCH_PROGRAMS) $(FUZZERS) $(REPLAY)
$(PROGRAMS:=.o): $(B)/%.o: %.c Makefile | libraries
	$(call say,CC,$<)mkdir -p $(@D) && $(CC) $(CPPFLAGS_ALL) $(TEST_FLAGS_cli) $(CFLAGS_ALL) -c -o $@ $<
$(HELPERS) $(BENCH_PROGRAMS): %: %.o $(call room_libs,cli)
	$(call say,LINK,$@)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(call foreign_libs,cli)
$(FUZZERS): %: %.o $(FUZZ_MAIN) $(call room_libs,cli)
	$(call say,LINK,$@)$(CC) $(LDFLAGS_ALL) $(if $(FUZZ_MAIN),,-fsanitize=fuzzer) -o $@ $^ $(call foreign_libs,cli)
-include $(PROGRAMS:=.d)
.PRECIOUS: $(PROGRAMS:=.o)
bench-programs: $(BENCH_PROGRAMS)

VENV := build/venv
$(VENV)/.ready: tests/requirements.txt
	$(call say,VENV,$(VENV))python3 -m venv $(VENV) && $(VENV)/bin/pip -q --disable-pip-version-check install -r tests/requirements.txt && touch $@

unit-tests: $(UNIT_TESTS) $(FUZZERS)

# pkg-config is asked when the Makefile is read, so what was just installed needs a fresh make: here and below
test: setup-test
	@$(MAKE) --no-print-directory -j$(JOBS) layers test-programs && $(MAKE) --no-print-directory test-run
test-programs: all $(UNIT_TESTS) $(FUZZERS) $(HELPERS) $(VENV)/.ready
test-run: test-programs
	@tests/run $(B) $(UNIT_TESTS) $(FUZZERS)

# long forms: 20,000 flipped bits in a ledger of 2,000 entries and every bit of 50 entries; an hour of every scenario, twice; what
# 20 seeded index cards said against what became of it; every scenario in ten seeds through the live detector; 2,000 damaged
# archives, every exercise both ways, every chunk of the long recording of diagnostic data; 31 kinds of incidents put into one; an index build of more than five minutes
test-long: setup-test
	@$(MAKE) --no-print-directory test-long-run
test-long-run: $(B)/tests/ledger/test_verify $(B)/tests/sim/test_determinism $(B)/tests/cli/test_claims $(B)/tests/cli/test_scenes $(B)/tests/e2e/ftdc_dump $(B)/tests/e2e/crash_owner all $(VENV)/.ready
	SIGNALBOX_FLIPS=20000 SIGNALBOX_FLIP_CASES=96 SIGNALBOX_BIT_STEP=1 $<
	SIGNALBOX_MINUTES=60 $(B)/tests/sim/test_determinism
	SIGNALBOX_CLAIMS=20 $(B)/tests/cli/test_claims
	SIGNALBOX_SEEDS=10 $(B)/tests/cli/test_scenes
	SIGNALBOX_BACKUP_CASES=2000 SIGNALBOX='$(CURDIR)/$(PROGRAM)' SIGNALBOX_BUILD='$(CURDIR)/$(B)' PATH="$(CURDIR)/$(VENV)/bin:$$PATH" LC_ALL=C.UTF-8 tests/e2e/bad_backups.py
	SIGNALBOX_EXERCISES=all SIGNALBOX='$(CURDIR)/$(PROGRAM)' SIGNALBOX_BUILD='$(CURDIR)/$(B)' PATH="$(CURDIR)/$(VENV)/bin:$$PATH" LC_ALL=C.UTF-8 tests/e2e/exercise.py
	SIGNALBOX_BUILD=$(B) SIGNALBOX_FTDC_EVERY=1 tests/e2e/ftdc_oracle.py
	SIGNALBOX_KINDS=all SIGNALBOX='$(CURDIR)/$(PROGRAM)' PATH="$(CURDIR)/$(VENV)/bin:$$PATH" LC_ALL=C.UTF-8 tests/e2e/incident_kinds.py
	SIGNALBOX='$(CURDIR)/$(PROGRAM)' SIGNALBOX_BUILD='$(CURDIR)/$(B)' PATH="$(CURDIR)/$(VENV)/bin:$$PATH" LC_ALL=C.UTF-8 tests/e2e/schema_values.py repaired large
	$(CRASH_ENV) tests/e2e/schema_rules.py --long validator
	SIGNALBOX_LONG_BUILD_S=310 SIGNALBOX='$(CURDIR)/$(PROGRAM)' SIGNALBOX_BUILD='$(CURDIR)/$(B)' PATH="$(CURDIR)/$(VENV)/bin:$$PATH" LC_ALL=C.UTF-8 tests/e2e/long_build.py

# only the C tests: seconds
check: all $(UNIT_TESTS) $(FUZZERS)
	@tests/run --unit $(B) $(UNIT_TESTS) $(FUZZERS)

layers: $(foreach r,$(ROOMS),$(B)/lib$(r).a)
	@tests/layers $(B) $(foreach r,$(ROOMS),'$(r):$(USES_$(r))')

asan tsan: setup-test
	@$(MAKE) --no-print-directory -j$(JOBS) VARIANT=$@ test-programs && $(MAKE) --no-print-directory VARIANT=$@ test-run

# libFuzzer on every parser of bytes from outside, FUZZ_SECONDS each; FUZZ=word runs the matching fuzzers only
FUZZ_SECONDS ?= 30
fuzz: setup-test
	@$(MAKE) --no-print-directory VARIANT=fuzz CC=clang fuzz-run
FUZZED := $(if $(FUZZ),$(foreach f,$(FUZZERS),$(if $(findstring $(FUZZ),$(notdir $(f))),$(f))),$(FUZZERS))
fuzz-run: $(FUZZED)
	@tests/fuzz/run $(B) $(FUZZ_SECONDS) $(FUZZED)

# the golden screens as the program draws them now, and what that changes
accept: $(B)/tests/tui/test_screens
	@tests/screen/accept $<

# what single words lean to, learnt anew from the sentences that may be seen: the last part of the file of intents
INTENTS := src/orchestrator/intents.data
LEARN := $(B)/tests/orchestrator/learn
SEEN := $(patsubst %,tests/orchestrator/sentences/%.txt,first third more)
learn: $(LEARN)
	@$< $(INTENTS) $(SEEN) >$(LEARN).new && { sed '/^lean /d' $(INTENTS); cat $(LEARN).new; } >$(LEARN).data && cp $(LEARN).data $(INTENTS)
$(LEARN).o: $(B)/%.o: %.c Makefile | libraries
	$(call say,CC,$<)mkdir -p $(@D) && $(CC) $(CPPFLAGS_ALL) $(TEST_FLAGS_orchestrator) $(CFLAGS_ALL) -c -o $@ $<
$(LEARN): %: %.o $(call room_libs,orchestrator)
	$(call say,LINK,$@)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(call foreign_libs,orchestrator) -lm

# pictures of the real screen
SHOT_COMMAND = env XDG_STATE_HOME=$(CURDIR)/build/screenshots/state XDG_CONFIG_HOME=$(CURDIR)/build/screenshots/config $(PROGRAM) demo --seed 5
screenshots: setup-screenshots
	@$(MAKE) --no-print-directory screenshots-run
screenshots-run: all $(HELPERS)
	@rm -rf build/screenshots && mkdir -p screenshots build/screenshots && tests/screen/screenshots.py screenshots build/screenshots $(SHOT_COMMAND)

# ---- set-up: find what is missing, name it, install it ----

BUILD_PACKAGES := gcc make pkg-config libc6-dev libmongoc-dev libbson-dev libncurses-dev libsqlite3-dev libjansson-dev \
                  libpcre2-dev libssl-dev zlib1g-dev libutf8proc-dev
TEST_PACKAGES := $(BUILD_PACKAGES) clang libclang-rt-14-dev libcmocka-dev tmux screen jq tzdata sqlite3 openssl openssh-client \
                 python3 python3-venv util-linux binutils
BENCH_PACKAGES := $(TEST_PACKAGES) htop tig git
SHOT_PACKAGES := $(BUILD_PACKAGES) tmux python3 librsvg2-bin fonts-dejavu-core

define install
	@missing=; for p in $(1); do \
	    [ "$$(dpkg-query -W -f '$${db:Status-Status}' $$p 2>/dev/null)" = installed ] || missing="$$missing $$p"; done; \
	[ -z "$$missing" ] && exit 0; \
	printf 'Missing Debian packages:%s\nInstalling them with apt-get.\n' "$$missing"; \
	become=; [ "$$(id -u)" = 0 ] || become=sudo; \
	if [ -n "$$become" ] && ! command -v sudo >/dev/null; then \
	    printf 'Not root, and sudo is not here. Run as root: apt-get install%s\n' "$$missing"; exit 1; fi; \
	$$become apt-get -qq update && $$become env DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends $$missing >/dev/null
endef

setup:
	$(call install,$(BUILD_PACKAGES))
setup-test:
	$(call install,$(TEST_PACKAGES))
setup-bench:
	$(call install,$(BENCH_PACKAGES))
setup-screenshots:
	$(call install,$(SHOT_PACKAGES))

demo: setup
	@$(MAKE) --no-print-directory -j$(JOBS) all && $(PROGRAM) demo $(DEMO)

# measurements against peers, as ratios; SIGNALBOX_BENCH_ONLY=word runs the matching scripts only
bench: setup-bench
	@$(MAKE) --no-print-directory bench-run
bench-run: all bench-programs $(HELPERS) $(VENV)/.ready
	@tests/bench/run $(B)

# ---- the rest ----

# kill -9 at every named point of a job, each at several visits, at every boundary of a batch, and at random moments: 40 of them, or 1,000 (a quarter of an
# hour; in portions with SIGNALBOX_CRASH_MOMENTS and SIGNALBOX_CRASH_SEED)
CRASH_ENV = SIGNALBOX='$(CURDIR)/$(PROGRAM)' SIGNALBOX_BUILD='$(CURDIR)/$(B)' PATH="$(CURDIR)/$(VENV)/bin:$$PATH" LC_ALL=C.UTF-8
CRASH = $(CRASH_ENV) tests/e2e/crash_job.py
crash: setup-test all $(HELPERS) $(VENV)/.ready
	@$(CRASH) --long
	@$(CRASH_ENV) tests/e2e/backfill_crash.py --long
crash-long: crash
	@SIGNALBOX_CRASH_MOMENTS=$${SIGNALBOX_CRASH_MOMENTS:-1000} $(CRASH) --moments

# two processes that approve the same card in the same moment, ten thousand times
race-long: setup-test all $(HELPERS) $(VENV)/.ready
	@SIGNALBOX_RACES=10000 SIGNALBOX='$(CURDIR)/$(PROGRAM)' SIGNALBOX_BUILD='$(CURDIR)/$(B)' PATH="$(CURDIR)/$(VENV)/bin:$$PATH" LC_ALL=C.UTF-8 tests/e2e/race.py

# four consoles on two hosts and one store, 10,000 operations of theirs, with all that goes wrong
store-long: setup-test all $(HELPERS) $(VENV)/.ready
	@SIGNALBOX_OPERATIONS=10000 SIGNALBOX='$(CURDIR)/$(PROGRAM)' SIGNALBOX_BUILD='$(CURDIR)/$(B)' PATH="$(CURDIR)/$(VENV)/bin:$$PATH" LC_ALL=C.UTF-8 tests/e2e/store_consoles.py

# three calm days with their nightly job: the detector may say nothing
soak: setup-test $(B)/tests/cli/test_calm_days
	@SIGNALBOX_SOAK_HOURS=72 $(B)/tests/cli/test_calm_days

PREFIX ?= /usr/local
install: all
	install -D -m 755 $(PROGRAM) $(DESTDIR)$(PREFIX)/bin/signalbox
	$(PROGRAM) help --man >$(B)/signalbox.1
	install -D -m 644 $(B)/signalbox.1 $(DESTDIR)$(PREFIX)/share/man/man1/signalbox.1

clean:
	rm -rf build

help:
	@printf '%s\n' 'make             build' 'make demo        the console on a simulated replica set (DEMO="--tour" for text)' \
	 'make test        every test' 'make check       the C tests only' 'make test-long   long forms of tests: minutes' 'make layers      prove the arrows between the rooms' \
	 'make asan tsan   every test under AddressSanitizer+UBSan, ThreadSanitizer' 'make fuzz        the fuzzers, FUZZ_SECONDS=30 each' \
	 'make crash       kill -9 at every named point of a job: minutes' 'make crash-long  the same, and at 1,000 random moments: half an hour' \
	 'make race-long   two consoles at the same card, 10,000 times: minutes' \
	 'make store-long  four consoles on one store, 10,000 operations with troubles: a quarter of an hour' \
	 'make soak        three calm days in virtual time: nothing may be said' \
	 'make bench       measurements against peers, as ratios' 'make accept      take the screens as they are drawn now' \
	 'make learn       what words lean to, anew from the sentences' \
	 'make screenshots pictures of the real screen' 'make setup       install what the build needs (Debian)' \
	 'make install     into PREFIX (/usr/local)' 'make CC=clang    with clang' 'make V=1         show the commands'

.PHONY: all learn test test-programs test-run test-long test-long-run check unit-tests layers asan tsan fuzz fuzz-run accept screenshots \
        screenshots-run bench bench-run bench-programs crash crash-long race-long store-long soak setup setup-test setup-bench setup-screenshots demo install clean help
