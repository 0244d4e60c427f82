// SPDX-License-Identifier: MIT
/*
 * relayed.c - a relayed connection: a local socket that passes for TCP
 *
 * How the stream ended. The helper gives its end of the pair a name before it
 * shuts it down for a client that has said close_notify (lib/relay.c). Any
 * other end (a stream cut off, a helper that died) leaves it without a name.
 * The name stays visible to us after the other end is closed. We do the same
 * when the daemon ends the stream: a daemon that was killed leaves no name, and
 * the client gets no close_notify.
 *
 * Options. What concerns the network is asked of the client's socket, which the
 * helper has. What is the helper's own affair (TCP_NODELAY, TCP_CORK) is
 * remembered, and before that what a fresh TCP socket says.
 */
#include "relayed.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>

#include "client.h"
#include "libc.h"
#include "share.h"
#include "sock.h"
#include "sys.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

int relayed_adopt(int fd, struct share_slot *slot)
{
	struct relayed *r = (struct relayed *)fdtab_alloc(ENTRY_RELAYED,
							  sizeof(*r), NULL);
	int ret;

	if (!r)
		return -ENOMEM;
	r->entry.slot = slot;
	ret = fdtab_add(fd, &r->entry);
	fdtab_put(&r->entry);
	return ret;
}

int relayed_add(int fd, struct share_slot *slot, const struct gate_msg *msg)
{
	slot->relayed.id = msg->id;
	slot->relayed.generation = msg->generation;
	return relayed_adopt(fd, slot);
}

static bool ended_cleanly(int fd)
{
	struct sockaddr_un name;
	socklen_t len = sizeof(name);

	return !LIBC(getpeername)(fd, (struct sockaddr *)&name, &len) &&
	       len > offsetof(struct sockaddr_un, sun_path);
}

ssize_t relayed_recv_done(struct relayed *r, int fd, ssize_t ret)
{
	if (ret || share_is(r->entry.slot, SHARE_RX_SHUT) || ended_cleanly(fd))
		return ret;
	return -ECONNRESET;
}

/* This end is meant; see above. In whatever way it fails, it is not told. */
static void give_name(int fd)
{
	const struct sockaddr_un name = {.sun_family = AF_UNIX};

	LIBC(bind)(fd, (const struct sockaddr *)&name, sizeof(sa_family_t));
}

void relayed_leave(struct relayed *r, int fd)
{
	if (!share_leave(r->entry.slot, r->entry.cookie))
		return;
	r->entry.last = true;
	if (r->entry.sandboxed)
		return; /* its name was given before */
	if (!share_is(r->entry.slot, SHARE_ABORT))
		give_name(fd);
}

void relayed_before_sandbox(int fd)
{
	give_name(fd);
}

ssize_t relayed_recv(int flags)
{
	if (flags & MSG_OOB)
		return -EINVAL;
	if (flags & MSG_ERRQUEUE)
		return -EAGAIN; /* a local socket would give data */
	return SOCK_NATIVE;
}

