// SPDX-License-Identifier: MIT
/*
 * rights.c - descriptors in messages between the daemon's processes
 */
#include "rights.h"

#include <string.h>

#include "promote.h"
#include "share.h"
#include "sock.h"

/* Call @f for each descriptor of a message. Return: how often it was true. */
static int each(const struct msghdr *msg, bool (*f)(int fd))
{
	struct msghdr *m = (struct msghdr *)msg; /* as CMSG_NXTHDR wants it */
	struct cmsghdr *c;
	size_t i, n;
	int fd, done = 0;

	if (!msg->msg_control || !msg->msg_controllen)
		return 0;
	for (c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET ||
		    c->cmsg_type != SCM_RIGHTS || c->cmsg_len < CMSG_LEN(0))
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			done += f(fd);
		}
	}
	return done;
}

static bool hold(int fd)
{
	struct entry *e = fdtab_is_any(fd) ? sock_entry(fd) : NULL;
	bool ours;

	if (!e)
		return false;
	ours = e->slot;
	if (e->kind == ENTRY_STREAM)
		promote_let_go((struct stream *)e, fd);
	if (ours)
		share_hold(e->slot);
	fdtab_put(e);
	return ours;
}

static bool unhold(int fd)
{
	struct entry *e = fdtab_is_any(fd) ? fdtab_get(fd) : NULL;

	if (!e)
		return false;
	if (e->slot)
		share_leave(e->slot, e->cookie);
	fdtab_put(e);
	return true;
}

static bool adopt(int fd)
{
	sock_forget(fd); /* the number may have been ours */
	return !sock_adopt_known(fd, false);
}

static bool adopt_peeked(int fd)
{
	sock_forget(fd);
	return !sock_adopt_known(fd, true);
}

int rights_sending(const struct msghdr *msg)
{
	return each(msg, hold);
}

void rights_not_sent(const struct msghdr *msg)
{
	each(msg, unhold);
}

void rights_received(struct msghdr *msg, bool peeked)
{
	each(msg, peeked ? adopt_peeked : adopt);
}
