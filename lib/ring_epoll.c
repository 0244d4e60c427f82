// SPDX-License-Identifier: MIT
/*
 * ring_epoll.c - the helper's event loop on epoll
 *
 * Operations are kept here instead of in the kernel. Each is tried as soon as
 * the loop runs; one that would have to wait is put on its descriptor's list.
 * Descriptors are registered edge-triggered for everything: because an
 * operation is always tried before it waits, no edge can be missed.
 *
 * A descriptor without any operation is taken out of epoll before its last
 * completion is handled: the handler may pass it on and close it, and the
 * registration would live on with the open file.
 */
#include "ring_engine.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#define EVENTS_MAX 256

enum kind { ACCEPT, RECV, SEND, SENDMSG, POLL, POLL_ENDS };

struct op {
	struct op *next;
	union ring_tag tag;
	enum kind kind;
	int fd;
	void *buf;
	unsigned int len; /* POLL: events. POLL_ENDS: what was last reported */
	bool cancelled;
};

struct queue {
	struct op *first, **last;
};

static _Thread_local int epfd = -1;
static _Thread_local struct queue todo; /* to be tried when the loop runs */
static _Thread_local struct watch {
	struct op *waiting;
	int ops; /* waiting or to be tried */
	bool registered;
} *watches; /* by descriptor number */
static _Thread_local int n_watches;
static _Thread_local struct op *spare;

static void push(struct op *op)
{
	op->next = NULL;
	*todo.last = op;
	todo.last = &op->next;
}

static struct watch *watch_of(int fd)
{
	struct watch *more;
	int n = n_watches;

	if (fd >= n) {
		for (n = n ? n : 64; n <= fd; n *= 2)
			;
		more = realloc(watches, (size_t)n * sizeof(*more));
		if (!more)
			abort();
		memset(more + n_watches, 0,
		       (size_t)(n - n_watches) * sizeof(*more));
		watches = more;
		n_watches = n;
	}
	return &watches[fd];
}

static void submit(enum kind kind, union ring_tag tag, int fd, const void *buf,
		   unsigned int len)
{
	struct op *op = spare;

	if (op)
		spare = op->next;
	else if (!(op = malloc(sizeof(*op))))
		abort(); /* as a broken ring would: there is no way on */
	*op = (struct op){.tag = tag, .kind = kind, .fd = fd,
			  .buf = (void *)buf, .len = len};
	watch_of(fd)->ops++;
	push(op);
}

static int ends_of(struct op *op)
{
	struct pollfd p = {.fd = op->fd, .events = POLLRDHUP};

	if (poll(&p, 1, 0) <= 0 || (unsigned int)p.revents == op->len)
		return -EAGAIN;
	op->len = (unsigned int)p.revents;
	return p.revents;
}

static int poll_now(const struct op *op)
{
	struct pollfd p = {.fd = op->fd, .events = (short)op->len};

	return poll(&p, 1, 0) > 0 ? p.revents : -EAGAIN;
}

/* The system call, without waiting. Return: its result or -errno. */
static int attempt(struct op *op)
{
	const int flags = MSG_DONTWAIT | MSG_NOSIGNAL;
	ssize_t n;

	if (op->cancelled)
		return -ECANCELED;
	switch (op->kind) {
	case ACCEPT:
		n = accept4(op->fd, NULL, NULL, SOCK_CLOEXEC);
		break;
	case RECV:
		n = recv(op->fd, op->buf, op->len, flags);
		break;
	case SEND:
		n = send(op->fd, op->buf, op->len, flags);
		break;
	case SENDMSG:
		n = sendmsg(op->fd, op->buf, flags);
		break;
	case POLL:
		return poll_now(op);
	default:
		return ends_of(op);
	}
	return n < 0 ? -errno : (int)n;
}

static bool is_multishot(const struct op *op, int res)
{
	return res >= 0 && (op->kind == ACCEPT || op->kind == POLL_ENDS);
}

static int park(struct op *op)
{
	struct epoll_event ev = {
		.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
		.data.fd = op->fd,
	};
	struct watch *w = watch_of(op->fd);

	if (!w->registered && epoll_ctl(epfd, EPOLL_CTL_ADD, op->fd, &ev))
		return -errno;
	w->registered = true;
	op->next = w->waiting;
	w->waiting = op;
	return 0;
}

