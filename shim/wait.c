// SPDX-License-Identifier: MIT
/*
 * wait.c - poll() and select() for daemons with blocking sockets
 */
#include "wait.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "fdtab.h"
#include "libc.h"
#include "stream.h"

bool wait_is_plain(void)
{
	return stream_user_count() == 0;
}

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

/* Deadlines. No limit is a deadline of 0. */
static struct timespec deadline_of(const struct timespec *timeout)
{
	struct timespec t = {0};

	if (!timeout)
		return t;
	clock_gettime(CLOCK_MONOTONIC, &t);
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

int wait_poll(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
	      const sigset_t *mask)
{
	struct timespec deadline = deadline_of(timeout), left;
	int ready, real;
	nfds_t i;

	if (timeout)
		left = *timeout;
	for (;;) {
		ready = LIBC(ppoll)(fds, n, timeout ? &left : NULL, mask);
		if (ready <= 0)
			return ready;
		real = ready;
		for (i = 0; i < n; i++) {
			if (!(fds[i].revents & POLLIN) || !is_hollow(fds[i].fd))
				continue;
			fds[i].revents &= ~(POLLIN | POLLRDNORM);
			real -= !fds[i].revents;
		}
		if (real > 0)
			return real;
		if (timeout)
			time_left(&deadline, &left);
	}
}

static int drop_hollow(int n, fd_set *in)
{
	int fd, dropped = 0;

	for (fd = 0; in && fd < n; fd++)
		if (FD_ISSET(fd, in) && is_hollow(fd)) {
			FD_CLR(fd, in);
			dropped++;
		}
	return dropped;
}

int wait_select(int n, fd_set *in, fd_set *out, fd_set *except,
		struct timespec *timeout, const sigset_t *mask)
{
	struct timespec deadline = deadline_of(timeout);
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
		ready = LIBC(pselect)(n, in, out, except, timeout, mask);
		if (timeout)
			time_left(&deadline, timeout);
		if (ready <= 0)
			return ready;
		ready -= drop_hollow(n, in);
		if (ready > 0)
			return ready;
		for (i = 0; i < 3; i++)
			if (sets[i])
				memcpy(sets[i], &asked[i], bytes);
	}
}
