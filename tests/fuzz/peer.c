// SPDX-License-Identifier: MIT
/*
 * peer.c - what OpenSSL reads from the wire
 *
 * OpenSSL has no call that makes a connection from keys, so there is a real
 * handshake for each. It is cheap because it uses a pre-shared key and no
 * Diffie-Hellman, and because the client's side of it is played back: 25 us
 * (TLS 1.2) and 115 us (TLS 1.3).
 */
#define OPENSSL_SUPPRESS_DEPRECATED /* RAND_set_rand_method */
#include "peer.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLIGHTS 2
#define FLIGHT_BYTES 1024

struct peer peer;

static struct suite {
	const char *name;
	uint8_t id[2];
	SSL_CTX *server;
	uint8_t flight[FLIGHTS][FLIGHT_BYTES];
	size_t flight_len[FLIGHTS];
	struct traffic_key key;
} suites[PEER_SUITES] = {
	{.name = "PSK-AES128-GCM-SHA256"},
	{.name = "PSK-AES256-GCM-SHA384"},
	{.name = "PSK-CHACHA20-POLY1305"},
	{.name = "TLS_AES_128_GCM_SHA256", .id = {0x13, 1}},
	{.name = "TLS_AES_256_GCM_SHA384", .id = {0x13, 2}},
	{.name = "TLS_CHACHA20_POLY1305_SHA256", .id = {0x13, 3}},
};

static struct suite *current;
static SSL *ssl;
static BIO *bio;
static size_t read_off; /* in wire.bytes */

static uint16_t version_of(const struct suite *s)
{
	return s - suites < AEAD_COUNT ? TLS12 : TLS13;
}

static uint8_t hash_bytes_of(const struct suite *s)
{
	return strstr(s->name, "SHA384") ? 48 : 32;
}

/* Random numbers that are the same each time, which these tests may have. */
static uint32_t random_state;

static int random_bytes(unsigned char *buf, int len)
{
	while (len-- > 0) {
		random_state = random_state * 1664525 + 1013904223;
		*buf++ = (unsigned char)(random_state >> 24);
	}
	return 1;
}

static int random_status(void)
{
	return 1;
}

static const RAND_METHOD same_random = {
	.bytes = random_bytes,
	.pseudorand = random_bytes,
	.status = random_status,
};

/* The pre-shared key, for both sides. */
static const uint8_t psk[SECRET_BYTES_MAX] = {1, 2, 3, 4};

static int psk_session(SSL *s, SSL_SESSION **out)
{
	*out = SSL_SESSION_new();
	SSL_SESSION_set1_master_key(*out, psk, hash_bytes_of(current));
	SSL_SESSION_set_cipher(*out, SSL_CIPHER_find(s, current->id));
	return SSL_SESSION_set_protocol_version(*out, TLS1_3_VERSION);
}

static int tls13_find(SSL *s, const unsigned char *id, size_t id_len,
		      SSL_SESSION **out)
{
	(void)id;
	(void)id_len;
	return psk_session(s, out);
}

static int tls13_use(SSL *s, const EVP_MD *md, const unsigned char **id,
		     size_t *id_len, SSL_SESSION **out)
{
	(void)md;
	*id = (const unsigned char *)"k";
	*id_len = 1;
	return psk_session(s, out);
}

static unsigned int tls12_server(SSL *s, const char *id, unsigned char *out,
				 unsigned int max)
{
	(void)s;
	(void)id;
	(void)max;
	memcpy(out, psk, 32);
	return 32;
}

static unsigned int tls12_client(SSL *s, const char *hint, char *id,
				 unsigned int id_max, unsigned char *out,
				 unsigned int max)
{
	(void)hint;
	(void)id_max;
	strcpy(id, "k");
	return tls12_server(s, id, out, max);
}

static uint8_t secret[SECRET_BYTES_MAX];

/* "LABEL client_random secret": the client's, or the master secret */
static void on_keylog(const SSL *s, const char *line)
{
	const char *hex = strrchr(line, ' ') + 1;
	size_t i;

	(void)s;
	if (strncmp(line, "CLIENT_TRAFFIC_SECRET_0 ", 24) &&
	    strncmp(line, "CLIENT_RANDOM ", 14))
		return;
	for (i = 0; hex[2 * i] && i < sizeof(secret); i++)
		sscanf(hex + 2 * i, "%2hhx", &secret[i]);
}

