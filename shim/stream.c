// SPDX-License-Identifier: MIT
/*
 * stream.c - a direct connection: the client's own socket
 */
#include "stream.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "bufpool.h"
#include "client.h"
#include "ktls.h"
#include "libc.h"
#include "log.h"
#include "sys.h"

#define LEVEL_WARNING 1
#define LEVEL_FATAL 2
#define DRAIN_BYTES_MAX (1024 * 1024)

static ssize_t rx_recv(int fd, void *buf, size_t len, int flags)
{
	return LIBC(recv)(fd, buf, len, flags);
}

static int rx_timeout_ms(int fd)
{
	struct timeval tv = {0};
	socklen_t len = sizeof(tv);

	if (LIBC(getsockopt)(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, &len))
		return 0;
	return (int)(tv.tv_sec * 1000 + tv.tv_usec / 1000);
}

static int rx_wait(int fd, int ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return LIBC(poll)(&p, 1, ms);
}

/* Setting it, to whatever, signals readiness anew: tcp_set_rcvlowat(), 4.18 */
static void rx_poke(int fd)
{
	int lowat = 1;
	socklen_t len = sizeof(lowat);

	if (!LIBC(getsockopt)(fd, SOL_SOCKET, SO_RCVLOWAT, &lowat, &len))
		sys_setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &lowat, len);
}

struct rx_ops rx_ops = {rx_recv,       bufpool_get, bufpool_put,
			rx_timeout_ms, rx_wait,	    rx_poke};
static atomic_int user_count;

int stream_user_count(void)
{
	return atomic_load_explicit(&user_count, memory_order_relaxed);
}

static void leave_user_space(struct stream *s)
{
	rx_fini(&s->rx);
	atomic_fetch_sub(&user_count, 1);
}

static void stream_free(struct entry *e)
{
	struct stream *s = (struct stream *)e;

	if (!s->kernel_rx)
		leave_user_space(s);
}

int stream_add(int fd, const struct gate_msg *msg)
{
	struct stream *s;
	int ret;

	fdtab_on_free(ENTRY_STREAM, stream_free);
	s = (struct stream *)fdtab_alloc(ENTRY_STREAM, sizeof(*s));
	if (!s)
		return -ENOMEM;
	pthread_mutex_init(&s->lock, NULL);
	ret = rx_init(&s->rx, &msg->rx);
	atomic_fetch_add(&user_count, 1);
	if (!ret) {
		s->slot = share_get(&s->spare_slot);
		ret = fdtab_add(fd, &s->entry);
	}
	if (ret && s->slot)
		stream_forget(s);
	fdtab_put(&s->entry);
	return ret;
}

/* The alerts and answers that receiving has asked for. */
static void after_rx(struct stream *s, int fd)
{
	struct rx *rx = &s->rx;

	if (rx->closed)
		return;
	if (rx->update_requested) {
		/*
		 * The peer must not be left with keys that it thinks we have
		 * changed (RFC 8446 section 4.6.3).
		 */
		rx->update_requested = false;
		rx->err = -ECONNRESET;
		rx->alert = ALERT_INTERNAL_ERROR;
		log_info("a client asks for new keys; ending its connection");
	}
	if (rx->alert >= 0) {
		ktls_send_alert(fd, LEVEL_FATAL, (uint8_t)rx->alert);
		share_set(s->slot, SHARE_TX_CLOSED);
		rx->alert = -1;
	}
	if (rx->eof && !s->eof_shown) {
		/* makes the end visible to every way of waiting */
		s->eof_shown = true;
		LIBC(shutdown)(fd, SHUT_RD);
	}
}

/* A thread that is cancelled while it waits in read() */
static void on_cancel(void *arg)
{
	struct stream *s = arg;

	pthread_mutex_unlock(&s->lock);
	fdtab_put(&s->entry); /* the hook's */
}

/* Will a read give something without asking the socket? */
static bool answers_alone(const struct stream *s)
{
	return s->foreign || s->rx.plain_len || s->rx.eof || s->rx.err;
}

ssize_t stream_recv(struct stream *s, int fd, const struct iovec *iov,
		    int iovcnt, int flags)
{
	ssize_t ret;

	if (atomic_load(&s->kernel_rx))
		return STREAM_NATIVE;
	if (flags & MSG_OOB)
		return -EINVAL;
	if (flags & MSG_ERRQUEUE)
		return -EAGAIN;
	pthread_mutex_lock(&s->lock);
	pthread_cleanup_push(on_cancel, s);
	if (s->kernel_rx) {
		ret = STREAM_NATIVE;
	} else if (answers_alone(s) && !fdtab_is_current(&s->entry, fd)) {
		ret = -ESTALE;
	} else if (s->foreign) {
		ret = -EIO;
	} else {
		ret = rx_read(&s->rx, fd, iov, iovcnt, flags);
		after_rx(s, fd);
	}
	pthread_cleanup_pop(0);
	pthread_mutex_unlock(&s->lock);
	if (ret == -ENOTSOCK)
		ret = -ESTALE;
	if (ret == -ECONNRESET && share_is(s->slot, SHARE_RX_SHUT))
		ret = 0; /* the daemon itself has ended its reading */
	return ret;
}

/*
 * A record that is not data is first in the kernel's queue: fetch it.
 *
 * Return: 1 read on, 0 end of stream, or -errno.
 */
