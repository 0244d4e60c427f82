// SPDX-License-Identifier: MIT
/*
 * hooks_listener.c - the exported calls about listeners, names and options
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "client.h"
#include "gate.h"
#include "hook.h"

/* The helper is started while the daemon still has its privileges. */
EXPORT int bind(int fd, const struct sockaddr *addr, socklen_t len)
{
	int saved = errno, ret = 0;
	union inet_addr a;

	memset(&a, 0, sizeof(a));
	if (addr && len <= sizeof(a))
		memcpy(&a, addr, len);
	if (a.in.sin_port)
		ret = gate_wants_bind(fd, &a);
	if (!ret)
		return LIBC(bind)(fd, addr, len);
	if (ret > 0)
		ret = gate_bind(fd, addr, len);
	errno = ret ? -ret : saved;
	return ret ? -1 : 0;
}

EXPORT int listen(int fd, int backlog)
{
	int saved = errno, ret;

	if (fdtab_is_any(fd))
		return (int)HOOK(fd, LIBC(listen)(fd, backlog),
				 entry->kind == ENTRY_LISTENER ? 0 : -EINVAL);
	if (LIBC(listen)(fd, backlog))
		return -1;
	ret = sock_listen(fd);
	errno = ret ? -ret : saved;
	return ret ? -1 : 0;
}

/* The gate and a relayed connection are local sockets. */
EXPORT int connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	return (int)HOOK(fd, LIBC(connect)(fd, addr, len),
			 entry->kind == ENTRY_STREAM ? SOCK_NATIVE : -EISCONN);
}

/* A new socket may have a number that was ours until a bare close(2). */
static int note_new(int fd)
{
	if (fd >= 0 && fdtab_is_any(fd))
		sock_forget(fd);
	return fd;
}

EXPORT int socket(int domain, int type, int protocol)
{
	return note_new(LIBC(socket)(domain, type, protocol));
}

EXPORT int socketpair(int domain, int type, int protocol, int fds[2])
{
	int ret = LIBC(socketpair)(domain, type, protocol, fds);

	if (!ret) {
		note_new(fds[0]);
		note_new(fds[1]);
	}
	return ret;
}

EXPORT int accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
	int saved = errno;
	struct entry *e = sock_entry(fd);

	if (!e)
		e = sock_adopt(fd);
	errno = saved;
	if (!e || e->kind != ENTRY_LISTENER) {
		if (e)
			fdtab_put(e);
		return note_new(LIBC(accept4)(fd, addr, len, flags));
	}
	return (int)hook_result(e, sock_accept(e, fd, addr, len, flags), saved);
}

EXPORT int accept(int fd, struct sockaddr *addr, socklen_t *len)
{
	return accept4(fd, addr, len, 0);
}

HOOKED(int, shutdown, (int fd, int how), (fd, how))
{
	return (int)HOOK(fd, LIBC(shutdown)(fd, how),
			 sock_shutdown(entry, fd, how));
}

HOOKED(int, getsockname, (int fd, struct sockaddr *addr, socklen_t *len),
       (fd, addr, len))
{
	return (int)HOOK(fd, LIBC(getsockname)(fd, addr, len),
			 sock_name(entry, fd, false, addr, len));
}

HOOKED(int, getpeername, (int fd, struct sockaddr *addr, socklen_t *len),
       (fd, addr, len))
{
	return (int)HOOK(fd, LIBC(getpeername)(fd, addr, len),
			 sock_name(entry, fd, true, addr, len));
}

static bool uncorks(int level, int name, const void *value, socklen_t len)
{
	static const int off;

	return level == IPPROTO_TCP && name == TCP_CORK && value &&
	       len == sizeof(off) && !memcmp(value, &off, sizeof(off));
}

/*
 * Two kinds of options need not ask whether the number is still ours, which costs a
 * system call. A direct connection's TCP options are the socket's own, whatever the
 * number means by now. And no cork is taken out that was not put in before; that has
 * asked. (Web servers do both for each answer.) @value: what is to be set, or NULL.
 */
static struct entry *option_entry(int fd, int level, int name,
				  const void *value, socklen_t len)
{
	int saved = errno;
	struct entry *e = level != SOL_SOCKET ? fdtab_get(fd) : NULL;

	if (e && e->kind == ENTRY_RELAYED && uncorks(level, name, value, len))
		return e;
	if (!e || e->kind != ENTRY_STREAM) {
		if (e)
			fdtab_put(e);
		return sock_entry(fd);
	}
	fdtab_put(e);
	errno = saved;
	return NULL;
}

HOOKED(int, getsockopt,
       (int fd, int level, int name, void *value, socklen_t *len),
       (fd, level, name, value, len))
{
	return (int)HOOK_OF(option_entry(fd, level, name, NULL, 0),
			    LIBC(getsockopt)(fd, level, name, value, len),
			    sock_getsockopt(entry, fd, level, name, value,
					    len));
}

HOOKED(int, setsockopt,
       (int fd, int level, int name, const void *value, socklen_t len),
       (fd, level, name, value, len))
{
	return (int)HOOK_OF(option_entry(fd, level, name, value, len),
			    LIBC(setsockopt)(fd, level, name, value, len),
			    sock_setsockopt(entry, fd, level, name, value,
					    len));
}
