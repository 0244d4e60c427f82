// SPDX-License-Identifier: MIT
/*
 * epollmove.c - registrations in epoll, when the socket under them changes
 *
 * /proc/self/fdinfo of an epoll descriptor has a line for each registration:
 * "tfd: 5 events: 19 data: 5 ..." (fs/eventpoll.c, ep_show_fdinfo), number and
 * events and data in decimal and hex. Read with system calls by number: the
 * daemon's stdio and our hooks stay out of it.
 */
#include "epollmove.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys.h"

#define EPOLL_LINK "anon_inode:[eventpoll]"

static bool is_epoll(const char *number)
{
	char path[64], link[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%.20s", number);
	n = readlink(path, link, sizeof(link));
	return n == (ssize_t)strlen(EPOLL_LINK) &&
	       !memcmp(link, EPOLL_LINK, (size_t)n);
}

/* The registration of @fd in one epoll descriptor, if there is one. */
static bool find(int epfd, int fd, struct epoll_event *event)
{
	char path[64], buf[4096], *line, *rest = buf;
	uint64_t data;
	unsigned int events;
	size_t have = 0;
	int in, tfd;
	long n;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", epfd);
	in = (int)sys_call(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	if (in < 0)
		return false;
	while (have < sizeof(buf) - 1 &&
	       (n = sys_call(SYS_read, in, buf + have,
			    sizeof(buf) - 1 - have)) > 0)
		have += (size_t)n;
	sys_close(in);
	buf[have] = '\0';
	while ((line = strsep(&rest, "\n"))) {
		if (sscanf(line, "tfd: %d events: %x data: %" SCNx64, &tfd,
			   &events, &data) != 3 ||
		    tfd != fd)
			continue;
		event->events = events;
		event->data.u64 = data;
		return true;
	}
	return false;
}

void epollmove_take(struct epollmove *move, int fd)
{
	struct epoll_event event;
	struct dirent *d;
	DIR *dir;
	int epfd;

	move->n = 0;
	dir = opendir("/proc/self/fd");
	while (dir && (d = readdir(dir)) && move->n < EPOLLMOVE_MAX) {
		if (!is_epoll(d->d_name))
			continue;
		epfd = atoi(d->d_name);
		if (!find(epfd, fd, &event) ||
		    epoll_ctl(epfd, EPOLL_CTL_DEL, fd, NULL))
			continue;
		move->regs[move->n].epfd = epfd;
		move->regs[move->n++].event = event;
	}
	if (dir)
		closedir(dir);
}

void epollmove_put(const struct epollmove *move, int fd)
{
	int i;

	for (i = 0; i < move->n; i++) {
		struct epoll_event event = move->regs[i].event;

		epoll_ctl(move->regs[i].epfd, EPOLL_CTL_ADD, fd, &event);
	}
}
