/* SPDX-License-Identifier: MIT */
/*
 * starttls.h - protocols that begin in plaintext and change to TLS (helper)
 *
 * We speak the plaintext part ourselves, because the daemon gets no connection
 * before its handshake is finished: greet, say that TLS can be had, refuse all
 * else, and start it. The daemon sees what is said inside TLS and nothing more.
 *
 * One function for each protocol, from bytes to a verdict and an answer: no
 * sockets, no memory but *state. starttls_step.c makes a step of the prologue
 * out of them.
 */
#ifndef KTLSHIM_STARTTLS_H
#define KTLSHIM_STARTTLS_H

#include "conf.h"
#include "prologue.h"

#define STARTTLS_HOST_BYTES 65 /* HOST_NAME_MAX */

/* What a protocol's function is asked. */
struct starttls {
	const char *host; /* whom we greet as */
	uint64_t id;      /* a number that nobody can guess */
	uint32_t *state;  /* 0 at first; see below */
	const uint8_t *data;
	size_t len;
	struct prologue_answer *out;
};

/* What every protocol keeps in its state: a phase, and how often it was asked.
 */
#define STARTTLS_PHASE(state) ((state)&0xff)
#define STARTTLS_COUNT(state) ((state) >> 8)
#define STARTTLS_ONE_MORE 0x100
#define STARTTLS_COUNT_MAX 30 /* who wants TLS has asked for it by then */

/* as of struct prologue_answer.why */
#define STARTTLS_TOO_MUCH "too much was said before STARTTLS"
#define STARTTLS_EARLY_TLS "the client speaks TLS at once, without STARTTLS"
#define STARTTLS_QUIT "the client has quit before STARTTLS"

/** starttls_talk() - ask the protocol's function */
enum prologue_verdict starttls_talk(enum conf_starttls protocol,
				    struct starttls *t);

/** starttls_say() - add to the reply; more than fits is a bug, and aborts */
void starttls_say(struct starttls *t, const void *data, size_t len);

/** starttls_end() - verdict: all that has come is ours, and that was it */
enum prologue_verdict starttls_end(struct starttls *t, const char *why);

/* The protocols (starttls_text.c, _postgres.c, _ldap.c, _xmpp.c). */
enum prologue_verdict starttls_smtp(struct starttls *t);
enum prologue_verdict starttls_imap(struct starttls *t);
enum prologue_verdict starttls_pop3(struct starttls *t);
enum prologue_verdict starttls_ftp(struct starttls *t);
enum prologue_verdict starttls_postgres(struct starttls *t);
enum prologue_verdict starttls_ldap(struct starttls *t);
enum prologue_verdict starttls_xmpp(struct starttls *t);

/* A step of the prologue, see prologue.c */
struct conn;
bool starttls_wanted(const struct conn *c);
enum prologue_verdict starttls_look(struct conn *c, uint32_t *state,
				    const uint8_t *data, size_t len,
				    struct prologue_answer *out);

#endif
