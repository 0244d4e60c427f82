// SPDX-License-Identifier: MIT
/*
 * resume.c - sessions that clients resume: with which tickets, and where
 *
 * OpenSSL resumes a session whose "session id context" is the connection's. TLS
 * 1.3 compares the server name as well; TLS 1.2 does not, although RFC 6066
 * section 3 says it must, and neither looks at what the session was made with:
 * whoever has shown no certificate to one listener could come back to another
 * that wants one. So all of that goes into the context, as a digest.
 */
#include "resume.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rand.h>

#include "verify.h"

/* ---- where */

static void mix(EVP_MD_CTX *md, const char *text)
{
	EVP_DigestUpdate(md, text, strlen(text) + 1);
}

static void mix_lower(EVP_MD_CTX *md, const char *text)
{
	char c;

	do {
		c = (char)tolower((unsigned char)*text);
		EVP_DigestUpdate(md, &c, 1);
	} while (*text++);
}

/* Another helper may have it elsewhere: what counts is what is in it. */
static bool mix_file(EVP_MD_CTX *md, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	unsigned char buf[16 * 1024], digest[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *inner = EVP_MD_CTX_new();
	unsigned int bytes;
	struct stat st;
	ssize_t n = -1;

	if (fd >= 0 && inner && !fstat(fd, &st) && S_ISREG(st.st_mode) &&
	    EVP_DigestInit_ex(inner, EVP_sha256(), NULL)) {
		while ((n = read(fd, buf, sizeof(buf))) > 0)
			EVP_DigestUpdate(inner, buf, (size_t)n);
		EVP_DigestFinal_ex(inner, digest, &bytes);
		if (!n)
			EVP_DigestUpdate(md, digest, bytes);
	}
	EVP_MD_CTX_free(inner);
	if (fd >= 0)
		close(fd);
	return !n;
}

static bool mix_settings(EVP_MD_CTX *md, const struct conf_site *site)
{
	const struct conf_value *v = site->values;

	if (!EVP_DigestInit_ex(md, EVP_sha256(), NULL))
		return false;
	for (; v < site->values + site->n_values; v++) {
		if (v->option && !v->option->is_ssl)
			continue;
		mix_lower(md, conf_base_name(v->name));
		if (v->value[0] != '/' || !mix_file(md, v->value))
			mix(md, v->value);
	}
	return true;
}

/* The host name in a ClientHello (RFC 6066 section 3); "": none, or a wrong
 * one, which OpenSSL will refuse. */
#define HOST_BYTES 256
static void asked_host(SSL *ssl, char *host)
{
	const unsigned char *p;
	size_t len, n;

	*host = '\0';
	if (!SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &p,
				       &len) ||
	    len < 5 || p[2] != TLSEXT_NAMETYPE_host_name)
		return;
	n = (size_t)p[3] << 8 | p[4];
	if (n + 5 > len || n >= HOST_BYTES || memchr(p + 5, 0, n))
		return;
	memcpy(host, p + 5, n);
	host[n] = '\0';
}

/* Where an SSL keeps it: OpenSSL's own forgets, when a session of TLS 1.2 comes
 * back, a name that no certificate is for. */
static int host_index = -1;

static void free_host(void *ssl, void *host, CRYPTO_EX_DATA *ad, int index,
		      long argl, void *argp)
{
	(void)ssl, (void)ad, (void)index, (void)argl, (void)argp;
	free(host);
}

static bool keep_host(SSL *ssl, const char *host)
{
	char *copy = *host ? strdup(host) : NULL;
	char *old = SSL_get_ex_data(ssl, host_index); /* the first ClientHello's */

	if ((*host && !copy) || !SSL_set_ex_data(ssl, host_index, copy)) {
		free(copy);
		return false;
	}
	free(old);
	return true;
}

const char *resume_host(const SSL *ssl)
{
	return SSL_get_ex_data(ssl, host_index);
}

static bool bind_session(SSL *ssl, const struct resume *r, EVP_MD_CTX *md)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	const struct name *name;
	char host[HOST_BYTES];
	unsigned int bytes;
	int i;

	asked_host(ssl, host);
	if (!keep_host(ssl, host))
		return false;
	name = *host ? names_find(r->names, host) : NULL;
	if (!name)
		name = r->preset;
	if (!md || !EVP_DigestInit_ex(md, EVP_sha256(), NULL))
		return false;
	EVP_DigestUpdate(md, r->settings, sizeof(r->settings));
	for (i = 0; i < CERT_TYPES; i++)
		if (name->certs[i])
			EVP_DigestUpdate(md, name->certs[i]->digest,
					 sizeof(name->certs[i]->digest));
	mix_lower(md, host);
	return EVP_DigestFinal_ex(md, digest, &bytes) &&
	       SSL_set_session_id_context(ssl, digest, bytes);
}

