// SPDX-License-Identifier: MIT
/*
 * wire.c - the peer of a receiver under test
 */
#include "wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct wire wire;

static EVP_CIPHER_CTX *cipher;

static bool at_end(void)
{
	return wire.taken == wire.len && (wire.fin || wire.reset);
}

bool wire_readable(void)
{
	return wire.taken < wire.arrived || at_end();
}

static ssize_t fake_recv(int fd, void *buf, size_t len, int flags)
{
	size_t n;

	(void)fd;
	while (!wire_readable()) {
		bool waits = !(flags & MSG_DONTWAIT) && wire.more;

		if (waits && wire.interrupts) {
			wire.interrupts--;
			errno = EINTR;
			return -1;
		}
		if (!waits || !wire.more()) {
			errno = EAGAIN;
			return -1;
		}
	}
	if (at_end() && wire.reset) {
		errno = ECONNRESET;
		return -1;
	}
	errno = EAGAIN; /* whoever looks at it although nothing failed */
	n = wire.arrived - wire.taken;
	n = n < len ? n : len;
	memcpy(buf, wire.bytes + wire.taken, n);
	if (!(flags & MSG_PEEK))
		wire.taken += n;
	return (ssize_t)n;
}

/* One allocation each, so that sanitizers see whoever leaves it. */
static void *fake_get(void)
{
	if (wire.no_bufs) {
		wire.no_bufs--;
		return NULL;
	}
	wire.bufs_out++;
	return malloc(RX_BUF_BYTES);
}

static void fake_put(void *buf)
{
	wire.bufs_out--;
	free(buf);
}

static int fake_timeout_ms(int fd)
{
	(void)fd;
	return wire.timeout_ms;
}

static int fake_wait(int fd, int ms)
{
	(void)fd;
	(void)ms;
	return wire_readable() || (wire.more && wire.more());
}

static void fake_poke(int fd)
{
	(void)fd;
	wire.pokes++;
}

struct rx_ops rx_ops = {fake_recv,       fake_get,  fake_put, RX_BUF_BYTES,
			fake_timeout_ms, fake_wait, fake_poke};

static void use_key(void)
{
	static EVP_CIPHER *ciphers[AEAD_COUNT];
	static const char *const names[AEAD_COUNT] = {
		[AEAD_AES128GCM] = "AES-128-GCM",
		[AEAD_AES256GCM] = "AES-256-GCM",
		[AEAD_CHACHA20POLY1305] = "ChaCha20-Poly1305",
	};
	EVP_CIPHER **c = &ciphers[wire.key.aead];

	if (!*c)
		*c = EVP_CIPHER_fetch(NULL, names[wire.key.aead], NULL);
	if (!cipher)
		cipher = EVP_CIPHER_CTX_new();
	EVP_EncryptInit_ex2(cipher, *c, wire.key.key, NULL, NULL);
}

void wire_open(const struct traffic_key *key)
{
	wire.len = wire.arrived = wire.taken = 0;
	wire.fin = wire.reset = false;
	wire.key = *key;
	wire.pokes = 0;
	wire.more = NULL;
	wire.timeout_ms = wire.interrupts = wire.no_bufs = 0;
	use_key();
}

void wire_rekey(void)
{
	keys_update(&wire.key);
	use_key();
}

/* Written anew, and not with lib/record.c, which is what is tested. */
size_t wire_send(const struct wire_record *r)
{
	static uint8_t inner[WIRE_RECORD_MAX];
	const struct traffic_key *key = &wire.key;
	bool tls13 = key->version == TLS13;
	bool explicit = !tls13 && key->aead != AEAD_CHACHA20POLY1305;
	uint8_t *head = wire.bytes + wire.len, *body = head + 5;
	uint8_t nonce[12], aad[13];
	size_t len = r->len, body_len, off = wire.len;
	int n, i;

	memcpy(inner, r->data, len);
	if (tls13) {
		inner[len++] = r->type;
		memset(inner + len, 0, r->padding);
		len += r->padding;
	}
	body_len = len + 16 + (explicit ? 8 : 0);
	head[0] = r->outer ? r->outer : tls13 ? RECORD_DATA : r->type;
	head[1] = 3;
	head[2] = r->minor ? r->minor : 3;
	head[3] = (uint8_t)(body_len >> 8);
	head[4] = (uint8_t)body_len;
	memcpy(nonce, key->iv, 12);
	for (i = 0; i < 8; i++) {
		uint8_t s = (uint8_t)(key->seq >> (56 - 8 * i));

		nonce[4 + i] = explicit ? s ^ 0x5a : nonce[4 + i] ^ s;
		aad[i] = s;
	}
	if (explicit) {
		memcpy(body, nonce + 4, 8);
		body += 8;
	}
	memcpy(aad + 8, head, 3);
	aad[11] = (uint8_t)(len >> 8);
	aad[12] = (uint8_t)len;
	EVP_EncryptInit_ex2(cipher, NULL, NULL, nonce, NULL);
	EVP_EncryptUpdate(cipher, NULL, &n, tls13 ? head : aad, tls13 ? 5 : 13);
	EVP_EncryptUpdate(cipher, body, &n, inner, (int)len);
	EVP_EncryptFinal_ex(cipher, body + len, &n);
	EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, 16, body + len);
	wire.key.seq++;
	wire.len += 5 + body_len;
	return off;
}
