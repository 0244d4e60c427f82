// SPDX-License-Identifier: MIT
/*
 * promote.c - letting the kernel receive a direct connection from now on
 *
 * TLS_RX wants to begin at a record boundary; records that are queued already
 * are no problem (net/tls/tls_strp.c). Who is not the owner of the receive
 * state has three sources for it: the shared table, when the owner holds no
 * bytes; its own copy from the fork, as long as nobody has read since; or none.
 */
#include "promote.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "crypto.h"
#include "ktls.h"
#include "libc.h"
#include "log.h"
#include "sock.h"
#include "transmit.h"

/* This process has what is needed to read on. It owns the state from here. */
static bool has_current_rx(struct stream *s)
{
	if (!s->has_rx || s->reads != s->entry.slot->stream.rx_reads)
		return false;
	s->owner = true;
	return true;
}

static int install(struct stream *s, int fd, const struct traffic_key *key)
{
	int ret = ktls_install(fd, KTLS_RX, key);

	if (ret)
		return ret;
	s->entry.slot->stream.rx = *key; /* a KeyUpdate needs the secret */
	share_set(s->entry.slot, SHARE_RX_KERNEL);
	return 0;
}

/* The owner's way: to the next boundary, then all that is left goes along. */
static int promote_own(struct stream *s, int fd, int ms)
{
	struct rx *rx = &s->rx;
	int ret = rx_to_boundary(rx, fd, ms);

	stream_publish(s, fd);
	if (ret)
		return ret;
	if (rx->plain_len)
		ret = share_spill(s->entry.slot, rx->buf + rx->plain_off,
				  rx->plain_len);
	if (ret)
		return ret;
	ret = install(s, fd, &rx->opener.key);
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

int promote(struct stream *s, int fd, int ms)
{
	struct share_slot *slot = s->entry.slot;

	if (share_is(slot, SHARE_RX_KERNEL))
		return 0;
	if (has_current_rx(s))
		return promote_own(s, fd, ms);
	if (slot->stream.rx_held)
		return -EBUSY;
	return install(s, fd, &slot->stream.rx);
}

void promote_stream(struct stream *s, int fd, int ms)
{
	int ret = -EBUSY, saved = errno;

	if (share_is(s->entry.slot, SHARE_RX_KERNEL))
		return;
	if (share_trylock(s->entry.slot)) {
		ret = promote(s, fd, ms);
		share_unlock(s->entry.slot);
	}
	if (ret)
		log_info("descriptor %d may be read by others, but the kernel "
			 "cannot receive for them: %s", fd, strerror(-ret));
	errno = saved;
}

void promote_fd(int fd, int ms)
{
	struct entry *e = fdtab_is_any(fd) ? sock_entry(fd) : NULL;

	if (!e)
		return;
	if (e->kind == ENTRY_STREAM)
		promote_stream((struct stream *)e, fd, ms);
	fdtab_put(e);
}

/* RFC 8446 section 4.6.3. The kernel waits for the key since 6.14; before, the
 * stream is dead. */
static int on_key_update(struct stream *s, int fd, const uint8_t *body, int len)
{
	static const uint8_t head[4] = {HANDSHAKE_KEY_UPDATE, 0, 0, 1};
	struct share_stream *st = &s->entry.slot->stream;
	struct traffic_key *key = &st->rx;
	uint64_t records;

	if (key->version != TLS13 || len != 5 || memcmp(body, head, 4) ||
	    body[4] > 1 || ktls_records(fd, KTLS_RX, key, &records))
		return -EBADMSG;
	/* one under each key is an attack */
	st->rx_idle = records > 1 ? 0 : st->rx_idle + 1;
	if (st->rx_idle > RX_IDLE_MAX)
		return -EBADMSG;
	if (crypto_open() || keys_update(key) || ktls_install(fd, KTLS_RX, key))
		return -EOPNOTSUPP;
	return body[4] ? transmit_rekey(s, fd) : 0;
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
