/* SPDX-License-Identifier: MIT */
/*
 * conn.h - one client connection inside the helper
 *
 * States, as rules. Only conn_set_state() changes them; it checks the table in
 * conn.c.
 *
 *  FREE       in no list; only conn_open() may take it.
 *  HANDSHAKE  entered by conn_open(). The client is read record by record and
 *             never past its Finished. In the handshake list, with a deadline.
 *             A refused client stays in it until it has gone, too. Before the
 *             first record what is said in plaintext (prologue.h).
 *  HANDOFF    the handshake is finished and all its output sent; a sendmsg to
 *             the gate is under way. Nothing reads the client's socket.
 *  RELAY      the daemon has the other end of `pair`; relay.c owns the rest.
 *  PARTING    a direct connection that came back to be closed (part.c): only
 *             `tcp` is used.
 *  CLOSING    entered by conn_kill(). Descriptors are shut down; left for FREE
 *             when no operation is in flight any more.
 *
 * A connection belongs to one thread (workers.h) from its beginning to its end;
 * everything here is about those of the calling thread, unless it says otherwise.
 *
 * A conn counts its operations in flight; it is freed at zero only, so a
 * completion never finds memory that belongs to another.
 */
#ifndef KTLSHIM_CONN_H
#define KTLSHIM_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto.h"
#include "record.h"
#include "ring.h"
#include "tls.h"

enum conn_state {
	CONN_FREE,
	CONN_HANDSHAKE,
	CONN_HANDOFF,
	CONN_RELAY,
	CONN_PARTING,
	CONN_CLOSING,
	CONN_STATE_COUNT
};

struct listener;
struct relay;
struct handoff;
struct prologue;

/* Ciphertext on its way out of the helper, or in. */
struct outgoing {
	uint8_t *buf; /* OUTGOING_BYTES from outgoing_get(), or NULL */
	unsigned int len, off;
};
#define OUTGOING_BYTES (RECORD_BYTES_MAX + 64)

struct conn {
	uint32_t index;
	uint16_t generation;
	uint8_t state;	       /* enum conn_state */
	unsigned int inflight; /* operations whose completion is to come */
	int tcp;	       /* the client's socket, or -1 */
	int pair;	       /* RELAY: our end of the local pair, or -1 */
	struct listener *listener; /* HANDSHAKE, HANDOFF; else NULL */
	struct tls *tls;
	union inet_addr peer, local;
	/* Behind a balancer, else of no family: its address, and where the
	 * client meant to go; peer is the client then */
	union inet_addr via, meant;
	int ulp; /* what ktls_attach() said */

	/*
	 * HANDSHAKE: records that have been seen in the socket; up to off they have been
	 * dealt with, up to `taken` they are out of the socket
	 */
	struct outgoing input;
	unsigned int taken;
	bool spoke_early; /* ... and behind its Finished there was more */
	unsigned int handshake_bytes;
	bool handshake_done;
	bool gone; /* ... and the client before it was told so */
	bool refused; /* the alert is sent; the rest is not looked at */

	uint8_t starttls; /* enum conf_starttls: what was spoken before */
	struct prologue *prologue; /* HANDSHAKE: before the first record */
	struct outgoing tcp_out;
	struct handoff *handoff; /* HANDOFF */
	struct relay *relay;	 /* RELAY */

	/* Timed states: when to give up, on the list of equal time limits */
	uint64_t deadline_ms;
	struct conn_list *list;
	struct conn *prev, *next;
	int part_how;	   /* PARTING: of struct control_msg */
	bool abort;	   /* RELAY: SO_LINGER with 0 is set on tcp */
	uint64_t part_acked; /* what the client had at the last look */
};

/* Connections with the same time limit, oldest first. */
struct conn_list {
	struct conn *first, *last;
	unsigned int count;
	uint64_t limit_ms;
};

extern _Thread_local struct conn_list conns_handshaking; /* HANDSHAKE */
extern _Thread_local struct conn_list conns_silent;	 /* HANDSHAKE, see plaintext.c */
extern _Thread_local struct conn_list conns_greeting;	 /* RELAY at its beginning */
extern _Thread_local struct conn_list conns_parting;	 /* PARTING, and RELAY at its end */

/**
 * conn_open() - a new connection, in HANDSHAKE or PARTING
 * @tcp: owned by the connection from here on, also when this fails
 *
 * Return: NULL without memory.
 */
struct conn *conn_open(int tcp, enum conn_state state);

/** conn_get() - the connection a completion is for; counts it as arrived */
struct conn *conn_get(const struct ring_event *event);

/** conn_find() - a relayed connection by its name; NULL when it has ended */
struct conn *conn_find(uint32_t index, uint32_t generation);

/** conn_tag() - the tag for a new operation; counts it as in flight */
union ring_tag conn_tag(struct conn *c, enum ring_op op);

/** conn_set_state() - the only way to change state; aborts on a wrong one */
void conn_set_state(struct conn *c, enum conn_state state);

/** conn_kill() - end it now; freed when its last completion has come */
void conn_kill(struct conn *c);

/** conn_release() - free a CLOSING connection with nothing in flight */
void conn_release(struct conn *c);

/**
 * conn_is_orphan() - has its listener closed? Its settings may be gone, after a reload.
 */
bool conn_is_orphan(const struct conn *c);

/** conn_kill_all_of() - the handshakes and hand-offs of one listener */
void conn_kill_all_of(const struct listener *listener);

/** conn_name() - "127.0.0.1:54321 to port 8443", or "127.0.0.1:54321 by
 * 10.0.0.1:50000 to port 8443"; until the thread's next call, for the log */
const char *conn_name(const struct conn *c);

/* Deadlines. A connection is in one list at most. */
void conn_list_add(struct conn_list *list, struct conn *c);
void conn_list_del(struct conn *c);

/** conn_list_limit() - set the time limit; for those in it, only a shorter one */
void conn_list_limit(struct conn_list *list, uint64_t limit_ms);

/** conn_expire() - @end each connection whose time is over */
void conn_expire(struct conn_list *list, void (*end)(struct conn *));

/** conn_wait_ms() - until the next deadline; -1: there is none */
int conn_wait_ms(void);

uint64_t now_ms(void);

/**
 * conn_is_read() - has the client taken any byte since the last call?
 */
bool conn_is_read(struct conn *c);

/** outgoing_get() - room for one record; false without memory */
bool outgoing_get(struct outgoing *out);
void outgoing_put(struct outgoing *out);

#endif
