/* SPDX-License-Identifier: MIT */
/*
 * wait.h - poll() and select() for daemons with blocking sockets
 *
 * The kernel calls a socket readable when a part of a record has come. A
 * daemon that then reads from a blocking socket would be stuck until the rest
 * comes, and a hostile client could stop it. So the poll and select families
 * look once more at such sockets: what has come is drained, and if that gave
 * nothing to read, the wait goes on. Without a connection that is received in
 * user space they are plain calls.
 */
#ifndef KTLSHIM_WAIT_H
#define KTLSHIM_WAIT_H

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/select.h>
#include <time.h>

/** wait_is_plain() - is there nothing to look at in this process? */
bool wait_is_plain(void);

/**
 * wait_poll() - ppoll(2) with the second look
 * @timeout: relative; NULL: no limit; not changed
 *
 * Return: as ppoll(2), with errno.
 */
int wait_poll(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
	      const sigset_t *mask);

/**
 * wait_select() - pselect(2) with the second look
 * @timeout: relative, or NULL; becomes what is left of it
 *
 * Return: as pselect(2), with errno.
 */
int wait_select(int n, fd_set *in, fd_set *out, fd_set *except,
		struct timespec *timeout, const sigset_t *mask);

#endif
