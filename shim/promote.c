// SPDX-License-Identifier: MIT
/*
 * promote.c - letting the kernel receive a direct connection from now on
 *
 * TLS_RX wants to begin at a record boundary; records that are queued already
 * are no problem (net/tls/tls_strp.c).
 */
#include "promote.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "crypto.h"
#include "ktls.h"
#include "libc.h"
#include "log.h"
#include "transmit.h"

static int install(struct stream *s, int fd, const struct traffic_key *key)
{
	int ret = ktls_install(fd, KTLS_RX, key);

	if (ret)
		return ret;
	s->entry.slot->stream.rx = *key; /* a KeyUpdate needs the secret */
	share_set(s->entry.slot, SHARE_RX_KERNEL);
	return 0;
}

/* To the next boundary, then all that is left goes along. */
static int promote_own(struct stream *s, int fd)
{
	struct rx *rx = &s->rx;
	int ret = rx_to_boundary(rx, fd);

	stream_publish(s, fd);
	if (ret)
		return ret;
	if (rx->plain_len)
		ret = share_put(s->entry.slot, SHARE_PLAIN,
				rx->buf + rx->plain_off, rx->plain_len);
	if (ret)
		return ret;
	ret = install(s, fd, &rx->protection.key);
	if (ret && rx->plain_len)
		share_take(s->entry.slot, rx->plain_len);
	if (ret)
		return ret;
	if (rx->eof)
		share_set(s->entry.slot, SHARE_RX_EOF);
	if (rx->err)
		share_set(s->entry.slot, SHARE_RX_DEAD);
	stream_drop_rx(s);
	return 0;
}

/* What the last reader has left. */
static int restore(struct stream *s)
{
	struct share_slot *slot = s->entry.slot;
	bool tail = slot->stream.bytes_kind == SHARE_PLAIN_TAIL;
	struct traffic_key key;
	const uint8_t *data;
	size_t len;
	int ret;

	data = share_bytes(slot, &len);
	if (!data || crypto_open() || share_key(&slot->stream.rx, &key))
		return -EIO;
	stream_begin_rx(s, &key);
	keys_wipe(&key);
	ret = rx_restore(&s->rx, data, len, tail);
	if (ret) {
		stream_drop_rx(s);
		return ret;
	}
	s->rx.updates = slot->stream.rx_updates;
	share_take(slot, len);
	return 0;
}

int promote_take(struct stream *s, int fd)
{
	struct share_stream *st = &s->entry.slot->stream;
	struct traffic_key key;
	int ret;

	stream_drop_rx(s); /* a stale copy */
	if (st->bytes_kind == SHARE_PLAIN_TAIL || st->bytes_kind == SHARE_PART)
		return restore(s);
	if (st->rx_held || share_key(&st->rx, &key))
		return -EIO;
	ret = install(s, fd, &key);
	keys_wipe(&key);
	return ret ? -EIO : 0;
}

int promote(struct stream *s, int fd)
{
	int ret = 0;

	if (share_is(s->entry.slot, SHARE_RX_KERNEL))
		return 0;
	if (!stream_is_reader(s))
		ret = promote_take(s, fd);
	if (ret || share_is(s->entry.slot, SHARE_RX_KERNEL))
		return ret;
	return promote_own(s, fd);
}

/* For the next reader, whichever process that is. */
static int leave_state(struct stream *s)
{
	struct share_slot *slot = s->entry.slot;
	struct rx *rx = &s->rx;
	int ret = 0;

	if (rx->eof || rx->err) {
		share_set(slot, rx->eof ? SHARE_RX_EOF : SHARE_RX_DEAD);
	} else if (rx->plain_len) {
		ret = share_put(slot, SHARE_PLAIN_TAIL,
				rx->buf + rx->plain_off, rx->plain_len);
	} else if (rx->have) {
		ret = share_put(slot, SHARE_PART, rx->buf, rx->have);
	}
	if (ret)
		return ret; /* it stays here; others get EIO */
	slot->stream.rx_held = false;
	slot->stream.rx_reads++;
	stream_drop_rx(s);
	return 0;
}

void promote_let_go(struct stream *s, int fd)
{
	int saved = errno;

	if (share_is(s->entry.slot, SHARE_RX_KERNEL) ||
	    !share_trylock(s->entry.slot))
		return; /* the latter: another thread reads */
	if (stream_is_reader(s) &&
	    (!rx_at_boundary(&s->rx) || promote(s, fd)))
		leave_state(s);
	else if (!stream_is_reader(s) &&
		 s->entry.slot->stream.bytes_kind == SHARE_NONE)
		promote(s, fd); /* else it was left before */
	share_unlock(s->entry.slot);
	errno = saved;
}

