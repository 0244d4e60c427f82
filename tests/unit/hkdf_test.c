// SPDX-License-Identifier: MIT
/*
 * hkdf_test.c - our TLS13-KDF against OpenSSL's
 */
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/provider.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "hkdf.h"
#include "tap.h"

struct question {
	int mode;
	char *hash;
	size_t key, salt, context; /* bytes; 0: there is none */
	size_t label, out;
};

static uint8_t key[256], salt[256], context[256], label[256];

/* Return: does it answer? */
static bool ask(EVP_KDF *kdf, const struct question *q, uint8_t *out)
{
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
	int mode = q->mode;
	OSSL_PARAM params[8], *p = params;
	bool answer;

	*p++ = OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode);
	*p++ = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, q->hash, 0);
	if (q->key)
		*p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, key,
							 q->key);
	if (q->salt)
		*p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT,
							 salt, q->salt);
	*p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PREFIX, "tls13 ", 6);
	*p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_LABEL, label,
						 q->label);
	if (q->context)
		*p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_DATA,
							 context, q->context);
	*p = OSSL_PARAM_construct_end();
	memset(out, 0, 256);
	answer = EVP_KDF_derive(ctx, out, q->out, params) == 1;
	EVP_KDF_CTX_free(ctx);
	return answer;
}

static void shuffle(void)
{
	size_t i;

	for (i = 0; i < sizeof(key); i++) {
		key[i] = (uint8_t)rand();
		salt[i] = (uint8_t)rand();
		context[i] = (uint8_t)rand();
		label[i] = (uint8_t)rand();
	}
}

int main(void)
{
	static char *const names[] = {"SHA2-256", "SHA256", "SHA2-384", "SHA384"};
	static const size_t bytes[] = {32, 32, 48, 48};
	uint8_t ours[256], theirs[256];
	EVP_KDF *a, *b, *c;
	int i, same[2] = {0, 0};

	hkdf_open();
	a = EVP_KDF_fetch(NULL, "TLS13-KDF", HKDF_PROPERTIES);
	b = EVP_KDF_fetch(NULL, "TLS13-KDF", "provider=default");
	c = EVP_KDF_fetch(NULL, "TLS13-KDF", "provider=default,?provider=ktlshim");
	if (!a || !b || !c)
		return 1;
	ok(!strcmp(OSSL_PROVIDER_get0_name(EVP_KDF_get0_provider(a)), "ktlshim"),
	   "ours is preferred by who asks for it");
	ok(!strcmp(OSSL_PROVIDER_get0_name(EVP_KDF_get0_provider(c)), "default"),
	   "a configuration that demands another gets that");
	for (i = 0; i < 4000; i++) {
		size_t n = bytes[i % 4];
		bool extract = i / 4 % 2;
		struct question q = {
			.mode = extract ? EVP_KDF_HKDF_MODE_EXTRACT_ONLY
					: EVP_KDF_HKDF_MODE_EXPAND_ONLY,
			.hash = names[i % 4],
			.key = extract && rand() % 3 == 0 ? 0 : n,
			.salt = extract && rand() % 2 ? n : 0,
			.context = extract || rand() % 2 ? 0 : n,
			.label = 1 + (size_t)rand() % 20,
			.out = extract ? n : 1 + (size_t)rand() % n,
		};

		if (extract && q.key) /* a shared secret, of any group */
			q.key = 1 + (size_t)rand() % 200;
		shuffle();
		same[extract] += ask(a, &q, ours) && ask(b, &q, theirs) &&
				 !memcmp(ours, theirs, sizeof(ours));
	}
	ok(same[0] == 2000, "HKDF-Expand-Label: %d of 2000 the same", same[0]);
	ok(same[1] == 2000, "HKDF-Extract: %d of 2000 the same", same[1]);
	ok(!ask(a, &(struct question){EVP_KDF_HKDF_MODE_EXPAND_ONLY, "SHA2-512",
				      64, 0, 0, 3, 16}, ours) &&
	   !ask(a, &(struct question){EVP_KDF_HKDF_MODE_EXPAND_ONLY, "SHA2-256",
				      32, 0, 0, 3, 33}, ours) &&
	   !ask(a, &(struct question){EVP_KDF_HKDF_MODE_EXPAND_ONLY, "SHA2-256",
				      0, 0, 0, 3, 16}, ours) &&
	   !ask(a, &(struct question){EVP_KDF_HKDF_MODE_EXTRACT_AND_EXPAND,
				      "SHA2-256", 32, 0, 0, 3, 16}, ours),
	   "what TLS 1.3 never asks is refused");
	EVP_KDF_free(a);
	EVP_KDF_free(b);
	EVP_KDF_free(c);
	hkdf_close();
	return tap_done();
}
