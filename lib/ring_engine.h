/* SPDX-License-Identifier: MIT */
/*
 * ring_engine.h - what an event loop must do; only ring*.c include this
 *
 * The functions are those of ring.h.
 */
#ifndef KTLSHIM_RING_ENGINE_H
#define KTLSHIM_RING_ENGINE_H

#include "ring.h"

struct ring_engine {
	const char *name;
	int (*open)(void);
	void (*accept)(union ring_tag tag, int fd);
	void (*recv)(union ring_tag tag, int fd, void *buf, unsigned int len);
	void (*send)(union ring_tag tag, int fd, const void *buf,
		     unsigned int len);
	void (*sendmsg)(union ring_tag tag, int fd, const struct msghdr *msg);
	void (*poll)(union ring_tag tag, int fd, unsigned int events);
	void (*poll_ends)(union ring_tag tag, int fd);
	void (*cancel)(union ring_tag tag);
	int (*wait)(int timeout_ms);
	void (*handle)(void (*handle)(const struct ring_event *));
};

extern const struct ring_engine ring_uring, ring_epoll;

#endif
