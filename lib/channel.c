// SPDX-License-Identifier: MIT
/*
 * channel.c - TLS on a client's socket after the handshake, for the relay
 */
#include "channel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "rx.h"

#define INPUT_BYTES 65536
/* OpenSSL's: what padding and short records make of a piece is less */
#define OUTPUT_MAX 65536
/* Four whole records, and their beginning next time */
#define BUF_BYTES (4 * RECORD_BYTES_MAX)

struct channel {
	int tcp;
	uint64_t key_records;
	struct tls *tls; /* OpenSSL's, or NULL: ours */
	uint64_t bytes;	 /* tls: written with the current key */
	int end;	 /* tls: 1, or what channel_read() says at the end */
	const char *why; /* tls: if it does not know itself */
	struct rx rx;
	struct record_protection tx;
	bool close_notify; /* ours is still to be sent */
	bool shut;	   /* nothing more is sent */
};

static ssize_t plain_recv(int fd, void *buf, size_t len, int flags)
{
	return recv(fd, buf, len, flags);
}

/* One is enough nearly always: it is given back when it holds whole records. */
static _Thread_local void *spare;

static void *buf_get(void)
{
	void *buf = spare ? spare : malloc(BUF_BYTES);

	spare = NULL;
	return buf;
}

static void buf_put(void *buf)
{
	if (spare)
		free(buf);
	else
		spare = buf;
}

static int no_timeout(int fd)
{
	(void)fd;
	return 0;
}

static int no_wait(int fd, int ms)
{
	(void)fd;
	(void)ms;
	return 0;
}

static void no_poke(int fd)
{
	(void)fd;
}

struct rx_ops rx_ops = {plain_recv, buf_get, buf_put, BUF_BYTES,
			no_timeout, no_wait, no_poke};

/* Take the keys out of @tls. Return: 0, else it stays with OpenSSL. */
static int take_over(struct channel *ch, struct tls *tls)
{
	static const bool all[AEAD_COUNT] = {true, true, true};
	struct traffic_key tx, rx;
	const char *why;
	int ret = tls_traffic_keys(tls, all, &tx, &rx, &why);

	if (!ret) {
		rx_init(&ch->rx, &rx);
		record_protect(&ch->tx, &tx);
	}
	keys_wipe(&tx);
	keys_wipe(&rx);
	return ret;
}

struct channel *channel_open(struct tls *tls, int tcp, uint64_t key_records)
{
	struct channel *ch = calloc(1, sizeof(*ch));

	if (!ch)
		return NULL;
	ch->tcp = tcp;
	ch->end = 1;
	ch->key_records = key_records;
	if (take_over(ch, tls))
		ch->tls = tls;
	else
		tls_close(tls);
	return ch;
}

void channel_close(struct channel *ch)
{
	if (!ch)
		return;
	if (ch->tls) {
		tls_close(ch->tls);
	} else {
		rx_fini(&ch->rx);
		record_protect_fini(&ch->tx);
	}
	free(ch);
}

/* ---- OpenSSL's */

/* Return: bytes, -EAGAIN, or channel_read()'s last word */
static ssize_t decrypt_tls(struct channel *ch, uint8_t *buf, size_t len)
{
	ssize_t n = tls_read(ch->tls, buf, len);

	if (n > 0 || n == -EAGAIN)
		return n;
	if (n == -EOVERFLOW)
		ch->why = "nothing but KeyUpdates";
	ch->end = n == 0 ? 0 : n == -EOVERFLOW ? -EPIPE : -ECONNRESET;
	return ch->end;
}

static ssize_t read_tls(struct channel *ch, uint8_t *buf, size_t len)
{
	static _Thread_local uint8_t input[INPUT_BYTES];
	size_t done = 0;
	ssize_t n;

	while (done < len && ch->end > 0) {
		n = decrypt_tls(ch, buf + done, len - done);
		if (n > 0)
			done += (size_t)n;
		if (n != -EAGAIN)
			continue;
		if (done)
			break;
		n = recv(ch->tcp, input, sizeof(input), MSG_DONTWAIT);
		if (n <= 0)
			return n == 0		 ? -ECONNRESET
			       : errno == EAGAIN ? -EAGAIN
						 : -EPIPE;
		if (tls_input(ch->tls, input, (size_t)n))
			return -EPIPE;
	}
	return done ? (ssize_t)done : ch->end;
}

static ssize_t write_tls(struct channel *ch, const uint8_t *data, size_t len,
			 uint8_t *out)
{
	if (len && ch->bytes >= ch->key_records * RECORD_PLAIN_MAX) {
		tls_new_key(ch->tls);
		ch->bytes = 0;
	}
	ch->bytes += len < 64 ? 64 : len;
	if (tls_write(ch->tls, data, len))
		return -EPROTO;
	return (ssize_t)tls_output(ch->tls, out, CHANNEL_BYTES(len));
}

/* ---- ours */

