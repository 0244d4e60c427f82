/* SPDX-License-Identifier: MIT */
/*
 * channel.h - TLS on a client's socket after the handshake, for the relay
 *
 * With an AEAD cipher the records are our own (rx.h, record.h): they are decrypted
 * and encrypted without a copy in between, and OpenSSL's connection, ten times
 * as large, is freed. Everything else, CBC suites or padding, stays OpenSSL's. The
 * caller cannot tell.
 */
#ifndef KTLSHIM_CHANNEL_H
#define KTLSHIM_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "record.h"
#include "tls.h"

/* What channel_write() makes of n bytes, at most; KeyUpdates and alerts are of it */
#define CHANNEL_BYTES(n) ((n) + ((n) / RECORD_PLAIN_MAX + 4) * 64)

struct channel;

/**
 * channel_open() - go on after a handshake whose output is all sent
 * @tls:         owned by the channel from here on, unless it fails
 * @tcp:         the client's socket; stays the caller's
 * @key_records: that a key may encrypt (RFC 8446 section 5.5)
 *
 * Return: NULL without memory.
 */
struct channel *channel_open(struct tls *tls, int tcp, uint64_t key_records);

/** channel_close() - forget it; cleanses its secrets. NULL is fine. */
void channel_close(struct channel *ch);

/**
 * channel_read() - plaintext, as far as the socket has it; never waits
 *
 * Return: bytes; 0 after close_notify; -EAGAIN; -ECONNRESET: a FIN without
 * close_notify, or what channel_error() says; -EPIPE: the socket itself is dead.
 */
ssize_t channel_read(struct channel *ch, void *buf, size_t len);

/** channel_holds() - is there plaintext that does not make the socket readable? */
bool channel_holds(const struct channel *ch);

/**
 * channel_write() - encrypt
 * @out: room for CHANNEL_BYTES(@len); what does not fit (OpenSSL may pad, or a
 *       client want short records) is left for channel_output()
 *
 * Return: bytes of ciphertext, or -EPROTO.
 */
ssize_t channel_write(struct channel *ch, const void *data, size_t len,
		      uint8_t *out);

/**
 * channel_output() - what channel_has_output() is about
 * @room: of @out, at least CHANNEL_BYTES(0)
 *
 * Return: bytes of ciphertext; 0: there is none, or it cannot be encrypted.
 */
size_t channel_output(struct channel *ch, uint8_t *out, size_t room);

/** channel_shutdown() - close_notify is to be sent, once */
void channel_shutdown(struct channel *ch);

/** channel_has_output() - an alert, a KeyUpdate, or what had no room? */
bool channel_has_output(const struct channel *ch);

/** channel_is_full() - is there so much of it that reading would add to it for ever? */
bool channel_is_full(const struct channel *ch);

/** channel_error() - why it has failed, for the log; NULL: nothing of note */
const char *channel_error(const struct channel *ch);

#endif
