// SPDX-License-Identifier: MIT
/*
 * rx.c - receiving on a direct connection in user space
 *
 * How much one recv may take, with `room` bytes left in the caller's buffer
 * and `over` = record_overhead():
 *
 *  - Up to room + over bytes are safe at a boundary: whatever whole records
 *    are among them hold at most `room` plaintext, and at most one record is
 *    cut off, which is then known to be incomplete.
 *  - Once a header is seen whose record fits, that record may be completed.
 *  - A record that does not fit is taken up to the byte before its last; the
 *    last is peeked at, which is enough to decrypt it.
 */
#include "rx.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

/* From here on a copy costs more than one more call of the cipher */
#define STRAIGHT_MIN 4096

void rx_init(struct rx *rx, const struct traffic_key *key)
{
	*rx = (struct rx){.fresh = true, .alert = -1};
	record_protect(&rx->protection, key);
}

static void drop_buf(struct rx *rx)
{
	if (rx->buf) {
		explicit_bzero(rx->buf, RECORD_HEADER_BYTES);
		rx_ops.buf_put(rx->buf);
	}
	rx->buf = NULL;
	rx->have = 0;
	rx->plain_len = 0;
}

void rx_fini(struct rx *rx)
{
	drop_buf(rx);
	record_protect_fini(&rx->protection);
}

bool rx_at_boundary(const struct rx *rx)
{
	return !rx->have && !rx->plain_len && !rx->tail;
}

int rx_restore(struct rx *rx, const uint8_t *data, size_t len, bool tail)
{
	rx->buf = rx_ops.buf_get();
	if (!rx->buf || len > RX_BUF_BYTES)
		return -ENOBUFS;
	memcpy(rx->buf, data, len);
	rx->fresh = false;
	rx->tail = tail;
	rx->plain_off = 0;
	if (tail)
		rx->plain_len = (unsigned int)len;
	else
		rx->have = (unsigned int)len;
	return 0;
}

/* The stream is over; every later read gets the same answer. */
static int fail(struct rx *rx, int alert)
{
	drop_buf(rx);
	rx->err = -ECONNRESET;
	rx->alert = alert;
	return rx->err;
}

/* RFC 8446 section 4.6.3; nothing else of a handshake may come any more. */
static int on_handshake(struct rx *rx, const struct record_plain *plain)
{
	static const uint8_t head[4] = {HANDSHAKE_KEY_UPDATE, 0, 0, 1};

	if (rx->protection.key.version != TLS13 || plain->len != 5 ||
	    memcmp(plain->data, head, 4))
		return fail(rx, ALERT_UNEXPECTED_MESSAGE);
	if (plain->data[4] > 1)
		return fail(rx, ALERT_ILLEGAL_PARAMETER);
	if (record_protect_update(&rx->protection))
		return fail(rx, ALERT_INTERNAL_ERROR);
	rx->updates++;
	if (plain->data[4])
		rx->update_requested = true;
	return 0;
}

static int on_alert(struct rx *rx, const struct record_plain *plain)
{
	if (plain->len != 2) /* RFC 8446 sections 5.4 and 6.2 */
		return fail(rx, plain->len ? ALERT_DECODE_ERROR
					   : ALERT_UNEXPECTED_MESSAGE);
	if (plain->data[1] == ALERT_CLOSE_NOTIFY) {
		rx->eof = true;
		return 0;
	}
	/* RFC 8446 section 6.1; in TLS 1.2 a warning ends nothing */
	if (rx->protection.key.version == TLS13
		    ? plain->data[1] == ALERT_USER_CANCELED
		    : plain->data[0] == ALERT_LEVEL_WARNING)
		return 0;
	return fail(rx, -1);
}

/*
 * Decrypt the record at @off, which is whole. Data goes to @to, or stays where
 * it is, and is in @plain; anything else is dealt with and gives an empty one.
 */