static ssize_t read_records(struct channel *ch, void *buf, size_t len)
{
	struct iovec iov = {buf, len};
	ssize_t n = rx_read(&ch->rx, ch->tcp, &iov, 1, MSG_DONTWAIT);

	if (n >= 0 || n == -EAGAIN || n == -EINTR)
		return n == -EINTR ? -EAGAIN : n;
	return ch->rx.reset || n != -ECONNRESET ? -EPIPE : -ECONNRESET;
}

static size_t seal_alert(struct channel *ch, uint8_t level, int alert,
			 uint8_t *out)
{
	const uint8_t body[2] = {level, (uint8_t)alert};

	return record_seal(&ch->tx, RECORD_ALERT, body, sizeof(body), out);
}

/* RFC 8446 section 4.6.3; TLS 1.2 has no other key. Return: bytes; 0: refused */
static size_t seal_key_update(struct channel *ch, uint8_t *out)
{
	static const uint8_t body[5] = {HANDSHAKE_KEY_UPDATE, 0, 0, 1, 0};
	size_t n;

	if (ch->tx.key.version != TLS13)
		return 0;
	n = record_seal(&ch->tx, RECORD_HANDSHAKE, body, sizeof(body), out);
	if (n && !record_protect_update(&ch->tx))
		return n;
	ch->shut = true;
	return 0;
}

/* What has to be said besides data, in its order. Return: bytes */
static size_t seal_control(struct channel *ch, uint8_t *out)
{
	size_t n = 0;

	if (ch->shut)
		return 0;
	if (ch->rx.update_requested) {
		ch->rx.update_requested = false;
		n = seal_key_update(ch, out);
	}
	if (ch->rx.alert >= 0 && !ch->shut) {
		n += seal_alert(ch, ALERT_LEVEL_FATAL, ch->rx.alert, out + n);
		ch->shut = true;
	}
	if (ch->close_notify && !ch->shut) {
		n += seal_alert(ch, ALERT_LEVEL_WARNING, ALERT_CLOSE_NOTIFY,
				out + n);
		ch->shut = true;
	}
	return n;
}

static ssize_t write_records(struct channel *ch, const uint8_t *data,
			     size_t len, uint8_t *out)
{
	size_t sealed, done, piece, n;

	if (ch->rx.alert >= 0) /* that is channel_output()'s to give */
		return -EPROTO;
	sealed = seal_control(ch, out);
	for (done = 0; done < len; done += piece) {
		if (ch->tx.key.seq >= ch->key_records)
			sealed += seal_key_update(ch, out + sealed);
		if (ch->shut)
			return -EPROTO;
		piece = len - done < RECORD_PLAIN_MAX ? len - done
						      : RECORD_PLAIN_MAX;
		n = record_seal(&ch->tx, RECORD_DATA, data + done, piece,
				out + sealed);
		ch->shut = !n;
		if (!n)
			return -EPROTO;
		sealed += n;
	}
	return (ssize_t)sealed;
}

/* ---- either */

ssize_t channel_read(struct channel *ch, void *buf, size_t len)
{
	return ch->tls ? read_tls(ch, buf, len) : read_records(ch, buf, len);
}

/* The end of the stream is no byte in the socket; nor is what OpenSSL holds. */
bool channel_holds(const struct channel *ch)
{
	if (ch->tls)
		return ch->end <= 0 || tls_holds(ch->tls);
	return ch->rx.eof || ch->rx.err || ch->rx.plain_len;
}

ssize_t channel_write(struct channel *ch, const void *data, size_t len,
		      uint8_t *out)
{
	return ch->tls ? write_tls(ch, data, len, out)
		       : write_records(ch, data, len, out);
}

size_t channel_output(struct channel *ch, uint8_t *out, size_t room)
{
	return ch->tls ? tls_output(ch->tls, out, room) : seal_control(ch, out);
}

void channel_shutdown(struct channel *ch)
{
	if (ch->tls)
		tls_shutdown(ch->tls);
	else
		ch->close_notify = true;
}

bool channel_has_output(const struct channel *ch)
{
	if (ch->tls)
		return tls_output_bytes(ch->tls);
	return !ch->shut && (ch->rx.update_requested || ch->rx.alert >= 0 ||
			     ch->close_notify);
}

/* Ours is one KeyUpdate, however many were asked for, and an alert. */
bool channel_is_full(const struct channel *ch)
{
	return ch->tls && tls_output_bytes(ch->tls) > OUTPUT_MAX;
}

const char *channel_error(const struct channel *ch)
{
	if (ch->tls)
		return ch->why ? ch->why : tls_error(ch->tls);
	switch (ch->rx.alert) {
	case -1:
		return NULL;
	case ALERT_BAD_RECORD_MAC:
		return "a record does not decrypt";
	case ALERT_RECORD_OVERFLOW:
		return "a record is too long";
	default:
		return ch->rx.idle > RX_IDLE_MAX
			       ? "nothing but KeyUpdates or empty records"
			       : "unexpected message";
	}
}
