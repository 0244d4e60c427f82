// SPDX-License-Identifier: MIT
/*
 * hkdf.c - TLS 1.3's key schedule for OpenSSL, in two thirds of the time
 */
#include "hkdf.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/provider.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define HASH_MAX 48  /* SHA-384 */
#define BLOCK_MAX 128

static const struct hash {
	const char *name, *alias;
	size_t bytes, block;
} hashes[] = {
	{"SHA2-256", "SHA256", 32, 64},
	{"SHA2-384", "SHA384", 48, 128},
};
#define HASHES (sizeof(hashes) / sizeof(hashes[0]))
static EVP_MD *digests[HASHES];
static OSSL_PROVIDER *loaded;

struct bytes {
	const uint8_t *data;
	size_t len;
};

/* One derivation's parameters; of the caller, while it asks. */
struct request {
	int mode;
	size_t hash; /* in hashes[]; HASHES: not one of them */
	struct bytes key, salt, prefix, label, context;
};

/* The hash of all parts. Contexts cleanse themselves when they are freed. */
static bool digest(size_t hash, const struct bytes *parts, size_t n, uint8_t *out)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good = ctx && EVP_DigestInit_ex2(ctx, digests[hash], NULL) == 1;
	size_t i;

	for (i = 0; i < n && good; i++)
		good = EVP_DigestUpdate(ctx, parts[i].data, parts[i].len) == 1;
	good = good && EVP_DigestFinal_ex(ctx, out, NULL) == 1;
	EVP_MD_CTX_free(ctx);
	return good;
}

/* RFC 2104. @parts[0] is free for the padded key; keys fit into a block. */
static bool hmac(size_t hash, struct bytes key, struct bytes *parts, size_t n,
		 uint8_t *out)
{
	size_t block = hashes[hash].block, i;
	uint8_t pad[BLOCK_MAX], middle[HASH_MAX];
	const struct bytes outer[] = {{pad, block},
				      {middle, hashes[hash].bytes}};
	bool good;

	if (key.len > block)
		return false;
	memset(pad, 0x36, block);
	for (i = 0; i < key.len; i++)
		pad[i] ^= key.data[i];
	parts[0] = outer[0];
	good = digest(hash, parts, n, middle);
	for (i = 0; i < block; i++)
		pad[i] ^= 0x36 ^ 0x5c;
	good = good && digest(hash, outer, 2, out);
	OPENSSL_cleanse(pad, sizeof(pad));
	OPENSSL_cleanse(middle, sizeof(middle));
	return good;
}

/* HKDF-Expand-Label, RFC 8446 section 7.1, for one block of output or less */
static bool expand(const struct request *r, struct bytes secret,
		   struct bytes label, struct bytes context, uint8_t *out,
		   size_t len)
{
	size_t bytes = hashes[r->hash].bytes;
	uint8_t block[HASH_MAX];
	uint8_t head[3] = {(uint8_t)(len >> 8), (uint8_t)len,
			   (uint8_t)(r->prefix.len + label.len)};
	uint8_t middle = (uint8_t)context.len, counter = 1;
	struct bytes info[] = {
		{NULL, 0},    {head, 3}, r->prefix, label,
		{&middle, 1}, context,	 {&counter, 1},
	};
	bool good;

	if (len > bytes || r->prefix.len + label.len > 255 || context.len > 255)
		return false;
	good = hmac(r->hash, secret, info, 7, block);
	if (good)
		memcpy(out, block, len);
	OPENSSL_cleanse(block, sizeof(block));
	return good;
}

/*
 * HKDF-Extract with the salt that section 7.1 draws between two secrets:
 * Derive-Secret(salt, label, ""), or zeros for the first
 */
static bool extract(const struct request *r, uint8_t *out, size_t len)
{
	static const uint8_t zeros[HASH_MAX];
	size_t bytes = hashes[r->hash].bytes;
	uint8_t empty[HASH_MAX], salt[HASH_MAX] = {0};
	struct bytes parts[] = {
		{NULL, 0}, r->key.data ? r->key : (struct bytes){zeros, bytes}};
	struct bytes nothing = {empty, bytes};
	bool good = len == bytes;

	if (good && r->salt.data)
		good = digest(r->hash, NULL, 0, empty) &&
		       expand(r, r->salt, r->label, nothing, salt, bytes);
	good = good && hmac(r->hash, (struct bytes){salt, bytes}, parts, 2, out);
	OPENSSL_cleanse(salt, sizeof(salt));
	return good;
}

