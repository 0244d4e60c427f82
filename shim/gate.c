// SPDX-License-Identifier: MIT
/*
 * gate.c - a listener of the daemon's, seen from inside the daemon
 *
 * Taking a connection from the gate. A message whose descriptor finds no free
 * number is lost together with the connection, so a number is reserved first
 * and freed just before; the lock keeps other accepting threads from taking
 * it. Waiting is done before that, without the lock, by peeking: a peek wakes
 * one waiter per message, and it honours O_NONBLOCK and SO_RCVTIMEO.
 *
 * When the helper has died the gate is readable for ever. Then a socket that
 * is never readable takes its place, so that no event loop spins, and a line
 * tells what has happened.
 */
#include "gate.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#include "client.h"
#include "crypto.h"
#include "epollmove.h"
#include "libc.h"
#include "log.h"
#include "reclaim.h"
#include "relayed.h"
#include "settings.h"
#include "share.h"
#include "sock.h"
#include "stream.h"
#include "sys.h"

static pthread_mutex_t accept_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t engage_lock = PTHREAD_MUTEX_INITIALIZER;

static int int_option(int fd, int name)
{
	socklen_t len = sizeof(int);
	int value = -1;

	return LIBC(getsockopt)(fd, SOL_SOCKET, name, &value, &len) ? -1
								     : value;
}

static bool is_tcp(int fd)
{
	int domain = int_option(fd, SO_DOMAIN), protocol;

	/* a sandbox that denies the question must not open a plaintext port */
	if (domain < 0)
		return errno != ENOTSOCK && errno != EBADF;
	if (domain != AF_INET && domain != AF_INET6)
		return false;
	protocol = int_option(fd, SO_PROTOCOL);
	return protocol < 0 || protocol == IPPROTO_TCP || protocol == IPPROTO_MPTCP;
}

static int ask(const union inet_addr *addr)
{
	if ((addr->sa.sa_family != AF_INET && addr->sa.sa_family != AF_INET6) ||
	    !settings_may_have(ntohs(addr->in.sin_port)))
		return 0;
	return client_ask(addr);
}

int gate_wants_bind(int fd, const union inet_addr *addr)
{
	int saved = errno, ret;

	ret = is_tcp(fd) ? ask(addr) : 0;
	errno = saved;
	return ret;
}

int gate_bind(int fd, const struct sockaddr *addr, socklen_t len)
{
	const struct timespec pause = {.tv_nsec = 10 * 1000000};
	int tries;

	for (tries = 0; tries < 25; tries++) {
		if (!LIBC(bind)(fd, addr, len))
			return 0;
		if (errno != EADDRINUSE)
			break;
		nanosleep(&pause, NULL);
	}
	return -errno;
}

/*
 * Plaintext listeners that are only accepted on here (socket activation): the
 * helper is not asked again for every connection.
 */
#define PLAIN_MAX 16
static atomic_ullong plain[PLAIN_MAX]; /* SO_COOKIE */
static atomic_uint n_plain;

static bool is_plain(uint64_t cookie)
{
	unsigned int i;

	for (i = 0; i < PLAIN_MAX; i++)
		if (plain[i] == cookie)
			return true;
	return false;
}

int gate_wants(int fd, bool own)
{
	union inet_addr addr;
	socklen_t len = sizeof(addr);
	int saved = errno, ret = 0;
	uint64_t cookie;

	if (is_tcp(fd) && (own || int_option(fd, SO_ACCEPTCONN) != 0)) {
		/* one that has no name must not be open, either */
		memset(&addr, 0, sizeof(addr));
		cookie = own ? 0 : fdtab_cookie(fd);
		if (LIBC(getsockname)(fd, &addr.sa, &len))
			ret = 1;
		else if (!cookie || !is_plain(cookie))
			ret = ask(&addr);
		if (cookie && !ret && !is_plain(cookie))
			plain[atomic_fetch_add(&n_plain, 1) % PLAIN_MAX] =
				cookie;
		if (ret < 0)
			LIBC(shutdown)(fd, SHUT_RDWR);
	}
	errno = saved;
	return ret;
}