static void on_message(int writes, int version, int type, const void *buf,
		       size_t len, SSL *s, void *arg)
{
	const uint8_t *body = buf;

	(void)version;
	(void)s;
	(void)arg;
	/* its warnings (no_renegotiation) end nothing */
	if (writes && type == SSL3_RT_ALERT && len == 2 &&
	    body[0] == SSL3_AL_FATAL)
		peer.alert = body[1];
	if (writes && type == SSL3_RT_HANDSHAKE &&
	    body[0] == HANDSHAKE_KEY_UPDATE)
		peer.updated = true;
}

static SSL_CTX *new_context(const struct suite *s, const SSL_METHOD *method)
{
	SSL_CTX *ctx = SSL_CTX_new(method);

	SSL_CTX_set_min_proto_version(ctx, version_of(s));
	SSL_CTX_set_max_proto_version(ctx, version_of(s));
	if (version_of(s) == TLS13)
		SSL_CTX_set_ciphersuites(ctx, s->name);
	else
		SSL_CTX_set_cipher_list(ctx, s->name);
	SSL_CTX_clear_options(ctx, SSL_OP_ENABLE_MIDDLEBOX_COMPAT);
	/* the same as lib/tls.c, where it matters for reading */
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION |
					 SSL_OP_ALLOW_NO_DHE_KEX |
					 SSL_OP_NO_TICKET);
	SSL_CTX_set_num_tickets(ctx, 0);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	return ctx;
}

/* The wire, as a BIO; what is written to it is dropped. */
static int wire_read(BIO *b, char *buf, int len)
{
	size_t n = wire.arrived - read_off;

	BIO_clear_retry_flags(b);
	if (!n) {
		if (wire.arrived == wire.len && (wire.fin || wire.reset))
			return 0;
		BIO_set_retry_read(b);
		return -1;
	}
	n = n < (size_t)len ? n : (size_t)len;
	memcpy(buf, wire.bytes + read_off, n);
	read_off += n;
	return (int)n;
}

static int wire_write(BIO *b, const char *buf, int len)
{
	(void)b;
	(void)buf;
	return len;
}

static long wire_ctrl(BIO *b, int cmd, long num, void *ptr)
{
	(void)b;
	(void)num;
	(void)ptr;
	/* the end, for an error that names it */
	return cmd == BIO_CTRL_FLUSH || cmd == BIO_CTRL_EOF;
}

static BIO *wire_bio(void)
{
	BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "wire");

	BIO_meth_set_read(m, wire_read);
	BIO_meth_set_write(m, wire_write);
	BIO_meth_set_ctrl(m, wire_ctrl);
	BIO_set_init(bio = BIO_new(m), 1);
	return bio;
}

static SSL *new_server(struct suite *s, BIO *in, BIO *out)
{
	SSL *server;

	current = s;
	random_state = 1;
	server = SSL_new(s->server);
	SSL_set_bio(server, in, out);
	SSL_set_accept_state(server);
	return server;
}

/* The client's key, from what the key log has told. */
static int derive(struct suite *s, const SSL *server)
{
	uint8_t client_random[RANDOM_BYTES], server_random[RANDOM_BYTES];
	struct traffic_key tx;

	s->key = (struct traffic_key){
		.version = version_of(s),
		.aead = (uint8_t)((s - suites) % AEAD_COUNT),
		.hash_bytes = hash_bytes_of(s),
		.seq = version_of(s) == TLS12, /* Finished was record 0 */
	};
	tx = s->key;
	SSL_get_client_random(server, client_random, RANDOM_BYTES);
	SSL_get_server_random(server, server_random, RANDOM_BYTES);
	memcpy(s->key.secret, secret, sizeof(secret));
	if (version_of(s) == TLS13)
		return keys_from_secret(&s->key);
	memset(s->key.secret, 0, sizeof(secret));
	return keys_from_master(secret, client_random, server_random, &tx,
				&s->key);
}

