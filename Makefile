# SPDX-License-Identifier: MIT
# One Makefile, not recursive. Everything that is made goes below $(BUILD).
BUILD ?= build
# SANITIZE=address,undefined or SANITIZE=thread: the same, instrumented, below
# $(BUILD)/address or $(BUILD)/thread. tests/run --sanitize runs it.
SANITIZE ?=
comma := ,
SANITIZER := $(firstword $(subst $(comma), ,$(SANITIZE)))
# One name for it however it was given: the .d files name their targets by it.
$(if $(BUILD),,$(error BUILD is empty))
override BUILD := $(abspath $(BUILD)/$(SANITIZER))
PREFIX ?= /usr/local
CC ?= gcc
CFLAGS ?= -O2 -g
WARN := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes \
	$(if $(CI),-Werror)
KTLSHIM_CFLAGS := -std=c11 -D_GNU_SOURCE -Ilib -fPIC -fvisibility=hidden \
	-fstack-protector-strong $(WARN) -MMD -MP
ifdef SANITIZER
override CFLAGS += -fsanitize=$(SANITIZE) -fno-sanitize-recover=all \
	-fno-omit-frame-pointer
# for each program; and what comes before the shim in one that is not ours
OPTIONS := $(BUILD)/tests/sanitizer/options.o
PRELOAD := $(BUILD)/tests/sanitizer/preload
# a child that has its parent's memory, and never returns
CFLAGS_launch := -fno-sanitize=all
CFLAGS_options := -DREPORTS='"$(BUILD)/reports"' \
	-DSUPPRESSIONS='"$(CURDIR)/tests/sanitizer"'
endif
V ?= 0
Q := $(if $(filter 0,$(V)),@,)

# Linked into the shim, the helper, the command and the unit tests: no
# interposition, no exit, no OpenSSL linked.
COMMON_SRCS := lib/log.c lib/conf.c lib/crypto.c lib/keys.c lib/cipher.c \
	lib/record.c lib/ktls.c lib/nets.c lib/facts.c
# What the shim asks the helper for: the configuration file, certificates.
CONF_SRCS := lib/conf_text.c lib/conf_file.c lib/conf_find.c lib/context.c lib/verify.c lib/names.c lib/certset.c \
	lib/resume.c lib/tickets.c lib/certs.c lib/ocsp.c lib/reading.c lib/passphrase.c lib/files.c lib/keylog.c
# From bytes to an answer, no more: for the helper and its unit test.
STARTTLS_SRCS := lib/starttls.c lib/starttls_text.c lib/starttls_postgres.c lib/starttls_ldap.c lib/starttls_xmpp.c
# The helper only.
HELPER_SRCS := lib/helper_main.c lib/sys.c lib/hex.c lib/hkdf.c lib/workers.c lib/control.c lib/listener.c lib/handshake.c lib/prologue.c lib/plaintext.c lib/http.c lib/added.c \
	lib/proxy.c lib/proxied.c \
	lib/starttls_step.c lib/greeting.c $(STARTTLS_SRCS) \
	lib/relay.c lib/channel.c lib/rx.c lib/part.c lib/held.c lib/conn.c lib/conn_log.c lib/ring.c lib/ring_uring.c lib/peer.c \
	lib/ring_epoll.c lib/tls.c lib/site.c lib/reload.c lib/watch.c lib/ktls_probe.c $(CONF_SRCS)
COMMAND_SRCS := lib/sys.c lib/command_main.c lib/command_run.c \
	lib/command_check.c lib/command_reload.c lib/elfscan.c \
	$(CONF_SRCS)
CFLAGS_command_main := -DKTLSHIM_VERSION='"0.1.0"'

COMMON_OBJS := $(COMMON_SRCS:%.c=$(BUILD)/%.o)
HELPER_OBJS := $(HELPER_SRCS:%.c=$(BUILD)/%.o)
COMMAND_OBJS := $(COMMAND_SRCS:%.c=$(BUILD)/%.o)

SHIM_SRCS := lib/rx.c shim/init.c shim/libc.c shim/hooks_listener.c shim/hooks_recv.c shim/hooks_send.c \
	shim/hooks_fd.c shim/hooks_wait.c shim/hooks_exec.c \
	shim/wait.c shim/settings.c shim/fdtab.c shim/gate.c shim/stream.c shim/relayed.c \
	shim/share.c shim/texts.c shim/reclaim.c shim/lock.c shim/stdio.c shim/info.c shim/rights.c shim/inherit.c shim/sock.c shim/receive.c shim/promote.c shim/transmit.c shim/epollmove.c shim/client.c shim/launch.c shim/bufpool.c
