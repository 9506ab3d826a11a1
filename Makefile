# Holdfast. `make` leaves the program at build/holdfast; `make help` lists the targets.
BUILD   ?= build
ifeq ($(origin CC),default)
CC      := gcc
endif
PREFIX  ?= /usr/local
PKGS    := libsodium libzstd jansson libarchive sqlite3 libcurl inih expat
VERSION := $(shell sed -n '1,/^\#\# \[/s/^\#\# \[\([^]]*\)\].*/\1/p' CHANGELOG.md 2>/dev/null | head -n 1)

# the targets that build nothing do without them
ifneq ($(filter-out clean help check,$(or $(MAKECMDGOALS),all)),)
ifneq ($(shell pkg-config --exists $(PKGS) 2>/dev/null && echo all),all)
$(error what Holdfast is built from is missing: run scripts/install-deps)
endif
endif

WERROR  ?= -Werror
WARN    := -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wvla -Wformat=2 -Wcast-qual -Wwrite-strings -Wnull-dereference -Wswitch-enum $(WERROR)
HARD    ?= -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection
OPT     ?= -O2 -g
SAN     ?=
# V=1 shows whole commands, -s nothing
silent := $(findstring s,$(filter-out --%,$(firstword $(MAKEFLAGS))))
say     = $(if $(V),,$(if $(silent),@,@echo "  $(1)";))
override CPPFLAGS += -Iinclude -Isrc -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 \
	-DHOLDFAST_VERSION='"$(or $(VERSION),0.0.0)"' $(shell pkg-config --cflags $(PKGS))
override CFLAGS  += -std=c17 $(OPT) -ffile-prefix-map=$(CURDIR)/= $(WARN) $(HARD) -fPIE -pthread $(SAN)
override LDFLAGS += -pie -Wl,-z,relro,-z,now,-z,noexecstack -pthread $(SAN)
override LDLIBS  += $(shell pkg-config --libs $(PKGS)) -lm

