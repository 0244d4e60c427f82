/* SPDX-License-Identifier: MIT */
/*
 * prologue.h - what is said in plaintext before the handshake (helper)
 *
 * In steps, one after the other, of which a listener's settings want some or
 * none. A step is shown what has come and says how much of that is its own. What
 * is not stays in the socket: the daemon's plaintext or the ClientHello begin
 * where the last step ends, and nothing that came before the handshake can pass
 * for something that came inside.
 */
#ifndef KTLSHIM_PROLOGUE_H
#define KTLSHIM_PROLOGUE_H

#include <stddef.h>
#include <stdint.h>

struct conn;

#define PROLOGUE_BYTES 4096 /* that a step can see at once */
#define PROLOGUE_REPLY_BYTES 5120

enum prologue_verdict {
	PROLOGUE_MORE,	/* all of it is mine, and I need more */
	PROLOGUE_AGAIN, /* `used` bytes are mine; show me the next */
	PROLOGUE_DONE,	/* `used` bytes are mine; now the next step */
	PROLOGUE_PLAIN, /* `used` are mine; no handshake: the rest is for the
			   daemon as it is */
	PROLOGUE_END,	/* all is mine: no connection, because of `why` */
};

struct prologue_answer {
	/* AGAIN, DONE, PLAIN: at least what was shown at the last MORE */
	size_t used;
	const char *why;  /* END: for the log; static */
	size_t reply_len; /* to be sent now, whatever the verdict is */
	char reply[PROLOGUE_REPLY_BYTES];
};

/**
 * prologue_begin() - the connection's first step, if there is one
 *
 * Return: 1: when all are done handshake_start(), handshake_plain() or
 * handshake_fail() is called; 0: no step is wanted; -ENOMEM.
 */
int prologue_begin(struct conn *c);

/**
 * prologue_instead() - what came for a record is none: refuse the client
 * @data: that; a request, if it begins like one, is answered
 *
 * Ends in handshake_fail() or handshake_refuse().
 */
void prologue_instead(struct conn *c, const uint8_t *data, size_t len);

/** prologue_expire() - who is silent for so long waits for the daemon */
void prologue_expire(struct conn *c);

/** prologue_on_in() - completion: the client has sent something, or gone */
void prologue_on_in(struct conn *c, int res);

void prologue_free(struct conn *c);

#endif
