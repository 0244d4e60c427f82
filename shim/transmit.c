// SPDX-License-Identifier: MIT
/*
 * transmit.c - sending on a direct connection, where kTLS is not like TCP
 */
#include "transmit.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>

#include "crypto.h"
#include "ktls.h"
#include "libc.h"
#include "log.h"

#define LEVEL_FATAL 2
#define YIELDS_MAX 10000 /* a process may die in the middle of a change */

bool transmit_is_writable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};

	return LIBC(poll)(&p, 1, 0) == 1 && (p.revents & POLLOUT);
}

void transmit_alert(struct stream *s, int fd, uint8_t alert)
{
	if (share_set(s->entry.slot, SHARE_TX_CLOSED))
		return;
	ktls_send_alert(fd, LEVEL_FATAL, alert);
}

/* Change the key; the caller has set SHARE_TX_CHANGING and nobody writes. */
static int change_key(struct stream *s, int fd)
{
	struct share_stream *st = &s->entry.slot->stream;
	struct traffic_key next;
	int ret = share_key(&st->tx, &next);

	/* all that can fail comes first: nothing may after the KeyUpdate */
	if (!ret)
		ret = crypto_open();
	if (!ret)
		ret = keys_update(&next);
	if (!ret && !transmit_is_writable(fd))
		ret = -EAGAIN;
	if (!ret)
		ret = ktls_send_key_update(fd);
	if (!ret) {
		ret = ktls_install(fd, KTLS_TX, &next);
		if (!ret)
			st->tx = next;
		else
			share_set(s->entry.slot,
				  SHARE_TX_CLOSED | SHARE_TX_DEAD);
		atomic_store(&st->tx_bytes, 0);
	}
	keys_wipe(&next);
	return ret;
}

static void try_rekey(struct stream *s, int fd)
{
	struct share_slot *slot = s->entry.slot;

	if (share_set(slot, SHARE_TX_CHANGING))
		return; /* somebody is at it */
	if (!atomic_load(&slot->stream.tx_writers) &&
	    share_is(slot, SHARE_TX_REKEY) && change_key(s, fd) != -EAGAIN)
		share_clear(slot, SHARE_TX_REKEY);
	share_clear(slot, SHARE_TX_CHANGING);
}

int transmit_rekey(struct stream *s, int fd)
{
	if (!share_is(s->entry.slot, SHARE_TX_CAN_REKEY))
		return -EOPNOTSUPP;
	share_set(s->entry.slot, SHARE_TX_REKEY);
	try_rekey(s, fd);
	return 0;
}

void transmit_skip(struct stream *s)
{
	atomic_fetch_add(&s->entry.slot->stream.tx_writers, 1);
}

int transmit_begin(struct stream *s)
{
	struct share_slot *slot = s->entry.slot;
	int i;

	if (share_is(slot, SHARE_TX_CLOSED | SHARE_TX_DEAD))
		return -EPIPE;
	atomic_fetch_add(&slot->stream.tx_writers, 1);
	for (i = 0; share_is(slot, SHARE_TX_CHANGING) && i < YIELDS_MAX; i++) {
		atomic_fetch_sub(&slot->stream.tx_writers, 1);
		sched_yield();
		atomic_fetch_add(&slot->stream.tx_writers, 1);
	}
	return 0;
}

/*
 * RFC 8446 section 5.5: AES-GCM keys are good for 2^24.5 full-size records. So
 * bytes count; a short record costs the cipher a few blocks, here 64 bytes.
 */
static void watch_limit(struct stream *s, int fd, ssize_t n)
{
	struct share_stream *st = &s->entry.slot->stream;
	uint64_t limit = st->key_records;
	uint64_t bytes = n < 64 ? 64 : (uint64_t)n;

	if (!limit || share_is(s->entry.slot, SHARE_TX_REKEY))
		return;
	if (atomic_fetch_add(&st->tx_bytes, bytes) + bytes <
	    limit * RECORD_PLAIN_MAX)
		return;
	if (!transmit_rekey(s, fd))
		return;
	log_info("a connection has used up its keys; ending it");
	transmit_alert(s, fd, ALERT_INTERNAL_ERROR);
}

void transmit_end(struct stream *s, int fd, ssize_t n)
{
	struct share_slot *slot = s->entry.slot;
	int last = atomic_fetch_sub(&slot->stream.tx_writers, 1) == 1;

	if (n > 0)
		watch_limit(s, fd, n);
	else if (n == -EPIPE || n == -ECONNRESET)
		share_set(slot, SHARE_TX_DEAD);
	if (last && share_is(slot, SHARE_TX_REKEY))
		try_rekey(s, fd);
}
