/* SPDX-License-Identifier: MIT */
/*
 * record.h - TLS records: the one place where a length from the wire is judged
 */
#ifndef KTLSHIM_RECORD_H
#define KTLSHIM_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "keys.h"

#define RECORD_HEADER_BYTES 5
#define RECORD_PLAIN_MAX 16384
/* Ciphertext may be longer: RFC 5246 section 6.2.3, RFC 8446 section 5.2 */
#define RECORD_BODY_MAX_TLS12 (RECORD_PLAIN_MAX + 2048)
#define RECORD_BODY_MAX_TLS13 (RECORD_PLAIN_MAX + 256)
#define RECORD_BYTES_MAX (RECORD_HEADER_BYTES + RECORD_BODY_MAX_TLS12)

enum record_type {
	RECORD_CHANGE_CIPHER_SPEC = 20,
	RECORD_ALERT = 21,
	RECORD_HANDSHAKE = 22,
	RECORD_DATA = 23,
};

#define HANDSHAKE_KEY_UPDATE 24 /* RFC 8446 section 4 */

/* RFC 8446 section 6 */
#define ALERT_LEVEL_WARNING 1
#define ALERT_LEVEL_FATAL 2
enum alert {
	ALERT_CLOSE_NOTIFY = 0,
	ALERT_UNEXPECTED_MESSAGE = 10,
	ALERT_BAD_RECORD_MAC = 20,
	ALERT_RECORD_OVERFLOW = 22,
	ALERT_ILLEGAL_PARAMETER = 47,
	ALERT_DECODE_ERROR = 50,
	ALERT_INTERNAL_ERROR = 80,
	ALERT_USER_CANCELED = 90,
};

/**
 * record_body_bytes() - how much follows a record's header
 * @header:  RECORD_HEADER_BYTES from the wire, not trusted
 * @max:     RECORD_BODY_MAX_TLS12 or RECORD_BODY_MAX_TLS13
 *
 * Return: 1 to @max, or -EBADMSG (not a TLS record) or -EMSGSIZE (too long).
 */
int record_body_bytes(const uint8_t *header, size_t max);

/* Protects one direction of a connection (RFC 8446 section 5.2). */
struct record_protection {
	struct traffic_key key;
	uint64_t cipher; /* cipher_new_id() of this key */
};

/**
 * record_protect() - take over a key
 *
 * Security: @p holds it until record_protect_fini(), which cleanses it.
 */
void record_protect(struct record_protection *p, const struct traffic_key *key);
void record_protect_fini(struct record_protection *p);

/**
 * record_protect_update() - the generation of keys after this one
 *
 * Return: as keys_update().
 */
int record_protect_update(struct record_protection *p);

/**
 * record_overhead() - bytes of a record that are not plaintext, at the least
 *
 * A whole record of n bytes holds at most n - record_overhead() plaintext.
 */
size_t record_overhead(const struct traffic_key *key);

/* What is inside a record. */
struct record_plain {
	uint8_t *data; /* inside the record's own memory, or what was asked for */
	size_t len;    /* 0 to RECORD_PLAIN_MAX */
	uint8_t type;  /* enum record_type, or anything the peer wrote */
};

/**
 * record_open() - decrypt a whole record
 * @p:      its sequence number moves on by one on success
 * @record: header and body; overwritten
 * @len:    of both, as record_body_bytes() gave it
 * @to:     where the plaintext goes, @len - record_overhead() bytes; NULL: it
 *          stays inside the record
 * @plain:  filled in on success
 *
 * Security: @to is written to before the record is known to be genuine; if it
 * is not, @to is zeroed, as is what padding has used of it.
 *
 * Return: 0, -EBADMSG (does not decrypt), -EMSGSIZE (too much plaintext),
 * -EPROTO (no type, or not the one that TLS 1.3 has outside) or -ENOMEM.
 */
int record_open(struct record_protection *p, uint8_t *record, size_t len,
		uint8_t *to, struct record_plain *plain);

/**
 * record_seal() - make a record
 * @p:    its sequence number moves on by one
 * @type: enum record_type
 * @data: @len bytes, 0 to RECORD_PLAIN_MAX; not in @out
 * @out:  room for @len + record_overhead()
 *
 * Return: bytes of the record, 0 if libcrypto refuses or there is no memory.
 */
size_t record_seal(struct record_protection *p, uint8_t type, const void *data,
		   size_t len, uint8_t *out);

#endif
