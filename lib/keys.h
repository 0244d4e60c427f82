/* SPDX-License-Identifier: MIT */
/*
 * keys.h - from TLS secrets to the keys of one direction
 */
#ifndef KTLSHIM_KEYS_H
#define KTLSHIM_KEYS_H

#include <stddef.h>
#include <stdint.h>

#include "crypto.h"

#define TLS12 0x0303
#define TLS13 0x0304

#define SECRET_BYTES_MAX 48 /* SHA-384 */
#define MASTER_BYTES 48	    /* RFC 5246 section 8.1 */
#define RANDOM_BYTES 32

/*
 * What encrypts one direction of one connection from now on. Holds secrets:
 * cleanse it with keys_wipe() on every path.
 */
struct traffic_key {
	uint16_t version; /* TLS12 or TLS13 */
	uint8_t aead;	  /* enum aead */
	uint8_t hash_bytes; /* of the handshake hash: 32 or 48 */
	uint8_t key[AEAD_KEY_BYTES_MAX];
	/*
	 * Nonce material. TLS 1.2 with AES-GCM: the 4 bytes of salt, then the
	 * explicit nonce of the next record sent (RFC 5288 section 3).
	 */
	uint8_t iv[AEAD_IV_BYTES];
	uint64_t seq; /* number of the next record */
	/* TLS 1.3: the traffic secret, from which the next one follows */
	uint8_t secret[SECRET_BYTES_MAX];
};

/**
 * keys_from_secret() - TLS 1.3 traffic keys (RFC 8446 section 7.3)
 * @key:    version, aead, hash_bytes and secret are set; the rest is filled
 *          in, with the sequence number 0
 *
 * Return: 0 or -EINVAL (libcrypto refused).
 * Security: @key holds secrets afterwards.
 */
int keys_from_secret(struct traffic_key *key);

/**
 * keys_update() - the generation after this one (RFC 8446 section 7.2)
 *
 * Return: 0 or -EINVAL, then @key is unchanged.
 */
int keys_update(struct traffic_key *key);

/**
 * keys_from_master() - TLS 1.2 key block (RFC 5246 section 6.3, AEAD suites)
 * @master:  MASTER_BYTES
 * @client_random, @server_random: RANDOM_BYTES each
 * @tx, @rx: version, aead and hash_bytes are set; key and iv are filled in
 *           for the server's and the client's direction; seq stays
 *
 * Return: 0 or -EINVAL.
 */
int keys_from_master(const uint8_t *master, const uint8_t *client_random,
		     const uint8_t *server_random, struct traffic_key *tx,
		     struct traffic_key *rx);

/** keys_wipe() - overwrite a key so that the compiler cannot skip it */
void keys_wipe(struct traffic_key *key);

#endif