/* An option of a TCP socket that nobody has touched. */
static int ask_fresh_socket(int family, bool set, int level, int name,
			    void *value, socklen_t *len)
{
	int fd = LIBC(socket)(family, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
	int ret;

	if (fd < 0)
		return -errno;
	ret = set ? LIBC(setsockopt)(fd, level, name, value, *len)
		  : LIBC(getsockopt)(fd, level, name, value, len);
	ret = ret ? -errno : 0;
	sys_close(fd);
	return ret;
}

/* The lock is held. */
static int *find_option(struct share_relayed *o, int level, int name)
{
	int i;

	for (i = 0; i < o->n_options && i < SHARE_OPTIONS_MAX; i++)
		if (o->options[i].level == level && o->options[i].name == name)
			return &o->options[i].value;
	return NULL;
}

static void remember(struct relayed *r, int level, int name, int value)
{
	struct share_relayed *o = &r->entry.slot->relayed;
	int *known;

	share_lock(r->entry.slot);
	known = find_option(o, level, name);
	if (known) {
		*known = value;
	} else if (o->n_options >= 0 && o->n_options < SHARE_OPTIONS_MAX) {
		o->options[o->n_options].level = level;
		o->options[o->n_options].name = name;
		o->options[o->n_options++].value = value;
	}
	share_unlock(r->entry.slot);
}

/* The kernel says what is wrong with them. */
static bool is_wrong(const void *value, const socklen_t *len)
{
	return !value || !len || (int)*len < 0;
}

/* Other levels than TCP's: the same error from any TCP socket */
static bool is_of_client(int level)
{
	return level == IPPROTO_TCP || level == IPPROTO_IP ||
	       level == IPPROTO_IPV6;
}

static int answer_int(int answer, void *value, socklen_t *len)
{
	if (*len > sizeof(answer))
		*len = sizeof(answer);
	memcpy(value, &answer, *len);
	return 0;
}

/* Not the network's: the helper sends as it sees fit. */
static bool is_of_helper(int level, int name)
{
	return level == IPPROTO_TCP &&
	       (name == TCP_NODELAY || name == TCP_CORK ||
		name == TCP_QUICKACK || name == TCP_DEFER_ACCEPT);
}

/* Ask about the client's socket. */
static int ask_helper(const struct relayed *r, bool set, int level, int name,
		      void *value, socklen_t *len)
{
	const struct share_relayed *o = &r->entry.slot->relayed;
	int ret;

	ret = client_conn_sockopt(o->id, o->generation, set, level, name,
				  value, len);
	/* the client has gone: TCP would still have its socket */
	return ret != -EBADF ? ret
			     : ask_fresh_socket(r->entry.slot->peer.sa.sa_family,
						set, level, name, value, len);
}

int relayed_getsockopt(struct relayed *r, int fd, int level, int name,
		       void *value, socklen_t *len)
{
	int family = r->entry.slot->peer.sa.sa_family, *known, remembered = 0;

	if (is_wrong(value, len) ||
	    (level != SOL_SOCKET && !is_of_client(level)))
		return ask_fresh_socket(family, false, level, name, value, len);
	if (level == SOL_SOCKET) {
		if (name == SO_DOMAIN)
			return answer_int(family, value, len);
		if (name == SO_PROTOCOL)
			return answer_int(IPPROTO_TCP, value, len);
		if (name == SO_PEERCRED || name == SO_PEERGROUPS ||
		    name == SO_PEERSEC || name == SO_PEERPIDFD)
			return ask_fresh_socket(family, false, level, name,
						value, len);
		return LIBC(getsockopt)(fd, level, name, value, len) ? -errno
								      : 0;
	}
	if (!is_of_helper(level, name))
		return ask_helper(r, false, level, name, value, len);
	share_lock(r->entry.slot);
	known = find_option(&r->entry.slot->relayed, level, name);
	if (known)
		remembered = *known;
	share_unlock(r->entry.slot);
	if (known)
		return answer_int(remembered, value, len);
	return ask_fresh_socket(family, false, level, name, value, len);
}

int relayed_setsockopt(struct relayed *r, int fd, int level, int name,
		       const void *value, socklen_t len)
{
	int family = r->entry.slot->peer.sa.sa_family, v, ret;

	if (is_wrong(value, &len) ||
	    (level != SOL_SOCKET && !is_of_client(level)))
		return ask_fresh_socket(family, true, level, name,
					(void *)value, &len);
	if (level == SOL_SOCKET) {
		if (LIBC(setsockopt)(fd, level, name, value, len))
			return -errno;
		if (name == SO_KEEPALIVE || name == SO_LINGER)
			ask_helper(r, true, level, name, (void *)value, &len);
		return 0;
	}
	if (!is_of_helper(level, name))
		return ask_helper(r, true, level, name, (void *)value, &len);
	/* web servers cork each answer: a fresh socket costs more than that */
	if (len >= sizeof(v) && (name == TCP_NODELAY || name == TCP_CORK))
		ret = 0;
	else
		ret = ask_fresh_socket(family, true, level, name,
				       (void *)value, &len);
	if (!ret && len >= sizeof(v)) {
		memcpy(&v, value, sizeof(v));
		remember(r, level, name, v);
	}
	return ret;
}

int relayed_shutdown(struct relayed *r, int fd, int how)
{
	if (how == SHUT_RD || how == SHUT_RDWR)
		share_set(r->entry.slot, SHARE_RX_SHUT);
	if ((how == SHUT_WR || how == SHUT_RDWR) && !r->entry.sandboxed)
		give_name(fd);
	return LIBC(shutdown)(fd, how) ? -errno : 0;
}
