// SPDX-License-Identifier: MIT
/*
 * sock.c - what a call means on a descriptor that is ours, by its kind
 */
#include "sock.h"

#include <assert.h>
#include <errno.h>

#include "client.h"
#include "gate.h"
#include "libc.h"
#include "log.h"
#include "relayed.h"
#include "stream.h"

static_assert(SOCK_NATIVE == STREAM_NATIVE, "one value for both");

ssize_t sock_recv(struct entry *e, int fd, const struct iovec *iov, int iovcnt,
		  int flags)
{
	switch (e->kind) {
	case ENTRY_STREAM:
		return stream_recv((struct stream *)e, fd, iov, iovcnt, flags);
	case ENTRY_RELAYED:
		return SOCK_NATIVE;
	case ENTRY_LISTENER:
		return -ENOTCONN; /* a read here would swallow a connection */
	default:
		return -EBADF;
	}
}

ssize_t sock_recv_done(struct entry *e, int fd, ssize_t ret, size_t len)
{
	if (e->kind == ENTRY_STREAM)
		return stream_recv_done((struct stream *)e, fd, ret, len);
	return relayed_recv_done((struct relayed *)e, fd, ret, len);
}

int sock_send_flags(const struct entry *e, int flags)
{
	if (e->kind == ENTRY_LISTENER)
		return -EPIPE;
	if (e->kind == ENTRY_OWN)
		return -EBADF;
	if (flags & MSG_OOB)
		return -EOPNOTSUPP;
	/* kTLS refuses all others, and loses MSG_MORE data at close */
	return flags & (MSG_DONTWAIT | MSG_NOSIGNAL);
}

int sock_accept(struct entry *e, int fd, struct sockaddr *addr, socklen_t *len,
		int flags)
{
	if (e->kind != ENTRY_LISTENER)
		return SOCK_NATIVE;
	return gate_accept((struct listener *)e, fd, addr, len, flags);
}

int sock_shutdown(struct entry *e, int fd, int how)
{
	switch (e->kind) {
	case ENTRY_STREAM:
		return stream_shutdown((struct stream *)e, fd, how);
	case ENTRY_RELAYED:
		return relayed_shutdown((struct relayed *)e, fd, how);
	case ENTRY_LISTENER:
		return gate_shutdown((struct listener *)e, fd, how);
	default:
		return -EBADF;
	}
}

int sock_name(struct entry *e, bool peer, struct sockaddr *addr,
	      socklen_t *len)
{
	const struct relayed *r = (struct relayed *)e;

	if (e->kind == ENTRY_LISTENER && peer)
		return -ENOTCONN;
	if (e->kind == ENTRY_LISTENER)
		copy_addr(&((struct listener *)e)->local, addr, len);
	else if (e->kind == ENTRY_RELAYED)
		copy_addr(peer ? &r->peer : &r->local, addr, len);
	else
		return SOCK_NATIVE;
	return 0;
}

int sock_getsockopt(struct entry *e, int fd, int level, int name, void *value,
		    socklen_t *len)
{
	if (e->kind == ENTRY_LISTENER)
		return gate_getsockopt((struct listener *)e, level, name, value,
				       len);
	if (e->kind == ENTRY_RELAYED)
		return relayed_getsockopt((struct relayed *)e, fd, level, name,
					  value, len);
	return SOCK_NATIVE;
}

int sock_setsockopt(struct entry *e, int fd, int level, int name,
		    const void *value, socklen_t len)
{
	if (e->kind == ENTRY_LISTENER)
		return gate_setsockopt((struct listener *)e, fd, level, name,
				       value, len);
	if (e->kind == ENTRY_RELAYED)
		return relayed_setsockopt((struct relayed *)e, fd, level, name,
					  value, len);
	return SOCK_NATIVE;
}

ssize_t sock_unread(struct entry *e, int fd)
{
	if (e->kind == ENTRY_STREAM)
		return stream_unread((struct stream *)e, fd);
	return SOCK_NATIVE;
}

int sock_listen(int fd)
{
	return gate_wants(fd, false) ? gate_engage(fd) : 0;
}

struct entry *sock_adopt(int fd)
{
	if (!gate_wants(fd, true) || gate_engage(fd))
		return NULL;
	return fdtab_get(fd);
}

int sock_closing(int fd)
{
	struct entry *e;

	if (!fdtab_is_any(fd) || !fdtab_is_ours())
		return 0;
	e = fdtab_get(fd);
	if (!e)
		return 0;
	if (e->kind == ENTRY_OWN) {
		fdtab_put(e);
		return -EBADF;
	}
	fdtab_put(e);
	e = fdtab_del(fd);
	if (!e)
		return 0;
	if (e->kind == ENTRY_STREAM)
		stream_leave((struct stream *)e, fd);
	fdtab_put(e);
	return 0;
}

void sock_duplicated(int from, int to)
{
	struct entry *e;

	if (!fdtab_is_any(from) || from == to || !fdtab_is_ours())
		return;
	e = fdtab_get(from);
	if (!e)
		return;
	if (fdtab_add(to, e))
		log_warn("descriptor %d is too high to be kept", to);
	else if (e->kind == ENTRY_STREAM)
		share_hold(((struct stream *)e)->slot);
	fdtab_put(e);
}

void sock_exiting(void)
{
	int fd;

	if (!fdtab_is_ours())
		return;
	for (fd = 0; fd < fdtab_high(); fd++)
		sock_closing(fd);
}
