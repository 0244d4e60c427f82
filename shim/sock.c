// SPDX-License-Identifier: MIT
/*
 * sock.c - what a call means on a descriptor that is ours, by its kind
 */
#include "sock.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>

#include "bufpool.h"
#include "client.h"
#include "gate.h"
#include "libc.h"
#include "log.h"
#include "promote.h"
#include "relayed.h"
#include "share.h"
#include "stdio.h"
#include "stream.h"
#include "transmit.h"

static_assert(SOCK_NATIVE == STREAM_NATIVE, "one value for both");

/* One number less. */
static void leave(struct entry *e, int fd)
{
	if (e->kind == ENTRY_STREAM)
		stream_leave((struct stream *)e, fd);
	else if (e->kind == ENTRY_RELAYED)
		relayed_leave((struct relayed *)e, fd);
	else if (e->slot && share_leave(e->slot, e->cookie))
		e->last = true;
}

/* The same, without its last words. */
static void forget(struct entry *e)
{
	if (e->slot && share_leave(e->slot, e->cookie))
		e->last = true;
}

/* @only: if it means this entry; NULL: whatever */
static void drop_number(int fd, const struct entry *only)
{
	struct entry *e;

	if (!fdtab_is_any(fd) || !fdtab_is_ours())
		return;
	e = fdtab_del_if(fd, only);
	if (!e)
		return;
	forget(e);
	fdtab_put(e);
}

void sock_forget(int fd)
{
	drop_number(fd, NULL);
}

struct entry *sock_entry(int fd)
{
	struct entry *e = fdtab_is_any(fd) ? fdtab_get(fd) : NULL;

	if (!e || fdtab_is_current(e, fd))
		return e;
	drop_number(fd, e);
	fdtab_put(e);
	return NULL;
}

ssize_t sock_recv(struct entry *e, int fd, const struct iovec *iov, int iovcnt,
		  int flags)
{
	ssize_t ret;

	switch (e->kind) {
	case ENTRY_STREAM:
		ret = stream_recv((struct stream *)e, fd, iov, iovcnt, flags);
		break;
	case ENTRY_RELAYED:
		return relayed_recv(flags);
	case ENTRY_LISTENER:
		/* a read here would swallow a connection */
		ret = fdtab_is_current(e, fd) ? -ENOTCONN : -ESTALE;
		break;
	default:
		return -EBADF;
	}
	if (ret != -ESTALE)
		return ret;
	drop_number(fd, e);
	return SOCK_NATIVE;
}

ssize_t sock_recv_done(struct entry *e, int fd, ssize_t ret, size_t len)
{
	if (ret > 0 || (ret == 0 && len == 0))
		return ret;
	if (!fdtab_is_current(e, fd)) {
		drop_number(fd, e);
		return ret;
	}
	if (e->kind == ENTRY_STREAM)
		return stream_recv_done((struct stream *)e, fd, ret);
	return relayed_recv_done((struct relayed *)e, fd, ret);
}

static void scatter(const struct iovec *iov, int iovcnt, const char *data,
		    size_t len)
{
	size_t n;

	for (; iovcnt > 0 && len; iov++, iovcnt--) {
		n = iov->iov_len < len ? iov->iov_len : len;
		if (n)
			memcpy(iov->iov_base, data, n);
		data += n;
		len -= n;
	}
}

ssize_t sock_recv_apart(struct entry *e, int fd, const struct iovec *iov,
			int iovcnt, int flags, size_t len)
{
	int care = e->kind == ENTRY_STREAM ? MSG_TRUNC | MSG_PEEK : MSG_TRUNC;
	ssize_t n;
	void *buf;

	if (!(flags & care) || !fdtab_is_current(e, fd))
		return SOCK_NATIVE;
	buf = bufpool_get();
	if (!buf) {
		errno = ENOBUFS;
		return -1;
	}
	n = LIBC(recv)(fd, buf, len < RX_BUF_BYTES ? len : RX_BUF_BYTES,
		       flags & ~MSG_TRUNC);
	if (n > 0 && !(flags & MSG_TRUNC))
		scatter(iov, iovcnt, buf, (size_t)n);
	if (n > 0)
		explicit_bzero(buf, (size_t)n);
	bufpool_put(buf);
	return n;
}

void sock_recv_more(struct entry *e, int fd, int flags)
{
	if (e->kind == ENTRY_STREAM)
		stream_recv_more((struct stream *)e, fd, flags);
}

int sock_write_begin(struct entry *e, int fd, int flags)
{
	int ret = 0;

	if (e->kind == ENTRY_STREAM)
		ret = transmit_begin((struct stream *)e);
	else if (e->kind != ENTRY_RELAYED) /* it would go to the helper */
		ret = e->kind == ENTRY_LISTENER ? -EPIPE : -EBADF;
	if (!ret)
		return 0;
	if (!fdtab_is_current(e, fd)) { /* whose write will be right */
		if (e->kind == ENTRY_STREAM)
			transmit_skip((struct stream *)e);
		return 0;
	}
	if (ret == -EPIPE && !(flags & MSG_NOSIGNAL))
		raise(SIGPIPE);
	return ret;
}

