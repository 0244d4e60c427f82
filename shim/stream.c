// SPDX-License-Identifier: MIT
/*
 * stream.c - a direct connection: its life, from accept to close_notify
 *
 * How its bytes come is in receive.c, how they go in transmit.c.
 */
#include "stream.h"

#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "client.h"
#include "ktls.h"
#include "libc.h"
#include "promote.h"
#include "transmit.h"

#define LEVEL_WARNING 1
#define DRAIN_BYTES_MAX (1024 * 1024)

static atomic_int user_count;

int stream_user_count(void)
{
	return atomic_load_explicit(&user_count, memory_order_relaxed);
}

void stream_drop_rx(struct stream *s)
{
	if (!s->has_rx)
		return;
	rx_fini(&s->rx);
	s->has_rx = false;
	atomic_fetch_sub(&user_count, 1);
}

static void stream_free(struct entry *e)
{
	stream_drop_rx((struct stream *)e);
}

int stream_adopt(int fd, struct share_slot *slot)
{
	struct stream *s;
	int ret;

	s = (struct stream *)fdtab_alloc(ENTRY_STREAM, sizeof(*s), stream_free);
	if (!s)
		return -ENOMEM;
	s->entry.slot = slot;
	ret = fdtab_add(fd, &s->entry);
	fdtab_put(&s->entry);
	return ret;
}

void stream_begin_rx(struct stream *s, const struct traffic_key *key)
{
	rx_init(&s->rx, key);
	s->has_rx = true;
	s->reads = s->entry.slot->stream.rx_reads;
	atomic_fetch_add(&user_count, 1);
}

int stream_add(int fd, struct share_slot *slot, const struct gate_msg *msg)
{
	struct stream *s;
	int ret;

	slot->stream.rx = msg->rx;
	slot->stream.tx = msg->tx;
	/* noted once: tx may be replaced while who has written looks */
	if (msg->tx.version == TLS13 && msg->tx.aead != AEAD_CHACHA20POLY1305)
		slot->stream.key_records = msg->key_records;
	if (msg->can_rekey && msg->tx.version == TLS13)
		share_set(slot, SHARE_TX_CAN_REKEY);
	ret = stream_adopt(fd, slot);
	if (ret)
		return ret;
	s = (struct stream *)fdtab_get(fd);
	stream_begin_rx(s, &msg->rx);
	if (msg->rx_kernel)
		promote(s, fd); /* if it refuses, we receive */
	fdtab_put(&s->entry);
	return 0;
}

enum goodbye { SAID_NOW, SAID_BEFORE, SAID_LATER };

/* close_notify. SAID_LATER: the helper sends it, and the FIN. */
static enum goodbye say_goodbye(struct stream *s, int fd, int how)
{
	if (share_is(s->entry.slot, SHARE_ORPHAN) ||
	    share_set(s->entry.slot, SHARE_TX_CLOSED))
		return SAID_BEFORE;
	ktls_make_room(fd);
	if (transmit_is_writable(fd) &&
	    ktls_send_alert(fd, LEVEL_WARNING, ALERT_CLOSE_NOTIFY) != -EAGAIN)
		return SAID_NOW;
	if (client_part(fd, how))
		return SAID_NOW;
	share_set(s->entry.slot, SHARE_TX_LATER);
	return SAID_LATER;
}

int stream_shutdown(struct stream *s, int fd, int how)
{
	bool later;

	if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR)
		return -EINVAL;
	if (how != SHUT_WR)
		share_set(s->entry.slot, SHARE_RX_SHUT);
	if (how != SHUT_RD)
		say_goodbye(s, fd, SHUT_WR);
	later = how != SHUT_RD && share_is(s->entry.slot, SHARE_TX_LATER);
	if (later && how == SHUT_WR)
		return 0;
	return LIBC(shutdown)(fd, later ? SHUT_RD : how) ? -errno : 0;
}

/* Unread bytes at close become a reset that costs the peer our last words. */
static void drain(struct stream *s, int fd)
{
	bool kernel = share_is(s->entry.slot, SHARE_RX_KERNEL);
	char sink[4096];
	size_t done = 0;
	uint8_t type;
	ssize_t n;

	do {
		n = kernel ? ktls_recv(fd, sink, sizeof(sink), MSG_DONTWAIT,
				       &type)
			   : LIBC(recv)(fd, sink, sizeof(sink), MSG_DONTWAIT);
		done += n > 0 ? (size_t)n : 0;
	} while (n > 0 && done < DRAIN_BYTES_MAX);
}

/*
 * A client that has not ended its side may still send, if only its own
 * close_notify. To a closed socket that is a reason to reset, and what is not
 * acknowledged yet is lost.
 */
static bool must_linger(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLRDHUP};
	int unsent = 0;

	if (LIBC(ioctl)(fd, SIOCOUTQ, &unsent) || !unsent)
		return false;
	/* our own SHUT_RD at its close_notify makes RDHUP, too */
	return LIBC(poll)(&p, 1, 0) == 0;
}

void stream_leave(struct stream *s, int fd)
{
	if (s->entry.sandboxed) {
		s->entry.last = share_leave(s->entry.slot, s->entry.cookie);
		return;
	}
	if (!s->entry.numbers)
		s->rx.closed = true; /* whoever waits in a read of it */
	if (!s->entry.numbers) /* what is held here others may want to read */
		promote_leave(s);
	if (!share_leave(s->entry.slot, s->entry.cookie)) {
		/*
		 * The others may be counted wrongly (a process was killed), and
		 * the kernel loses what is partly sent at the real last close.
		 */
		if (!transmit_is_writable(fd))
			client_part(fd, PART_HOLD);
		return;
	}
	s->entry.last = true;
	if (share_is(s->entry.slot, SHARE_ABORT))
		return; /* the kernel resets */
	drain(s, fd);
	/*
	 * A client answers our close_notify with its own. If that comes between
	 * the alert and the close, the close is a reset instead of a FIN. So:
	 * FIN first, then once more what has come.
	 */
	if (say_goodbye(s, fd, SHUT_RDWR) == SAID_LATER ||
	    share_is(s->entry.slot, SHARE_TX_LATER | SHARE_ORPHAN))
		return;
	LIBC(shutdown)(fd, SHUT_WR);
	drain(s, fd);
	if (must_linger(fd))
		client_part(fd, PART_LINGER);
}

void stream_atfork_prepare(struct stream *s, int fd)
{
	if (share_is(s->entry.slot, SHARE_RX_KERNEL) || !s->has_rx)
		return;
	if (!share_trylock(s->entry.slot))
		return; /* somebody is reading: it will stay with the parent */
	if (stream_is_reader(s) && s->rx.fresh)
		promote(s, fd);
	share_unlock(s->entry.slot);
}

void stream_atfork_child(struct stream *s)
{
	s->is_copy = true;
}
