// SPDX-License-Identifier: MIT
/*
 * keys_test.c - key derivation against published vectors
 *
 * TLS 1.3: the application traffic secrets of RFC 8448 section 3, and for the
 * other ciphers OpenSSL's own TLS13-KDF. TLS 1.2: the
 * same inputs through OpenSSL's one-shot PRF is what keys.c does itself, so
 * the vector here is computed by hand-written P_SHA256 over HMAC (RFC 5246
 * section 5).
 */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <string.h>

#include "keys.h"
#include "tap.h"

static void unhex(const char *hex, uint8_t *out)
{
	unsigned int v;

	for (; sscanf(hex, "%2x", &v) == 1; hex += 2)
		*out++ = (uint8_t)v;
}

static void check_secret(const char *name, const char *secret, const char *key,
			 const char *iv)
{
	struct traffic_key k = {.version = TLS13, .aead = AEAD_AES128GCM,
				.hash_bytes = 32, .seq = 7};
	uint8_t want_key[16], want_iv[12];

	unhex(secret, k.secret);
	unhex(key, want_key);
	unhex(iv, want_iv);
	ok(!keys_from_secret(&k) && !memcmp(k.key, want_key, 16), "%s: key",
	   name);
	ok(!memcmp(k.iv, want_iv, 12) && k.seq == 0, "%s: IV", name);
}

/* HKDF-Expand-Label by OpenSSL */
static void tls13_kdf(const struct traffic_key *key, char *label, uint8_t *out,
		      size_t len)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS13-KDF", NULL);
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
	char *md = key->hash_bytes == 48 ? "SHA384" : "SHA256";
	int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_int("mode", &mode),
		OSSL_PARAM_construct_utf8_string("digest", md, 0),
		OSSL_PARAM_construct_octet_string("key", (void *)key->secret,
						  key->hash_bytes),
		OSSL_PARAM_construct_octet_string("prefix", "tls13 ", 6),
		OSSL_PARAM_construct_octet_string("label", label,
						  strlen(label)),
		OSSL_PARAM_construct_end(),
	};

	if (EVP_KDF_derive(ctx, out, len, params) != 1)
		memset(out, 0, len);
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
}

/* The keys of a secret, and those of the next */
static void check_expand(enum aead aead, uint8_t hash_bytes, const char *name)
{
	struct traffic_key k = {.version = TLS13, .aead = (uint8_t)aead,
				.hash_bytes = hash_bytes};
	uint8_t key[AEAD_KEY_BYTES_MAX], iv[AEAD_IV_BYTES];
	uint8_t secret[SECRET_BYTES_MAX];
	int i;

	memset(k.secret, 0x5a, hash_bytes);
	tls13_kdf(&k, "traffic upd", secret, hash_bytes);
	ok(!keys_update(&k) && !memcmp(k.secret, secret, hash_bytes),
	   "%s: the next secret", name);
	for (i = 0; i < 2; i++) {
		tls13_kdf(&k, "key", key, crypto_key_bytes(aead));
		tls13_kdf(&k, "iv", iv, sizeof(iv));
		ok(!memcmp(k.key, key, crypto_key_bytes(aead)) &&
			   !memcmp(k.iv, iv, sizeof(iv)),
		   "%s: key and IV %s", name, i ? "of a secret" : "after it");
		memset(k.secret, 0xa5, hash_bytes);
		keys_from_secret(&k);
	}
}

static void p_sha256(const uint8_t *secret, const uint8_t *seed, size_t n,
		     uint8_t *out, size_t len)
{
	uint8_t a[32 + 128], mac[32];
	unsigned int l;
	size_t i;

	HMAC(EVP_sha256(), secret, MASTER_BYTES, seed, n, a, &l);
	for (i = 0; i < len; i += 32) {
		memcpy(a + 32, seed, n);
		HMAC(EVP_sha256(), secret, MASTER_BYTES, a, 32 + n, mac, &l);
		memcpy(out + i, mac, len - i < 32 ? len - i : 32);
		HMAC(EVP_sha256(), secret, MASTER_BYTES, a, 32, mac, &l);
		memcpy(a, mac, 32);
	}
}

static void check_master(enum aead aead, const char *name)
{
	uint8_t master[MASTER_BYTES], client[32], server[32], seed[77];
	uint8_t block[88];
	struct traffic_key tx = {.version = TLS12, .aead = (uint8_t)aead,
				 .hash_bytes = 32};
	struct traffic_key rx = tx;
	size_t k = crypto_key_bytes(aead);
	size_t v = aead == AEAD_CHACHA20POLY1305 ? 12 : 4;

	memset(master, 0x11, sizeof(master));
	memset(client, 0x22, sizeof(client));
	memset(server, 0x33, sizeof(server));
	memcpy(seed, "key expansion", 13);
	memcpy(seed + 13, server, 32);
	memcpy(seed + 45, client, 32);
	p_sha256(master, seed, sizeof(seed), block, 2 * (k + v));
	ok(!keys_from_master(master, client, server, &tx, &rx) &&
		   !memcmp(rx.key, block, k) && !memcmp(tx.key, block + k, k),
	   "TLS 1.2 %s: keys", name);
	ok(!memcmp(rx.iv, block + 2 * k, v) &&
		   !memcmp(tx.iv, block + 2 * k + v, v),
	   "TLS 1.2 %s: IVs", name);
}

int main(void)
{
	struct traffic_key k = {.version = TLS13, .aead = AEAD_AES256GCM,
				.hash_bytes = 48, .seq = 9};
	struct traffic_key before;

	ok(!crypto_open(), "libcrypto opens");
	check_secret("RFC 8448 server",
		     "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643",
		     "9f02283b6c9c07efc26bb9f2ac92e356",
		     "cf782b88dd83549aadf1e984");
	check_secret("RFC 8448 client",
		     "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5",
		     "17422dda596ed5d9acd890e3c63f5051",
		     "5b78923dee08579033e523d9");
	check_expand(AEAD_AES128GCM, 32, "AES-128-GCM");
	check_expand(AEAD_AES256GCM, 48, "AES-256-GCM");
	check_expand(AEAD_CHACHA20POLY1305, 32, "ChaCha20-Poly1305");
	check_master(AEAD_AES128GCM, "AES-128-GCM");
	check_master(AEAD_AES256GCM, "AES-256-GCM");
	check_master(AEAD_CHACHA20POLY1305, "ChaCha20-Poly1305");
	before = k;
	ok(!keys_update(&k) && memcmp(k.secret, before.secret, 48) &&
		   k.seq == 0,
	   "an update changes the secret and begins at 0");
	keys_wipe(&k);
	memset(&before, 0, sizeof(before));
	ok(!memcmp(&k, &before, sizeof(k)), "a wiped key is all zero");
	return tap_done();
}
