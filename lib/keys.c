// SPDX-License-Identifier: MIT
/*
 * keys.c - from TLS secrets to the keys of one direction
 */
#include "keys.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <string.h>

static enum crypto_hash hash_of(const struct traffic_key *key)
{
	return key->hash_bytes == 48 ? CRYPTO_SHA384 : CRYPTO_SHA256;
}

/*
 * HMAC (RFC 2104) with a key that is good for several messages: the hash behind
 * the key's first block, inside and outside
 */
struct hmac {
	EVP_MD_CTX *inner, *outer, *work;
};

static void hmac_end(struct hmac *h)
{
	crypto.call.EVP_MD_CTX_free(h->inner);
	crypto.call.EVP_MD_CTX_free(h->outer);
	crypto.call.EVP_MD_CTX_free(h->work);
}

static EVP_MD_CTX *hash_pad(const struct traffic_key *key, uint8_t pad)
{
	const struct crypto_calls *c = &crypto.call;
	EVP_MD_CTX *ctx = c->EVP_MD_CTX_new();
	enum crypto_hash hash = hash_of(key);
	size_t n = hash == CRYPTO_SHA384 ? 128 : 64, i;
	uint8_t block[128];

	memset(block, pad, n);
	for (i = 0; i < key->hash_bytes; i++)
		block[i] ^= key->secret[i];
	if (ctx && (c->EVP_DigestInit_ex2(ctx, crypto.hash[hash], NULL) != 1 ||
		    c->EVP_DigestUpdate(ctx, block, n) != 1)) {
		c->EVP_MD_CTX_free(ctx);
		ctx = NULL;
	}
	c->OPENSSL_cleanse(block, n);
	return ctx;
}

/* The traffic secret is the key. hmac_end() in any case. */
static int hmac_begin(struct hmac *h, const struct traffic_key *key)
{
	h->inner = hash_pad(key, 0x36);
	h->outer = hash_pad(key, 0x5c);
	h->work = crypto.call.EVP_MD_CTX_new();
	return h->inner && h->outer && h->work ? 0 : -EINVAL;
}

static int hash_more(EVP_MD_CTX *work, const EVP_MD_CTX *from, const void *data,
		     size_t n, uint8_t *out)
{
	const struct crypto_calls *c = &crypto.call;

	return c->EVP_MD_CTX_copy_ex(work, from) == 1 &&
			       c->EVP_DigestUpdate(work, data, n) == 1 &&
			       c->EVP_DigestFinal_ex(work, out, NULL) == 1
		       ? 0
		       : -EINVAL;
}

/*
 * HKDF-Expand-Label with an empty context, RFC 8446 section 7.1, for no more
 * than one block of output (RFC 5869 section 2.3): a single HMAC. OpenSSL's own
 * KDF costs twice as much, and so does its HMAC nearly.
 */
static int expand_label(const struct hmac *h, const struct traffic_key *key,
			const char *label, void *out, size_t out_bytes)
{
	size_t n = strlen(label);
	uint8_t info[32] = {0, (uint8_t)out_bytes, (uint8_t)(6 + n),
			    't', 'l', 's', '1', '3', ' '};
	uint8_t block[SECRET_BYTES_MAX];
	int ret;

	memcpy(info + 9, label, n);
	n += 9 + 2; /* the context's length, and the number of the block */
	info[n - 1] = 1;
	ret = hash_more(h->work, h->inner, info, n, block);
	if (!ret)
		ret = hash_more(h->work, h->outer, block, key->hash_bytes,
				block);
	if (!ret)
		memcpy(out, block, out_bytes);
	crypto.call.OPENSSL_cleanse(block, sizeof(block));
	return ret;
}

int keys_from_secret(struct traffic_key *key)
{
	struct hmac h;
	int ret = hmac_begin(&h, key);

	if (!ret)
		ret = expand_label(&h, key, "key", key->key,
				   crypto_key_bytes(key->aead));
	if (!ret)
		ret = expand_label(&h, key, "iv", key->iv, sizeof(key->iv));
	hmac_end(&h);
	key->seq = 0;
	return ret;
}

int keys_update(struct traffic_key *key)
{
	struct traffic_key next = *key;
	struct hmac h;
	int ret = hmac_begin(&h, key);

	if (!ret)
		ret = expand_label(&h, key, "traffic upd", next.secret,
				   key->hash_bytes);
	hmac_end(&h);
	if (!ret)
		ret = keys_from_secret(&next);
	if (!ret)
		*key = next;
	keys_wipe(&next);
	return ret;
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
						    crypto_hash_name(hash_of(tx)), 0),
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
