// SPDX-License-Identifier: MIT
/*
 * cipher.c - OpenSSL's cipher contexts, a few for all connections
 *
 * One that a program leaves by longjmp() stays taken; the others serve.
 */
#include "cipher.h"

#include <stdatomic.h>
#include <stdlib.h>

#define CIPHERS 128 /* for each AEAD */

struct cipher {
	atomic_flag taken;   /* the rest belongs to who has set it */
	_Atomic uint64_t id; /* whose key it has; 0: nobody's */
	EVP_CIPHER_CTX *ctx; /* once made it stays */
	bool extra;	     /* not in the table */
};

/* The first @made have a context; there are no more than connections were at once. */
static struct pool {
	atomic_uint live; /* numbers that are not forgotten */
	atomic_uint made;
	struct cipher cipher[CIPHERS];
} pools[AEAD_COUNT];

static bool take(struct cipher *c)
{
	return !atomic_flag_test_and_set_explicit(&c->taken,
						  memory_order_acquire);
}

static void let_go(struct cipher *c)
{
	atomic_flag_clear_explicit(&c->taken, memory_order_release);
}

/* @cipher: NULL: the one it has. Naming it again would make its inside anew. */
static bool init(EVP_CIPHER_CTX *ctx, const EVP_CIPHER *cipher,
		 const uint8_t *key, bool encrypt)
{
	const struct crypto_calls *call = &crypto.call;

	return (encrypt ? call->EVP_EncryptInit_ex2 : call->EVP_DecryptInit_ex2)(
		       ctx, cipher, key, NULL, NULL) == 1;
}

static const uint8_t no_key[AEAD_KEY_BYTES_MAX];

static EVP_CIPHER_CTX *new_ctx(enum aead aead)
{
	EVP_CIPHER_CTX *ctx = crypto.call.EVP_CIPHER_CTX_new();

	if (ctx && init(ctx, crypto.aead[aead], no_key, true))
		return ctx;
	crypto.call.EVP_CIPHER_CTX_free(ctx);
	return NULL;
}

static void make_one_more(struct pool *pool, enum aead aead)
{
	unsigned int made = pool->made;
	struct cipher *c = &pool->cipher[made % CIPHERS];

	if (made == CIPHERS || !take(c))
		return; /* nobody else has this one but who makes it */
	if (!c->ctx && (c->ctx = new_ctx(aead)))
		pool->made = made + 1;
	let_go(c);
}

uint64_t cipher_new_id(enum aead aead)
{
	static _Atomic uint64_t last;
	struct pool *pool = &pools[aead];

	if (++pool->live > pool->made)
		make_one_more(pool, aead);
	return ++last;
}

static struct cipher *new_cipher(enum aead aead)
{
	struct cipher *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->extra = true;
	c->ctx = new_ctx(aead);
	if (c->ctx)
		return c;
	free(c);
	return NULL;
}

/* Return: one that is taken now, the one for @id if that is free */
static struct cipher *find(uint64_t id, enum aead aead)
{
	struct pool *pool = &pools[aead];
	unsigned int i, made = pool->made;
	struct cipher *c;

	for (i = 0; i < made; i++) {
		c = &pool->cipher[(id + i) % made];
		if (take(c))
			return c;
	}
	return new_cipher(aead);
}

struct cipher *cipher_get(uint64_t id, const struct traffic_key *key,
			  bool encrypt)
{
	struct cipher *c = find(id, key->aead);

	if (!c || c->id == id)
		return c;
	if (!init(c->ctx, NULL, key->key, encrypt)) {
		c->id = 0;
		cipher_put(c);
		return NULL;
	}
	c->id = id;
	return c;
}

EVP_CIPHER_CTX *cipher_ctx(const struct cipher *cipher)
{
	return cipher->ctx;
}

void cipher_put(struct cipher *cipher)
{
	if (!cipher->extra) {
		let_go(cipher);
		return;
	}
	crypto.call.EVP_CIPHER_CTX_free(cipher->ctx);
	free(cipher);
}

/* Whoever has taken one of another number is about to set another key. */
void cipher_forget(uint64_t id, enum aead aead)
{
	struct pool *pool = &pools[aead];
	struct cipher *c = pool->cipher, *end = c + pool->made;

	if (!id)
		return;
	pool->live--;
	for (; c < end; c++) {
		if (c->id != id || !take(c))
			continue;
		if (c->id == id) {
			init(c->ctx, NULL, no_key, true);
			c->id = 0;
		}
		let_go(c);
	}
}