void sock_write_end(struct entry *e, int fd, ssize_t ret)
{
	if (e->kind == ENTRY_STREAM)
		transmit_end((struct stream *)e, fd, ret);
}

ssize_t sock_splice_held(struct entry *e, int fd, int pipe_fd, size_t len,
			 unsigned int flags)
{
	if (e->kind != ENTRY_STREAM)
		return SOCK_NATIVE;
	return stream_splice((struct stream *)e, fd, pipe_fd, len,
			     !(flags & SPLICE_F_NONBLOCK) &&
				     !(LIBC(fcntl)(fd, F_GETFL) & O_NONBLOCK));
}

ssize_t sock_splice_done(struct entry *e, int fd, ssize_t ret, size_t len)
{
	/* how splice says that a record is not data (tls_sw_splice_read) */
	if (e->kind == ENTRY_STREAM && ret == -EINVAL)
		ret = -EIO;
	return sock_recv_done(e, fd, ret, len);
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

/* The client behind a balancer is in the slot only; that it is there still, only
 * the kernel knows. */
static bool has_peer(const struct entry *e, int fd)
{
	union inet_addr peer;
	socklen_t len = sizeof(peer);

	return e->kind == ENTRY_STREAM && !share_is(e->slot, SHARE_ORPHAN) &&
	       !LIBC(getpeername)(fd, &peer.sa, &len);
}

int sock_name(struct entry *e, int fd, bool peer, struct sockaddr *addr,
	      socklen_t *len)
{
	if (e->kind != ENTRY_LISTENER && e->kind != ENTRY_RELAYED &&
	    !(peer && has_peer(e, fd)))
		return SOCK_NATIVE;
	if (e->kind == ENTRY_LISTENER && peer)
		return -ENOTCONN;
	if (!addr || !len)
		return -EFAULT;
	if ((int)*len < 0)
		return -EINVAL;
	if (e->kind == ENTRY_LISTENER)
		copy_addr(&e->slot->local, addr, len);
	else
		copy_addr(peer ? &e->slot->peer : &e->slot->local, addr, len);
	return 0;
}

/* An error that is read here is not reported by a write any more. */
static int stream_error(struct stream *s, int fd, void *value, socklen_t *len)
{
	int error = 0;

	if (LIBC(getsockopt)(fd, SOL_SOCKET, SO_ERROR, value, len))
		return -errno;
	memcpy(&error, value, *len < sizeof(error) ? *len : sizeof(error));
	if (error == ECONNRESET || error == EPIPE || error == ETIMEDOUT)
		share_set(s->entry.slot, SHARE_TX_DEAD);
	return 0;
}

int sock_getsockopt(struct entry *e, int fd, int level, int name, void *value,
		    socklen_t *len)
{
	if (e->kind == ENTRY_LISTENER)
		return gate_getsockopt((struct listener *)e, level, name, value,
				       len);
	if (e->kind == ENTRY_STREAM && level == SOL_SOCKET && name == SO_ERROR)
		return stream_error((struct stream *)e, fd, value, len);
	if (e->kind == ENTRY_RELAYED)
		return relayed_getsockopt((struct relayed *)e, fd, level, name,
					  value, len);
	return SOCK_NATIVE;
}

/* After it was set: what the daemon points to is good then. */
static int set_linger(struct entry *e, int fd, const void *value, socklen_t len)
{
	struct linger l;
	int ret = e->kind == ENTRY_RELAYED
			  ? relayed_setsockopt((struct relayed *)e, fd,
					       SOL_SOCKET, SO_LINGER, value, len)
		  : LIBC(setsockopt)(fd, SOL_SOCKET, SO_LINGER, value, len)
			  ? -errno
			  : 0;

	if (ret)
		return ret;
	memcpy(&l, value, sizeof(l));
	if (l.l_onoff && !l.l_linger)
		share_set(e->slot, SHARE_ABORT);
	else
		share_clear(e->slot, SHARE_ABORT);
	return 0;
}

int sock_setsockopt(struct entry *e, int fd, int level, int name,
		    const void *value, socklen_t len)
{
	if (e->kind == ENTRY_LISTENER)
		return gate_setsockopt((struct listener *)e, fd, level, name,
				       value, len);
	if (e->kind == ENTRY_STREAM && level == SOL_SOCKET &&
	    name == SO_ZEROCOPY)
		return -EOPNOTSUPP; /* and kTLS would refuse each such send */
	if (level == SOL_SOCKET && name == SO_LINGER &&
	    (e->kind == ENTRY_STREAM || e->kind == ENTRY_RELAYED))
		return set_linger(e, fd, value, len);
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
	int ret = gate_wants(fd, true);

	return ret > 0 ? gate_engage(fd, true) : ret;
}

struct entry *sock_adopt(int fd)
{
	if (gate_wants(fd, false) <= 0 || gate_engage(fd, false))
		return NULL;
	return fdtab_get(fd);
}

int sock_adopt_known(int fd, bool add_holder)
{
	uint64_t cookie = fdtab_cookie(fd);
	struct share_slot *slot = share_find(cookie);
	int ret;

	if (!slot)
		return -ENOENT;
	if (add_holder)
		share_hold(slot);
	switch (slot->kind) {
	case ENTRY_STREAM:
		ret = stream_adopt(fd, slot);
		break;
	case ENTRY_RELAYED:
		ret = relayed_adopt(fd, slot);
		break;
	case ENTRY_LISTENER:
		ret = gate_adopt(fd, slot);
		break;
	default:
		ret = -EINVAL;
	}
	if (ret)
		share_leave(slot, cookie);
	return ret;
}

static atomic_bool exiting; /* the goodbyes are said; only the end is left */

static bool is_own(int fd)
{
	struct entry *e = fdtab_get(fd);
	bool own = e && e->kind == ENTRY_OWN;

	if (e)
		fdtab_put(e);
	return own;
}

int sock_closing(int fd)
{
	struct entry *e;

	if (!fdtab_is_any(fd) || exiting)
		return 0;
	if (!fdtab_is_ours()) /* in a child of vfork nothing is recorded */
		return is_own(fd) ? -EBADF : 0;
	e = sock_entry(fd);
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
	leave(e, fd);
	fdtab_put(e);
	return 0;
}

void sock_duplicated(int from, int to)
{
	struct entry *e;

	if (from == to || !fdtab_is_ours())
		return;
	sock_forget(to);
	e = sock_entry(from);
	if (!e)
		return;
	if (fdtab_add(to, e))
		log_warn("descriptor %d is too high to be kept", to);
	else if (e->slot)
		share_hold(e->slot);
	fdtab_put(e);
	if (to == STDIN_FILENO)
		stdio_take_stdin();
}

/*
 * Entries stay: other threads may go on reading until the very end. Takes no
 * lock and frees nothing, for _exit() is called in signal handlers.
 */
void sock_exiting(void)
{
	struct entry *e;
	int fd;

	if (!fdtab_is_ours() || atomic_exchange(&exiting, true))
		return;
	for (fd = 0; fd < fdtab_high(); fd++) {
		e = fdtab_is_any(fd) ? fdtab_get(fd) : NULL;
		if (!e)
			continue;
		if (e->kind == ENTRY_STREAM && !e->sandboxed)
			promote_leave((struct stream *)e);
		if (e->slot && fdtab_is_current(e, fd))
			leave(e, fd);
		/* it will not be freed any more; unless a thread is in it */
		if (e->last && share_trylock(e->slot)) {
			e->last = false;
			share_unlock(e->slot);
			share_free(e->slot, e->cookie);
		}
		fdtab_put(e);
	}
}

static void each_number(void (*f)(struct entry *, int fd), bool cloexec_only)
{
	struct entry *e;
	int fd, saved = errno;

	for (fd = 0; fdtab_is_ours() && fd < fdtab_high(); fd++) {
		e = fdtab_is_any(fd) ? fdtab_get(fd) : NULL;
		if (!e)
			continue;
		if (e->slot && fdtab_is_current(e, fd) &&
		    (!cloexec_only || LIBC(fcntl)(fd, F_GETFD) & FD_CLOEXEC))
			f(e, fd);
		fdtab_put(e);
	}
	errno = saved;
}

/* After exec nobody is left to free it. */
static void leave_for_good(struct entry *e, int fd)
{
	leave(e, fd);
	if (e->last)
		share_free(e->slot, e->cookie);
}

/* Take back what that did, as far as that goes. */
static void hold_again(struct entry *e, int fd)
{
	bool last = e->last;

	e->last = false;
	if (!last)
		share_hold(e->slot);
	else if (!share_retake(e->slot, e->cookie))
		fdtab_put(fdtab_del(fd));
}

static void forget_number(struct entry *e, int fd)
{
	(void)fd;
	forget(e);
}

void sock_will_spawn(const void *actions, int fd)
{
	struct entry *e = fdtab_is_any(fd) ? fdtab_get(fd) : NULL;

	if (!e)
		return;
	e->spawning = actions;
	fdtab_put(e);
}

static void may_be_read(struct entry *e, int fd)
{
	if (e->kind != ENTRY_STREAM || LIBC(fcntl)(fd, F_GETFD) & FD_CLOEXEC)
		return;
	promote_let_go((struct stream *)e, fd);
}

void sock_before_spawn(void)
{
	each_number(may_be_read, false);
}

void sock_before_exec(void)
{
	each_number(leave_for_good, true);
}

void sock_exec_failed(void)
{
	each_number(hold_again, true);
}

static void hold_number(struct entry *e, int fd)
{
	(void)fd;
	share_hold(e->slot);
}

static void before_sandbox(struct entry *e, int fd)
{
	if (e->kind == ENTRY_STREAM)
		promote_let_go((struct stream *)e, fd);
	else if (e->kind == ENTRY_RELAYED)
		relayed_before_sandbox(fd);
	e->sandboxed = true;
}

void sock_before_sandbox(void)
{
	each_number(before_sandbox, false);
}

void sock_before_fork(void)
{
	each_number(hold_number, false);
}

void sock_fork_failed(void)
{
	each_number(forget_number, false);
}
