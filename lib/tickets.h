/* SPDX-License-Identifier: MIT */
/*
 * tickets.h - the keys that session tickets are encrypted with (RFC 5077)
 *
 * From a file, or our own: then one is made when it is wanted, encrypts for one
 * lifetime of a session and decrypts for one more. Nothing here knows the time or
 * writes anything down.
 */
#ifndef KTLSHIM_TICKETS_H
#define KTLSHIM_TICKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As it stands in the file; nginx's ssl_session_ticket_key has the same form. */
struct ticket_key {
	uint8_t name[16]; /* goes with the ticket */
	uint8_t hmac[32];
	uint8_t aes[32];
};

#define TICKET_KEYS_MAX 16
struct ticket_keys {
	size_t n;
	struct ticket_key list[TICKET_KEYS_MAX]; /* the first one encrypts */
};

/**
 * tickets_read() - read a file of keys
 * @keys:  to be freed with tickets_free()
 * @where: what the sentence begins with
 * @why:   CONF_WHY_BYTES for what is wrong, a whole sentence
 *
 * Security: no byte of the file is told.
 *
 * Return: 0 or -errno.
 */
int tickets_read(struct ticket_keys **keys, const char *where, const char *path,
		 char *why);

/** tickets_free() - cleanses them, NULL is fine */
void tickets_free(struct ticket_keys *keys);

/**
 * tickets_use() - these keys from now on, and no others
 * @keys:       borrowed; NULL: our own, which are kept if we had them
 * @lifetime_s: of a session
 */
void tickets_use(const struct ticket_keys *keys, unsigned int lifetime_s);

/** tickets_newest() - to encrypt with. NULL: OpenSSL has no random numbers. */
const struct ticket_key *tickets_newest(uint64_t now_s);

/**
 * tickets_find() - to decrypt with
 * @newest: set: is it the one that encrypts now?
 *
 * Return: NULL: there is no such key (any more).
 */
const struct ticket_key *tickets_find(const uint8_t *name, uint64_t now_s,
				      bool *newest);

/**
 * tickets_forget() - cleanse what has had its time
 *
 * Return: seconds until there may be more to do, also for keys that are made meanwhile;
 * 0: nothing ever, the keys are a file's.
 */
uint64_t tickets_forget(uint64_t now_s);

#endif