/* SSL_CTX_set_client_hello_cb: comes before tickets are looked at; the callback
 * for the server name is too late in TLS 1.2 */
static int on_client_hello(SSL *ssl, int *alert, void *arg)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool ok = bind_session(ssl, arg, md);

	EVP_MD_CTX_free(md);
	*alert = SSL_AD_INTERNAL_ERROR;
	return ok ? SSL_CLIENT_HELLO_SUCCESS : SSL_CLIENT_HELLO_ERROR;
}

int resume_open(struct resume *r, SSL_CTX *ssl, const struct conf_site *site,
		const struct names *names, const struct name *preset,
		const unsigned char *who, struct conf_problems *problems)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool ok = md && mix_settings(md, site) &&
		  EVP_DigestUpdate(md, who, VERIFY_DIGEST_BYTES) &&
		  EVP_DigestFinal_ex(md, r->settings, NULL);

	EVP_MD_CTX_free(md);
	ERR_clear_error();
	r->names = names;
	r->preset = preset;
	if (host_index < 0)
		host_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, free_host);
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_max_early_data(ssl, 0);
	/* or they would name sessions that nobody has kept */
	if (SSL_CTX_get_options(ssl) & SSL_OP_NO_TICKET)
		SSL_CTX_set_num_tickets(ssl, 0);
	SSL_CTX_set_client_hello_cb(ssl, on_client_hello, r);
	ok = ok && host_index >= 0;
	return ok ? 0 : conf_problem(problems, "OpenSSL", "has no SHA-256");
}

/* ---- tickets */

static uint64_t now_s(void)
{
	struct timespec ts;

	/* also goes on while the machine sleeps */
	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec;
}

/* Our own keys change while tickets are made and read: by time, in any thread. */
static pthread_mutex_t keys_lock = PTHREAD_MUTEX_INITIALIZER;

/* @name: of the ticket; NULL: to encrypt with. False: there is no such key */
static bool get_key(struct ticket_key *copy, const unsigned char *name,
		    bool *newest)
{
	const struct ticket_key *key;

	pthread_mutex_lock(&keys_lock);
	key = name ? tickets_find(name, now_s(), newest)
		   : tickets_newest(now_s());
	if (key)
		*copy = *key;
	pthread_mutex_unlock(&keys_lock);
	return key;
}

static int use_key(const struct ticket_key *key, const unsigned char *iv,
		   EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int encrypt)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY,
						  (void *)key->hmac,
						  sizeof(key->hmac)),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST,
						 "SHA256", 0),
		OSSL_PARAM_construct_end(),
	};

	return EVP_MAC_CTX_set_params(mac, params) &&
	       EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->aes, iv,
				 encrypt);
}

/* SSL_CTX_set_tlsext_ticket_key_evp_cb */
static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv,
		     EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int encrypt)
{
	struct ticket_key key;
	bool newest = true, good = true;

	if (!get_key(&key, encrypt ? NULL : name, &newest))
		return encrypt ? -1 : 0;
	if (encrypt) {
		memcpy(name, key.name, sizeof(key.name));
		good = RAND_bytes(iv, EVP_CIPHER_get_iv_length(
					      EVP_aes_256_cbc())) == 1;
	}
	good = good && use_key(&key, iv, cipher, mac, encrypt);
	OPENSSL_cleanse(&key, sizeof(key));
	if (!good)
		return -1;
	/* 2: and a new one. In TLS 1.3 a ticket is for one connection (RFC
	 * 8446 appendix C.4), and OpenSSL sends another only if told to */
	return newest && SSL_version(ssl) != TLS1_3_VERSION ? 1 : 2;
}

void resume_serve(SSL_CTX *ssl, const struct conf *conf)
{
	SSL_CTX_set_timeout(ssl, conf->session_timeout_s);
	SSL_CTX_set_tlsext_ticket_key_evp_cb(ssl, on_ticket);
}

int resume_keys(struct ticket_keys **keys, const struct conf *conf,
		struct files *files, struct conf_problems *problems)
{
	const struct conf_value *v = conf_get_daemon(conf, "ticket_keys");
	char why[CONF_WHY_BYTES];
	int ret;

	*keys = NULL;
	if (!v)
		return 0;
	files_note(files, v->value);
	ret = tickets_read(keys, v->where, v->value, why);
	if (ret)
		conf_told(problems, why);
	return ret;
}

void resume_use_keys(const struct ticket_keys *keys, unsigned int lifetime_s)
{
	pthread_mutex_lock(&keys_lock);
	tickets_use(keys, lifetime_s);
	pthread_mutex_unlock(&keys_lock);
}

int resume_tick(void)
{
	uint64_t s;

	pthread_mutex_lock(&keys_lock);
	s = tickets_forget(now_s());
	pthread_mutex_unlock(&keys_lock);
	return s ? (int)(s * 1000) : -1;
}
