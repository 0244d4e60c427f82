/* SPDX-License-Identifier: MIT */
/*
 * held.h - does anybody hold a connection that was given to the daemon?
 *
 * The daemon's processes count a connection's holders themselves; one that is
 * killed never counts down. So they ask us. See held.c.
 */
#ifndef KTLSHIM_HELD_H
#define KTLSHIM_HELD_H

#include <stdint.h>

/** held_open() - before any other. What cannot be made is done without. */
void held_open(void);
void held_close(void); /* after all others */

/**
 * held_add() - @fd will be the daemon's
 *
 * Takes no reference: the socket closes when the daemon closes it.
 *
 * Return: who watches it, for struct gate_msg; 0: nobody.
 */
uint64_t held_add(int fd);

/**
 * held_gone() - which sockets are closed everywhere?
 * @cookies: SO_COOKIE of some that held_add() has taken, with the same
 *           HELD_SET; others do not count as gone
 * @n:       1 to HELD_ASK_MAX
 * @gone:    a bit for each
 *
 * Return: who watches, as held_add(), or 0: it cannot be said.
 */
uint64_t held_gone(const uint64_t *cookies, unsigned int n, uint32_t *gone);

#endif