static int control_record(struct stream *s, int fd)
{
	uint8_t body[64], type;
	int n;

	n = ktls_recv(fd, body, sizeof(body), MSG_DONTWAIT, &type);
	if (n == -EAGAIN || (n >= 0 && type == RECORD_DATA) ||
	    (n == 2 && type == RECORD_ALERT && body[1] == ALERT_USER_CANCELED))
		return 1;
	if (n == 2 && type == RECORD_ALERT && body[1] == ALERT_CLOSE_NOTIFY) {
		share_set(s->slot, SHARE_RX_EOF);
		LIBC(shutdown)(fd, SHUT_RD);
		return 0;
	}
	share_set(s->slot, SHARE_RX_DEAD);
	return -ECONNRESET;
}

ssize_t stream_recv_done(struct stream *s, int fd, ssize_t ret)
{
	int more;

	if (share_is(s->slot, SHARE_RX_DEAD))
		return -ECONNRESET;
	if (share_is(s->slot, SHARE_RX_EOF) || share_is(s->slot, SHARE_RX_SHUT))
		return ret == -EIO ? 0 : ret;
	if (ret == -EIO) {
		more = control_record(s, fd);
		return more == 1 ? STREAM_NATIVE : more;
	}
	if (ret == 0 || ret == -EBADMSG || ret == -EMSGSIZE ||
	    ret == -EKEYEXPIRED) {
		share_set(s->slot, SHARE_RX_DEAD); /* cut off, or garbled */
		return -ECONNRESET;
	}
	return ret;
}

ssize_t stream_unread(struct stream *s, int fd)
{
	ssize_t ret = STREAM_NATIVE;

	if (pthread_mutex_trylock(&s->lock))
		return STREAM_NATIVE;
	if (!s->kernel_rx && !s->foreign) {
		ret = rx_unread(&s->rx, fd);
		after_rx(s, fd);
	}
	pthread_mutex_unlock(&s->lock);
	return ret;
}

bool stream_has_input(struct stream *s, int fd)
{
	bool has = true; /* somebody else is reading: let the daemon see */

	if (pthread_mutex_trylock(&s->lock))
		return true;
	if (!s->kernel_rx && !s->foreign) {
		has = rx_pull(&s->rx, fd) != -EAGAIN;
		after_rx(s, fd);
	}
	pthread_mutex_unlock(&s->lock);
	return has;
}

/* Can the alert be sent without the kernel losing what is before it? */
static bool is_writable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};

	return LIBC(poll)(&p, 1, 0) == 1 && (p.revents & POLLOUT);
}

enum goodbye { SAID_NOW, SAID_BEFORE, SAID_LATER };

/* close_notify. SAID_LATER: the helper sends it, and the FIN. */
static enum goodbye say_goodbye(struct stream *s, int fd, int how)
{
	if (share_set(s->slot, SHARE_TX_CLOSED))
		return SAID_BEFORE;
	if (!is_writable(fd) && !client_part(fd, how))
		return SAID_LATER;
	ktls_send_alert(fd, LEVEL_WARNING, ALERT_CLOSE_NOTIFY);
	return SAID_NOW;
}

int stream_shutdown(struct stream *s, int fd, int how)
{
	bool later = false;

	if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR)
		return -EINVAL;
	if (how != SHUT_WR)
		share_set(s->slot, SHARE_RX_SHUT);
	if (how != SHUT_RD)
		later = say_goodbye(s, fd, SHUT_WR) == SAID_LATER;
	if (later && how == SHUT_WR)
		return 0;
	return LIBC(shutdown)(fd, later ? SHUT_RD : how) ? -errno : 0;
}

/* Unread bytes at close become a reset that costs the peer our last words. */
static void drain(struct stream *s, int fd)
{
	char sink[4096];
	size_t done = 0;
	uint8_t type;
	ssize_t n;

	do {
		n = s->kernel_rx ? ktls_recv(fd, sink, sizeof(sink),
					     MSG_DONTWAIT, &type)
				 : LIBC(recv)(fd, sink, sizeof(sink),
					      MSG_DONTWAIT);
		done += n > 0 ? (size_t)n : 0;
	} while (n > 0 && done < DRAIN_BYTES_MAX);
}

void stream_leave(struct stream *s, int fd)
{
	if (!s->entry.numbers)
		s->rx.closed = true; /* whoever waits in a read of it */
	if (!share_leave(s->slot))
		return;
	drain(s, fd);
	/*
	 * A client answers our close_notify with its own. If that comes between
	 * the alert and the close, the close is a reset instead of a FIN. So:
	 * FIN first, then once more what has come.
	 */
	if (say_goodbye(s, fd, SHUT_RDWR) == SAID_NOW) {
		LIBC(shutdown)(fd, SHUT_WR);
		drain(s, fd);
	}
	share_free(s->slot);
}

void stream_forget(struct stream *s)
{
	if (share_leave(s->slot))
		share_free(s->slot);
}

void stream_hold(struct stream *s)
{
	share_hold(s->slot);
}

int stream_promote(struct stream *s, int fd)
{
	int ret;

	if (s->kernel_rx)
		return 0;
	if (!rx_at_boundary(&s->rx) || s->foreign)
		return -EBUSY;
	ret = ktls_install(fd, KTLS_RX, &s->rx.opener.key);
	if (ret)
		return ret;
	leave_user_space(s);
	atomic_store(&s->kernel_rx, true);
	return 0;
}

void stream_atfork_prepare(struct stream *s, int fd)
{
	stream_hold(s);
	if (s->kernel_rx || pthread_mutex_trylock(&s->lock))
		return; /* somebody is reading: it will stay with the parent */
	if (s->rx.fresh)
		stream_promote(s, fd);
	pthread_mutex_unlock(&s->lock);
}

void stream_atfork_child(struct stream *s)
{
	pthread_mutex_init(&s->lock, NULL);
	if (!s->kernel_rx)
		s->foreign = true;
}
