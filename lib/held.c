// SPDX-License-Identifier: MIT
/*
 * held.c - does anybody hold a connection that was given to the daemon?
 *
 * A registration in epoll belongs to the open file, not to the descriptor, and
 * holds no reference: it stays when we close ours, and goes when the last
 * descriptor anywhere is closed, be it in a process, in a message under way or
 * in a process that was killed. /proc/self/fdinfo lists what is registered,
 * with the SO_COOKIE that we have put there (fs/eventpoll.c, ep_show_fdinfo:
 * one snapshot, under the set's lock). Nobody ever waits on these sets.
 *
 * Not asked of inet_diag: it does not find a socket that was reset while the
 * daemon still has it, nor one in another network namespace, and says the same
 * ENOENT when its module is missing.
 *
 * Several sets: a list is short, and processors that receive for different
 * connections rarely meet in one.
 */
#include "held.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto.h"

static int sets[HELD_SETS], always;
/*
 * The SO_COOKIE of our control socket: no other helper has it, before or after.
 * It is in each set, too, for a socket that is always there: a list without it
 * says nothing.
 */
static uint64_t watcher;

static uint64_t cookie_of(int fd)
{
	socklen_t len = sizeof(uint64_t);
	uint64_t cookie = 0;

	return getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) ? 0
								    : cookie;
}

/* Of events there is only what cannot be switched off: errors and the end. */
static int add(int set, int fd, uint64_t cookie)
{
	struct epoll_event event = {.data.u64 = cookie};

	return epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);
}

void held_open(void)
{
	int i;

	always = eventfd(0, EFD_CLOEXEC);
	watcher = cookie_of(HELPER_CONTROL_FD);
	for (i = 0; i < HELD_SETS; i++) {
		sets[i] = epoll_create1(EPOLL_CLOEXEC);
		if (sets[i] >= 0 && add(sets[i], always, watcher)) {
			close(sets[i]);
			sets[i] = -1;
		}
	}
}

void held_close(void)
{
	int i;

	for (i = 0; i < HELD_SETS; i++)
		if (sets[i] >= 0)
			close(sets[i]);
	if (always >= 0)
		close(always);
}

uint64_t held_add(int fd)
{
	uint64_t cookie = cookie_of(fd);

	if (!cookie || add(sets[HELD_SET(cookie)], fd, cookie))
		return 0;
	return watcher;
}

/* The bit of each that is in the list. */
static uint32_t find(uint64_t data, const uint64_t *cookies, unsigned int n)
{
	uint32_t found = 0;
	unsigned int i;

	for (i = 0; i < n; i++)
		if (cookies[i] == data)
			found |= UINT32_C(1) << i;
	return found;
}

uint64_t held_gone(const uint64_t *cookies, unsigned int n, uint32_t *gone)
{
	char path[64], line[256];
	bool whole = false;
	unsigned int i;
	uint64_t data;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d",
		 sets[HELD_SET(cookies[0])]);
	f = fopen(path, "re");
	if (!f)
		return 0;
	for (*gone = 0, i = 0; i < n; i++)
		if (HELD_SET(cookies[i]) == HELD_SET(cookies[0]))
			*gone |= UINT32_C(1) << i;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "tfd: %*d events: %*x data: %" SCNx64,
			   &data) != 1)
			continue;
		*gone &= ~find(data, cookies, n);
		whole = whole || data == watcher;
	}
	whole = whole && !ferror(f);
	fclose(f);
	return whole ? watcher : 0;
}