static int open_record(struct rx *rx, unsigned int off, unsigned int len,
		       uint8_t *to, struct record_plain *plain)
{
	int ret = record_open(&rx->protection, rx->buf + off, len, to, plain);

	if (ret)
		return fail(rx, ret == -EMSGSIZE ? ALERT_RECORD_OVERFLOW
			    : ret == -EPROTO	 ? ALERT_UNEXPECTED_MESSAGE
			    : ret == -ENOMEM	 ? ALERT_INTERNAL_ERROR
						 : ALERT_BAD_RECORD_MAC);
	rx->idle = plain->type == RECORD_DATA && plain->len ? 0 : rx->idle + 1;
	if (rx->idle > RX_IDLE_MAX)
		return fail(rx, ALERT_UNEXPECTED_MESSAGE);
	if (plain->type == RECORD_DATA)
		return 0;
	if (plain->type == RECORD_ALERT)
		ret = on_alert(rx, plain);
	else if (plain->type == RECORD_HANDSHAKE)
		ret = on_handshake(rx, plain);
	else
		ret = fail(rx, ALERT_UNEXPECTED_MESSAGE);
	if (to)
		memset(to, 0, plain->len);
	plain->len = 0;
	return ret;
}

/* Where the caller's data goes, scattered. */
struct sink {
	const struct iovec *iov;
	int iovcnt;
	size_t off;  /* in iov[0] */
	size_t room; /* bytes left */
	bool discard; /* MSG_TRUNC: count, do not copy */
};

static void sink_init(struct sink *sink, const struct iovec *iov, int iovcnt,
		      bool discard)
{
	int i;

	*sink = (struct sink){.iov = iov, .iovcnt = iovcnt,
			      .discard = discard};
	for (i = 0; i < iovcnt; i++)
		sink->room += iov[i].iov_len;
}

/* Where the next @len bytes go if that is in one piece, or NULL */
static uint8_t *sink_at(const struct sink *sink, size_t len)
{
	if (sink->discard || len > sink->room ||
	    len > sink->iov->iov_len - sink->off)
		return NULL;
	return (uint8_t *)sink->iov->iov_base + sink->off;
}

static size_t sink_put(struct sink *sink, const uint8_t *data, size_t len)
{
	size_t done = 0, n;
	uint8_t *to;

	if (len > sink->room)
		len = sink->room;
	sink->room -= len;
	while (!sink->discard && done < len) {
		n = sink->iov->iov_len - sink->off;
		if (n > len - done)
			n = len - done;
		to = (uint8_t *)sink->iov->iov_base + sink->off;
		if (n && to != data + done) /* it may be there already */
			memcpy(to, data + done, n);
		done += n;
		sink->off += n;
		if (sink->off == sink->iov->iov_len) {
			sink->iov++;
			sink->off = 0;
		}
	}
	return len;
}

/* The record's plaintext is delivered: let go of its last byte. */
static void drop_tail(struct rx *rx, int fd)
{
	uint8_t byte;

	if (rx->tail)
		rx_ops.recv(fd, &byte, 1, MSG_DONTWAIT);
	rx->tail = false;
	drop_buf(rx);
}

static size_t deliver_held(struct rx *rx, int fd, struct sink *sink, bool peek)
{
	size_t n = sink_put(sink, rx->buf + rx->plain_off, rx->plain_len);

	if (peek)
		return n;
	rx->plain_off += (unsigned int)n;
	rx->plain_len -= (unsigned int)n;
	if (!rx->plain_len)
		drop_tail(rx, fd);
	return n;
}

/* The length of the record at buf + @off, 0 when its header is incomplete. */
static int record_at(struct rx *rx, unsigned int off)
{
	int body;

	if (rx->have - off < RECORD_HEADER_BYTES)
		return 0;
	body = record_body_bytes(rx->buf + off,
				 rx->protection.key.version == TLS13
					 ? RECORD_BODY_MAX_TLS13
					 : RECORD_BODY_MAX_TLS12);
	if (body < 0)
		return fail(rx, body == -EMSGSIZE ? ALERT_RECORD_OVERFLOW
						  : ALERT_UNEXPECTED_MESSAGE);
	return RECORD_HEADER_BYTES + body;
}

