/* SPDX-License-Identifier: MIT */
/*
 * inherit.h - what a program is given by the one that executes it
 *
 * Its environment: daemons clean it for their children (postfix, dovecot,
 * inetd, nginx for its next binary), and the child would accept in plaintext, if
 * the gate let it. So LD_PRELOAD and our settings are put back where they are
 * missing; a program on a connection of ours gets what info.h tells; nothing else
 * is touched.
 *
 * Our descriptors: where one of our sockets goes along, or a local socket over
 * which one may come later, copies of the shared table and of the helper's
 * control socket go too, in the variable KTLSHIM_STATE, which the library takes
 * out of the environment again:
 *
 *	KTLSHIM_STATE=TABLE,CONTROL,HIGH,LIST   or just "+" or "-"
 *
 * with two descriptors (-1: none), one past the highest number to look at for
 * our sockets, and, from posix_spawn, the cookies of what has one holder that is the
 * new program's; "x" instead: each number is counted. "+": nothing goes along, but
 * a listener was upgraded.
 */
#ifndef KTLSHIM_INHERIT_H
#define KTLSHIM_INHERIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "info.h"

#define INHERIT_SLOTS_MAX 32

struct inherit {
	int table, control; /* copies for the new program, or -1 */
	/* holders that were added for it, by cookie; taken back when it does not
	 * start */
	int n_slots;
	uint64_t slots[INHERIT_SLOTS_MAX];
};

/** inherit_load() - remember what is to be put back. Once, by the constructor,
 * after settings(). */
void inherit_load(void);

/**
 * inherit_adopt() - take what the program before us has left
 *
 * By the constructor. Return: was it executed by a daemon that has upgraded a
 * listener, and not by the shell script that starts one?
 */
bool inherit_adopt(void);

/** inherit_env_max(), inherit_text_bytes() - room that inherit_begin() needs;
 * on the stack, as a child of vfork must not allocate. */
size_t inherit_env_max(char *const env[]);
size_t inherit_text_bytes(char *const env[]);

/**
 * inherit_begin() - before exec or posix_spawn
 * @env:   for the new program; may be NULL
 * @out:   its environment from here on, inherit_env_max() pointers
 * @text:  inherit_text_bytes()
 * @spawn: by posix_spawn, with
 * @actions: or NULL
 *
 * What goes along is received by the kernel from here on.
 */
void inherit_begin(struct inherit *in, char *const env[], char **out,
		   char *text, bool spawn, const void *actions);

/** inherit_end() - exec has failed; or posix_spawn has returned.
 * @started: the program runs */
void inherit_end(struct inherit *in, bool started);

/** inherit_forget_actions() - these file actions of posix_spawn are no more */
void inherit_forget_actions(const void *actions);

#endif
