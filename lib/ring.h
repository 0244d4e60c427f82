/* SPDX-License-Identifier: MIT */
/*
 * ring.h - the helper's event loop: start an operation, get its completion
 *
 * On io_uring (ring_uring.c), or on epoll where io_uring is forbidden, as in many
 * containers (ring_epoll.c): the same operations, the same completions.
 *
 * One ring per thread. An operation carries a tag, never a pointer and never
 * a bare descriptor: {what, which object, which life of that object}, so a
 * late completion for an object that is gone is recognised.
 */
#ifndef KTLSHIM_RING_H
#define KTLSHIM_RING_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "conf.h"

enum ring_op {
	OP_NONE,
	OP_CONTROL,	/* control socket readable */
	OP_JOBS,	/* another thread wants something, see workers.h */
	OP_SIGNAL,	/* SIGHUP has come */
	OP_WATCH,	/* something happened near our files */
	OP_ACCEPT,	/* a listener's multishot accept */
	OP_GATE_GONE,	/* the daemon has closed a gate */
	OP_PROLOGUE,	/* a client has spoken before its handshake */
	OP_HANDSHAKE_IN,
	OP_HANDSHAKE_OUT,
	OP_HANDOFF,
	OP_RELAY_TCP_IN,
	OP_RELAY_TCP_OUT,
	OP_RELAY_PAIR_IN,
	OP_RELAY_PAIR_OUT,
	OP_RELAY_PAIR_GONE,
	OP_PART,	/* a closing connection can be written to */
	OP_COUNT
};

union ring_tag {
	struct {
		uint32_t index;
		uint16_t generation;
		uint8_t op;
		uint8_t zero;
	};
	uint64_t u64;
};
static_assert(sizeof(union ring_tag) == 8, "fits io_uring's user_data");

#define RING_TAG(o, i, g)                                                      \
	((union ring_tag){.op = (o), .index = (i), .generation = (g)})

struct ring_event {
	union ring_tag tag;
	int res;       /* as the system call, or -errno */
	bool more;     /* multishot: the operation goes on */
};

/**
 * ring_open() - set up the first ring
 * @mode: which engine; CONF_RING_AUTO: io_uring if it is to be had
 *
 * Return: 0 or -errno.
 */
int ring_open(enum conf_ring mode);

/** ring_open_another() - of the same kind, for the calling thread */
int ring_open_another(void);

/** ring_name() - "io_uring" or "epoll" */
const char *ring_name(void);

/*
 * Start an operation. Buffers and message headers belong to the kernel until
 * the completion has come. A full submission queue is submitted on the way;
 * none of these can fail.
 */
void ring_accept(union ring_tag tag, int fd); /* multishot, close-on-exec */
void ring_recv(union ring_tag tag, int fd, void *buf, unsigned int len);
void ring_send(union ring_tag tag, int fd, const void *buf, unsigned int len);
void ring_sendmsg(union ring_tag tag, int fd, const struct msghdr *msg);
void ring_poll(union ring_tag tag, int fd, unsigned int events); /* once */
/* Multishot, on every wake-up: POLLHUP, POLLERR and POLLRDHUP only. */
void ring_poll_ends(union ring_tag tag, int fd);
void ring_cancel(union ring_tag tag); /* its completion still comes */

/**
 * ring_wait() - submit, and wait for completions
 * @timeout_ms: how long to wait at most; -1: for ever
 *
 * Return: 0, or -errno when the ring is broken.
 */
int ring_wait(int timeout_ms);

/** ring_handle() - hand each completion that has come to @handle */
void ring_handle(void (*handle)(const struct ring_event *));

#endif