/* A handshake with a real client, whose flights are kept. */
static int record_handshake(struct suite *s)
{
	SSL_CTX *ctx = new_context(s, TLS_client_method());
	BIO *to_client = BIO_new(BIO_s_mem()),
	    *to_server = BIO_new(BIO_s_mem());
	BIO *in = BIO_new(BIO_s_mem());
	SSL *client, *server;
	uint8_t buf[4096];
	int i, n, done = 0;

	if (version_of(s) == TLS13)
		SSL_CTX_set_psk_use_session_callback(ctx, tls13_use);
	else
		SSL_CTX_set_psk_client_callback(ctx, tls12_client);
	client = SSL_new(ctx);
	SSL_set_bio(client, to_client, to_server);
	SSL_set_connect_state(client);
	server = new_server(s, in, BIO_new(BIO_s_mem()));
	for (i = 0; i < FLIGHTS; i++) {
		SSL_do_handshake(client);
		n = BIO_read(to_server, s->flight[i], FLIGHT_BYTES);
		s->flight_len[i] = n > 0 ? (size_t)n : 0;
		BIO_write(in, s->flight[i], (int)s->flight_len[i]);
		random_state = 2;
		done = SSL_do_handshake(server);
		n = BIO_read(SSL_get_wbio(server), buf, sizeof(buf));
		if (n > 0)
			BIO_write(to_client, buf, n);
	}
	n = done == 1 ? derive(s, server) : -1;
	SSL_free(client);
	SSL_free(server);
	SSL_CTX_free(ctx);
	return n;
}

int peer_setup(void)
{
	struct suite *s;

	RAND_set_rand_method(&same_random);
	if (crypto_open() || !wire_bio())
		return -1;
	for (s = suites; s < suites + PEER_SUITES; s++) {
		current = s;
		s->server = new_context(s, TLS_server_method());
		SSL_CTX_set_keylog_callback(s->server, on_keylog);
		if (version_of(s) == TLS13)
			SSL_CTX_set_psk_find_session_callback(s->server,
							      tls13_find);
		else
			SSL_CTX_set_psk_server_callback(s->server,
							tls12_server);
		if (record_handshake(s)) {
			fprintf(stderr, "no handshake with %s: ", s->name);
			ERR_print_errors_fp(stderr);
			return -1;
		}
		SSL_CTX_set_keylog_callback(s->server, NULL);
		SSL_CTX_set_msg_callback(s->server, on_message);
	}
	return 0;
}

void peer_open(unsigned int suite, struct traffic_key *key)
{
	struct suite *s = &suites[suite];
	int i, done = 0;

	BIO_up_ref(bio);
	ssl = new_server(s, bio, bio);
	wire.fin = wire.reset = false;
	for (i = 0; i < FLIGHTS; i++) {
		memcpy(wire.bytes, s->flight[i], s->flight_len[i]);
		wire.len = wire.arrived = s->flight_len[i];
		read_off = 0;
		random_state = 2;
		done = SSL_do_handshake(ssl);
	}
	if (done != 1) {
		ERR_print_errors_fp(stderr);
		abort();
	}
	read_off = 0;
	peer.len = 0;
	peer.end = PEER_MORE;
	peer.alert = -1;
	peer.updated = false;
	*key = s->key;
}

bool peer_was_asked(void)
{
	return peer.updated ||
	       SSL_get_key_update_type(ssl) != SSL_KEY_UPDATE_NONE;
}

void peer_close(void)
{
	SSL_free(ssl);
	ERR_clear_error();
	ssl = NULL;
}

void peer_read(void)
{
	size_t n;
	int ret;

	while (peer.end == PEER_MORE) {
		if (ERR_peek_error()) /* of rx, perhaps */
			ERR_clear_error();
		ret = SSL_read_ex(ssl, peer.plain + peer.len,
				  WIRE_MAX - peer.len, &n);
		if (ret == 1) {
			peer.len += n;
			continue;
		}
		ret = SSL_get_error(ssl, ret);
		if (ret == SSL_ERROR_WANT_READ)
			return;
		/*
		 * Not SSL_ERROR_ZERO_RETURN: that depends on the last warning,
		 * and TLS 1.3 may call close_notify fatal.
		 */
		peer.end = ret != SSL_ERROR_SSL && SSL_get_shutdown(ssl)
				   ? PEER_CLOSED
				   : PEER_ERROR;
	}
}
