// SPDX-License-Identifier: MIT
/*
 * select_echo.c - an old-style server: one process, select(), blocking sockets
 *
 *   select_echo PORT [ADDRESS]
 *
 * Sends back what it receives, until the client ends its stream. Knows nothing
 * of TLS and is linked with nothing of ours.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

static int open_listener(const char *address, int port)
{
	struct sockaddr_in6 a6 = {.sin6_family = AF_INET6,
				  .sin6_port = htons((unsigned short)port)};
	struct sockaddr_in a4 = {.sin_family = AF_INET,
				 .sin_port = htons((unsigned short)port)};
	int six = inet_pton(AF_INET6, address, &a6.sin6_addr) == 1, on = 1;
	int fd = socket(six ? AF_INET6 : AF_INET, SOCK_STREAM, 0);

	inet_pton(AF_INET, address, &a4.sin_addr);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, six ? (void *)&a6 : (void *)&a4,
		 six ? sizeof(a6) : sizeof(a4)) ||
	    listen(fd, 64)) {
		perror("select_echo");
		exit(1);
	}
	return fd;
}

static int echo(int fd)
{
	static char buf[10000];
	ssize_t n = read(fd, buf, sizeof(buf)), off = 0, m;

	if (n < 0)
		perror("select_echo: read");
	for (; off < n; off += m)
		if ((m = write(fd, buf + off, (size_t)(n - off))) <= 0)
			return -1;
	return n > 0 ? 0 : -1;
}

int main(int argc, char **argv)
{
	int listener = open_listener(argc > 2 ? argv[2] : "0.0.0.0",
				     argc > 1 ? atoi(argv[1]) : 7);
	fd_set open_fds, ready;
	int fd, conn;

	FD_ZERO(&open_fds);
	FD_SET(listener, &open_fds);
	for (;;) {
		ready = open_fds;
		if (select(FD_SETSIZE, &ready, NULL, NULL, NULL) < 0)
			continue;
		for (fd = 0; fd < FD_SETSIZE; fd++) {
			if (!FD_ISSET(fd, &ready))
				continue;
			if (fd == listener) {
				conn = accept(listener, NULL, NULL);
				if (conn >= 0)
					FD_SET(conn, &open_fds);
			} else if (echo(fd)) {
				FD_CLR(fd, &open_fds);
				close(fd);
			}
		}
	}
}