void promote_leave(struct stream *s)
{
	struct share_slot *slot = s->entry.slot;

	if (share_holders(slot) < 2 ||
	    share_is(slot, SHARE_RX_KERNEL) || !share_trylock(slot))
		return;
	if (stream_is_reader(s) && !rx_at_boundary(&s->rx))
		leave_state(s);
	share_unlock(slot);
}

/* The kernel waits for the key since 6.14; before, the stream is dead. */
static int next_rx_key(struct stream *s, int fd)
{
	struct share_stream *st = &s->entry.slot->stream;
	struct traffic_key key;
	uint64_t records;
	int ret = 0;

	if (share_key(&st->rx, &key))
		return -EBADMSG;
	if (key.version != TLS13 || ktls_records(fd, KTLS_RX, &key, &records))
		ret = -EBADMSG;
	/* one under each key is an attack */
	if (!ret && (st->rx_idle = records > 1 ? 0 : st->rx_idle + 1) >
			    RX_IDLE_MAX)
		ret = -EBADMSG;
	if (!ret && (crypto_open() || keys_update(&key) ||
		     ktls_install(fd, KTLS_RX, &key)))
		ret = -EOPNOTSUPP;
	if (!ret)
		st->rx = key;
	keys_wipe(&key);
	return ret;
}

/* RFC 8446 section 4.6.3 */
static int on_key_update(struct stream *s, int fd, const uint8_t *body, int len)
{
	static const uint8_t head[4] = {HANDSHAKE_KEY_UPDATE, 0, 0, 1};
	struct share_stream *st = &s->entry.slot->stream;
	int ret = 0;

	if (len != 5 || memcmp(body, head, 4) || body[4] > 1)
		return -EBADMSG;
	if (!st->rx_ahead)
		ret = next_rx_key(s, fd);
	st->rx_ahead = false;
	return !ret && body[4] ? transmit_rekey(s, fd) : ret;
}

/* Under the lock: another thread must not find data where we expect none. */
static int fetch(struct stream *s, int fd)
{
	uint8_t body[64], type;
	int n = ktls_recv(fd, body, 1, MSG_DONTWAIT | MSG_PEEK, &type);

	if (n == -EAGAIN || n == -EINTR || (n >= 0 && type == RECORD_DATA))
		return 1;
	if (n >= 0)
		n = ktls_recv(fd, body, sizeof(body), MSG_DONTWAIT, &type);
	if (n == 2 && type == RECORD_ALERT && body[1] == ALERT_USER_CANCELED)
		return 1;
	if (n == 2 && type == RECORD_ALERT && body[1] == ALERT_CLOSE_NOTIFY) {
		share_set(s->entry.slot, SHARE_RX_EOF);
		LIBC(shutdown)(fd, SHUT_RD);
		return 0;
	}
	if (n > 0 && type == RECORD_HANDSHAKE) {
		if (!on_key_update(s, fd, body, n))
			return 1;
		log_info("a client changes keys, which this kernel cannot "
			 "take; ending its connection");
		transmit_alert(s, fd, ALERT_INTERNAL_ERROR);
	}
	share_set(s->entry.slot, SHARE_RX_DEAD);
	return -ECONNRESET;
}

int promote_control(struct stream *s, int fd)
{
	int ret;

	if (!share_is(s->entry.slot, SHARE_RX_KERNEL))
		return 1; /* the promotion came in between */
	share_lock(s->entry.slot);
	ret = share_is(s->entry.slot, SHARE_RX_EOF) ? 0 : fetch(s, fd);
	share_unlock(s->entry.slot);
	return ret;
}

/* Does poll hide data that is there? */
static bool is_hidden(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char byte = 0;

	/* looked at twice: it may have come just now */
	return !LIBC(poll)(&p, 1, 0) &&
	       LIBC(recv)(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1 &&
	       !LIBC(poll)(&p, 1, 0);
}

void promote_settle(struct stream *s, int fd)
{
	struct share_slot *slot = s->entry.slot;

	share_lock(slot);
	if (!slot->stream.rx_ahead && is_hidden(fd)) {
		slot->stream.rx_ahead = true;
		if (next_rx_key(s, fd)) {
			transmit_alert(s, fd, ALERT_INTERNAL_ERROR);
			share_set(slot, SHARE_RX_DEAD);
			LIBC(shutdown)(fd, SHUT_RD);
		}
	}
	share_unlock(slot);
}
