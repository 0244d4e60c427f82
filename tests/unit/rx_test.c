// SPDX-License-Identifier: MIT
/*
 * rx_test.c - user receive against a socket made of memory
 *
 *   rx_test [SEED [ROUNDS]]
 *
 * Random records, in random pieces, read in random ways; after every call the
 * two promises of rx.h are checked: what is delivered is what was sent, and
 * the socket is readable exactly when there is something to deliver.
 */
#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "rx.h"
#include "tap.h"

#define STREAM_MAX (1 << 21)

/* The fake socket: what has arrived and was not yet taken. */
static uint8_t wire[STREAM_MAX];
static size_t wire_len, arrived, taken;
static bool fin;
static int bufs_out; /* buffers held by the receiver */

static ssize_t fake_recv(int fd, void *buf, size_t len, int flags)
{
	size_t n = arrived - taken;

	(void)fd;
	if (!n && fin && arrived == wire_len)
		return 0;
	if (!n) {
		errno = EAGAIN;
		return -1;
	}
	n = n < len ? n : len;
	memcpy(buf, wire + taken, n);
	if (!(flags & MSG_PEEK))
		taken += n;
	return (ssize_t)n;
}

static void *fake_get(void)
{
	bufs_out++;
	return malloc(RX_BUF_BYTES);
}

static void fake_put(void *buf)
{
	bufs_out--;
	free(buf);
}

static int fake_timeout_ms(int fd)
{
	(void)fd;
	return 0;
}

static int fake_wait(int fd, int ms)
{
	(void)fd;
	(void)ms;
	return taken < arrived;
}

static int pokes;

static void fake_poke(int fd)
{
	(void)fd;
	pokes++;
}

struct rx_ops rx_ops = {fake_recv,	 fake_get,  fake_put,
			fake_timeout_ms, fake_wait, fake_poke};

/* The sender. */
static struct traffic_key sender;
static uint8_t sent[STREAM_MAX];
static size_t sent_len;

static const EVP_CIPHER *cipher_of(const struct traffic_key *k)
{
	return k->aead == AEAD_AES128GCM   ? EVP_aes_128_gcm()
	       : k->aead == AEAD_AES256GCM ? EVP_aes_256_gcm()
					   : EVP_chacha20_poly1305();
}

static void send_record(uint8_t type, const uint8_t *data, size_t len,
			size_t padding)
{
	static uint8_t inner[RECORD_PLAIN_MAX + 300];
	bool tls13 = sender.version == TLS13;
	bool explicit = !tls13 && sender.aead != AEAD_CHACHA20POLY1305;
	uint8_t *r = wire + wire_len, *body, nonce[12], aad[13];
	size_t body_len, aad_len;
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n, i;

	memcpy(inner, data, len);
	if (tls13) {
		inner[len++] = type;
		memset(inner + len, 0, padding);
		len += padding;
	}
	body_len = len + 16 + (explicit ? 8 : 0);
	r[0] = tls13 ? 23 : type;
	r[1] = r[2] = 3;
	r[3] = (uint8_t)(body_len >> 8);
	r[4] = (uint8_t)body_len;
	memcpy(nonce, sender.iv, 12);
	for (i = 0; i < 8; i++) {
		uint8_t s = (uint8_t)(sender.seq >> (56 - 8 * i));

		nonce[4 + i] = explicit ? s ^ 0x5a : nonce[4 + i] ^ s;
		aad[i] = s;
	}
	body = r + 5;
	if (explicit) {
		memcpy(body, nonce + 4, 8);
		body += 8;
	}
	memcpy(aad + 8, r, 3);
	aad[11] = (uint8_t)(len >> 8);
	aad[12] = (uint8_t)len;
	aad_len = tls13 ? 5 : 13;
	EVP_EncryptInit_ex(ctx, cipher_of(&sender), NULL, sender.key, nonce);
	EVP_EncryptUpdate(ctx, NULL, &n, tls13 ? r : aad, (int)aad_len);
	EVP_EncryptUpdate(ctx, body, &n, inner, (int)len);
	EVP_EncryptFinal_ex(ctx, body + len, &n);
	EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, body + len);
	EVP_CIPHER_CTX_free(ctx);
	sender.seq++;
	wire_len += 5 + body_len;
}

