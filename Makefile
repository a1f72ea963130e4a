# SPDX-License-Identifier: GPL-3.0-or-later
# Polynya: `make run` shows it, `make test` proves it; both install what they lack. `make help` lists the rest.
#
# SAN=1 builds with ASan and UBSan into build/san; every other target works the same with it.

PREFIX  ?= /usr/local
DESTDIR ?=
SAN     ?=
B       := $(if $(SAN),build/san,build)
.DEFAULT_GOAL := all

CC      ?= gcc
WARN    := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla \
           -Wwrite-strings -Wundef -Wformat=2 -Wconversion -Wno-sign-conversion -Wno-strict-aliasing
HARDEN  := -fstack-protector-strong -fstack-clash-protection -fcf-protection -fPIE -fno-strict-aliasing \
           $(if $(SAN),,-D_FORTIFY_SOURCE=3)
SANITIZE := $(if $(SAN),-fsanitize=address$(comma)undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
comma   := ,
CFLAGS  ?= -O2 -g
ALL_CFLAGS := -std=c17 -D_GNU_SOURCE -I. -isystem /usr/include $(WARN) $(HARDEN) $(SANITIZE) $(CFLAGS) -MMD -MP
LDFLAGS ?=
ALL_LDFLAGS := -pie -Wl,-z,relro,-z,now,-z,noexecstack,--as-needed $(SANITIZE) $(LDFLAGS)
LIBS    := -lldns -lnghttp2 -lssl -lcrypto -lev -llmdb -lcyaml -lyaml -ljansson -lcurl -lpsl -lidn2 -lsystemd -lm

SRC     := $(wildcard data/*/*.c resolver/net/*.c steering/*.c resolver/*.c)
CLI_SRC := $(wildcard steering/cli/*.c)
LIB_OBJ := $(patsubst %.c,$B/o/%.o,$(filter-out resolver/main.c,$(SRC)))
CLI_OBJ := $(CLI_SRC:%.c=$B/o/%.o)
UNIT    := $(patsubst tests/unit/%.c,$B/unit/%,$(shell find tests/unit -name 'test_*.c' 2>/dev/null))
FUZZ    := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
PROGRAMS := $(if $(wildcard resolver/main.c),$B/polynyad) $(if $(CLI_SRC),$B/polynya)

all: $(PROGRAMS)

$B/libpolynya.a: $(LIB_OBJ)
	@rm -f $@
	@ar rcs $@ $^
$B/polynyad: $B/o/resolver/main.o $B/libpolynya.a
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)
$B/polynya: $(CLI_OBJ) $B/libpolynya.a
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)
$B/o/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -c -o $@ $<

# One program a unit test file; cmocka prints what failed.
$B/unit/%: tests/unit/%.c $B/libpolynya.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $< $B/libpolynya.a -lcmocka $(LIBS)
unit: $(UNIT)
	@set -e; for t in $(UNIT); do $$t; done

# Fuzz targets twice: with libFuzzer (make fuzz-NAME), and as plain programs that replay the kept corpora.
$B/replay/%: tests/fuzz/fuzz_%.c tests/fuzz/replay.c $B/libpolynya.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $(filter-out %.h,$^) $(LIBS)
replay: $(FUZZ:%=$B/replay/%)
	@set -e; for t in $(FUZZ); do $B/replay/$$t tests/fuzz/corpus/$$t; done
FUZZ_SECONDS ?= 60
build/fuzz/%: tests/fuzz/fuzz_%.c $(filter-out resolver/main.c,$(SRC))
	@mkdir -p $(@D)
	clang -std=c17 -D_GNU_SOURCE -I. -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
	    -Wno-everything -o $@ $^ $(LIBS)
fuzz-%: build/fuzz/%
	@mkdir -p build/corpus/$*
	build/fuzz/$* -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 build/corpus/$* tests/fuzz/corpus/$*

clean:
	rm -rf build

-include $(shell find $B -name '*.d' 2>/dev/null)
.PHONY: all unit replay clean
.SECONDARY:
