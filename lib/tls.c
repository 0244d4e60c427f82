// SPDX-License-Identifier: MIT
/*
 * tls.c - the server side of TLS through memory BIOs
 *
 * What kTLS needs and OpenSSL has no call for is watched here:
 *
 *  - the secrets, from the key log callback: in TLS 1.3 the server's traffic
 *    secret is logged right after our Finished is built, so the records that
 *    are written from then on (session tickets) are the ones that count into
 *    the record sequence number; the message callback counts them;
 *  - in TLS 1.2 the records behind our ChangeCipherSpec, and the explicit
 *    nonce of our Finished, seen in the output (RFC 5288 section 3).
 */
#include "tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "context.h"
#include "keylog.h"
#include "peer.h"
#include "record.h"
#include "resume.h"

#define ERROR_BYTES 640

struct tls {
	SSL *ssl;
	struct context *ctx; /* until the handshake is done */
	bool pads;
	BIO *in, *out; /* owned by ssl */
	/* TLS 1.3: traffic secrets. TLS 1.2: the master secret in [0]. */
	uint8_t server_secret[SECRET_BYTES_MAX];
	uint8_t client_secret[SECRET_BYTES_MAX];
	bool have_server, have_client;
	/* Records sent under the final keys; TLS 1.2: next explicit nonce */
	uint64_t tx_records;
	bool tx_counting;
	unsigned int key_updates; /* of the client's, since there was data */
	int alert_sent, alert_received; /* -1: none; close_notify aside */
	uint8_t tx_nonce[8];
	char error[ERROR_BYTES];
};

static struct tls *tls_of(const SSL *ssl)
{
	return SSL_get_app_data(ssl);
}

static int from_hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The last word of a key log line. */
static bool read_secret(const char *line, uint8_t *out)
{
	const char *hex = strrchr(line, ' ');
	size_t n = hex ? strlen(++hex) / 2 : 0, i;

	if (n == 0 || n > SECRET_BYTES_MAX)
		return false;
	for (i = 0; i < n; i++)
		out[i] = (uint8_t)(from_hex(hex[2 * i]) << 4 |
				   from_hex(hex[2 * i + 1]));
	return true;
}

static bool is_label(const char *line, const char *label)
{
	size_t n = strlen(label);

	return !strncmp(line, label, n) && line[n] == ' ';
}

/* SSL_CTX_set_keylog_callback: "LABEL client_random secret" */
static void on_keylog(const SSL *ssl, const char *line)
{
	struct tls *tls = tls_of(ssl);

	if (tls->ctx && context_keylog(tls->ctx) >= 0)
		keylog_write(context_keylog(tls->ctx), line);
	if (is_label(line, "SERVER_TRAFFIC_SECRET_0")) {
		tls->have_server = read_secret(line, tls->server_secret);
		tls->tx_counting = true;
		tls->tx_records = 0;
	} else if (is_label(line, "CLIENT_TRAFFIC_SECRET_0")) {
		tls->have_client = read_secret(line, tls->client_secret);
	} else if (is_label(line, "CLIENT_RANDOM")) {
		tls->have_server = read_secret(line, tls->server_secret);
	}
}

/* SSL_CTX_set_msg_callback: records written, KeyUpdates received, alerts */
static void on_message(int write_p, int version, int type, const void *buf,
		       size_t len, SSL *ssl, void *arg)
{
	const uint8_t *header = buf;
	struct tls *tls = tls_of(ssl);

	(void)version;
	(void)arg;
	if (type == SSL3_RT_ALERT && len == 2 && header[1])
		*(write_p ? &tls->alert_sent : &tls->alert_received) = header[1];
	if (!write_p && type == SSL3_RT_HANDSHAKE && len &&
	    header[0] == HANDSHAKE_KEY_UPDATE)
		tls->key_updates++;
	if (!write_p || type != SSL3_RT_HEADER || len < 1)
		return;
	if (tls->tx_counting)
		tls->tx_records++;
	else if (header[0] == RECORD_CHANGE_CIPHER_SPEC &&
		 SSL_version(ssl) == TLS1_2_VERSION)
		tls->tx_counting = true;
}