static void send_data(size_t len, size_t padding)
{
	size_t i;

	for (i = 0; i < len; i++)
		sent[sent_len + i] = (uint8_t)rand();
	send_record(RECORD_DATA, sent + sent_len, len, padding);
	sent_len += len;
}

static void send_key_update(void)
{
	static const uint8_t msg[5] = {24, 0, 0, 1, 0};

	send_record(RECORD_HANDSHAKE, msg, sizeof(msg), 0);
	keys_update(&sender);
}

static void begin(struct rx *rx, uint16_t version, enum aead aead)
{
	int i;

	wire_len = arrived = taken = sent_len = 0;
	fin = false;
	sender = (struct traffic_key){.version = version,
				      .aead = (uint8_t)aead, .hash_bytes = 32};
	for (i = 0; i < 32; i++)
		sender.secret[i] = sender.key[i] = (uint8_t)rand();
	if (version == TLS13)
		keys_from_secret(&sender);
	else
		sender.seq = 1;
	rx_init(rx, &sender);
}

static size_t random_size(size_t max)
{
	static const size_t edges[] = {0,   1,	 5,	99,    100,   1000,
				       4096, 8192, 16383, 16384};
	size_t n = rand() % 2 ? edges[rand() % 10] : (size_t)rand() % 600;

	return n < max ? n : max;
}

static void make_stream(void)
{
	static const uint8_t bye[2] = {1, 0};
	int records = 1 + rand() % 12, i;

	for (i = 0; i < records; i++) {
		if (sender.version == TLS13 && rand() % 8 == 0)
			send_key_update();
		send_data(random_size(RECORD_PLAIN_MAX),
			  sender.version == TLS13 && rand() % 4 == 0
				  ? (size_t)rand() % 200
				  : 0);
	}
	send_record(RECORD_ALERT, bye, 2, 0);
}

/* One read of random size and kind; true when it kept the promises. */
static bool random_read(struct rx *rx, size_t *got)
{
	static uint8_t out[3][40000];
	struct iovec iov[3];
	int n = 1 + rand() % 3, flags = 0, i;
	size_t total = 0, off;
	ssize_t ret;

	for (i = 0; i < n; i++) {
		iov[i].iov_base = out[i];
		iov[i].iov_len = rand() % 4 ? random_size(16384)
					    : (size_t)rand() % 40000;
		total += iov[i].iov_len;
	}
	if (rand() % 8 == 0)
		flags |= MSG_PEEK;
	if (rand() % 8 == 0)
		rx_pull(rx, 0);
	ret = rx_read(rx, 0, iov, n, flags);
	if (ret == -EAGAIN)
		return taken == arrived && total > 0;
	if (ret < 0 || (size_t)ret > total || *got + (size_t)ret > sent_len)
		return false;
	for (i = 0, off = 0; off < (size_t)ret; off += iov[i++].iov_len) {
		size_t len = (size_t)ret - off;

		len = len < iov[i].iov_len ? len : iov[i].iov_len;
		if (memcmp(iov[i].iov_base, sent + *got + off, len))
			return false;
	}
	if (ret == 0 && total && *got < sent_len)
		return false;
	if (!(flags & MSG_PEEK))
		*got += (size_t)ret;
	/* deliverable plaintext must keep the socket readable */
	if (rx->plain_len && taken == arrived)
		return false;
	/* short of the buffer, and no new arrival could tell: a stall */
	return flags & MSG_PEEK || (size_t)ret == total || rx->eof ||
	       taken == arrived;
}

static bool round_trip(uint16_t version, enum aead aead)
{
	size_t got = 0;
	struct rx rx;
	bool good = true;
	int i;

	begin(&rx, version, aead);
	make_stream();
	while (good && (got < sent_len || !rx.eof)) {
		if (arrived < wire_len) {
			arrived += 1 + (size_t)rand() %
					       (rand() % 3 ? 30000 : 7);
			if (arrived > wire_len)
				arrived = wire_len;
		}
		for (i = rand() % 4; good && i >= 0; i--)
			good = random_read(&rx, &got);
	}
	good = good && got == sent_len && rx.eof;
	rx_fini(&rx);
	return good && bufs_out == 0;
}

