// SPDX-License-Identifier: MIT
/*
 * control.c - what the daemon's processes ask of the helper
 *
 * Whoever runs as the daemon can write here, so a message is checked before it
 * is believed: its size, its kind, how many descriptors came with it. A wrong
 * one is dropped with its descriptors.
 */
#include "control.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "added.h"
#include "conn.h"
#include "held.h"
#include "listener.h"
#include "part.h"
#include "workers.h"

#define FDS_MAX 2
#define BATCH 32

static bool is_open;

static void arm(void)
{
	ring_poll(RING_TAG(OP_CONTROL, 0, 0), HELPER_CONTROL_FD, POLLIN);
}

static void tell(int status)
{
	struct control_msg msg = {
		.magic = PROTO_MAGIC,
		.kind = CONTROL_READY,
		.status = status,
	};

	if (!status)
		conf_log_text(&helper.conf->log, (char *)msg.value,
			      sizeof(msg.value));
	send(HELPER_CONTROL_FD, &msg, sizeof(msg), MSG_NOSIGNAL);
}

void control_open(void)
{
	is_open = true;
	/* not for a passphrase_command */
	fcntl(HELPER_CONTROL_FD, F_SETFD, FD_CLOEXEC);
	tell(0);
	arm();
}

void control_refuse(int error)
{
	tell(error);
}

bool control_is_open(void)
{
	return is_open;
}

/*
 * The options of a listener that a daemon may set and get through us. A list of
 * what is harmless: some options carry pointers (SO_ATTACH_FILTER,
 * TCP_ZEROCOPY_RECEIVE), and the memory they would point to is ours; others need
 * privileges (SO_MARK), and we may have more than the daemon.
 */
static const struct {
	int level, name;
} sockopts[] = {
	{SOL_SOCKET, SO_REUSEADDR},	{SOL_SOCKET, SO_REUSEPORT},
	{SOL_SOCKET, SO_KEEPALIVE},	{SOL_SOCKET, SO_OOBINLINE},
	{SOL_SOCKET, SO_SNDBUF},
	{SOL_SOCKET, SO_RCVBUF},	{SOL_SOCKET, SO_RCVLOWAT},
	{SOL_SOCKET, SO_INCOMING_CPU},	{SOL_SOCKET, SO_DONTROUTE},
	{SOL_SOCKET, SO_MAX_PACING_RATE}, {SOL_SOCKET, SO_COOKIE},
	{SOL_SOCKET, SO_BROADCAST},	{SOL_SOCKET, SO_TIMESTAMP},
	{IPPROTO_TCP, TCP_NODELAY},	{IPPROTO_TCP, TCP_CORK},
	{IPPROTO_TCP, TCP_MAXSEG},	{IPPROTO_TCP, TCP_DEFER_ACCEPT},
	{IPPROTO_TCP, TCP_FASTOPEN},	{IPPROTO_TCP, TCP_KEEPIDLE},
	{IPPROTO_TCP, TCP_KEEPINTVL},	{IPPROTO_TCP, TCP_KEEPCNT},
	{IPPROTO_TCP, TCP_SYNCNT},	{IPPROTO_TCP, TCP_LINGER2},
	{IPPROTO_TCP, TCP_WINDOW_CLAMP}, {IPPROTO_TCP, TCP_QUICKACK},
	{IPPROTO_TCP, TCP_USER_TIMEOUT}, {IPPROTO_TCP, TCP_NOTSENT_LOWAT},
	{IPPROTO_TCP, TCP_CONGESTION},	{IPPROTO_TCP, TCP_INFO},
	{IPPROTO_TCP, TCP_SAVE_SYN},	{IPPROTO_IP, IP_TOS},
	{IPPROTO_IP, IP_TTL},		{IPPROTO_IP, IP_FREEBIND},
	{IPPROTO_IP, IP_MTU_DISCOVER},
	{IPPROTO_IPV6, IPV6_V6ONLY},	{IPPROTO_IPV6, IPV6_TCLASS},
	{IPPROTO_IPV6, IPV6_UNICAST_HOPS},
};

