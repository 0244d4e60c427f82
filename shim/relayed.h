/* SPDX-License-Identifier: MIT */
/*
 * relayed.h - a relayed connection: a local socket that passes for TCP
 */
#ifndef KTLSHIM_RELAYED_H
#define KTLSHIM_RELAYED_H

#include <stdbool.h>
#include <sys/socket.h>

#include "fdtab.h"
#include "proto.h"

struct relayed {
	struct entry entry; /* all else is in its slot */
};

/** relayed_add() - as stream_add() */
int relayed_add(int fd, struct share_slot *slot, const struct gate_msg *msg);

/** relayed_adopt() - as stream_adopt() */
int relayed_adopt(int fd, struct share_slot *slot);

/**
 * relayed_recv_done() - after a native receive that gave nothing
 * @ret: 0 or -errno
 *
 * Return: what the daemon gets: an end of the stream that the helper has not
 * marked as clean is -ECONNRESET.
 */
ssize_t relayed_recv_done(struct relayed *r, int fd, ssize_t ret);

/** relayed_before_sandbox() - relayed_leave() will not be able to */
void relayed_before_sandbox(int fd);

/** relayed_recv() - before a receive: flags that a local socket would take for
 * something else. Return: -errno or SOCK_NATIVE. */
ssize_t relayed_recv(int flags);

/**
 * relayed_leave() - number @fd will be closed next, by the caller
 *
 * The last holder tells the helper that this end is meant: close_notify.
 */
void relayed_leave(struct relayed *r, int fd);

/** relayed_getsockopt(), relayed_setsockopt() - as on the client's socket.
 * Return: 0 or -errno. */
int relayed_getsockopt(struct relayed *r, int fd, int level, int name,
		       void *value, socklen_t *len);
int relayed_setsockopt(struct relayed *r, int fd, int level, int name,
		       const void *value, socklen_t len);

/** relayed_shutdown() - shutdown(2). Return: 0 or -errno. */
int relayed_shutdown(struct relayed *r, int fd, int how);

#endif