/* Put all that wait on a descriptor back among those to be tried. */
static void unpark(int fd)
{
	struct watch *w = watch_of(fd);
	struct op *op, *next;

	for (op = w->waiting; op; op = next) {
		next = op->next;
		push(op);
	}
	w->waiting = NULL;
}

static void leave_epoll(int fd)
{
	struct watch *w = watch_of(fd);

	if (w->registered)
		epoll_ctl(epfd, EPOLL_CTL_DEL, fd, NULL);
	w->registered = false;
}

static void finish(struct op *op, int res,
		   void (*handle)(const struct ring_event *))
{
	struct watch *w = watch_of(op->fd);
	struct ring_event event = {
		.tag = op->tag,
		.res = res,
		.more = is_multishot(op, res),
	};

	if (event.more) {
		push(op);
	} else {
		if (!--w->ops)
			leave_epoll(op->fd);
		op->next = spare;
		spare = op;
	}
	handle(&event);
}

/* What is there to be tried now; what handlers add waits its turn. */
static void epoll_handle(void (*handle)(const struct ring_event *))
{
	struct op *op, **end = todo.last;
	bool last = todo.first == NULL;
	int res;

	while (!last) {
		op = todo.first;
		last = &op->next == end;
		todo.first = op->next;
		if (!todo.first)
			todo.last = &todo.first;
		res = attempt(op);
		if (res == -EAGAIN || res == -EINTR)
			res = park(op) ? -ENOMEM : -EAGAIN;
		if (res != -EAGAIN)
			finish(op, res, handle);
	}
}

static int epoll_engine_wait(int timeout_ms)
{
	struct epoll_event events[EVENTS_MAX];
	int n, i;

	n = epoll_wait(epfd, events, EVENTS_MAX, todo.first ? 0 : timeout_ms);
	if (n < 0 && errno != EINTR)
		return -errno;
	for (i = 0; i < n; i++)
		unpark(events[i].data.fd);
	return 0;
}

static int epoll_engine_open(void)
{
	todo.last = &todo.first;
	epfd = epoll_create1(EPOLL_CLOEXEC);
	return epfd < 0 ? -errno : 0;
}

static void epoll_accept(union ring_tag tag, int fd)
{
	/* readiness can vanish between epoll and accept */
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	submit(ACCEPT, tag, fd, NULL, 0);
}

static void epoll_recv(union ring_tag tag, int fd, void *buf, unsigned int len)
{
	submit(RECV, tag, fd, buf, len);
}

static void epoll_send(union ring_tag tag, int fd, const void *buf,
		       unsigned int len)
{
	submit(SEND, tag, fd, buf, len);
}

static void epoll_sendmsg(union ring_tag tag, int fd, const struct msghdr *msg)
{
	submit(SENDMSG, tag, fd, msg, 0);
}

static void epoll_poll(union ring_tag tag, int fd, unsigned int events)
{
	submit(POLL, tag, fd, NULL, events);
}

static void epoll_poll_ends(union ring_tag tag, int fd)
{
	submit(POLL_ENDS, tag, fd, NULL, 0);
}

/* Rare, so a search will do. The descriptor may be closed after this. */
static void epoll_cancel(union ring_tag tag)
{
	struct op *op;
	int fd;

	for (fd = 0; fd < n_watches; fd++)
		for (op = watches[fd].waiting; op; op = op->next)
			if (op->tag.u64 == tag.u64) {
				unpark(fd);
				leave_epoll(fd);
				fd = n_watches;
				break;
			}
	for (op = todo.first; op; op = op->next)
		op->cancelled = op->cancelled || op->tag.u64 == tag.u64;
}

const struct ring_engine ring_epoll = {
	.name = "epoll",
	.open = epoll_engine_open,
	.accept = epoll_accept,
	.recv = epoll_recv,
	.send = epoll_send,
	.sendmsg = epoll_sendmsg,
	.poll = epoll_poll,
	.poll_ends = epoll_poll_ends,
	.cancel = epoll_cancel,
	.wait = epoll_engine_wait,
	.handle = epoll_handle,
};