static bool is_allowed(int level, int name)
{
	size_t i;

	for (i = 0; i < sizeof(sockopts) / sizeof(sockopts[0]); i++)
		if (sockopts[i].level == level && sockopts[i].name == name)
			return true;
	return false;
}

/* setsockopt(2) and getsockopt(2), answered on @reply. @fd: -1: it is gone */
static void do_sockopt(struct control_msg *msg, int fd, int reply)
{
	socklen_t len = msg->len;
	int ret;

	if (fd < 0 || len > sizeof(msg->value)) {
		msg->status = fd < 0 ? -EBADF : -EINVAL;
	} else if (!is_allowed(msg->level, msg->name)) {
		msg->status = -ENOPROTOOPT;
	} else {
		ret = msg->set ? setsockopt(fd, msg->level, msg->name,
					    msg->value, len)
			       : getsockopt(fd, msg->level, msg->name,
					    msg->value, &len);
		msg->status = ret ? -errno : 0;
		msg->len = len;
	}
	send(reply, msg, sizeof(*msg), MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void listener_sockopt(struct control_msg *msg, int reply)
{
	struct listener *l = listener_get(msg->id);

	do_sockopt(msg, l ? l->fd : -1, reply);
	if (l && msg->set && !msg->status)
		listener_set_added(l, msg->level, msg->name, msg->value,
				   msg->len);
}

/* A question about a connection, on its way to its worker */
struct question {
	struct job job;
	struct control_msg msg;
	uint32_t index;
	int reply;
};

/* Of SO_LINGER only "reset at close" is taken: more would block us in close. */
static void conn_sockopt(struct job *job)
{
	struct question *q = (struct question *)job;
	struct control_msg *msg = &q->msg;
	struct conn *c = conn_find(q->index, msg->generation);
	const struct linger *l = (const struct linger *)msg->value;

	if (c && msg->set && msg->level == SOL_SOCKET &&
	    msg->name == SO_LINGER && msg->len == sizeof(*l)) {
		c->abort = l->l_onoff && !l->l_linger;
		setsockopt(c->tcp, SOL_SOCKET, SO_LINGER,
			   c->abort ? l : &(struct linger){0}, sizeof(*l));
		msg->name = SO_KEEPALIVE; /* an answer, whichever */
		msg->set = 0;
	}
	do_sockopt(msg, c ? c->tcp : -1, q->reply);
	close(q->reply);
	free(q);
}

/* Return: false: without memory; @reply stays the caller's */
static bool ask_worker(const struct control_msg *msg, int reply)
{
	struct question *q = malloc(sizeof(*q));
	unsigned int worker;

	if (!q)
		return false;
	*q = (struct question){{.run = conn_sockopt}, *msg, 0, reply};
	worker = workers_named(msg->id, &q->index);
	workers_give(worker, &q->job);
	return true;
}

/* Is a listener there to be upgraded? Its certificates are loaded, if so. */
static void answer(struct control_msg *msg, int reply)
{
	union inet_addr addr;
	struct site *site;

	memcpy(&addr, msg->value, sizeof(addr));
	msg->status = -EINVAL;
	if (addr.sa.sa_family == AF_INET || addr.sa.sa_family == AF_INET6)
		msg->status = added_ask(&addr);
	if (!msg->status) {
		msg->status = site_find(&addr, &site);
		if (!msg->status)
			msg->status = site != NULL;
	}
	send(reply, msg, sizeof(*msg), MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Which of some connections does nobody hold any more? */
static void gone(struct control_msg *msg, int reply)
{
	uint64_t cookies[HELD_ASK_MAX];
	unsigned int n = msg->len / sizeof(cookies[0]);

	static_assert(sizeof(cookies) <= sizeof(msg->value), "all fit");
	msg->status = -EINVAL;
	if (n >= 1 && n <= HELD_ASK_MAX &&
	    msg->len == n * sizeof(cookies[0])) {
		memcpy(cookies, msg->value, msg->len);
		msg->watcher = held_gone(cookies, n, &msg->gone);
		msg->status = 0;
	}
	send(reply, msg, sizeof(*msg), MSG_DONTWAIT | MSG_NOSIGNAL);
}

static int int_option(int fd, int name)
{
	socklen_t len = sizeof(int);
	int value = -1;

	return getsockopt(fd, SOL_SOCKET, name, &value, &len) ? -1 : value;
}

static bool is_socket(int fd, int domain)
{
	return int_option(fd, SO_DOMAIN) == domain;
}

static bool is_listening(int fd)
{
	return (is_socket(fd, AF_INET) || is_socket(fd, AF_INET6)) &&
	       int_option(fd, SO_TYPE) == SOCK_STREAM &&
	       int_option(fd, SO_ACCEPTCONN) == 1;
}

/* Takes over those descriptors it uses, by setting them to -1. */
static void handle(struct control_msg *msg, int *fds, int n_fds)
{
	if (msg->kind == CONTROL_LISTEN && n_fds == 2 &&
	    is_listening(fds[0]) && is_socket(fds[1], AF_UNIX)) {
		listener_open(fds[0], fds[1], msg->status);
		fds[0] = fds[1] = -1;
	} else if (msg->kind == CONTROL_ASK && n_fds == 1) {
		answer(msg, fds[0]);
	} else if (msg->kind == CONTROL_SOCKOPT && n_fds == 1) {
		listener_sockopt(msg, fds[0]);
	} else if (msg->kind == CONTROL_CONN_SOCKOPT && n_fds == 1) {
		if (ask_worker(msg, fds[0]))
			fds[0] = -1;
	} else if (msg->kind == CONTROL_GONE && n_fds == 1) {
		gone(msg, fds[0]);
	} else if (msg->kind == CONTROL_PART && n_fds == 1 &&
		   (is_socket(fds[0], AF_INET) || is_socket(fds[0], AF_INET6))) {
		part_begin(fds[0], msg->status);
		fds[0] = -1;
	} else {
		log_warn("a request of kind %u with %d descriptors is not "
			 "understood", msg->kind, n_fds);
	}
}

static int take_fds(struct msghdr *header, int *fds)
{
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(header);
	size_t n;

	if (!cmsg || cmsg->cmsg_level != SOL_SOCKET ||
	    cmsg->cmsg_type != SCM_RIGHTS)
		return 0;
	n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	memcpy(fds, CMSG_DATA(cmsg), n * sizeof(int));
	return (int)n;
}

static ssize_t receive_one(void)
{
	struct control_msg msg;
	union {
		char buf[CMSG_SPACE(FDS_MAX * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = {&msg, sizeof(msg)};
	struct msghdr header = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	int fds[FDS_MAX] = {-1, -1}, n_fds, i;
	ssize_t n;

	n = recvmsg(HELPER_CONTROL_FD, &header,
		    MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return n;
	n_fds = take_fds(&header, fds);
	if (n == sizeof(msg) && msg.magic == PROTO_MAGIC)
		handle(&msg, fds, n_fds);
	else if (n)
		log_warn("a request of %zd bytes is not understood", n);
	for (i = 0; i < n_fds; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	return n;
}

void control_on_readable(const struct ring_event *event)
{
	struct pollfd p = {.fd = HELPER_CONTROL_FD};
	ssize_t n = 1;
	int i;

	(void)event;
	/* a few at a time: there are clients to be served as well */
	for (i = 0; i < BATCH && n > 0; i++)
		n = receive_one();
	/* an empty message gives 0 too; only with POLLHUP is it the end */
	if (n || poll(&p, 1, 0) <= 0 || !(p.revents & POLLHUP)) {
		arm();
		return;
	}
	log_debug("the daemon has gone");
	is_open = false;
	workers_end_soon();
	close(HELPER_CONTROL_FD);
}