SHIM_OBJS := $(SHIM_SRCS:%.c=$(BUILD)/%.o)

all: $(BUILD)/ktlshim $(BUILD)/ktlshim-helper $(BUILD)/libktlshim.so $(PRELOAD)

$(BUILD)/ktlshim-helper: $(HELPER_OBJS) $(COMMON_OBJS) $(OPTIONS)
	@echo "  LD    $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lssl -lcrypto -luring -lpthread

$(BUILD)/libktlshim.so: $(SHIM_OBJS) $(COMMON_OBJS) shim/hooks.map
	@echo "  LD    $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -shared -Wl,-z,defs -Wl,-z,now \
		-Wl,--version-script=shim/hooks.map -o $@ \
		$(SHIM_OBJS) $(COMMON_OBJS) -ldl -lpthread

$(BUILD)/ktlshim: $(COMMAND_OBJS) $(BUILD)/lib/log.o $(BUILD)/lib/conf.o $(BUILD)/lib/nets.o $(OPTIONS)
	@echo "  LD    $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lssl -lcrypto -lelf

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC    $<"
	$(Q)$(CC) $(CFLAGS) $(KTLSHIM_CFLAGS) $(CFLAGS_$(*F)) -c -o $@ $<

$(PRELOAD): $(OPTIONS)
	$(Q)install -d -m 1777 $(BUILD)/reports
	$(Q)$(CC) $(CFLAGS) -shared -o $(@D)/options.so $<
	$(Q)echo $(@D)/options.so:$(shell realpath $$($(CC) \
		-print-file-name=lib$(if $(filter thread,$(SANITIZER)),t,a)san.so)) >$@

