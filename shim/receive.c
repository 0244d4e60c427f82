// SPDX-License-Identifier: MIT
/*
 * receive.c - what reads of a direct connection give
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "bufpool.h"
#include "libc.h"
#include "log.h"
#include "promote.h"
#include "stream.h"
#include "sys.h"
#include "transmit.h"

static ssize_t rx_recv(int fd, void *buf, size_t len, int flags)
{
	return LIBC(recv)(fd, buf, len, flags);
}

static int rx_timeout_ms(int fd)
{
	struct timeval tv = {0};
	socklen_t len = sizeof(tv);

	if (LIBC(fcntl)(fd, F_GETFL) & O_NONBLOCK ||
	    LIBC(getsockopt)(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, &len) ||
	    tv.tv_sec > INT32_MAX / 1000 - 1)
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

struct rx_ops rx_ops = {rx_recv,       bufpool_get, bufpool_put, RX_BUF_BYTES,
			rx_timeout_ms, rx_wait,	    rx_poke};

/* The alerts and answers that receiving has asked for. */
static void act(struct stream *s, int fd)
{
	struct rx *rx = &s->rx;

	if (rx->closed)
		return;
	if (rx->update_requested) {
		rx->update_requested = false;
		if (transmit_rekey(s, fd)) {
			/*
			 * The peer must not be left with keys that it thinks we
			 * have changed (RFC 8446 section 4.6.3).
			 */
			rx->err = -ECONNRESET;
			rx->alert = ALERT_INTERNAL_ERROR;
			log_info("a client asks for new keys, which this "
				 "kernel cannot take; ending its connection");
		}
	}
	if (rx->alert >= 0) {
		transmit_alert(s, fd, (uint8_t)rx->alert);
		rx->alert = -1;
	}
	if (rx->reset)
		share_set(s->entry.slot, SHARE_TX_DEAD);
	if ((rx->eof || rx->err) && !s->eof_shown) {
		/* makes the end visible to every way of waiting */
		s->eof_shown = true;
		LIBC(shutdown)(fd, SHUT_RD);
	}
}

void stream_publish(struct stream *s, int fd)
{
	struct share_stream *st = &s->entry.slot->stream;
	const struct traffic_key *key = &s->rx.protection.key;

	if (s->rx.updates != st->rx_updates) {
		st->rx = *key;
		st->rx_updates = s->rx.updates;
	}
	st->rx.seq = key->seq;
	st->rx_held = !rx_at_boundary(&s->rx);
	s->reads = ++st->rx_reads;
	if (s->rx.eof)
		share_set(s->entry.slot, SHARE_RX_EOF);
	act(s, fd);
}

/* A thread that is cancelled while it waits in read() */
static void on_cancel(void *arg)
{
	struct stream *s = arg;

	share_unlock(s->entry.slot);
	fdtab_put(&s->entry); /* the hook's */
}

/* Will a read give something without asking the socket? */
static bool answers_alone(const struct stream *s)
{
	return s->rx.plain_len || s->rx.eof || s->rx.err;
}

/* Plaintext that no kernel could take back. STREAM_NATIVE: there is none. */
static ssize_t read_spill(struct stream *s, const struct iovec *iov, int iovcnt,
			  int flags)
{
	const uint8_t *data;
	size_t len, done = 0, n;

	data = share_bytes(s->entry.slot, &len);
	if (!data)
		return STREAM_NATIVE;
	for (; iovcnt > 0 && done < len; iov++, iovcnt--) {
		n = iov->iov_len < len - done ? iov->iov_len : len - done;
		if (n && !(flags & MSG_TRUNC))
			memcpy(iov->iov_base, data + done, n);
		done += n;
	}
	if (!(flags & MSG_PEEK))
		share_take(s->entry.slot, done);
	return (ssize_t)done;
}

/*
 * A forked child goes on with what its parent had begun, to the end of that
 * record and no further: then the kernel receives, and neither loses anything
 * when the other is killed.
 *
 * Return: @iovcnt, or -1: @part is what may be read now.
 */
static int finish_copy(struct stream *s, int fd, const struct iovec *iov,
		       int iovcnt, int flags, struct iovec *part)
{
	struct rx *rx = &s->rx;

	if (rx->eof || rx->err)
		return iovcnt;
	if (!rx_at_boundary(rx)) {
		rx_pull(rx, fd);
		stream_publish(s, fd);
	}
	if (rx_at_boundary(rx) && !rx->eof && !rx->err)
		promote(s, fd);
	if (!rx->plain_len || iovcnt < 1 || flags & MSG_WAITALL)
		return iovcnt;
	*part = iov[0];
	if (part->iov_len > rx->plain_len)
		part->iov_len = rx->plain_len;
	return part->iov_len ? -1 : iovcnt;
}

