// SPDX-License-Identifier: MIT
/*
 * relayed.c - a relayed connection: a local socket that passes for TCP
 *
 * How the stream ended. The helper gives its end of the pair a name before it
 * shuts it down for a client that has said close_notify (lib/relay.c). Any
 * other end (a stream cut off, a helper that died) leaves it without a name.
 * The name stays visible to us after the other end is closed.
 *
 * Options. What a TCP socket would answer is asked of a TCP socket: a fresh
 * one, made for the question. Values that the daemon has set are remembered.
 */
#include "relayed.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>

#include "libc.h"
#include "share.h"
#include "sys.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

int relayed_adopt(int fd, struct share_slot *slot)
{
	struct relayed *r = (struct relayed *)fdtab_alloc(ENTRY_RELAYED,
							  sizeof(*r));
	int ret;

	if (!r)
		return -ENOMEM;
	r->entry.slot = slot;
	ret = fdtab_add(fd, &r->entry);
	fdtab_put(&r->entry);
	return ret;
}

int relayed_add(int fd, const struct gate_msg *msg)
{
	struct share_slot *slot = share_get(ENTRY_RELAYED, fdtab_cookie(fd));
	int ret;

	if (!slot)
		return -ENFILE;
	slot->peer = msg->peer;
	slot->local = msg->local;
	ret = relayed_adopt(fd, slot);
	if (ret)
		share_free(slot);
	return ret;
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

static int answer_int(int answer, void *value, socklen_t *len)
{
	if (*len > sizeof(answer))
		*len = sizeof(answer);
	memcpy(value, &answer, *len);
	return 0;
}

int relayed_getsockopt(struct relayed *r, int fd, int level, int name,
		       void *value, socklen_t *len)
{
	int family = r->entry.slot->peer.sa.sa_family, *known, remembered = 0, ret;

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
	share_lock(r->entry.slot);
	known = find_option(&r->entry.slot->relayed, level, name);
	if (known)
		remembered = *known;
	share_unlock(r->entry.slot);
	if (known)
		return answer_int(remembered, value, len);
	ret = ask_fresh_socket(family, false, level, name, value, len);
	if (!ret && level == IPPROTO_TCP && name == TCP_INFO && *len > 0)
		((struct tcp_info *)value)->tcpi_state = TCP_ESTABLISHED;
	return ret;
}

int relayed_setsockopt(struct relayed *r, int fd, int level, int name,
		       const void *value, socklen_t len)
{
	int v, ret;

	if (level == SOL_SOCKET)
		return LIBC(setsockopt)(fd, level, name, value, len) ? -errno
								      : 0;
	ret = ask_fresh_socket(r->entry.slot->peer.sa.sa_family, true, level, name,
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
	return LIBC(shutdown)(fd, how) ? -errno : 0;
}