# Small servers for the tests: they know nothing of TLS, nothing of ours.
APPS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/apps/*.c))
# Unit tests: one program per file of lib/, run by tests/run.
UNITS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/*.c))

TORTURE := $(BUILD)/tests/torture/server $(BUILD)/tests/torture/client

# The fuzzer's inputs without the fuzzer: a unit test like the others.
FUZZ_REPLAY := $(BUILD)/tests/unit/rx_corpus

test-programs: $(APPS) $(UNITS) $(TORTURE) $(FUZZ_REPLAY) bench-programs

$(BUILD)/tests/apps/%: tests/apps/%.c $(OPTIONS)
	@mkdir -p $(@D)
	@echo "  CC    $<"
	$(Q)$(CC) $(CFLAGS) -std=gnu11 -Wall -Wextra -o $@ $^ \
		$(if $(filter %early_data,$@),-lssl) \
		$(if $(filter mk% early_data,$(@F)),-lcrypto) -lpthread

$(BUILD)/bench/%: bench/%.c
	@mkdir -p $(@D)
	@echo "  CC    $<"
	$(Q)$(CC) $(CFLAGS) -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -o $@ $< \
		$(if $(filter %client,$@),-lssl -lcrypto -lpthread)

bench-programs: $(BUILD)/bench/hook $(BUILD)/bench/client

# Against nginx, hitch, haproxy and stunnel; bench/run --help
bench:
	bench/run

# A plain server and a client that does speak TLS: see tests/torture/run.
$(BUILD)/tests/torture/server: tests/torture/server.c tests/torture/io.c
$(BUILD)/tests/torture/client: tests/torture/client.c tests/torture/wire.c
$(TORTURE): tests/torture/schedule.c $(wildcard tests/torture/*.h) $(OPTIONS)
	@mkdir -p $(@D)
	@echo "  CC    $@"
	$(Q)$(CC) $(CFLAGS) -std=gnu11 -Wall -Wextra -o $@ $(filter %.c %.o,$^) \
		$(if $(findstring client,$@),-lssl -lcrypto) -lpthread

$(BUILD)/tests/unit/%: tests/unit/%.c $(COMMON_OBJS) $(BUILD)/lib/sys.o $(OPTIONS)
	@mkdir -p $(@D)
	@echo "  CC    $<"
	$(Q)$(CC) $(CFLAGS) $(KTLSHIM_CFLAGS) -o $@ $(filter %.c %.o,$^) -lcrypto -ldl -lpthread

# Records and a socket of memory, for whoever reads with lib/rx.c.
$(BUILD)/tests/unit/rx_test: $(BUILD)/tests/fuzz/wire.o $(BUILD)/lib/rx.o

# The table that the daemon's processes share, without them.
$(BUILD)/tests/unit/reclaim_test: $(patsubst %,$(BUILD)/shim/%.o,share texts reclaim lock)

$(BUILD)/tests/unit/starttls_test: $(STARTTLS_SRCS:%.c=$(BUILD)/%.o) $(BUILD)/lib/greeting.o

$(BUILD)/tests/unit/tickets_test: $(BUILD)/lib/tickets.o

$(BUILD)/tests/unit/hkdf_test: $(BUILD)/lib/hkdf.o

$(BUILD)/tests/unit/http_test: $(BUILD)/lib/http.o

$(BUILD)/tests/unit/proxy_test: $(BUILD)/lib/proxy.o

$(BUILD)/tests/unit/facts_test: $(BUILD)/shim/texts.o

FUZZ_SRCS := $(addprefix tests/fuzz/,rx_fuzz.c sends.c peer.c plan.c wire.c) lib/rx.c \
	lib/record.c lib/cipher.c lib/keys.c lib/crypto.c

$(FUZZ_REPLAY): $(patsubst %.c,$(BUILD)/%.o,tests/fuzz/replay.c $(FUZZ_SRCS)) $(OPTIONS)
	@mkdir -p $(@D)
	@echo "  LD    $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lssl -lcrypto -ldl

# See tests/fuzz/run. clang does not set gcc's macro of AddressSanitizer; what is
# compared with what helps little here and takes a tenth of the time.
FUZZ_CC ?= clang
FUZZ_CFLAGS := -O2 -g -fsanitize=fuzzer,address,undefined \
	-fno-sanitize-recover=undefined -fno-sanitize-coverage=trace-cmp \
	-D__SANITIZE_ADDRESS__=1

fuzz: $(BUILD)/fuzz/rx_fuzz $(BUILD)/fuzz/proxy_fuzz

$(BUILD)/fuzz/rx_fuzz: tests/fuzz/libfuzzer.c $(FUZZ_SRCS) \
		$(wildcard tests/fuzz/*.h lib/*.h)
	@mkdir -p $(@D)
	@echo "  CC    $@"
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) $(filter-out -MM% -MP,$(KTLSHIM_CFLAGS)) \
		-o $@ $(filter %.c,$^) -lssl -lcrypto -ldl

# The PROXY header; tests/unit/proxy_test has mutants of its own.
$(BUILD)/fuzz/proxy_fuzz: tests/fuzz/proxy_fuzz.c lib/proxy.c \
		$(wildcard tests/fuzz/*.h lib/*.h)
	@mkdir -p $(@D)
	@echo "  CC    $@"
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) $(filter-out -MM% -MP,$(KTLSHIM_CFLAGS)) \
		-o $@ $(filter %.c,$^)

test:
	tests/run

LINT_SRCS := $(wildcard include/*.h shim/*.[ch] lib/*.[ch] tests/unit/*.[ch] \
	tests/fuzz/*.[ch] tests/apps/*.c tests/sanitizer/*.c bench/*.c)
LINT_SCRIPTS := $(wildcard tests/run tests/*.bash tests/bats/*.bats \
	tests/daemons/*.bash tests/matrix_table tests/torture/run tests/fuzz/run \
	tests/vm/run tests/vm/*.bash demo/run bench/run .ci/run)
lint:
	cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,portability \
		--inline-suppr --suppress=missingIncludeSystem -D_GNU_SOURCE \
		-DKTLSHIM_VERSION='""' -Ilib lib shim
	shellcheck -x $(LINT_SCRIPTS)
	tests/limits $(LINT_SRCS)

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/ktlshim \
		$(DESTDIR)$(PREFIX)/libexec/ktlshim $(DESTDIR)$(PREFIX)/include \
		$(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man3
	install -m 644 doc/ktlshim.1 $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 644 doc/ktlshim.3 $(DESTDIR)$(PREFIX)/share/man/man3
	install -m 644 include/ktlshim.h $(DESTDIR)$(PREFIX)/include
	install -m 755 $(BUILD)/ktlshim $(DESTDIR)$(PREFIX)/bin
	install -m 755 $(BUILD)/libktlshim.so $(DESTDIR)$(PREFIX)/lib/ktlshim
	install -m 755 $(BUILD)/ktlshim-helper $(DESTDIR)$(PREFIX)/libexec/ktlshim

demo:
	demo/run

clean:
	rm -rf $(BUILD)

.PHONY: all test-programs bench-programs test bench fuzz lint install demo clean
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