/* The lock is held. */
static ssize_t receive(struct stream *s, int fd, const struct iovec *iov,
		       int iovcnt, int flags)
{
	struct iovec part;
	ssize_t ret;

	if (stream_has_spill(s))
		return read_spill(s, iov, iovcnt, flags);
	if (share_is(s->entry.slot, SHARE_RX_DEAD))
		return -ECONNRESET;
	ret = share_is(s->entry.slot, SHARE_RX_KERNEL) || stream_is_reader(s)
		      ? 0
	      : fdtab_is_current(&s->entry, fd) ? promote_take(s, fd)
						 : -ESTALE;
	if (ret)
		return ret;
	if (s->is_copy && stream_is_reader(s))
		iovcnt = finish_copy(s, fd, iov, iovcnt, flags, &part);
	if (iovcnt < 0) {
		iovcnt = 1;
		iov = &part;
	}
	if (share_is(s->entry.slot, SHARE_RX_KERNEL)) {
		stream_drop_rx(s);
		return read_spill(s, iov, iovcnt, flags);
	}
	if (answers_alone(s) && !fdtab_is_current(&s->entry, fd))
		return -ESTALE;
	ret = rx_read(&s->rx, fd, iov, iovcnt, flags);
	stream_publish(s, fd);
	return ret;
}

ssize_t stream_recv(struct stream *s, int fd, const struct iovec *iov,
		    int iovcnt, int flags)
{
	ssize_t ret;

	if (flags & MSG_OOB)
		return -EINVAL;
	if (iovcnt > 0 && iov->iov_len && !iov->iov_base && !(flags & MSG_TRUNC))
		return -EFAULT; /* some programs probe with it */
	if (share_is(s->entry.slot, SHARE_RX_KERNEL) && !stream_has_spill(s))
		return STREAM_NATIVE;
	if (flags & MSG_ERRQUEUE)
		return -EAGAIN;
	/* another thread may be waiting in a read */
	if (!(flags & MSG_DONTWAIT))
		share_lock(s->entry.slot);
	else if (!share_trylock(s->entry.slot))
		return -EAGAIN;
	pthread_cleanup_push(on_cancel, s);
	ret = receive(s, fd, iov, iovcnt, flags);
	pthread_cleanup_pop(0);
	share_unlock(s->entry.slot);
	if (ret == -ENOTSOCK)
		ret = -ESTALE;
	if (ret == -ECONNRESET && share_is(s->entry.slot, SHARE_RX_SHUT))
		ret = 0; /* the daemon itself has ended its reading */
	return ret;
}

static bool has_fin(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLRDHUP};

	return LIBC(poll)(&p, 1, 0) == 1 && p.revents & POLLRDHUP;
}

/* What the kernel says of a record that it cannot take. */
static bool is_garbled(ssize_t ret)
{
	return ret == -EBADMSG || ret == -EMSGSIZE || ret == -EINVAL;
}

/* The stream was cut off (0) or is garbled. */
static ssize_t kernel_failed(struct stream *s, int fd, ssize_t ret)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (share_set(s->entry.slot, SHARE_RX_DEAD) || !ret)
		return -ECONNRESET;
	/* the error would be given to our alert, too */
	LIBC(getsockopt)(fd, SOL_SOCKET, SO_ERROR, &error, &len);
	transmit_alert(s, fd, ret == -EBADMSG	? ALERT_BAD_RECORD_MAC
			      : ret == -EMSGSIZE ? ALERT_RECORD_OVERFLOW
						 : ALERT_UNEXPECTED_MESSAGE);
	return -ECONNRESET;
}

ssize_t stream_recv_done(struct stream *s, int fd, ssize_t ret)
{
	int more;

	if (share_is(s->entry.slot, SHARE_RX_DEAD))
		return -ECONNRESET;
	if (share_is(s->entry.slot, SHARE_RX_EOF | SHARE_RX_SHUT))
		return ret == -EIO ? 0 : ret;
	if (ret == -EIO || ret == -EKEYEXPIRED || !ret) {
		more = promote_control(s, fd);
		if (more != 1)
			return more;
		/* a record without data gives 0 as well (tls_sw_recvmsg) */
		if (ret || !has_fin(fd))
			return STREAM_NATIVE;
	}
	if (ret == 0 || is_garbled(ret))
		return kernel_failed(s, fd, ret);
	if (ret == -ECONNRESET || ret == -ETIMEDOUT || ret == -EPIPE)
		share_set(s->entry.slot, SHARE_TX_DEAD);
	return ret;
}

