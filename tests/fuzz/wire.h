/* SPDX-License-Identifier: MIT */
/*
 * wire.h - the peer of a receiver under test: records, and a socket of memory
 *
 * What is sent waits in wire.bytes until the test lets it arrive; rx_ops (see
 * rx.h) takes it from there.
 */
#ifndef WIRE_H
#define WIRE_H

#include <stdbool.h>

#include "rx.h"

#define WIRE_MAX (1 << 19)
#define WIRE_RECORD_MAX (RECORD_BYTES_MAX + 1024)

struct wire {
	uint8_t bytes[WIRE_MAX];
	size_t len;             /* sent */
	size_t arrived;         /* of these: in the socket, or through it */
	size_t taken;           /* of these: by the receiver */
	bool fin;               /* nothing will be sent any more */
	bool reset;             /* ... and the socket says ECONNRESET then */
	struct traffic_key key; /* the sender's */
	int bufs_out;           /* held by the receiver */
	int pokes;
	/* A blocking recv finds nothing: let something arrive, or return false
	 */
	bool (*more)(void);
	int timeout_ms; /* SO_RCVTIMEO */
	int interrupts; /* so many blocking calls are interrupted */
	int no_bufs;    /* so many times there is no memory */
};
extern struct wire wire;

struct wire_record {
	uint8_t type;
	uint8_t outer; /* the type in the header, if not the usual one */
	uint8_t minor; /* the same for its version */
	const uint8_t *data;
	size_t len;
	size_t padding; /* TLS 1.3 */
};

/** wire_open() - nothing is sent yet; @key is the sender's */
void wire_open(const struct traffic_key *key);

/**
 * wire_send() - encrypt a record and send it
 *
 * It may be of any type and up to WIRE_RECORD_MAX bytes long.
 *
 * Return: where it begins in wire.bytes.
 */
size_t wire_send(const struct wire_record *r);

/** wire_rekey() - the sender's key after a KeyUpdate */
void wire_rekey(void);

/** wire_readable() - would poll(2) say POLLIN? */
bool wire_readable(void);

#endif
