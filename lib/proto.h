/* SPDX-License-Identifier: MIT */
/*
 * proto.h - what shim and helper say to each other
 *
 * Two kinds of AF_UNIX SOCK_SEQPACKET sockets, one struct per message:
 *
 *  - control: one per helper, held by every process of the daemon. The shim
 *    speaks, the helper never answers here (several processes share it): a
 *    request that wants an answer carries a socket for it.
 *  - gate: one per listener. The helper speaks: first one GATE_OPEN, then one
 *    GATE_DIRECT, GATE_RELAYED or GATE_PLAIN for each connection, with its descriptor.
 *
 * Both ends come from the same build; PROTO_MAGIC proves it. No message is
 * empty: an empty one looks like end-of-file.
 */
#ifndef KTLSHIM_PROTO_H
#define KTLSHIM_PROTO_H

#include <netinet/in.h>
#include <stdint.h>

#include "keys.h"

#define PROTO_MAGIC 0x6b746c02u /* "ktl", version 2 */

/* The helper's own descriptors, as the shim leaves them at its start. */
#define HELPER_CONTROL_FD 3

union inet_addr {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

enum control_kind {
	CONTROL_READY,	 /* helper to shim, once, at its start: status, log */
	CONTROL_ASK,	 /* is an address to be upgraded? descriptor: socket
			    for the answer */
	CONTROL_LISTEN,	 /* descriptors: listening socket, gate */
	CONTROL_SOCKOPT, /* a listener's; descriptor: socket for the answer */
	CONTROL_CONN_SOCKOPT, /* the same, of a relayed connection */
	CONTROL_PART,	 /* descriptor: direct connection to be closed */
	CONTROL_GONE,	 /* which connections are held by nobody? descriptor:
			    socket for the answer */
	CONTROL_KIND_COUNT
};

#define CONTROL_OPTION_BYTES 256
#define PART_HOLD 8
#define PART_LINGER 9

/* Whom the helper watches, by SO_COOKIE, and how many one question is about */
#define HELD_SETS 16
#define HELD_SET(cookie) ((unsigned int)((cookie) % HELD_SETS))
#define HELD_ASK_MAX 32

struct control_msg {
	uint32_t magic;
	uint32_t kind; /* enum control_kind */
	/*
	 * READY, answer to SOCKOPT: 0 or -errno. Answer to ASK: 1 yes, 0 it
	 * stays plaintext, or -errno of what is missing. PART: SHUT_WR, SHUT_RDWR or
	 * PART_HOLD: others may still use it, only do not let it be closed yet.
	 * PART_LINGER: its end is sent; read until the client's, or until all
	 * has arrived.
	 * LISTEN: did the daemon itself make the socket listen?
	 */
	int32_t status;
	/* SOCKOPT: whose, set or get, what setsockopt(2) takes */
	uint32_t id, generation;
	uint8_t set;
	int32_t level, name;
	uint32_t len;
	/*
	 * and READY: the file's log setting, text; ASK: union inet_addr; GONE:
	 * len bytes of cookies, uint64_t, all of one HELD_SET
	 */
	uint8_t value[CONTROL_OPTION_BYTES];
	/* Answer to GONE: a bit for each that is, true of those that this helper
	 * watches. 0: it cannot say */
	uint32_t gone;
	uint64_t watcher;
};

enum gate_kind {
	GATE_OPEN = 1, /* the helper listens; id is set */
	GATE_DIRECT,   /* descriptor: the client's socket, transmit key set */
	GATE_RELAYED,  /* descriptor: one end of a local pair */
	GATE_PLAIN,    /* descriptor: the client's socket, no TLS, by choice */
	GATE_REFUSED,  /* instead of OPEN: id is errno; a line has said why */
	GATE_KIND_COUNT
};

/* DIRECT, RELAYED: facts_pack()'s text follows, as long as it is. */
struct gate_msg {
	uint32_t magic;
	uint32_t kind; /* enum gate_kind */
	/*
	 * OPEN: the listener's number at the helper. RELAYED: the connection's,
	 * which is used again later, with another generation.
	 */
	uint32_t id, generation;
	union inet_addr peer, local;
	struct traffic_key rx; /* DIRECT: what the client writes with */
	struct traffic_key tx; /* DIRECT: what the kernel writes with */
	uint8_t can_rekey;     /* DIRECT: this kernel takes a second key, 6.14 */
	uint8_t rx_kernel;     /* DIRECT: the kernel is to receive */
	uint64_t watcher;      /* who knows when it is gone; 0: nobody */
	uint32_t key_records;  /* DIRECT: that a key may encrypt */
};

#endif