/* A record larger than the caller's buffer, or one that must not be consumed */
static int take_large(struct rx *rx, int fd, unsigned int total, int flags)
{
	unsigned int want = total - 1 - rx->have;
	struct record_plain plain;
	ssize_t n;
	int ret;

	if (want) {
		n = rx_ops.recv(fd, rx->buf + rx->have, want, flags);
		if (n > 0)
			rx->have += (unsigned int)n;
		return n < 0 ? -errno : (int)n;
	}
	n = rx_ops.recv(fd, rx->buf + rx->have, 1, flags | MSG_PEEK);
	if (n <= 0)
		return n < 0 ? -errno : 0;
	rx->have = 0;
	rx->tail = true;
	ret = open_record(rx, 0, total, NULL, &plain);
	if (ret)
		return ret;
	rx->plain_off = (unsigned int)(plain.data - rx->buf);
	rx->plain_len = (unsigned int)plain.len;
	if (!plain.len)
		drop_tail(rx, fd);
	return 1;
}

/* Deliver the whole records in the buffer; keep the rest at its beginning. */
static int deliver_whole(struct rx *rx, struct sink *sink)
{
	size_t over = record_overhead(&rx->protection.key);
	struct record_plain plain;
	unsigned int off = 0;
	int total, ret;
	uint8_t *to;

	while (!rx->eof) {
		total = record_at(rx, off);
		if (total < 0)
			return total;
		if (!total || rx->have - off < (unsigned int)total)
			break;
		to = total >= STRAIGHT_MIN ? sink_at(sink, (size_t)total - over)
					   : NULL;
		ret = open_record(rx, off, (unsigned int)total, to, &plain);
		if (ret)
			return ret;
		sink_put(sink, plain.data, plain.len);
		off += (unsigned int)total;
	}
	rx->have -= off;
	if (!rx->have || rx->eof)
		drop_buf(rx);
	else if (off)
		memmove(rx->buf, rx->buf + off, rx->have);
	return 0;
}

/*
 * One recv and what follows from it. *drained: the socket gave less than it
 * was asked for, so anything more makes it readable anew.
 *
 * Return: 1 progress, 0 the peer's FIN, or -errno.
 */
static int take(struct rx *rx, int fd, struct sink *sink, bool peek, int flags,
		bool *drained)
{
	size_t over = record_overhead(&rx->protection.key);
	size_t room = peek ? 0 : sink->room;
	size_t limit = room + over;
	ssize_t n;
	int total;

	if (!rx->buf && !(rx->buf = rx_ops.buf_get()))
		return -ENOBUFS;
	total = record_at(rx, 0);
	if (total < 0)
		return total;
	if (total && (size_t)total > room + over)
		return take_large(rx, fd, (unsigned int)total, flags);
	if (!total && peek)
		limit = RECORD_HEADER_BYTES;
	if (limit > rx_ops.buf_bytes)
		limit = rx_ops.buf_bytes;
	n = rx_ops.recv(fd, rx->buf + rx->have, limit - rx->have, flags);
	if (n <= 0)
		return n < 0 ? -errno : 0;
	*drained = (size_t)n < limit - rx->have;
	rx->have += (unsigned int)n;
	rx->fresh = false;
	total = deliver_whole(rx, sink);
	return total < 0 ? total : 1;
}

/* Every error but "not now" is for ever. */
static ssize_t settle(struct rx *rx, int ret)
{
	if (!rx->have && !rx->plain_len && !rx->tail)
		drop_buf(rx);
	if (ret == -EAGAIN || ret == -EINTR || ret == -ENOBUFS)
		return ret;
	if (ret == 0)
		return fail(rx, -1); /* FIN without close_notify */
	if (!rx->err) {
		drop_buf(rx);
		rx->err = ret;
		rx->reset = true;
	}
	return ret;
}

