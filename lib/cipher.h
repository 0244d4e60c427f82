/* SPDX-License-Identifier: MIT */
/*
 * cipher.h - OpenSSL's cipher contexts, a few for all connections
 *
 * A context with a key in it is over a kilobyte, and most connections are idle. A
 * connection that comes back soon finds its own, another one sets its key again
 * (1,500 instructions for AES-GCM).
 */
#ifndef KTLSHIM_CIPHER_H
#define KTLSHIM_CIPHER_H

#include <stdbool.h>
#include <stdint.h>

#include "keys.h"

struct cipher;

/**
 * cipher_new_id() - a number for one key and direction, never given twice
 * @aead: what it is for. If there are more numbers than contexts, one is made now:
 *        cipher_get() is called where the program's allocator may be in any state.
 *
 * To be given back with cipher_forget().
 */
uint64_t cipher_new_id(enum aead aead);

/**
 * cipher_get() - a context with @key in it, for the caller alone
 * @id: of cipher_new_id(); the same for as long as the key and @encrypt are
 *
 * Waits for nobody: a thread, a signal handler and the child of a fork() that finds
 * all contexts taken gets one more.
 *
 * Return: to be given back with cipher_put(), or NULL (no memory).
 */
struct cipher *cipher_get(uint64_t id, const struct traffic_key *key,
			  bool encrypt);
EVP_CIPHER_CTX *cipher_ctx(const struct cipher *cipher);
void cipher_put(struct cipher *cipher);

/** cipher_forget() - cleanse what is kept of the key with this number; 0: nothing */
void cipher_forget(uint64_t id, enum aead aead);

#endif
