/* SPDX-License-Identifier: MIT */
/*
 * listener.h - the daemon's listening sockets, and the gates to it
 */
#ifndef KTLSHIM_LISTENER_H
#define KTLSHIM_LISTENER_H

#include <stdatomic.h>
#include <stdbool.h>

#include "proto.h"
#include "ring.h"
#include "site.h"

/* What all listeners share. */
struct helper {
	const struct conf *conf;
	bool offload[AEAD_COUNT]; /* ciphers that the kernel takes */
	bool can_rekey; /* and a second key for a connection, since 6.14 */
	int ktls;		  /* 0, or why there is none: -errno */
};
extern struct helper helper;

struct listener {
	uint32_t index;
	uint16_t generation;
	int fd;	  /* the real listening socket, or -1 */
	int gate; /* our end; -1, too: this entry is free */
	union inet_addr local;
	uint16_t port;
	struct site *site; /* its settings and certificates */
	uint64_t cookie; /* SO_COOKIE of fd */
	/*
	 * A port that `listen` adds: to whose gate its connections go. It ends
	 * with that one. NULL: this is the daemon's own.
	 */
	struct listener *of;
	bool plain; /* the daemon's own, which has such a port: no TLS */
	bool own;
	bool accepting; /* a multishot accept is armed */
	uint64_t retry_ms; /* no accept before */
	atomic_uint handoffs; /* connections waiting for the gate */
	/* Closed: the threads (workers_bit()) that may have connections of it; those of
	 * them that have killed theirs. A turn later their rings know, too */
	_Atomic uint64_t leaving, left;
};

/**
 * listener_open() - take a listening socket over from the daemon
 * @fd, @gate: owned by the listener from here on, also when this fails
 * @own: nobody but the daemon uses the socket; else (socket activation) it must
 *       not be shut down when the daemon has closed it
 *
 * Answers on the gate with GATE_OPEN or GATE_REFUSED; at the latest when it is closed
 * the daemon knows.
 */
void listener_open(int fd, int gate, bool own);

/** listener_warn() - of settings that are not what this is for */
void listener_warn(const struct listener *l);

/** listener_set_added() - setsockopt(2) on the ports that belong to @l */
void listener_set_added(const struct listener *l, int level, int name,
			const void *value, socklen_t len);

/** listener_get() - by number; NULL when there is none */
struct listener *listener_get(uint32_t index);

/** listener_next() - the open one behind @l; NULL: the first, or no more */
struct listener *listener_next(struct listener *l);

/** listener_count() - how many the daemon has open, or are not closed to their end */
unsigned int listener_count(void);

/** listener_resume() - accept again where it was paused */
void listener_resume(void);

/** listener_wait_ms() - until listener_resume() is wanted; -1: it is not */
int listener_wait_ms(void);

/**
 * listener_leave() - any thread: end its connections of listeners that have closed
 *
 * Return: is the loop to come back at once?
 */
bool listener_leave(void);

/**
 * listener_made_room() - any thread: accepting may go on
 * @l: one connection less waits for its gate; NULL: one less waits for its worker
 */
void listener_made_room(struct listener *l);

/** listener_tell_room() - another thread than main: wake main if it waits for room */
void listener_tell_room(void);

/* completions */
void listener_on_accept(const struct ring_event *event);
void listener_on_gate_gone(const struct ring_event *event);

#endif