static uint64_t clock_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/*
 * A call that waits has taken a piece of a record and will wait again, which
 * would start the socket's own time limit anew. From the second piece on the
 * limit is ours. *end: 0 before that.
 *
 * Return: 0 go on, or -EAGAIN.
 */
static int keep_time(int fd, int pieces, uint64_t *end)
{
	uint64_t now;
	int limit;

	if (pieces < 2)
		return 0;
	limit = rx_ops.timeout_ms(fd);
	if (!limit)
		return 0;
	now = clock_ms();
	if (!*end)
		*end = now + (uint64_t)limit;
	if (now >= *end)
		return -EAGAIN;
	return rx_ops.wait(fd, (int)(*end - now)) ? 0 : -EAGAIN;
}

/* Fill the caller's buffer. Return: -errno or 0; what counts is sink->room. */
static int fill(struct rx *rx, int fd, struct sink *sink, int flags)
{
	bool peek = flags & MSG_PEEK, drained = false;
	int wait = flags & MSG_DONTWAIT, ret, pieces = 0;
	const size_t want = sink->room;
	uint64_t end = 0;

	while (sink->room) {
		if (rx->plain_len) {
			deliver_held(rx, fd, sink, peek);
			if (peek || !sink->room)
				break;
		}
		if (sink->room < want && !(flags & MSG_WAITALL)) {
			if (drained)
				break;
			wait = MSG_DONTWAIT;
		}
		if (rx->eof || rx->err)
			return rx->eof ? 0 : rx->err;
		if (rx->closed)
			return -EBADF;
		ret = wait ? 0 : keep_time(fd, pieces++, &end);
		if (!ret)
			ret = take(rx, fd, sink, peek, wait, &drained);
		if (ret <= 0)
			return (int)settle(rx, ret);
	}
	return 0;
}

ssize_t rx_read(struct rx *rx, int fd, const struct iovec *iov, int iovcnt,
		int flags)
{
	bool peek = flags & MSG_PEEK;
	struct sink sink;
	size_t want;
	ssize_t ret;

	sink_init(&sink, iov, iovcnt, flags & MSG_TRUNC);
	want = sink.room;
	ret = fill(rx, fd, &sink, flags);
	if (sink.room < want)
		ret = (ssize_t)(want - sink.room);
	if (rx->promised && ret > 0 && !peek) {
		rx->promised -= rx->promised < (size_t)ret ? rx->promised
							   : (size_t)ret;
		if (!rx->promised && rx_pull(rx, fd) != -EAGAIN)
			rx_ops.poke(fd);
	}
	return ret;
}

ssize_t rx_pull(struct rx *rx, int fd)
{
	struct sink sink = {0};
	bool drained;
	int ret;

	while (!rx->plain_len) {
		if (rx->eof || rx->err)
			return rx->err;
		ret = take(rx, fd, &sink, true, MSG_DONTWAIT, &drained);
		if (ret <= 0)
			return settle(rx, ret);
	}
	return (ssize_t)rx->plain_len;
}

int rx_to_boundary(struct rx *rx, int fd)
{
	struct sink sink = {0};
	uint8_t byte;
	bool drained;
	int ret;

	while (rx->have && !rx->eof && !rx->err) {
		ret = take(rx, fd, &sink, true, MSG_DONTWAIT, &drained);
		if (ret > 0)
			continue;
		ret = (int)settle(rx, ret);
		if (ret == -EAGAIN || ret == -EINTR || ret == -ENOBUFS)
			return ret;
	}
	if (rx->tail)
		rx_ops.recv(fd, &byte, 1, MSG_DONTWAIT);
	rx->tail = false;
	return 0;
}

ssize_t rx_unread(struct rx *rx, int fd)
{
	ssize_t held = rx_pull(rx, fd);

	rx->promised = held > 0 ? (size_t)held : 0;
	return (ssize_t)rx->promised;
}
