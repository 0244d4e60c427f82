/* SPDX-License-Identifier: MIT */
/*
 * epollmove.h - registrations in epoll, when the socket under them changes
 *
 * Some daemons (asyncore, Erlang) add the listening socket to epoll before
 * they call listen. A registration belongs to the open file, not the number,
 * so putting a gate in the socket's place would leave it with the socket.
 */
#ifndef KTLSHIM_EPOLLMOVE_H
#define KTLSHIM_EPOLLMOVE_H

#include <sys/epoll.h>

#define EPOLLMOVE_MAX 16

struct epollmove {
	int n;
	struct {
		int epfd;
		struct epoll_event event;
	} regs[EPOLLMOVE_MAX];
};

/** epollmove_take() - find and remove the registrations of @fd */
void epollmove_take(struct epollmove *move, int fd);

/** epollmove_put() - register what @fd means now in the same way */
void epollmove_put(const struct epollmove *move, int fd);

#endif
