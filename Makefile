# SPDX-License-Identifier: MIT
# One Makefile, not recursive. Everything that is made goes below $(BUILD).
BUILD ?= build
PREFIX ?= /usr/local
CC ?= gcc
CFLAGS ?= -O2 -g
WARN := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes \
	$(if $(CI),-Werror)
KTLSHIM_CFLAGS := -std=c11 -D_GNU_SOURCE -Ilib -fvisibility=hidden \
	-fstack-protector-strong $(WARN) -MMD -MP
V ?= 0
Q := $(if $(filter 0,$(V)),@,)

# Linked into the shim, the helper, the command and the unit tests: no
# interposition, no exit, no OpenSSL linked.
COMMON_SRCS := lib/log.c lib/conf.c
# The helper only.
HELPER_SRCS := lib/helper_main.c lib/certs.c
COMMAND_SRCS := lib/command_main.c lib/certs.c lib/elfscan.c

COMMON_OBJS := $(COMMON_SRCS:%.c=$(BUILD)/%.o)
HELPER_OBJS := $(HELPER_SRCS:%.c=$(BUILD)/%.o)
COMMAND_OBJS := $(COMMAND_SRCS:%.c=$(BUILD)/%.o)

all: $(BUILD)/ktlshim

$(BUILD)/ktlshim: $(COMMAND_OBJS) $(COMMON_OBJS)
	@echo "  LD    $@"
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lssl -lcrypto -lelf

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC    $<"
	$(Q)$(CC) $(CFLAGS) $(KTLSHIM_CFLAGS) $(CFLAGS_$(*F)) -c -o $@ $<

clean:
	rm -rf $(BUILD)

.PHONY: all clean
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
