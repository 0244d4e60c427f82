// SPDX-License-Identifier: MIT
/*
 * control.c - what the daemon's processes ask of the helper
 *
 * Whoever runs as the daemon can write here, so a message is checked before it
 * is believed: its size, its kind, how many descriptors came with it. A wrong
 * one is dropped with its descriptors.
 */
#include "control.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "listener.h"
#include "part.h"

#define FDS_MAX 2

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

	send(HELPER_CONTROL_FD, &msg, sizeof(msg), MSG_NOSIGNAL);
}

void control_open(void)
{
	is_open = true;
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

/* setsockopt(2) and getsockopt(2) on a listener, answered on @reply */
static void do_sockopt(struct control_msg *msg, int reply)
{
	struct listener *l = listener_get(msg->listener);
	socklen_t len = msg->len;
	int ret;

	if (!l || len > sizeof(msg->value)) {
		msg->status = l ? -EINVAL : -EBADF;
	} else {
		ret = msg->set ? setsockopt(l->fd, msg->level, msg->name,
					    msg->value, len)
			       : getsockopt(l->fd, msg->level, msg->name,
					    msg->value, &len);
		msg->status = ret ? -errno : 0;
		msg->len = len;
	}
	send(reply, msg, sizeof(*msg), MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Takes over those descriptors it uses, by setting them to -1. */
static void handle(struct control_msg *msg, int *fds, int n_fds)
{
	if (msg->kind == CONTROL_LISTEN && n_fds == 2) {
		listener_open(fds[0], fds[1]);
		fds[0] = fds[1] = -1;
	} else if (msg->kind == CONTROL_SOCKOPT && n_fds == 1) {
		do_sockopt(msg, fds[0]);
	} else if (msg->kind == CONTROL_LINGER && n_fds == 1) {
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
	if (n <= 0)
		return n;
	n_fds = take_fds(&header, fds);
	if (n == sizeof(msg) && msg.magic == PROTO_MAGIC)
		handle(&msg, fds, n_fds);
	else
		log_warn("a request of %zd bytes is not understood", n);
	for (i = 0; i < n_fds; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	return n;
}

void control_on_readable(const struct ring_event *event)
{
	ssize_t n;

	(void)event;
	while ((n = receive_one()) > 0)
		;
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		arm();
		return;
	}
	log_debug("the daemon has gone");
	is_open = false;
	close(HELPER_CONTROL_FD);
}
