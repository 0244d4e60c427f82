// SPDX-License-Identifier: MIT
/*
 * cipher_test.c - contexts that connections share
 */
#include "cipher.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "record.h"
#include "tap.h"

#define MANY 300 /* more than there are contexts */
#define THREADS 8
#define ROUNDS 2000

struct end {
	struct record_protection tx, rx;
};

static struct end ends[MANY];

static void begin(struct end *e, unsigned int n)
{
	struct traffic_key key = {.version = n % 2 ? TLS12 : TLS13,
				  .aead = (uint8_t)(n % AEAD_COUNT),
				  .hash_bytes = 32};

	memset(key.key, (int)n, sizeof(key.key));
	key.key[0] = (uint8_t)(n >> 8);
	record_protect(&e->tx, &key);
	/* or both would have their contexts from the same others */
	if (n % 5 == 0)
		cipher_forget(cipher_new_id(key.aead), key.aead);
	record_protect(&e->rx, &key);
}

static void end(struct end *e)
{
	record_protect_fini(&e->tx);
	record_protect_fini(&e->rx);
}

static bool passes(struct end *e)
{
	static const char text[] = "one of many";
	uint8_t wire[128];
	struct record_plain got;
	size_t n = record_seal(&e->tx, RECORD_DATA, text, sizeof(text), wire);

	return n && !record_open(&e->rx, wire, n, NULL, &got) &&
	       got.len == sizeof(text) && !memcmp(got.data, text, sizeof(text));
}

static void *some(void *arg)
{
	struct end *e = arg;
	bool good = true;
	int i;

	for (i = 0; i < ROUNDS; i++)
		good = passes(&e[i % (MANY / THREADS)]) && good;
	return good ? arg : NULL;
}

static bool all_threads(void)
{
	pthread_t thread[THREADS];
	bool good = true;
	void *ret;
	int i;

	for (i = 0; i < THREADS; i++)
		if (pthread_create(&thread[i], NULL, some,
				   &ends[i * (MANY / THREADS)]))
			abort();
	for (i = 0; i < THREADS; i++) {
		pthread_join(thread[i], &ret);
		good = good && ret;
	}
	return good;
}

static void more_than_there_are(const struct traffic_key *key)
{
	struct cipher *got[MANY];
	bool good = true;
	int i, n = 0;

	for (i = 0; i < MANY; i++) {
		got[i] = cipher_get(cipher_new_id(key->aead), key, true);
		good = good && got[i] && (!i || got[i] != got[i - 1]);
	}
	ok(good, "there is one more, however many are taken");
	for (i = 0; i < AEAD_COUNT; i++)
		n += passes(&ends[i]);
	ok(n == AEAD_COUNT, "also while all are taken");
	for (i = 0; i < MANY; i++)
		cipher_put(got[i]);
}

/* What the key has made of it: the first block of its stream */
static uint64_t stream_of(const struct cipher *c)
{
	static const uint8_t zero[16];
	uint8_t out[16];
	uint64_t first;
	int n;

	EVP_EncryptInit_ex2(cipher_ctx(c), NULL, NULL, zero, NULL);
	EVP_EncryptUpdate(cipher_ctx(c), out, &n, zero, sizeof(zero));
	memcpy(&first, out, sizeof(first));
	return first;
}

static void kept_and_forgotten(const struct traffic_key *key)
{
	struct traffic_key other = *key, none = {.aead = key->aead};
	uint64_t id = cipher_new_id(key->aead), with_key, with_none;
	struct cipher *c;

	c = cipher_get(cipher_new_id(key->aead), &none, true);
	with_none = stream_of(c);
	cipher_put(c);
	c = cipher_get(id, key, true);
	with_key = stream_of(c);
	cipher_put(c);
	memset(other.key, 0x55, sizeof(other.key));
	c = cipher_get(id, &other, true);
	ok(stream_of(c) == with_key, "who comes back finds it as it was");
	cipher_put(c);
	cipher_forget(id, key->aead);
	ok(stream_of(c) == with_none, "nothing is kept of what is forgotten");
	cipher_forget(0, key->aead);
	ok(passes(&ends[2]), "what nobody has is no harm");
}

static int mallocs;

static void *count_malloc(size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	mallocs++;
	return malloc(n);
}

static void *count_realloc(void *p, size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	mallocs++;
	return realloc(p, n);
}

static void plain_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	free(p);
}

/* Daemons with many processes must not pay for many connections in each. */
static void one_after_the_other(void)
{
	struct end e;
	bool good = true;
	int i, before = 0;

	for (i = 0; i < MANY; i++) {
		begin(&e, 3 * i + 1); /* all with the same AEAD */
		good = passes(&e) && good;
		end(&e);
		if (i == 2)
			before = mallocs;
	}
	ok(good && mallocs == before, "one after the other: contexts for one");
}

int main(void)
{
	struct traffic_key key = {.version = TLS13, .aead = AEAD_AES256GCM};
	bool good = true;
	unsigned int i;

	if (!CRYPTO_set_mem_functions(count_malloc, count_realloc, plain_free))
		return 1;
	record_protect_fini(&ends[0].tx); /* before there is any libcrypto */
	if (crypto_open())
		return 1;
	memset(key.key, 0xaa, sizeof(key.key));
	one_after_the_other();
	for (i = 0; i < MANY; i++)
		begin(&ends[i], i);
	mallocs = 0;
	for (i = 0; i < 5 * MANY; i++)
		good = passes(&ends[i * 7 % MANY]) && good;
	ok(good, "%d connections with all ciphers", MANY);
	/* a signal handler may read while the program is in malloc */
	ok(!mallocs, "and no record asks for memory");
	ok(all_threads(), "threads");
	more_than_there_are(&key);
	kept_and_forgotten(&key);
	for (i = 0; i < MANY; i++)
		end(&ends[i]);
	return tap_done();
}