/* The helper's first word on the gate: it listens. -EPIPE: it has died. */
static int await_open(int gate, struct gate_msg *msg)
{
	const struct timeval limit = {.tv_sec = 30}, none = {0};
	ssize_t n;

	sys_setsockopt(gate, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	do
		n = LIBC(recv)(gate, msg, sizeof(*msg), 0);
	while (n < 0 && errno == EINTR);
	sys_setsockopt(gate, SOL_SOCKET, SO_RCVTIMEO, &none, sizeof(none));
	if (n < 0)
		return errno == EAGAIN ? -EPROTO : -EPIPE;
	if (n == sizeof(*msg) && msg->magic == PROTO_MAGIC &&
	    msg->kind == GATE_REFUSED)
		return -(int)msg->id;
	if (n != sizeof(*msg) || msg->magic != PROTO_MAGIC ||
	    msg->kind != GATE_OPEN)
		return n > 0 ? -EPROTO : -EPIPE;
	return 0;
}

/* SO_RCVTIMEO of a listener is about waiting in accept. */
static void copy_timeout(int to, int from)
{
	struct timeval tv = {0};
	socklen_t len = sizeof(tv);

	if (!LIBC(getsockopt)(from, SOL_SOCKET, SO_RCVTIMEO, &tv, &len) &&
	    (tv.tv_sec || tv.tv_usec))
		sys_setsockopt(to, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
}

/* @gate takes the number @fd, close-on-exec or not, and its places in epoll. */
static int take_place(int fd, int gate)
{
	int fd_flags = LIBC(fcntl)(fd, F_GETFD);
	struct epollmove move;
	int ret = 0;

	epollmove_take(&move, fd);
	copy_timeout(gate, fd);
	if (LIBC(dup3)(gate, fd, fd_flags & FD_CLOEXEC ? O_CLOEXEC : 0) < 0)
		ret = -errno;
	epollmove_put(&move, fd);
	return ret;
}

/* Ask the helper to listen. Return: our end of the gate, or -errno. */
static int open_gate(int fd, bool own, struct gate_msg *msg)
{
	int gate[2], ret;

	if (LIBC(socketpair)(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, gate))
		return -errno;
	ret = client_listen(fd, gate[1], own);
	sys_close(gate[1]);
	if (!ret)
		ret = await_open(gate[0], msg);
	if (!ret)
		return gate[0];
	sys_close(gate[0]);
	return ret;
}

int gate_adopt(int fd, struct share_slot *slot)
{
	struct listener *l = (struct listener *)fdtab_alloc(ENTRY_LISTENER,
							    sizeof(*l), NULL);
	int ret;

	if (!l)
		return -ENOMEM;
	/* now, before a chroot or a sandbox: accepting will need it */
	if (crypto_open()) {
		fdtab_put(&l->entry);
		return -ENOSYS;
	}
	l->entry.slot = slot;
	ret = fdtab_add(fd, &l->entry);
	fdtab_put(&l->entry);
	return ret;
}

/* Number @fd means @socket from now on, which is a gate or silence. */
static int settle(int fd, int sock, const struct share_listener *what,
		  const union inet_addr *local)
{
	struct share_slot *slot = share_get(ENTRY_LISTENER, fdtab_cookie(sock));
	int ret = slot ? take_place(fd, sock) : -ENFILE;

	if (!ret) {
		slot->listener = *what;
		slot->local = *local;
		ret = gate_adopt(fd, slot);
	}
	if (ret && slot)
		share_free(slot, slot->cookie);
	return ret;
}

static int engage(int fd, bool own)
{
	struct share_listener what = {.protocol = int_option(fd, SO_PROTOCOL)};
	/* now: with the socket the helper gets these, and changes them */
	int fl_flags = LIBC(fcntl)(fd, F_GETFL);
	struct gate_msg msg;
	int gate = open_gate(fd, own, &msg), ret;

	if (gate == -EPIPE) { /* the helper died before it heard us */
		client_forget();
		gate = open_gate(fd, own, &msg);
	}
	if (gate < 0)
		return gate;
	what.id = msg.id;
	LIBC(fcntl)(gate, F_SETFL, fl_flags & O_NONBLOCK);
	ret = settle(fd, gate, &what, &msg.local);
	sys_close(gate);
	return ret;
}

int gate_engage(int fd, bool own)
{
	int ret;

	/* two threads may accept on an inherited listener at once */
	pthread_mutex_lock(&engage_lock);
	ret = fdtab_is_any(fd) ? 0 : engage(fd, own);
	pthread_mutex_unlock(&engage_lock);
	if (ret == -EPIPE || ret == -EPROTO)
		log_error("the helper did not take the listener over");
	if (ret) /* the port must not stay open in plaintext */
		LIBC(shutdown)(fd, SHUT_RDWR);
	return ret == -EPIPE ? -EIO : ret;
}

/* Another socket under the number, which is another entry; engage_lock is held. */
static void put_silence(struct listener *l, int fd)
{
	const union inet_addr local = l->entry.slot->local;
	struct listener *now = (struct listener *)fdtab_get(fd);
	int quiet;

	if (now)
		fdtab_put(&now->entry);
	if (now != l) /* another thread has done it */
		return;
	quiet = LIBC(socket)(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (quiet < 0)
		return;
	LIBC(fcntl)(quiet, F_SETFL, LIBC(fcntl)(fd, F_GETFL) & O_NONBLOCK);
	now = settle(fd, quiet, &l->entry.slot->listener, &local)
		      ? NULL
		      : (struct listener *)fdtab_get(fd);
	if (now) {
		now->helper_gone = true;
		fdtab_put(&now->entry);
	}
	sys_close(quiet);
}

/* Readable for ever is what a dead helper leaves behind: put silence there. */
static void silence(struct listener *l, int fd)
{
	if (!atomic_exchange(&l->helper_gone, true))
		log_error("the helper has died: port %u is closed; restart the "
			  "daemon", ntohs(l->entry.slot->local.in.sin_port));
	/* threads that accept notice at once */
	pthread_mutex_lock(&engage_lock);
	put_silence(l, fd);
	pthread_mutex_unlock(&engage_lock);
}

static int received_fd(struct msghdr *header)
{
	struct cmsghdr *cmsg;
	int fd;

	/* SO_PASSCRED, if set, puts credentials first */
	for (cmsg = CMSG_FIRSTHDR(header); cmsg;
	     cmsg = CMSG_NXTHDR(header, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET ||
		    cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
		return fd;
	}
	return -1;
}

/* A connection, as it comes */
struct arrival {
	struct gate_msg msg;
	char facts[FACTS_PACKED_MAX];
	size_t facts_bytes;
};

/* One message, without waiting. Return: its descriptor or -errno. */
static int take(int fd, struct arrival *a)
{
	union {
		char buf[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(128)];
		struct cmsghdr align;
	} control;
	struct iovec iov[] = {{&a->msg, sizeof(a->msg)},
			      {a->facts, sizeof(a->facts)}};
	struct msghdr header = {
		.msg_iov = iov,
		.msg_iovlen = 2,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	int conn, reserved;
	ssize_t n;

	reserved = LIBC(fcntl)(fd, F_DUPFD_CLOEXEC, 0);
	if (reserved < 0)
		return -errno;
	sys_close(reserved);
	n = sys_recvmsg(fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return -errno;
	conn = received_fd(&header);
	if (n >= (ssize_t)sizeof(a->msg) && a->msg.magic == PROTO_MAGIC &&
	    !(header.msg_flags & MSG_TRUNC) && conn >= 0) {
		a->facts_bytes = (size_t)n - sizeof(a->msg);
		return conn;
	}
	if (conn >= 0)
		sys_close(conn);
	return n == 0 ? -EPIPE : -ECONNABORTED;
}

static int wait_and_take(int fd, struct arrival *a)
{
	char byte = 0;
	int ret;

	for (;;) {
		/* no control buffer: nothing is installed by this */
		if (LIBC(recv)(fd, &byte, 1, MSG_PEEK) < 0)
			return -errno;
		pthread_mutex_lock(&accept_lock);
		ret = take(fd, a);
		pthread_mutex_unlock(&accept_lock);
		if (ret != -EAGAIN)
			return ret; /* else another was faster */
	}
}

void copy_addr(const union inet_addr *from, struct sockaddr *addr,
	       socklen_t *len)
{
	socklen_t size = from->sa.sa_family == AF_INET6 ? sizeof(from->in6)
							 : sizeof(from->in);

	if (!addr || !len)
		return;
	memcpy(addr, from, *len < size ? *len : size);
	*len = size;
}

/* Number @conn means what has come. Return: 0 or -errno. */
static int settle_arrival(int conn, const struct arrival *a)
{
	const struct gate_msg *msg = &a->msg;
	struct share_slot *slot;
	int ret;

	if (msg->kind == GATE_PLAIN) {
		sock_forget(conn); /* the number may have been ours */
		return 0;
	}
	if (msg->kind != GATE_DIRECT && msg->kind != GATE_RELAYED)
		return -ECONNABORTED;
	slot = share_get(msg->kind == GATE_DIRECT ? ENTRY_STREAM
						  : ENTRY_RELAYED,
			 fdtab_cookie(conn));
	if (!slot)
		return -ENFILE;
	slot->watcher = msg->watcher;
	slot->peer = msg->peer;
	slot->local = msg->local;
	share_set_facts(slot, a->facts, a->facts_bytes);
	ret = msg->kind == GATE_DIRECT ? stream_add(conn, slot, msg)
				       : relayed_add(conn, slot, msg);
	if (ret)
		share_free(slot, slot->cookie);
	return ret;
}

int gate_accept(struct listener *l, int fd, struct sockaddr *addr,
		socklen_t *len, int flags)
{
	struct arrival a;
	int conn, ret;

	if (flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC))
		return -EINVAL;
	conn = wait_and_take(fd, &a);
	if (conn == -EPIPE || conn == -ECONNRESET) {
		if (share_is(l->entry.slot, SHARE_RX_SHUT))
			return -EINVAL;
		silence(l, fd);
		return -ECONNABORTED;
	}
	if (conn < 0)
		return conn;
	ret = settle_arrival(conn, &a);
	keys_wipe(&a.msg.rx);
	keys_wipe(&a.msg.tx);
	if (ret) {
		sys_close(conn);
		return ret;
	}
	/* the descriptor came with close-on-exec and no flag of the file */
	if (!(flags & SOCK_CLOEXEC))
		LIBC(fcntl)(conn, F_SETFD, 0);
	if (flags & SOCK_NONBLOCK)
		LIBC(fcntl)(conn, F_SETFL, O_NONBLOCK);
	copy_addr(&a.msg.peer, addr, len);
	if (!l->entry.sandboxed)
		reclaim_some();
	return conn;
}

int gate_getsockopt(struct listener *l, int level, int name, void *value,
		    socklen_t *len)
{
	const struct share_slot *slot = l->entry.slot;
	int answer = -1;

	if (level == SOL_SOCKET && name == SO_ACCEPTCONN)
		answer = 1;
	else if (level == SOL_SOCKET && name == SO_TYPE)
		answer = SOCK_STREAM;
	else if (level == SOL_SOCKET && name == SO_DOMAIN)
		answer = slot->local.sa.sa_family;
	else if (level == SOL_SOCKET && name == SO_PROTOCOL)
		answer = slot->listener.protocol;
	else if (level == SOL_SOCKET && name == SO_ERROR)
		answer = 0;
	if (answer < 0)
		return client_sockopt(slot->listener.id, false, level, name, value, len);
	if (*len > sizeof(answer))
		*len = sizeof(answer);
	memcpy(value, &answer, *len);
	return 0;
}

int gate_setsockopt(struct listener *l, int fd, int level, int name,
		    const void *value, socklen_t len)
{
	/* SO_PASSCRED on the gate would change our own messages */
	if (level == SOL_SOCKET && name == SO_PASSCRED)
		return 0;
	/* accepted sockets would inherit it, and block the helper's close */
	if (level == SOL_SOCKET && name == SO_LINGER)
		return 0;
	/* these are about waiting in accept, which is here */
	if (level == SOL_SOCKET && (name == SO_RCVTIMEO || name == SO_SNDTIMEO))
		return LIBC(setsockopt)(fd, level, name, value, len) ? -errno
								      : 0;
	return client_sockopt(l->entry.slot->listener.id, true, level, name, (void *)value, &len);
}

int gate_shutdown(struct listener *l, int fd, int how)
{
	if (how == SHUT_WR)
		return 0; /* nothing to write on a listening socket */
	share_set(l->entry.slot, SHARE_RX_SHUT);
	return LIBC(shutdown)(fd, SHUT_RDWR) ? -errno : 0;
}

void gate_atfork_child(void)
{
	pthread_mutex_init(&accept_lock, NULL);
	pthread_mutex_init(&engage_lock, NULL);
}
