/* SPDX-License-Identifier: MIT */
/*
 * peer.h - what OpenSSL reads from the wire
 *
 * A server's SSL object with a finished handshake, which reads the bytes of
 * wire.h as they arrive. Every one of a suite has the same keys: the client's
 * flights were recorded at the start, and OpenSSL's random numbers are not.
 */
#ifndef PEER_H
#define PEER_H

#include "wire.h"

/* TLS 1.2 and 1.3, AEAD_COUNT ciphers each */
#define PEER_SUITES (2 * AEAD_COUNT)

enum peer_end {
	PEER_MORE,   /* is wanted */
	PEER_CLOSED, /* close_notify */
	PEER_ERROR,
	PEER_ANY /* of these, for plan.h */
};

struct peer {
	uint8_t plain[WIRE_MAX];
	size_t len; /* of it, so far */
	enum peer_end end;
	int alert;    /* that OpenSSL has sent, or -1 */
	bool updated; /* it has sent a KeyUpdate */
};
extern struct peer peer;

/** peer_setup() - handshakes of all suites, once. Return: 0, or says why not */
int peer_setup(void);

/** peer_open() - a new connection; @key is the client's, for wire_open() */
void peer_open(unsigned int suite, struct traffic_key *key);
void peer_close(void);

/** peer_read() - all that has arrived */
void peer_read(void);

/** peer_was_asked() - by KeyUpdate, for one of its own, which may wait
 * until it writes */
bool peer_was_asked(void);

#endif
