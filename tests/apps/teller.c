// SPDX-License-Identifier: MIT
/*
 * teller.c - a server that tells each client what ktlshim.h says of it
 *
 *   teller PORT HOW
 *
 *   accept    at once
 *   fork      in a child
 *   exec      in a program that a child executes
 *   rights    in a process that gets the connection in a message
 *   foreign   also of descriptors that are none of ktlshim's
 *
 *   teller tell FD   is that program
 *
 * Errors are named; "changed" stands where errno is not as it was.
 */
#define _GNU_SOURCE /* strerrorname_np */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../include/ktlshim.h"

static int listener;

static void tell_error(int out, const char *what, int fd, size_t size)
{
	struct ktlshim_info info;

	errno = 0;
	if (ktlshim_info(fd, &info, size) == 0)
		dprintf(out, "%s: told\n", what);
	else
		dprintf(out, "%s: %s\n", what, strerrorname_np(errno));
}

static void tell(int out, int fd)
{
	struct ktlshim_info info;

	if (!ktlshim_info) {
		dprintf(out, "no ktlshim\n");
		return;
	}
	memset(&info, 'x', sizeof(info));
	errno = 4711;
	if (ktlshim_info(fd, &info, sizeof(info))) {
		dprintf(out, "%s\n", strerrorname_np(errno));
		return;
	}
	dprintf(out, "errno %s\n", errno == 4711 ? "kept" : "changed");
	dprintf(out, "flags%s%s%s%s\n",
		info.flags & KTLSHIM_DIRECT ? " direct" : " relayed",
		info.flags & KTLSHIM_RESUMED ? " resumed" : "",
		info.flags & KTLSHIM_ASKED ? " asked" : "",
		info.flags & KTLSHIM_CLIENT ? " client" : "");
	dprintf(out, "%s %s name=%s alpn=%s\n", info.version, info.cipher,
		info.server_name, info.alpn);
	dprintf(out, "client %d \"%s\" %s by %s, CN %s, %s\n",
		info.client_verify, info.client_error, info.client_subject,
		info.client_issuer, info.client_name, info.client_fingerprint);
}

static void tell_foreign(int fd)
{
	struct ktlshim_info more[2];
	int p[2], i = 0;

	if (pipe(p))
		return;
	tell_error(fd, "stdin", 0, sizeof(more[0]));
	tell_error(fd, "pipe", p[0], sizeof(more[0]));
	tell_error(fd, "listener", listener, sizeof(more[0]));
	tell_error(fd, "-1", -1, sizeof(more[0]));
	tell_error(fd, "high", 1 << 30, sizeof(more[0]));
	tell_error(fd, "short", fd, sizeof(more[0]) - 1);
	memset(more, 'x', sizeof(more));
	while (!ktlshim_info(fd, more, sizeof(more)) &&
	       i < (int)sizeof(more[1]) && !((char *)&more[1])[i])
		i++;
	dprintf(fd, "the rest is %s\n", i == sizeof(more[1]) ? "0" : "not 0");
	close(p[0]);
	close(p[1]);
}

union control {
	struct cmsghdr head;
	char space[CMSG_SPACE(sizeof(int))];
};

static void send_fd(int to, int fd)
{
	union control control = {0};
	struct iovec iov = {"x", 1};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control)};

	control.head.cmsg_len = CMSG_LEN(sizeof(int));
	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	memcpy(CMSG_DATA(&control.head), &fd, sizeof(int));
	sendmsg(to, &msg, 0);
}

static int receive_fd(int from)
{
	union control control;
	char byte;
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control)};
	int fd;

	if (recvmsg(from, &msg, 0) <= 0)
		_exit(0);
	memcpy(&fd, CMSG_DATA(&control.head), sizeof(int));
	return fd;
}

/* Return: where to send descriptors. */
static int start_receiver(void)
{
	int pair[2], fd;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		exit(1);
	if (!fork()) {
		close(pair[0]);
		for (;;) {
			fd = receive_fd(pair[1]);
			tell(fd, fd);
			close(fd);
		}
	}
	close(pair[1]);
	return pair[0];
}

static void serve(const char *self, const char *how, int fd, int receiver)
{
	char number[12];

	if (!strcmp(how, "rights")) {
		send_fd(receiver, fd);
	} else if (!strcmp(how, "accept") || !strcmp(how, "foreign")) {
		tell(fd, fd);
		if (!strcmp(how, "foreign"))
			tell_foreign(fd);
	} else if (!fork()) {
		snprintf(number, sizeof(number), "%d", fd);
		if (!strcmp(how, "exec"))
			execl(self, self, "tell", number, (char *)NULL);
		tell(fd, fd);
		close(fd);
		exit(0);
	}
	close(fd);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

int main(int argc, char **argv)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	int on = 1, receiver = -1;

	if (argc != 3)
		return 64;
	if (!strcmp(argv[1], "tell")) {
		tell(atoi(argv[2]), atoi(argv[2]));
		return 0;
	}
	signal(SIGPIPE, SIG_IGN);
	a.sin_port = htons((uint16_t)atoi(argv[1]));
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (!strcmp(argv[2], "rights"))
		receiver = start_receiver();
	if (bind(listener, (struct sockaddr *)&a, sizeof(a)) ||
	    listen(listener, 50))
		return 1;
	for (;;)
		serve(argv[0], argv[2], accept(listener, NULL, NULL), receiver);
}
