// SPDX-License-Identifier: MIT
/*
 * wait.c - poll() and select() for daemons with blocking sockets
 */
#include "wait.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>

#include "fdtab.h"
#include "libc.h"
#include "stream.h"

bool wait_is_plain(void)
{
	return stream_user_count() == 0 && !share_any_bytes();
}

#define READABLE (POLLIN | POLLRDNORM)

/* Readable, says the kernel; but would a read have to wait? */
static bool is_hollow(int fd)
{
	struct entry *e = fdtab_is_any(fd) ? fdtab_get(fd) : NULL;
	bool hollow = false;
	int saved = errno;

	if (!e)
		return false;
	/* a daemon with non-blocking sockets copes with EAGAIN by itself */
	if (e->kind == ENTRY_STREAM &&
	    !(LIBC(fcntl)(fd, F_GETFL) & O_NONBLOCK))
		hollow = !stream_has_input((struct stream *)e, fd);
	fdtab_put(e);
	errno = saved;
	return hollow;
}

/* Plaintext waits here, and the kernel does not know. */
static bool has_spill(int fd)
{
	struct entry *e = share_any_bytes() && fdtab_is_any(fd) ? fdtab_get(fd)
								 : NULL;
	bool has;

	if (!e)
		return false;
	has = e->kind == ENTRY_STREAM && stream_has_spill((struct stream *)e);
	fdtab_put(e);
	return has;
}

/* Deadlines. No limit is a deadline of 0. */
static struct timespec deadline_of(const struct timespec *timeout)
{
	struct timespec t = {0};

	if (!timeout)
		return t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	if (timeout->tv_sec > INT32_MAX)
		t.tv_sec += INT32_MAX; /* as good as none */
	else
		t.tv_sec += timeout->tv_sec;
	t.tv_nsec += timeout->tv_nsec;
	if (t.tv_nsec >= 1000000000) {
		t.tv_nsec -= 1000000000;
		t.tv_sec++;
	}
	return t;
}

static void time_left(const struct timespec *deadline, struct timespec *left)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	left->tv_sec = deadline->tv_sec - now.tv_sec;
	left->tv_nsec = deadline->tv_nsec - now.tv_nsec;
	if (left->tv_nsec < 0) {
		left->tv_nsec += 1000000000;
		left->tv_sec--;
	}
	if (left->tv_sec < 0)
		*left = (struct timespec){0};
}

/* Look at what the kernel says. Return: how many are ready after all. */
static int review_poll(struct pollfd *fds, nfds_t n, int ready)
{
	nfds_t i;

	for (i = 0; i < n; i++) {
		if (fds[i].events & READABLE && has_spill(fds[i].fd)) {
			ready += !fds[i].revents;
			fds[i].revents |= fds[i].events & READABLE;
		} else if (fds[i].revents & READABLE && is_hollow(fds[i].fd)) {
			fds[i].revents &= ~READABLE;
			ready -= !fds[i].revents;
		}
	}
	return ready;
}

static bool any_spill_poll(const struct pollfd *fds, nfds_t n)
{
	nfds_t i;

	for (i = 0; share_any_bytes() && i < n; i++)
		if (fds[i].events & READABLE && has_spill(fds[i].fd))
			return true;
	return false;
}

int wait_poll(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
	      const sigset_t *mask)
{
	struct timespec deadline = deadline_of(timeout), left = {0};
	const struct timespec none = {0};
	int ready;

	if (timeout)
		left = *timeout;
	for (;;) {
		if (any_spill_poll(fds, n))
			ready = LIBC(ppoll)(fds, n, &none, mask);
		else
			ready = LIBC(ppoll)(fds, n, timeout ? &left : NULL,
					    mask);
		if (ready < 0)
			return ready;
		ready = review_poll(fds, n, ready);
		if (timeout)
			time_left(&deadline, &left);
		if (ready > 0 || (timeout && !left.tv_sec && !left.tv_nsec))
			return ready;
	}
}

static bool any_spill_select(int n, const fd_set *in)
{
	int fd;

	for (fd = 0; share_any_bytes() && in && fd < n; fd++)
		if (FD_ISSET(fd, in) && has_spill(fd))
			return true;
	return false;
}

static int review_select(int n, const fd_set *asked, fd_set *in, int ready)
{
	int fd;

	for (fd = 0; in && fd < n; fd++) {
		if (FD_ISSET(fd, asked) && has_spill(fd)) {
			ready += !FD_ISSET(fd, in);
			FD_SET(fd, in);
		} else if (FD_ISSET(fd, in) && is_hollow(fd)) {
			FD_CLR(fd, in);
			ready--;
		}
	}
	return ready;
}

int wait_select(int n, fd_set *in, fd_set *out, fd_set *except,
		struct timespec *timeout, const sigset_t *mask)
{
	struct timespec deadline = deadline_of(timeout);
	const struct timespec none = {0};
	fd_set *sets[3] = {in, out, except}, asked[3];
	/* daemons do pass sets that are larger than fd_set; touch n bits */
	size_t bytes = (size_t)(n + NFDBITS - 1) / NFDBITS * sizeof(fd_mask);
	int ready, i;

	if (n < 0 || n > FD_SETSIZE)
		return LIBC(pselect)(n, in, out, except, timeout, mask);
	for (i = 0; i < 3; i++)
		if (sets[i])
			memcpy(&asked[i], sets[i], bytes);
	for (;;) {
		ready = LIBC(pselect)(n, in, out, except,
				      any_spill_select(n, in) ? &none : timeout,
				      mask);
		if (timeout)
			time_left(&deadline, timeout);
		if (ready < 0)
			return ready;
		ready = review_select(n, &asked[0], in, ready);
		if (ready > 0 ||
		    (timeout && !timeout->tv_sec && !timeout->tv_nsec))
			return ready;
		for (i = 0; i < 3; i++)
			if (sets[i])
				memcpy(sets[i], &asked[i], bytes);
	}
}
