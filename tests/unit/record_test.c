// SPDX-License-Identifier: MIT
/*
 * record_test.c - records that are sealed and opened again
 *
 * That others understand them is seen by the clients in tests/bats.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "record.h"
#include "tap.h"

#define ROOM (RECORD_BYTES_MAX + 64)

static uint8_t plain[RECORD_PLAIN_MAX], wire[ROOM], before[ROOM];

static void make_key(struct traffic_key *key, uint16_t version, int aead)
{
	size_t i;

	*key = (struct traffic_key){.version = version, .aead = (uint8_t)aead,
				    .hash_bytes = 32, .seq = 1};
	for (i = 0; i < sizeof(key->key); i++)
		key->key[i] = (uint8_t)(i * 7 + 1);
	for (i = 0; i < sizeof(key->iv); i++)
		key->iv[i] = 0xff; /* the explicit nonce overflows at once */
	for (i = 0; i < sizeof(key->secret); i++)
		key->secret[i] = (uint8_t)(i + 3);
}

/* Return: is it the same when it is opened? */
static bool passes(struct record_protection *s, struct record_protection *o,
		   uint8_t type, size_t len)
{
	struct record_plain got;
	size_t n, over = record_overhead(&s->key);

	memset(wire, 0xee, sizeof(wire));
	n = record_seal(s, type, plain, len, wire);
	if (n != len + over || wire[n] != 0xee ||
	    record_body_bytes(wire, RECORD_BODY_MAX_TLS13) !=
		    (int)n - RECORD_HEADER_BYTES)
		return false;
	memcpy(before, wire, n);
	if (record_open(o, wire, n, NULL, &got))
		return false;
	return got.type == type && got.len == len &&
	       !memcmp(got.data, plain, len);
}

static void test(uint16_t version, int aead)
{
	struct record_protection s = {0};
	struct record_protection o = {0};
	struct record_plain got;
	struct traffic_key key;
	uint8_t first[32];
	bool good = true;
	size_t len, n;

	make_key(&key, version, aead);
	record_protect(&s, &key);
	record_protect(&o, &key);
	for (len = 0; len <= RECORD_PLAIN_MAX; len = len * 3 + 1)
		good = passes(&s, &o, RECORD_DATA, len) && good;
	ok(good && passes(&s, &o, RECORD_DATA, RECORD_PLAIN_MAX),
	       "%04x, cipher %d: every length is the same again", version, aead);
	ok(passes(&s, &o, RECORD_ALERT, 2) && passes(&s, &o, RECORD_HANDSHAKE, 5),
	       "and every type");
	passes(&s, &o, RECORD_DATA, 27);
	memcpy(first, before, sizeof(first));
	passes(&s, &o, RECORD_DATA, 27);
	ok(memcmp(first, before, sizeof(first)), "no nonce is used twice");
	n = record_seal(&s, RECORD_DATA, plain, 100, wire);
	wire[n - 50] ^= 1;
	ok(record_open(&o, wire, n, NULL, &got) == -EBADMSG, "a flipped bit shows");
	if (version == TLS13) {
		o.key.seq++; /* that one was not opened */
		record_protect_update(&s);
		n = record_seal(&s, RECORD_DATA, plain, 9, wire);
		memcpy(before, wire, n);
		ok(record_open(&o, wire, n, NULL, &got) == -EBADMSG,
		       "the old key does not open what the new one has sealed");
		record_protect_update(&o);
		ok(!record_open(&o, before, n, NULL, &got) && got.len == 9,
		       "the new one does");
	}
	record_protect_fini(&s);
	record_protect_fini(&o);
}

int main(void)
{
	int aead;
	size_t i;

	if (crypto_open())
		return 1;
	for (i = 0; i < sizeof(plain); i++)
		plain[i] = (uint8_t)(i * 31 >> 3);
	for (aead = 0; aead < AEAD_COUNT; aead++) {
		test(TLS12, aead);
		test(TLS13, aead);
	}
	return tap_done();
}
