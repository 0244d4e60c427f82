/* SPDX-License-Identifier: MIT */
/*
 * tls.h - the server side of TLS, bytes in and bytes out
 *
 * tls.c alone knows the handshake. Everything here works on memory: the caller feeds
 * what came from the network and sends what tls_output() shows.
 */
#ifndef KTLSHIM_TLS_H
#define KTLSHIM_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "facts.h"
#include "keys.h"

struct context; /* of a listener, see context.h */
struct tls;	/* one connection */

/** tls_prepare() - once for each context, before the first tls_open() */
void tls_prepare(struct context *ctx);

/** tls_open() - begin a handshake. Return: 0 or -ENOMEM. */
int tls_open(struct tls **tls, struct context *ctx);

/** tls_close() - forget a connection; cleanses its secrets. NULL is fine. */
void tls_close(struct tls *tls);

/** tls_input() - ciphertext from the network. Return: 0 or -ENOMEM. */
int tls_input(struct tls *tls, const void *data, size_t len);

/** tls_output() - take up to @len bytes of ciphertext for the network */
size_t tls_output(struct tls *tls, void *buf, size_t len);

/** tls_output_bytes() - how much ciphertext waits to be sent */
size_t tls_output_bytes(const struct tls *tls);

/**
 * tls_handshake() - go on as far as the input allows
 *
 * Return: 1 finished, 0 needs input, -EPROTO failed (an alert may be among
 * the output; tls_error() says why).
 */
int tls_handshake(struct tls *tls);

/**
 * tls_read() - plaintext from the peer
 *
 * Return: bytes, 0 after close_notify, -EAGAIN (needs input), -EPROTO, or
 * -EOVERFLOW: KEY_UPDATES_MAX KeyUpdates without data in between, an attack.
 */
#define KEY_UPDATES_MAX 32
ssize_t tls_read(struct tls *tls, void *buf, size_t len);

/** tls_holds() - can tls_read() go on without more input? */
bool tls_holds(const struct tls *tls);

/** tls_write() - plaintext for the peer, all of it. Return: 0 or -EPROTO. */
int tls_write(struct tls *tls, const void *buf, size_t len);

/** tls_new_key() - change the key that we write with, TLS 1.3 only (RFC 8446
 * section 4.6.3) */
void tls_new_key(struct tls *tls);

/** tls_shutdown() - put close_notify among the output, once */
void tls_shutdown(struct tls *tls);

/**
 * tls_traffic_keys() - validate and derive what the kernel needs
 * @tx, @rx: the server's and the client's direction, with the sequence number
 *           of the next record
 * @offload: which ciphers the kernel takes, by enum aead
 * @why:     why not, when it fails; static text
 *
 * The handshake is finished and all output is sent.
 *
 * Return: 0, -EOPNOTSUPP (version or cipher), -EBUSY (input or output is
 * left over), -EINVAL (derivation failed).
 * Security: @tx and @rx hold secrets afterwards; wipe them.
 */
int tls_traffic_keys(struct tls *tls, const bool offload[AEAD_COUNT],
		     struct traffic_key *tx, struct traffic_key *rx,
		     const char **why);

/** tls_error() - why it has failed, for the log; valid while the connection is */
const char *tls_error(const struct tls *tls);

/** tls_facts() - all that is known of it; the handshake is finished */
void tls_facts(const struct tls *tls, struct facts *facts);

#endif
