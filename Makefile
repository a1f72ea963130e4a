# SPDX-License-Identifier: GPL-3.0-or-later
# Polynya: `make run` shows it, `make test` proves it; both install what they lack. `make help` lists the rest.
#
# SAN=1 builds with ASan and UBSan into build/san; every other target works the same with it. V=1 shows the commands.

PREFIX  ?= /usr/local
DESTDIR ?=
SAN     ?=
MEMCHECK ?=
B       := $(if $(SAN),build/san,$(if $(MEMCHECK),build/memcheck,build))
.DEFAULT_GOAL := all

CC      ?= gcc
V       ?=
quiet    = $(findstring s,$(firstword -$(MAKEFLAGS)))
say      = $(if $(V),,@$(if $(quiet),,echo "  $@" && ))
WARN    := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla \
           -Wwrite-strings -Wundef -Wformat=2 -Wconversion -Wno-sign-conversion -Wno-strict-aliasing
HARDEN  := -fstack-protector-strong -fstack-clash-protection -fcf-protection -fPIE -fno-strict-aliasing \
           $(if $(SAN),,-D_FORTIFY_SOURCE=3)
comma   := ,
SANITIZE := $(if $(SAN),-fsanitize=address$(comma)undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
KEEP     := -DPOLYNYA_POOL_KEPT=$(if $(SAN)$(MEMCHECK),0,512)
# A reader waits for an answer for 1.4 s at most; under Valgrind a handshake with an upstream takes longer.
SLOW     := $(if $(MEMCHECK),$B/slow)
$(if $(SLOW),$(shell mkdir -p $(SLOW)/data/conf; sed '/"upstream.answer-timeout"/s/"1400ms"/"1m"/' data/conf/settings.def > $(SLOW)/data/conf/settings.def))
CFLAGS  ?= -O2 -g
ALL_CFLAGS := -std=c17 -D_GNU_SOURCE $(SLOW:%=-I%) -I. -isystem /usr/include $(KEEP) $(WARN) $(HARDEN) $(SANITIZE) $(CFLAGS) -MMD -MP
LDFLAGS ?=
ALL_LDFLAGS := -pie -Wl,-z,relro,-z,now,-z,noexecstack,--as-needed $(SANITIZE) $(LDFLAGS)
LIBS    := -lldns -lnghttp2 -lssl -lcrypto -lev -llmdb -lcyaml -lyaml -ljansson -lcurl -lpsl -lmaxminddb -lidn2 -lcares -lsystemd -lseccomp -lm

SRC     := $(wildcard data/*/*.c resolver/net/*.c resolver/validator/*.c steering/*.c resolver/*.c)
CLI_SRC := $(wildcard steering/cli/*.c)
LIB_OBJ := $(patsubst %.c,$B/o/%.o,$(filter-out resolver/main.c,$(SRC)))
CLI_OBJ := $(CLI_SRC:%.c=$B/o/%.o)
UNIT    := $(patsubst tests/unit/%.c,$B/unit/%,$(shell find tests/unit -name 'test_*.c' 2>/dev/null))
FUZZ    := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
PROGRAMS := $(if $(wildcard resolver/main.c),$B/polynyad) $(if $(CLI_SRC),$B/polynya)

all: build-deps
	@$(MAKE) --no-print-directory programs
programs: $(PROGRAMS)

# What Debian 12 packages are needed; missing ones are installed, as root or through sudo. Servers among them are for
# the tests to start: a policy-rc.d, unless the machine has its own, keeps the system from doing so.
BUILD_DEPS := gcc libc6-dev make pkg-config libldns-dev libnghttp2-dev libssl-dev libev-dev liblmdb-dev libcyaml-dev \
              libyaml-dev libjansson-dev libcurl4-openssl-dev libpsl-dev libmaxminddb-dev libidn2-dev libsystemd-dev libseccomp-dev \
              libc-ares-dev publicsuffix ca-certificates
RUN_DEPS   := openssl curl
TEST_DEPS  := $(RUN_DEPS) libcmocka-dev dns-root-data python3 python3-pytest python3-pytest-xdist python3-pytest-timeout \
              python3-dnspython python3-h2 python3-yaml python3-cryptography knot knot-dnsutils nsd bind9 unbound knot-resolver \
              nghttp2-client minisign haproxy nginx-light stubby clang-format mandoc binutils procps iproute2 \
              libsystemd-shared
BENCH_DEPS := $(TEST_DEPS) nghttp2-server dnsdist
MEMCHECK_DEPS := $(TEST_DEPS) valgrind
FUZZ_DEPS  := clang llvm libclang-rt-14-dev

POLICY := /usr/sbin/policy-rc.d
define need
	@missing=$$(dpkg-query -W -f '$${Package} $${db:Status-Status}\n' | awk -v need="$(1)" \
	    '$$2 == "installed" { have[$$1] } \
	     END { n = split(need, p, " "); for (i = 1; i <= n; i++) if (!(p[i] in have)) print p[i] }'); \
	[ -z "$$missing" ] || { \
	    echo "installing: "$$missing; \
	    root=; [ "$$(id -u)" = 0 ] || root=sudo; \
	    $$root apt-get update -q && \
	    { [ -e $(POLICY) ] || { trap "$$root rm -f $(POLICY)" EXIT; \
	      printf '\043!/bin/sh\nexit 101\n' | $$root tee $(POLICY) >/dev/null && $$root chmod 755 $(POLICY); }; } && \
	    DEBIAN_FRONTEND=noninteractive $$root apt-get install -qy --no-install-recommends $$missing; }
endef
# Installing systemd-resolved would replace /etc/resolv.conf: the program is only taken out of its package, in the
# version of the library that it needs. Its test, which needs root, is left out where it cannot be had.
RESOLVED := build/systemd-resolved
define unpack_resolved
	@[ "$$(id -u)" != 0 ] || [ -e $(RESOLVED) ] || { mkdir -p build && cd build && \
	    version=$$(dpkg-query -W -f '$${Version}\n' libsystemd-shared | head -n 1) && \
	    get() { apt-get download -q -o APT::Sandbox::User=root systemd-resolved=$$version; } && \
	    { get || { apt-get update -q && get; }; } && \
	    dpkg-deb --fsys-tarfile systemd-resolved_*.deb | tar -xO ./lib/systemd/systemd-resolved >new-resolved && \
	    rm systemd-resolved_*.deb && chmod 755 new-resolved && mv new-resolved $(abspath $(RESOLVED)); \
	} || echo "systemd-resolved cannot be had; its test is left out"
endef
build-deps:
	$(call need,$(BUILD_DEPS))
run-deps:
	$(call need,$(RUN_DEPS))
test-deps:
	$(call need,$(TEST_DEPS))
	$(unpack_resolved)
bench-deps:
	$(call need,$(BENCH_DEPS))
memcheck-deps:
	$(call need,$(MEMCHECK_DEPS))
	$(unpack_resolved)
fuzz-deps:
	$(call need,$(FUZZ_DEPS))

# Shows everything on this machine: a resolver, a signed list, two mirrors. Ctrl-C stops all of it.
run: all run-deps
	@POLYNYA_BUILD=$B bash data/seed/run

$B/libpolynya.a: $(LIB_OBJ)
	@rm -f $@
	@ar rcs $@ $^
$B/polynyad: $B/o/resolver/main.o $B/libpolynya.a
	$(say)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)
$B/polynya: $(CLI_OBJ) $B/libpolynya.a
	$(say)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)
$B/o/%.o: %.c
	@mkdir -p $(@D)
	$(say)$(CC) $(ALL_CFLAGS) -c -o $@ $<

# One program a unit test file; cmocka prints what failed.
$B/unit/%: tests/unit/%.c $B/libpolynya.a
	@mkdir -p $(@D)
	$(say)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $< $B/libpolynya.a -lcmocka $(LIBS)
unit: programs $(UNIT)
	@set -e; for t in $(UNIT); do $$t; done

# Fuzz targets twice: with libFuzzer (make fuzz-NAME), and as plain programs that replay the kept corpora.
$B/replay/%: tests/fuzz/fuzz_%.c tests/fuzz/replay.c $B/libpolynya.a
	@mkdir -p $(@D)
	$(say)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $(filter-out %.h,$^) $(LIBS)
replay: $(FUZZ:%=$B/replay/%)
	@set -e; for t in $(FUZZ); do $B/replay/$$t tests/fuzz/corpus/$$t; done
FUZZ_SECONDS ?= 60
build/fuzz/%: tests/fuzz/fuzz_%.c $(filter-out resolver/main.c,$(SRC))
	@mkdir -p $(@D)
	$(say)clang -std=c17 -D_GNU_SOURCE -DPOLYNYA_POOL_KEPT=0 -I. -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
	    -Wno-everything -o $@ $^ $(LIBS)
fuzz-%: fuzz-deps build/fuzz/%
	@mkdir -p build/corpus/$*
	build/fuzz/$* -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 build/corpus/$* tests/fuzz/corpus/$*

wire: programs
	POLYNYA_BUILD=$(abspath $B) /usr/bin/python3 -m pytest -q -n $(WIRE_JOBS) --timeout 120 tests/wire
lint: programs
	POLYNYA_BUILD=$(abspath $B) tests/lint/run
WIRE_JOBS ?= 2

# Everything, plain and under the sanitizers.
test: all test-deps
	@$(MAKE) --no-print-directory -j$(TEST_JOBS) $(PROGRAMS) $(UNIT) $(FUZZ:%=$B/replay/%)
	@$(MAKE) --no-print-directory lint unit replay wire
	@[ -n "$(SAN)" ] || $(MAKE) --no-print-directory test SAN=1
TEST_JOBS ?= $(shell nproc)

# The wire tests with our programs under Valgrind; what it says is in build/memcheck/wire/found. MEMCHECK_TESTS names
# some of them.
MEMCHECK_TESTS ?= tests/wire
memcheck: memcheck-deps
	@$(MAKE) --no-print-directory MEMCHECK=1 memcheck-wire
memcheck-wire: programs
	rm -rf $B/wire && mkdir -p $B/wire/found
	ln -s $(abspath tests/wire/lib/memcheck.supp) $B/wire/suppressions
	ln -s $(abspath tests/wire/lib/memcheck) $B/wire/polynyad
	ln -s $(abspath tests/wire/lib/memcheck) $B/wire/polynya
	MEMCHECK=1 POLYNYA_BUILD=$(abspath $B/wire) /usr/bin/python3 -m pytest -q -n $(WIRE_JOBS) --timeout 1200 $(MEMCHECK_TESTS)
# 20 minutes of everything at once.
SOAK_SECONDS ?= 1200
soak: programs test-deps
	SOAK_SECONDS=$(SOAK_SECONDS) POLYNYA_BUILD=$(abspath $B) /usr/bin/python3 -m pytest -q -s tests/wire/test_soak.py

# CPU time a query, beside other servers; see tests/bench/README.md.
bench: all bench-deps $B/bench/load $B/bench/bare
	POLYNYA_BUILD=$B tests/bench/run

# What a full steering list costs; see tests/bench/README.md.
$B/bench/%: tests/bench/%.c $B/libpolynya.a
	@mkdir -p $(@D)
	$(say)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $< $B/libpolynya.a -lcmocka $(LIBS)

format:
	clang-format -i $(shell git ls-files '*.c' '*.h')

MAN := resolver/polynyad.8 steering/cli/polynya.1 data/conf/polynya.yaml.5
install: all
	install -D -m 755 $B/polynyad $(DESTDIR)$(PREFIX)/sbin/polynyad
	install -D -m 755 $B/polynya $(DESTDIR)$(PREFIX)/bin/polynya
	for m in $(MAN); do install -D -m 644 $$m $(DESTDIR)$(PREFIX)/share/man/man$${m##*.}/$${m##*/}; done
	install -D -m 644 data/seed/polynya.yaml $(DESTDIR)$(PREFIX)/share/doc/polynya/polynya.yaml

clean:
	rm -rf build

help:
	@echo "make            build/polynyad and build/polynya"
	@echo "make run        show it on this machine; Ctrl-C stops it"
	@echo "make test       everything, plain and again under ASan and UBSan"
	@echo "make unit | wire | lint | replay   one part of it, with SAN=1 under the sanitizers"
	@echo "make fuzz-NAME  fuzz one target for FUZZ_SECONDS: $(FUZZ)"
	@echo "make memcheck   the wire tests under Valgrind, an hour and more; MEMCHECK_TESTS=tests/wire/test_dns.py: some"
	@echo "make soak       SOAK_SECONDS of readers beside every trouble at once"
	@echo "make bench      CPU time a query, beside other servers"
	@echo "make install    to DESTDIR and PREFIX ($(PREFIX))"

-include $(shell find $B -name '*.d' 2>/dev/null)
.PHONY: all programs unit replay wire lint test memcheck memcheck-wire soak bench run install format clean help \
        build-deps run-deps test-deps bench-deps memcheck-deps fuzz-deps
.SECONDARY:
