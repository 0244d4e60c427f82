// SPDX-License-Identifier: MIT
/*
 * hooks_wait.c - the exported calls that wait for readiness
 *
 * epoll is not among them: there it works natively (lib/rx.h).
 */
#include <stdint.h>

#include "hook.h"
#include "wait.h"

/* glibc's, declared in no header */
void __chk_fail(void) __attribute__((noreturn));
int __poll(struct pollfd *, nfds_t, int);
int __select(int, fd_set *, fd_set *, fd_set *, struct timeval *);
int __poll_chk(struct pollfd *, nfds_t, int, size_t);
int __ppoll_chk(struct pollfd *, nfds_t, const struct timespec *,
		const sigset_t *, size_t);

EXPORT int poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
	struct timespec ts = {timeout_ms / 1000, timeout_ms % 1000 * 1000000L};

	if (wait_is_plain())
		return LIBC(poll)(fds, n, timeout_ms);
	return wait_poll(fds, n, timeout_ms < 0 ? NULL : &ts, NULL);
}

EXPORT int __poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
	return poll(fds, n, timeout_ms);
}

EXPORT int ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
		 const sigset_t *mask)
{
	if (wait_is_plain())
		return LIBC(ppoll)(fds, n, timeout, mask);
	return wait_poll(fds, n, timeout, mask);
}

EXPORT int __poll_chk(struct pollfd *fds, nfds_t n, int timeout_ms, size_t size)
{
	if (size / sizeof(*fds) < n)
		__chk_fail();
	return poll(fds, n, timeout_ms);
}

EXPORT int __ppoll_chk(struct pollfd *fds, nfds_t n,
		       const struct timespec *timeout, const sigset_t *mask,
		       size_t size)
{
	if (size / sizeof(*fds) < n)
		__chk_fail();
	return ppoll(fds, n, timeout, mask);
}

EXPORT int select(int n, fd_set *in, fd_set *out, fd_set *except,
		  struct timeval *timeout)
{
	struct timespec ts;
	int ret;

	if (wait_is_plain())
		return LIBC(select)(n, in, out, except, timeout);
	if (!timeout)
		return wait_select(n, in, out, except, NULL, NULL);
	ts.tv_sec = timeout->tv_sec + timeout->tv_usec / 1000000;
	ts.tv_nsec = timeout->tv_usec % 1000000 * 1000;
	ret = wait_select(n, in, out, except, &ts, NULL);
	timeout->tv_sec = ts.tv_sec;
	timeout->tv_usec = ts.tv_nsec / 1000;
	return ret;
}

EXPORT int __select(int n, fd_set *in, fd_set *out, fd_set *except,
		    struct timeval *timeout)
{
	return select(n, in, out, except, timeout);
}

EXPORT int pselect(int n, fd_set *in, fd_set *out, fd_set *except,
		   const struct timespec *timeout, const sigset_t *mask)
{
	struct timespec ts;

	if (wait_is_plain())
		return LIBC(pselect)(n, in, out, except, timeout, mask);
	if (timeout)
		ts = *timeout;
	return wait_select(n, in, out, except, timeout ? &ts : NULL, mask);
}
