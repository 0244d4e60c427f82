// SPDX-License-Identifier: MIT
/*
 * static_server.c - a server of which nothing comes from a shared library
 *
 * static_server PORT: says hello to each client that sends something. To be
 * linked with -static; linked as usual, it is an ordinary program.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	const char hello[] = "hello from static_server\n";
	char line[512];
	int fd, conn;

	if (argc != 2)
		return 64;
	addr.sin_port = htons((unsigned short)atoi(argv[1]));
	fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) ||
	    listen(fd, 5)) {
		perror("static_server");
		return 1;
	}
	while ((conn = accept(fd, NULL, NULL)) >= 0) {
		if (read(conn, line, sizeof(line)) > 0 &&
		    write(conn, hello, strlen(hello)) < 0)
			perror("write");
		shutdown(conn, SHUT_WR);
		while (read(conn, line, sizeof(line)) > 0)
			;
		close(conn);
	}
	return 1;
}