/* SSL_CTX_set_verify: of each certificate of the client's chain */
static int on_verify(int ok, X509_STORE_CTX *store)
{
	int index = SSL_get_ex_data_X509_STORE_CTX_idx();
	struct tls *tls = tls_of(X509_STORE_CTX_get_ex_data(store, index));

	if (!ok)
		peer_refused(store, tls->error, sizeof(tls->error));
	return ok;
}

/*
 * SSL_CTX_set_alpn_select_cb: our order counts. A client that speaks nothing of
 * it is told so (RFC 7301 section 3.2); one that does not ask is served.
 */
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *outlen,
		   const unsigned char *in, unsigned int inlen, void *arg)
{
	const struct conf_alpn *ours = arg;
	struct tls *tls = tls_of(ssl);
	unsigned char *chosen;

	if (SSL_select_next_proto(&chosen, outlen, ours->names, ours->bytes,
				  in, inlen) == OPENSSL_NPN_NEGOTIATED) {
		*out = chosen;
		return SSL_TLSEXT_ERR_OK;
	}
	peer_no_protocol(in, inlen, tls->error, sizeof(tls->error));
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

void tls_prepare(struct context *ctx)
{
	const struct conf_alpn *alpn = context_alpn(ctx);
	SSL_CTX *ssl = context_ssl(ctx);

	if (alpn->bytes)
		SSL_CTX_set_alpn_select_cb(ssl, on_alpn, (void *)alpn);
	/* 10,000 instructions a handshake, 295,000 without hex.c */
	SSL_CTX_set_keylog_callback(ssl, on_keylog);
	SSL_CTX_set_msg_callback(ssl, on_message);
	SSL_CTX_set_verify(ssl, SSL_CTX_get_verify_mode(ssl), on_verify);
}

int tls_open(struct tls **out, struct context *ctx)
{
	struct tls *tls = calloc(1, sizeof(*tls));

	if (!tls)
		return -ENOMEM;
	tls->ssl = SSL_new(context_ssl(ctx));
	tls->in = BIO_new(BIO_s_mem());
	tls->out = BIO_new(BIO_s_mem());
	if (!tls->ssl || !tls->in || !tls->out) {
		BIO_free(tls->in);
		BIO_free(tls->out);
		SSL_free(tls->ssl);
		free(tls);
		return -ENOMEM;
	}
	tls->alert_sent = tls->alert_received = -1;
	tls->ctx = context_hold(ctx);
	tls->pads = context_pads(ctx);
	SSL_set_app_data(tls->ssl, tls);
	SSL_set_bio(tls->ssl, tls->in, tls->out);
	SSL_set_accept_state(tls->ssl);
	*out = tls;
	return 0;
}

void tls_close(struct tls *tls)
{
	if (!tls)
		return;
	SSL_free(tls->ssl);
	context_drop(tls->ctx);
	OPENSSL_cleanse(tls, sizeof(*tls));
	free(tls);
}

int tls_input(struct tls *tls, const void *data, size_t len)
{
	return BIO_write(tls->in, data, (int)len) == (int)len ? 0 : -ENOMEM;
}

size_t tls_output(struct tls *tls, void *buf, size_t len)
{
	int n = BIO_read(tls->out, buf, (int)len);

	return n > 0 ? (size_t)n : 0;
}

size_t tls_output_bytes(const struct tls *tls)
{
	return BIO_ctrl_pending(tls->out);
}

/* Keep the explicit nonce behind our ChangeCipherSpec, plus one. */
static void note_nonce(struct tls *tls)
{
	uint8_t *p;
	long left = BIO_get_mem_data(tls->out, &p);
	bool ccs = false;
	int body, i;

	if (SSL_version(tls->ssl) != TLS1_2_VERSION || !tls->tx_counting)
		return;
	for (; left > RECORD_HEADER_BYTES; p += body, left -= body) {
		body = record_body_bytes(p, RECORD_BODY_MAX_TLS12);
		if (body < 0 || left < RECORD_HEADER_BYTES + body)
			return;
		if (ccs && body >= 8) {
			memcpy(tls->tx_nonce, p + RECORD_HEADER_BYTES, 8);
			for (i = 7; i >= 0 && ++tls->tx_nonce[i] == 0; i--)
				;
		}
		ccs = ccs || p[0] == RECORD_CHANGE_CIPHER_SPEC;
		body += RECORD_HEADER_BYTES;
	}
}

/* See on_servername() in context.c. */
static void unknown_name(struct tls *tls)
{
	const char *name = resume_host(tls->ssl);
	char host[PEER_LOG_BYTES];

	if (!name) {
		strcpy(tls->error, "the client names no host");
		return;
	}
	peer_host(name, host, sizeof(host));
	snprintf(tls->error, sizeof(tls->error), "no certificate for %s", host);
}

/* RFC 8446 section 6 and the IANA's registry name the numbers. */
static void add_alert(struct tls *tls, const char *who, int alert)
{
	size_t n = strlen(tls->error);

	snprintf(tls->error + n, sizeof(tls->error) - n, "%s alert %d, %s", who,
		 alert, SSL_alert_desc_string_long(alert));
}

static int failed(struct tls *tls)
{
	unsigned long e = ERR_peek_last_error();
	const char *reason = e ? ERR_reason_error_string(e) : NULL;

	if (ERR_GET_REASON(e) == SSL_R_CALLBACK_FAILED)
		unknown_name(tls);
	else if (!tls->error[0] && tls->alert_received < 0)
		/* else a callback knows better */
		snprintf(tls->error, sizeof(tls->error), "%s",
			 reason ? reason : "protocol error");
	if (tls->alert_received >= 0) /* OpenSSL's reason says the same */
		add_alert(tls, "the client has sent", tls->alert_received);
	else if (tls->alert_sent >= 0)
		add_alert(tls, "; sent", tls->alert_sent);
	ERR_clear_error();
	return -EPROTO;
}

int tls_handshake(struct tls *tls)
{
	int ret, e;

	ERR_clear_error();
	ret = SSL_do_handshake(tls->ssl);
	note_nonce(tls);
	if (ret == 1) {
		/* its certificates may be replaced; we do not keep them */
		context_drop(tls->ctx);
		tls->ctx = NULL;
		return 1;
	}
	e = SSL_get_error(tls->ssl, ret);
	return e == SSL_ERROR_WANT_READ ? 0 : failed(tls);
}

ssize_t tls_read(struct tls *tls, void *buf, size_t len)
{
	int n, e;

	ERR_clear_error();
	n = SSL_read(tls->ssl, buf, (int)len);
	if (n > 0) {
		tls->key_updates = 0;
		return n;
	}
	if (tls->key_updates > KEY_UPDATES_MAX)
		return -EOVERFLOW;
	e = SSL_get_error(tls->ssl, n);
	if (e == SSL_ERROR_ZERO_RETURN)
		return 0;
	return e == SSL_ERROR_WANT_READ ? -EAGAIN : failed(tls);
}

bool tls_holds(const struct tls *tls)
{
	return SSL_pending(tls->ssl) || BIO_ctrl_pending(tls->in);
}

int tls_write(struct tls *tls, const void *buf, size_t len)
{
	ERR_clear_error();
	if (len && SSL_write(tls->ssl, buf, (int)len) != (int)len)
		return failed(tls);
	return 0;
}

void tls_new_key(struct tls *tls)
{
	ERR_clear_error();
	/* sent with what is written next; not for TLS 1.2 */
	SSL_key_update(tls->ssl, SSL_KEY_UPDATE_NOT_REQUESTED);
	ERR_clear_error();
}

void tls_shutdown(struct tls *tls)
{
	ERR_clear_error();
	if (!(SSL_get_shutdown(tls->ssl) & SSL_SENT_SHUTDOWN))
		SSL_shutdown(tls->ssl);
	ERR_clear_error();
}

static int aead_of(const SSL_CIPHER *cipher)
{
	switch (SSL_CIPHER_get_cipher_nid(cipher)) {
	case NID_aes_128_gcm:
		return AEAD_AES128GCM;
	case NID_aes_256_gcm:
		return AEAD_AES256GCM;
	case NID_chacha20_poly1305:
		return AEAD_CHACHA20POLY1305;
	default:
		return -1;
	}
}

static int derive_tls13(const struct tls *tls, struct traffic_key *tx,
			struct traffic_key *rx)
{
	memcpy(tx->secret, tls->server_secret, sizeof(tx->secret));
	memcpy(rx->secret, tls->client_secret, sizeof(rx->secret));
	if (keys_from_secret(tx) || keys_from_secret(rx))
		return -EINVAL;
	tx->seq = tls->tx_records;
	return 0;
}

static int derive_tls12(const struct tls *tls, struct traffic_key *tx,
			struct traffic_key *rx)
{
	uint8_t client_random[RANDOM_BYTES], server_random[RANDOM_BYTES];

	SSL_get_client_random(tls->ssl, client_random, RANDOM_BYTES);
	SSL_get_server_random(tls->ssl, server_random, RANDOM_BYTES);
	if (keys_from_master(tls->server_secret, client_random, server_random,
			     tx, rx))
		return -EINVAL;
	if (tx->aead != AEAD_CHACHA20POLY1305)
		memcpy(tx->iv + 4, tls->tx_nonce, sizeof(tls->tx_nonce));
	tx->seq = tls->tx_records;
	rx->seq = 1; /* the client's Finished was record 0 */
	return 0;
}

int tls_traffic_keys(struct tls *tls, const bool offload[AEAD_COUNT],
		     struct traffic_key *tx, struct traffic_key *rx,
		     const char **why)
{
	const SSL_CIPHER *cipher = SSL_get_current_cipher(tls->ssl);
	int version = SSL_version(tls->ssl), aead = aead_of(cipher);
	const EVP_MD *md = SSL_CIPHER_get_handshake_digest(cipher);

	memset(tx, 0, sizeof(*tx));
	*why = "the kernel does not take this cipher";
	if (aead < 0 || !offload[aead] || !md || !tls->have_server)
		return -EOPNOTSUPP;
	*why = "bytes are left over from the handshake";
	if (SSL_has_pending(tls->ssl) || BIO_ctrl_pending(tls->in) ||
	    BIO_ctrl_pending(tls->out))
		return -EBUSY;
	*why = "the kernel does not pad records";
	if (tls->pads)
		return -EOPNOTSUPP;
	*why = "the client wants short records"; /* RFC 6066 section 4 */
	if (SSL_SESSION_get_max_fragment_length(SSL_get0_session(tls->ssl)))
		return -EOPNOTSUPP;
	tx->version = (uint16_t)version;
	tx->aead = (uint8_t)aead;
	tx->hash_bytes = (uint8_t)EVP_MD_get_size(md);
	*rx = *tx;
	*why = "key derivation failed";
	if (version == TLS1_3_VERSION && tls->have_client)
		return derive_tls13(tls, tx, rx);
	if (version == TLS1_2_VERSION)
		return derive_tls12(tls, tx, rx);
	return -EINVAL;
}

const char *tls_error(const struct tls *tls)
{
	return tls->error;
}

/* The certificate that we have served with */
static void own_facts(const SSL *ssl, struct facts *facts)
{
	const X509 *x509 = SSL_get_certificate(ssl);
	const EVP_PKEY *key = x509 ? X509_get0_pubkey(x509) : NULL;
	const char *type = key ? EVP_PKEY_get0_type_name(key) : NULL;

	if (!type)
		return;
	/* ED25519 says how long it is */
	snprintf(facts->key_alg, sizeof(facts->key_alg),
		 strncmp(type, "ED", 2) ? "%s%d" : "%s", type,
		 EVP_PKEY_get_bits(key));
	snprintf(facts->sig_alg, sizeof(facts->sig_alg), "%s",
		 OBJ_nid2sn(X509_get_signature_nid(x509)));
}

void tls_facts(const struct tls *tls, struct facts *facts)
{
	const char *name = resume_host(tls->ssl);
	const unsigned char *alpn;
	unsigned int len;

	memset(facts, 0, sizeof(*facts));
	snprintf(facts->version, sizeof(facts->version), "%s",
		 SSL_get_version(tls->ssl));
	snprintf(facts->cipher, sizeof(facts->cipher), "%s",
		 SSL_get_cipher_name(tls->ssl));
	peer_host(name ? name : "", facts->sni, sizeof(facts->sni));
	SSL_get0_alpn_selected(tls->ssl, &alpn, &len);
	snprintf(facts->alpn, sizeof(facts->alpn), "%.*s", (int)len,
		 len ? (const char *)alpn : "");
	facts->resumed = SSL_session_reused(tls->ssl);
	own_facts(tls->ssl, facts);
	peer_facts(tls->ssl, facts);
}