LIB_SRC := $(wildcard src/base/*.c src/crypto/*.c src/format/*.c src/vault/*.c src/source/*.c \
	src/engine/*.c backends/*.c)
CLI_SRC := $(wildcard src/cli/*.c)
LIB_OBJ := $(LIB_SRC:%.c=$(BUILD)/%.o)
CLI_OBJ := $(CLI_SRC:%.c=$(BUILD)/%.o)

# tests/unit/test_x.c becomes $(BUILD)/tests/test_x; other files there are linked into all of them
UNIT     := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/test_*.c))
UNIT_AID := $(patsubst %.c,$(BUILD)/%.o,$(filter-out tests/unit/test_%,$(wildcard tests/unit/*.c)))
TORTURE  := $(filter $(BUILD)/tests/test_torture%,$(UNIT))
TOOLS    := $(patsubst tests/tools/%.c,$(BUILD)/tools/%,$(wildcard tests/tools/*.c))
FUZZERS  := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzzers/%,$(wildcard tests/fuzz/fuzz_*.c))

all: $(BUILD)/holdfast   ## the program: build/holdfast (default)

$(BUILD)/holdfast: $(CLI_OBJ) $(BUILD)/libholdfast.a
	$(call say,LINK $@)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/libholdfast.a: $(LIB_OBJ)
# the program without its main, so that tests reach what it is made of
$(BUILD)/libcli.a: $(filter-out %/main.o,$(CLI_OBJ))
$(BUILD)/libtest.a: $(UNIT_AID)
$(BUILD)/%.a:
	@mkdir -p $(@D)
	@rm -f $@
	$(call say,AR   $@)$(AR) rcs $@ $^

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC   $<)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# texts that travel inside the program
$(BUILD)/src/vault/texts.o: docs/FORMAT.md
$(BUILD)/src/engine/ledger_export.o: src/engine/complete.sh
$(BUILD)/src/engine/evidence_folder.o: src/engine/verify.dash
$(BUILD)/src/engine/evidence_bundle.o: src/engine/bundle.dash src/engine/complete.sh

# A test that takes over functions names them in a comment line of its own, "wrap: malloc write";
# test_torture_* without such a line take over the allocator.
WRAPPED = $$({ sed -n 's,^.*\bwrap: \([a-z0-9_ ]*\).*,\1,p' $(1); $(if $(findstring test_torture,$(1)), \
	grep -q 'wrap: ' $(1) || echo malloc calloc realloc;) } | tr ' ' '\n' | sed -n 's/^\(.\)/-Wl,--wrap=\1/p')
$(BUILD)/tests/unit/%.o: override CPPFLAGS += -Itests/unit
$(BUILD)/tests/%: $(BUILD)/tests/unit/%.o $(BUILD)/libtest.a $(BUILD)/libcli.a $(BUILD)/libholdfast.a
	$(call say,LINK $@)$(CC) $(LDFLAGS) $(call WRAPPED,tests/unit/$*.c) -o $@ $^ -lcmocka $(LDLIBS)

$(BUILD)/tools/%: $(BUILD)/tests/tools/%.o
	@mkdir -p $(@D)
	$(call say,LINK $@)$(CC) $(LDFLAGS) -o $@ $< -lsqlite3 -lm

$(BUILD)/fuzzers/%: $(BUILD)/tests/fuzz/%.o $(BUILD)/libcli.a $(BUILD)/libholdfast.a
	@mkdir -p $(@D)
	$(call say,LINK $@)$(CC) $(LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(LDLIBS)

unit-tests: $(UNIT)      ## build the unit tests only
tools: $(TOOLS)          ## build crmgen (makes customer databases) and measure
torture-tests: $(TORTURE)
fuzzers: $(FUZZERS)

test: all unit-tests tools   ## unit tests and command line tests (scripts/test does all there is)
	@scripts/run-tests unit:$(BUILD) cli:$(BUILD)

check:                   ## style, layers, forbidden functions, shellcheck, cppcheck, gcc -fanalyzer
	@scripts/check-style
	@scripts/check-layers
	@shellcheck -x scripts/* .ci/run src/engine/*.sh src/engine/*.dash
	@scripts/check-static

# Builds with sanitizers live in folders of their own. Their extra code confuses the optimiser's
# warnings, so these do not stop them.
ASAN := BUILD=$(BUILD)/asan HARD= WERROR= OPT='-O1 -g -fno-omit-frame-pointer' \
	SAN='-fsanitize=address,undefined -fno-sanitize-recover=all'
TSAN := BUILD=$(BUILD)/tsan HARD= WERROR= OPT='-O1 -g -fno-omit-frame-pointer' SAN=-fsanitize=thread
asan-build:
	@$(MAKE) --no-print-directory $(ASAN) all unit-tests
asan: asan-build         ## unit tests under AddressSanitizer and UBSan
	@scripts/run-tests unit:$(BUILD)/asan
tsan:                    ## unit tests under ThreadSanitizer, long loops shortened
	@$(MAKE) --no-print-directory $(TSAN) unit-tests
	@scripts/run-tests short unit:$(BUILD)/tsan
torture:                 ## fail the Nth allocation, the Nth call: test_torture_*, with leak checks
	@$(MAKE) --no-print-directory $(ASAN) torture-tests
	@scripts/run-tests unit:$(BUILD)/asan:test_torture

fuzz:                    ## every parser's fuzz target; FUZZ_SECONDS=60 each, FUZZ=name for one
	@$(MAKE) --no-print-directory CC=clang BUILD=$(BUILD)/fuzz HARD= WERROR= OPT='-O1 -g' \
		SAN='-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all' fuzzers
	@scripts/fuzz $(BUILD)/fuzz $(FUZZ)

evidence-bytes: $(BUILD)/tests/test_evidence   ## VERIFY.txt against every flipped byte of a folder (an hour)
	HOLDFAST_TEST_EVERY=1 $<

faults: all              ## thirty faults of networks and servers on each driver; writes docs/FAULTS.md
	@scripts/install-deps test
	@tests/services/run-faults $(BUILD)/holdfast --table docs/FAULTS.md

hosts: all               ## eight hosts into one bucket beside a looping check; HOSTS_SECONDS=120
	@scripts/install-deps test
	@tests/services/run-hosts $(BUILD)/holdfast

resume: all              ## a killed backup resumes: what is sent twice; RESUME_MIB=10240, kept in TMPDIR
	@scripts/install-deps test
	@HOLDFAST=$(abspath $(BUILD))/holdfast HOLDFAST_TEST_RESUME_MIB=$(or $(RESUME_MIB),10240) \
		RGW_STORE=bluestore RGW_SIZE=$$(($(or $(RESUME_MIB),10240) * 2097152 + 4294967296)) bats tests/cli/resume.bats

cover:                   ## which lines the tests reach
	@find $(BUILD)/cover -name '*.gcda' -delete 2>/dev/null || true
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/cover HARD= WERROR= OPT='-O0 -g' SAN=--coverage all unit-tests
	@scripts/run-tests unit:$(BUILD)/cover cli:$(BUILD)/cover || true
	@scripts/cover $(BUILD)/cover

bench: all tools         ## beside restic, borg and zstd | age on a 1 GiB database; BENCH_ROUNDS=3
	@scripts/bench
bench-month: all tools   ## thirty nights at 6 % page churn: what is uploaded, fetched, kept
	@scripts/bench-month
bench-fleet: all tools   ## a thousand databases of 1 MiB
	@scripts/bench-fleet
bench-s3: all tools      ## beside restic on a Ceph gateway, near and behind 100 ms
	@scripts/bench-s3
bench-copy: all tools    ## a thousand small stores to a bucket behind 100 ms
	@scripts/bench-copy
bench-drill: all tools   ## a drill beside its restore and integrity_check, 1 GiB
	@scripts/bench-drill
bench-memory: all tools  ## peak memory at 1 and 8 GiB
	@scripts/bench-memory

install: all             ## program, man pages, completion under PREFIX (/usr/local); DESTDIR
	install -D -m 755 $(BUILD)/holdfast $(DESTDIR)$(PREFIX)/bin/holdfast
	install -D -m 644 docs/holdfast.1 $(DESTDIR)$(PREFIX)/share/man/man1/holdfast.1
	install -D -m 644 docs/holdfast.conf.5 $(DESTDIR)$(PREFIX)/share/man/man5/holdfast.conf.5
	install -D -m 644 docs/holdfast-mask.5 $(DESTDIR)$(PREFIX)/share/man/man5/holdfast-mask.5
	install -D -m 644 docs/holdfast.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/holdfast

clean:                   ## remove build/
	rm -rf $(BUILD)

help:                    ## this list
	@sed -n 's/^\([a-z0-9-]*\):[^#]*## /\1 /p' $(firstword $(MAKEFILE_LIST)) | \
		while read -r target what; do printf '%-13s %s\n' "$$target" "$$what"; done

-include $(LIB_OBJ:.o=.d) $(CLI_OBJ:.o=.d) $(UNIT_AID:.o=.d) \
	$(patsubst %.c,$(BUILD)/%.d,$(wildcard tests/unit/*.c tests/tools/*.c tests/fuzz/*.c))
.SECONDARY:
.PHONY: all unit-tests tools torture-tests fuzzers test check asan-build asan tsan torture fuzz evidence-bytes \
	faults hosts resume cover bench bench-copy bench-drill bench-month bench-fleet bench-memory bench-s3 \
	install clean help
