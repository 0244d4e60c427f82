// SPDX-License-Identifier: MIT
/*
 * keys.c - from TLS secrets to the keys of one direction
 */
#include "keys.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <string.h>

static char *hash_name(const struct traffic_key *key)
{
	return key->hash_bytes == 48 ? "SHA2-384" : "SHA2-256";
}

static int derive(EVP_KDF *kdf, const OSSL_PARAM *params, void *out,
		  size_t out_bytes)
{
	EVP_KDF_CTX *ctx = crypto.call.EVP_KDF_CTX_new(kdf);
	int ok;

	if (!ctx)
		return -EINVAL;
	ok = crypto.call.EVP_KDF_derive(ctx, out, out_bytes, params);
	crypto.call.EVP_KDF_CTX_free(ctx);
	return ok == 1 ? 0 : -EINVAL;
}

/* HKDF-Expand-Label with an empty context, RFC 8446 section 7.1 */
static int expand_label(const struct traffic_key *key, char *label, void *out,
			size_t out_bytes)
{
	const struct crypto_calls *c = &crypto.call;
	int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
	OSSL_PARAM params[] = {
		c->OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
		c->OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST,
						    hash_name(key), 0),
		c->OSSL_PARAM_construct_octet_string(
			OSSL_KDF_PARAM_KEY, (void *)key->secret,
			key->hash_bytes),
		c->OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PREFIX,
						     "tls13 ", 6),
		c->OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_LABEL,
						     label, strlen(label)),
		c->OSSL_PARAM_construct_end(),
	};

	return derive(crypto.tls13_kdf, params, out, out_bytes);
}

int keys_from_secret(struct traffic_key *key)
{
	if (expand_label(key, "key", key->key, crypto_key_bytes(key->aead)) ||
	    expand_label(key, "iv", key->iv, sizeof(key->iv)))
		return -EINVAL;
	key->seq = 0;
	return 0;
}

int keys_update(struct traffic_key *key)
{
	struct traffic_key next = *key;
	int ret;

	ret = expand_label(key, "traffic upd", next.secret, key->hash_bytes);
	if (!ret)
		ret = keys_from_secret(&next);
	if (!ret)
		*key = next;
	keys_wipe(&next);
	return ret;
}

int keys_from_master(const uint8_t *master, const uint8_t *client_random,
		     const uint8_t *server_random, struct traffic_key *tx,
		     struct traffic_key *rx)
{
	const struct crypto_calls *c = &crypto.call;
	uint8_t seed[13 + 2 * RANDOM_BYTES] = "key expansion";
	uint8_t block[2 * (AEAD_KEY_BYTES_MAX + AEAD_IV_BYTES)];
	size_t k = crypto_key_bytes(tx->aead);
	/* AES-GCM: 4 bytes of salt; ChaCha20: a whole IV (RFC 7905) */
	size_t v = tx->aead == AEAD_CHACHA20POLY1305 ? 12 : 4;
	OSSL_PARAM params[] = {
		c->OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST,
						    hash_name(tx), 0),
		c->OSSL_PARAM_construct_octet_string(
			OSSL_KDF_PARAM_SECRET, (void *)master, MASTER_BYTES),
		c->OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, seed,
						     sizeof(seed)),
		c->OSSL_PARAM_construct_end(),
	};
	int ret;

	memcpy(seed + 13, server_random, RANDOM_BYTES);
	memcpy(seed + 13 + RANDOM_BYTES, client_random, RANDOM_BYTES);
	ret = derive(crypto.tls1_prf, params, block, 2 * (k + v));
	if (!ret) {
		/* client key, server key, client IV, server IV */
		memcpy(rx->key, block, k);
		memcpy(tx->key, block + k, k);
		memcpy(rx->iv, block + 2 * k, v);
		memcpy(tx->iv, block + 2 * k + v, v);
	}
	c->OPENSSL_cleanse(block, sizeof(block));
	return ret;
}

void keys_wipe(struct traffic_key *key)
{
	explicit_bzero(key, sizeof(*key));
}
