// SPDX-License-Identifier: MIT
/*
 * ring_uring.c - the helper's event loop on io_uring
 *
 * Needs Linux 5.19 (multishot accept, COOP_TASKRUN).
 * The ring is made in the helper after its exec and never crosses a fork.
 */
#include "ring_engine.h"

#include <errno.h>
#include <liburing.h>
#include <stdlib.h>

#define ENTRIES 512

static _Thread_local struct io_uring ring;

static int uring_open(void)
{
	/* best first; older or restricted kernels refuse flags with EINVAL */
	static const unsigned int flags[] = {
		IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN,
		IORING_SETUP_COOP_TASKRUN,
		0,
	};
	int ret = -EINVAL;
	size_t i;

	for (i = 0; i < sizeof(flags) / sizeof(flags[0]) && ret == -EINVAL; i++)
		ret = io_uring_queue_init(ENTRIES, &ring, flags[i]);
	return ret;
}

static struct io_uring_sqe *get_sqe(void)
{
	struct io_uring_sqe *sqe;

	while (!(sqe = io_uring_get_sqe(&ring)))
		if (io_uring_submit(&ring) < 0)
			abort(); /* the ring itself is broken */
	return sqe;
}

static void uring_accept(union ring_tag tag, int fd)
{
	struct io_uring_sqe *sqe = get_sqe();

	io_uring_prep_multishot_accept(sqe, fd, NULL, NULL, SOCK_CLOEXEC);
	io_uring_sqe_set_data64(sqe, tag.u64);
}

static void uring_recv(union ring_tag tag, int fd, void *buf, unsigned int len)
{
	struct io_uring_sqe *sqe = get_sqe();

	io_uring_prep_recv(sqe, fd, buf, len, 0);
	io_uring_sqe_set_data64(sqe, tag.u64);
}

static void uring_send(union ring_tag tag, int fd, const void *buf, unsigned int len)
{
	struct io_uring_sqe *sqe = get_sqe();

	io_uring_prep_send(sqe, fd, buf, len, MSG_NOSIGNAL);
	io_uring_sqe_set_data64(sqe, tag.u64);
}

static void uring_sendmsg(union ring_tag tag, int fd, const struct msghdr *msg)
{
	struct io_uring_sqe *sqe = get_sqe();

	io_uring_prep_sendmsg(sqe, fd, msg, MSG_NOSIGNAL);
	io_uring_sqe_set_data64(sqe, tag.u64);
}

static void uring_poll(union ring_tag tag, int fd, unsigned int events)
{
	struct io_uring_sqe *sqe = get_sqe();

	io_uring_prep_poll_add(sqe, fd, events);
	io_uring_sqe_set_data64(sqe, tag.u64);
}

static void uring_poll_ends(union ring_tag tag, int fd)
{
	struct io_uring_sqe *sqe = get_sqe();

	io_uring_prep_poll_multishot(sqe, fd, 0);
	io_uring_sqe_set_data64(sqe, tag.u64);
}

static void uring_cancel(union ring_tag tag)
{
	struct io_uring_sqe *sqe = get_sqe();

	io_uring_prep_cancel64(sqe, tag.u64, 0);
	io_uring_sqe_set_data64(sqe, RING_TAG(OP_NONE, 0, 0).u64);
}

static void dispatch(const struct io_uring_cqe *cqe,
		     void (*handle)(const struct ring_event *))
{
	struct ring_event event = {
		.tag.u64 = cqe->user_data,
		.res = cqe->res,
		.more = cqe->flags & IORING_CQE_F_MORE,
	};

	if (event.tag.op != OP_NONE)
		handle(&event);
}

static int uring_wait(int timeout_ms)
{
	struct __kernel_timespec ts = {
		.tv_sec = timeout_ms / 1000,
		.tv_nsec = timeout_ms % 1000 * 1000000L,
	};
	struct io_uring_cqe *cqe;
	int ret;

	ret = io_uring_submit_and_wait_timeout(
		&ring, &cqe, 1, timeout_ms < 0 ? NULL : &ts, NULL);
	if (ret < 0 && ret != -ETIME && ret != -EINTR && ret != -EBUSY)
		return ret;
	return 0;
}

static void uring_handle(void (*handle)(const struct ring_event *))
{
	struct io_uring_cqe *cqe;
	unsigned int head, n = 0;

	io_uring_for_each_cqe(&ring, head, cqe) {
		dispatch(cqe, handle);
		n++;
	}
	io_uring_cq_advance(&ring, n);
}

const struct ring_engine ring_uring = {
	.name = "io_uring",
	.open = uring_open,
	.accept = uring_accept,
	.recv = uring_recv,
	.send = uring_send,
	.sendmsg = uring_sendmsg,
	.poll = uring_poll,
	.poll_ends = uring_poll_ends,
	.cancel = uring_cancel,
	.wait = uring_wait,
	.handle = uring_handle,
};