static ssize_t read_all(struct rx *rx)
{
	static uint8_t out[RECORD_PLAIN_MAX];
	struct iovec iov = {out, sizeof(out)};
	ssize_t ret;

	arrived = wire_len;
	while ((ret = rx_read(rx, 0, &iov, 1, 0)) > 0)
		;
	return ret;
}

/* FIONREAD: no more than is there, and an edge when there is more after it. */
static void check_unread(void)
{
	static uint8_t out[20000];
	struct iovec iov = {out, sizeof(out)};
	struct rx rx;

	begin(&rx, TLS13, AEAD_AES128GCM);
	send_data(1000, 50);
	send_data(16384, 0);
	arrived = 500;
	ok(rx_unread(&rx, 0) == 0, "a part of a record is nothing to read");
	arrived = wire_len - 100;
	iov.iov_len = (size_t)rx_unread(&rx, 0);
	ok(iov.iov_len == 1000, "padding does not count");
	ok(rx_read(&rx, 0, &iov, 1, 0) == 1000 && taken == arrived && !pokes,
	   "who reads that leaves no part of a record in the socket");
	arrived = wire_len;
	iov.iov_len = (size_t)rx_unread(&rx, 0);
	send_data(10, 0);
	arrived = wire_len;
	ok(rx_read(&rx, 0, &iov, 1, 0) == 16384 && pokes == 1 && taken < arrived,
	   "... and is woken when another record waits");
	rx_fini(&rx);
}

static void check_ends(void)
{
	static const uint8_t fatal[2] = {2, 40}, request[5] = {24, 0, 0, 1, 1};
	struct rx rx;

	begin(&rx, TLS13, AEAD_AES128GCM);
	send_data(100, 0);
	fin = true;
	ok(read_all(&rx) == -ECONNRESET && rx.alert < 0,
	   "FIN without close_notify is a reset");
	ok(read_all(&rx) == -ECONNRESET, "... and stays one");
	rx_fini(&rx);

	begin(&rx, TLS13, AEAD_AES256GCM);
	send_data(5000, 0);
	wire[1000] ^= 1;
	ok(read_all(&rx) == -ECONNRESET && rx.alert == ALERT_BAD_RECORD_MAC,
	   "a flipped bit is a reset, with an alert");
	rx_fini(&rx);

	begin(&rx, TLS13, AEAD_AES128GCM);
	send_data(1, 0);
	wire[3] = 0xff;
	ok(read_all(&rx) == -ECONNRESET && rx.alert == ALERT_RECORD_OVERFLOW,
	   "a record of 65 KB is refused");
	rx_fini(&rx);

	begin(&rx, TLS13, AEAD_AES128GCM);
	send_record(RECORD_ALERT, fatal, 2, 0);
	ok(read_all(&rx) == -ECONNRESET && rx.alert < 0,
	   "a fatal alert is a reset, without an answer");
	rx_fini(&rx);

	begin(&rx, TLS13, AEAD_AES128GCM);
	send_record(RECORD_HANDSHAKE, request, 5, 0);
	ok(read_all(&rx) == -EAGAIN && rx.update_requested,
	   "a KeyUpdate that wants an answer is reported");
	rx_fini(&rx);

	begin(&rx, TLS13, AEAD_AES128GCM);
	send_record(RECORD_HANDSHAKE, fatal, 2, 0);
	ok(read_all(&rx) == -ECONNRESET &&
		   rx.alert == ALERT_UNEXPECTED_MESSAGE,
	   "any other handshake message is refused");
	rx_fini(&rx);
	ok(bufs_out == 0, "no buffer is kept");
}

int main(int argc, char **argv)
{
	unsigned int seed = argc > 1 ? (unsigned int)atoi(argv[1]) : 1;
	int rounds = argc > 2 ? atoi(argv[2]) : 300, v, a, i;

	if (crypto_open())
		return 1;
	for (v = TLS12; v <= TLS13; v++)
		for (a = 0; a < AEAD_COUNT; a++) {
			bool good = true;

			for (i = 0; good && i < rounds; i++) {
				srand(seed + (unsigned int)i);
				good = round_trip((uint16_t)v, (enum aead)a);
			}
			ok(good, "%d random streams, version %x, cipher %d, "
			   "seed %u", i, v, a, seed + (unsigned int)i - 1);
		}
	check_unread();
	check_ends();
	return tap_done();
}