void stream_recv_more(struct stream *s, int fd, int flags)
{
	const struct share_slot *slot = s->entry.slot;
	char byte = 0;

	if (s->entry.sandboxed || !share_is(slot, SHARE_TX_CAN_REKEY) ||
	    !share_is(slot, SHARE_RX_KERNEL))
		return;
	if (flags & MSG_PEEK)
		promote_settle(s, fd);
	else if (LIBC(recv)(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0)
		return;
	else if (errno == EIO)
		promote_control(s, fd);
	else if (is_garbled(-errno)) /* told once only */
		kernel_failed(s, fd, -errno);
}

/* What can be read at once of a stream that the kernel receives. */
static ssize_t unread_in_kernel(struct stream *s, int fd)
{
	ssize_t n = 0;
	size_t spilled;
	void *buf;

	if (share_bytes(s->entry.slot, &spilled))
		return (ssize_t)spilled;
	buf = bufpool_get();
	if (buf)
		n = LIBC(recv)(fd, buf, RX_BUF_BYTES, MSG_PEEK | MSG_DONTWAIT);
	if (n > 0)
		explicit_bzero(buf, (size_t)n);
	if (buf)
		bufpool_put(buf);
	return n > 0 ? n : 0;
}

ssize_t stream_unread(struct stream *s, int fd)
{
	ssize_t ret = STREAM_NATIVE;
	bool kernel;

	if (!share_trylock(s->entry.slot))
		return STREAM_NATIVE;
	if (!share_is(s->entry.slot, SHARE_RX_KERNEL) && !stream_is_reader(s))
		promote_take(s, fd);
	kernel = share_is(s->entry.slot, SHARE_RX_KERNEL);
	if (kernel) {
		ret = unread_in_kernel(s, fd);
	} else if (stream_is_reader(s)) {
		ret = rx_unread(&s->rx, fd);
		stream_publish(s, fd);
	}
	share_unlock(s->entry.slot);
	if (kernel && ret > 0)
		stream_recv_more(s, fd, MSG_PEEK);
	return ret;
}

bool stream_has_spill(const struct stream *s)
{
	return share_any_bytes() &&
	       s->entry.slot->stream.bytes_kind == SHARE_PLAIN;
}

/* Into the pipe as much as it takes. The lock is held. */
static ssize_t splice_spill(struct stream *s, int pipe_fd, size_t len)
{
	const uint8_t *data;
	size_t have;
	ssize_t n;

	data = share_bytes(s->entry.slot, &have);
	if (!data)
		return STREAM_NATIVE;
	n = LIBC(write)(pipe_fd, data, have < len ? have : len);
	if (n < 0)
		return -errno;
	share_take(s->entry.slot, (size_t)n);
	return n;
}

/* The same of the record that is decrypted here, after rx_pull(). */
static ssize_t splice_held(struct stream *s, int fd, int pipe_fd, size_t len)
{
	struct rx *rx = &s->rx;
	size_t have = rx->plain_len < len ? rx->plain_len : len;
	ssize_t n = LIBC(write)(pipe_fd, rx->buf + rx->plain_off, have);
	struct iovec iov = {rx->buf, 0};

	if (n < 0)
		return -errno;
	iov.iov_len = (size_t)n;
	rx_read(rx, fd, &iov, 1, MSG_DONTWAIT | MSG_TRUNC); /* drop them */
	stream_publish(s, fd);
	return n;
}

ssize_t stream_splice(struct stream *s, int fd, int pipe_fd, size_t len,
		      bool wait)
{
	ssize_t ret;

	share_lock(s->entry.slot);
	do {
		ret = 0;
		if (!share_is(s->entry.slot, SHARE_RX_KERNEL) &&
		    !stream_is_reader(s))
			ret = promote_take(s, fd);
		if (ret)
			break;
		if (share_is(s->entry.slot, SHARE_RX_KERNEL)) {
			ret = splice_spill(s, pipe_fd, len);
			break;
		}
		if (rx_at_boundary(&s->rx) && !s->rx.eof && !s->rx.err &&
		    !promote(s, fd))
			continue;
		ret = rx_pull(&s->rx, fd);
		stream_publish(s, fd);
		if (ret > 0) {
			ret = splice_held(s, fd, pipe_fd, len);
			break;
		}
		if (ret == -EAGAIN && wait)
			rx_wait(fd, -1);
	} while (!ret ? share_is(s->entry.slot, SHARE_RX_KERNEL)
		      : ret == -EAGAIN && wait);
	share_unlock(s->entry.slot);
	return ret;
}

bool stream_has_input(struct stream *s, int fd)
{
	bool has = true; /* somebody else is reading: let the daemon see */

	if (!share_trylock(s->entry.slot))
		return true;
	if (share_is(s->entry.slot, SHARE_RX_KERNEL)) {
		stream_drop_rx(s);
	} else if (stream_is_reader(s)) {
		has = rx_pull(&s->rx, fd) != -EAGAIN;
		stream_publish(s, fd);
	}
	share_unlock(s->entry.slot);
	return has;
}