static size_t find_hash(const OSSL_PARAM *p)
{
	size_t i;

	for (i = 0; i < HASHES; i++)
		if (digests[i] && (!strcmp(p->data, hashes[i].name) ||
				   !strcmp(p->data, hashes[i].alias)))
			break;
	return i;
}

static void read_params(struct request *r, const OSSL_PARAM *p)
{
	const struct {
		const char *name;
		struct bytes *to;
	} octets[] = {
		{OSSL_KDF_PARAM_KEY, &r->key},	    {OSSL_KDF_PARAM_SALT, &r->salt},
		{OSSL_KDF_PARAM_PREFIX, &r->prefix}, {OSSL_KDF_PARAM_LABEL, &r->label},
		{OSSL_KDF_PARAM_DATA, &r->context},
	};
	size_t i;

	for (; p && p->key; p++) {
		if (!strcmp(p->key, OSSL_KDF_PARAM_MODE))
			OSSL_PARAM_get_int(p, &r->mode);
		else if (!strcmp(p->key, OSSL_KDF_PARAM_DIGEST))
			r->hash = find_hash(p);
		for (i = 0; i < sizeof(octets) / sizeof(octets[0]); i++)
			if (!strcmp(p->key, octets[i].name))
				*octets[i].to = (struct bytes){p->data,
							       p->data_size};
	}
}

static void *new_request(void *provider)
{
	(void)provider;
	return calloc(1, sizeof(struct request));
}

/* libssl gives all with derive; nobody may count on what was set before. */
static int set_params(void *request, const OSSL_PARAM *params)
{
	(void)request;
	return !params || !params->key;
}

static int derive(void *request, unsigned char *out, size_t len,
		  const OSSL_PARAM *params)
{
	struct request *r = request;

	*r = (struct request){.mode = -1, .hash = HASHES};
	read_params(r, params);
	if (r->hash == HASHES || !r->prefix.data || !r->label.data)
		return 0;
	if (r->mode == EVP_KDF_HKDF_MODE_EXTRACT_ONLY)
		return extract(r, out, len);
	return r->mode == EVP_KDF_HKDF_MODE_EXPAND_ONLY && r->key.data &&
	       expand(r, r->key, r->label, r->context, out, len);
}

#define FUNCTION(id, f)                                                        \
	{                                                                      \
		OSSL_FUNC_KDF_##id, (void (*)(void))(f)                        \
	}

static const OSSL_ALGORITHM *query(void *provider, int operation, int *no_cache)
{
	static const OSSL_DISPATCH functions[] = {
		FUNCTION(NEWCTX, new_request), FUNCTION(FREECTX, free),
		FUNCTION(DERIVE, derive), FUNCTION(SET_CTX_PARAMS, set_params),
		{0, NULL}};
	static const OSSL_ALGORITHM kdfs[] = {
		{"TLS13-KDF", "provider=ktlshim", functions, "RFC 8446"},
		{NULL, NULL, NULL, NULL}};

	(void)provider;
	*no_cache = 0;
	return operation == OSSL_OP_KDF ? kdfs : NULL;
}

static int start(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
		 const OSSL_DISPATCH **out, void **provider)
{
	static const OSSL_DISPATCH functions[] = {
		{OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query},
		{0, NULL}};

	(void)in;
	*out = functions;
	*provider = (void *)handle;
	return 1;
}

void hkdf_open(void)
{
	size_t i;

	for (i = 0; i < HASHES; i++)
		digests[i] = EVP_MD_fetch(NULL, hashes[i].name, NULL);
	if (OSSL_PROVIDER_add_builtin(NULL, "ktlshim", start) == 1)
		loaded = OSSL_PROVIDER_try_load(NULL, "ktlshim", 1);
}

void hkdf_close(void)
{
	size_t i;

	if (loaded)
		OSSL_PROVIDER_unload(loaded);
	for (i = 0; i < HASHES; i++)
		EVP_MD_free(digests[i]);
}
