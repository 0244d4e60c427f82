/* SPDX-License-Identifier: MIT */
/*
 * info.h - what the daemon is told of a connection
 *
 * By ktlshim_info() (include/ktlshim.h), and in the environment of a program that
 * is executed on it, as descriptor 0 or else 1. Such a program sees none of these
 * variables that is not ours: not the client's word, nor an outer server's.
 */
#ifndef KTLSHIM_INFO_H
#define KTLSHIM_INFO_H

#include <stdbool.h>

#include "share.h"

/* Variables, and bytes of their text, at most */
#define INFO_ENV_MAX 12
#define INFO_ENV_BYTES (FACTS_PACKED_MAX + 512)

/**
 * info_will_spawn() - a file action: @fd becomes @to in the next program
 * @actions: whose; this thread remembers those of one object
 */
void info_will_spawn(const void *actions, int fd, int to);

/** info_forget_actions() - they are no more, or others are there now */
void info_forget_actions(const void *actions);

/**
 * info_slot() - the connection that a program will be on
 * @actions: of posix_spawn; NULL: none
 */
struct share_slot *info_slot(const void *actions);

/** info_is_ours() - is "NAME=..." one that we set, or that passes for one? */
bool info_is_ours(const char *assignment);

/**
 * info_env() - the variables of a connection
 * @out:  where the environment's pointers go on
 * @text: INFO_ENV_BYTES
 *
 * Return: one behind the last.
 */
char **info_env(const struct share_slot *slot, char **out, char *text);

#endif
