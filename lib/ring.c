// SPDX-License-Identifier: MIT
/*
 * ring.c - which event loop, and the way to it
 */
#include "ring_engine.h"

#include <errno.h>
#include <string.h>

static const struct ring_engine *engine;

int ring_open(enum conf_ring mode)
{
	int ret;

	engine = mode == CONF_RING_EPOLL ? &ring_epoll : &ring_uring;
	ret = engine->open();
	if (ret && mode == CONF_RING_AUTO) {
		log_info("io_uring is not available (%s): using epoll",
			 strerror(-ret));
		engine = &ring_epoll;
		ret = engine->open();
	}
	return ret;
}

int ring_open_another(void)
{
	return engine->open();
}

const char *ring_name(void)
{
	return engine->name;
}

void ring_accept(union ring_tag tag, int fd)
{
	engine->accept(tag, fd);
}

void ring_recv(union ring_tag tag, int fd, void *buf, unsigned int len)
{
	engine->recv(tag, fd, buf, len);
}

void ring_send(union ring_tag tag, int fd, const void *buf, unsigned int len)
{
	engine->send(tag, fd, buf, len);
}

void ring_sendmsg(union ring_tag tag, int fd, const struct msghdr *msg)
{
	engine->sendmsg(tag, fd, msg);
}

void ring_poll(union ring_tag tag, int fd, unsigned int events)
{
	engine->poll(tag, fd, events);
}

void ring_poll_ends(union ring_tag tag, int fd)
{
	engine->poll_ends(tag, fd);
}

void ring_cancel(union ring_tag tag)
{
	engine->cancel(tag);
}

int ring_wait(int timeout_ms)
{
	return engine->wait(timeout_ms);
}

void ring_handle(void (*handle)(const struct ring_event *))
{
	engine->handle(handle);
}
