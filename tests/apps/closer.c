// SPDX-License-Identifier: MIT
/*
 * closer.c - says hello to each client and lets go of it in a way of choice
 *
 *   closer PORT HOW CONNECTIONS
 *
 * HOW: exec, fclose, syscall, dup2, dup, close_range, exit, _exit, stdio_exit, fork
 *
 * After each connection a file is opened, which gets the connection's number,
 * and must read as a file.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define HELLO "hello from closer\n"

static void say(int fd)
{
	if (write(fd, HELLO, strlen(HELLO)) < 0)
		perror("closer: write");
}

static void let_go(int fd, const char *how)
{
	FILE *f;

	if (!strcmp(how, "fclose")) {
		f = fdopen(fd, "w");
		fputs(HELLO, f);
		fclose(f);
	} else if (!strcmp(how, "syscall")) {
		char c;

		say(fd);
		shutdown(fd, SHUT_WR);
		while (read(fd, &c, 1) > 0)
			; /* to the end: that is remembered, too */
		syscall(SYS_close, fd); /* as libuv does */
	} else if (!strcmp(how, "dup2")) {
		int null = open("/dev/null", O_RDWR);

		say(fd);
		dup2(null, fd); /* as the JVM does to wake its readers */
		close(null);
		close(fd);
	} else if (!strcmp(how, "dup")) {
		int other = dup(fd);

		close(fd); /* not the last: the client must not notice */
		say(other);
		close(other);
	} else if (!strcmp(how, "close_range")) {
		say(fd);
		close_range((unsigned int)fd, ~0u, 0);
	} else if (!strcmp(how, "exit")) {
		say(fd);
		exit(0);
	} else if (!strcmp(how, "_exit")) {
		say(fd);
		_exit(0);
	} else if (!strcmp(how, "stdio_exit")) {
		f = fdopen(fd, "w");
		fputs(HELLO, f); /* written by exit() */
		exit(0);
	} else if (!strcmp(how, "exec")) {
		fcntl(fd, F_SETFD, FD_CLOEXEC);
		if (!fork()) {
			execl("/bin/true", "true", NULL);
			_exit(1);
		}
		wait(NULL);
		say(fd);
		close(fd); /* the last holder, though a child had it too */
	} else if (!strcmp(how, "fork")) {
		if (!fork()) {
			char c;

			if (read(fd, &c, 1) == 1)
				say(fd);
			_exit(0);
		}
		close(fd); /* the child goes on with it */
		wait(NULL);
	}
}

static int number_is_free(int fd)
{
	char buf[64];
	int file = open("/proc/self/comm", O_RDONLY);
	ssize_t n = read(file, buf, sizeof(buf));

	close(file);
	if (file != fd || n < 6 || memcmp(buf, "closer", 6)) {
		printf("number %d, file %d, read %zd\n", fd, file, n);
		return 0;
	}
	return 1;
}

int main(int argc, char **argv)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	int s = socket(AF_INET, SOCK_STREAM, 0), on = 1, n, conn, good = 1;

	if (argc < 4)
		return 64;
	a.sin_port = htons((unsigned short)atoi(argv[1]));
	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(s, (struct sockaddr *)&a, sizeof(a)) || listen(s, 16)) {
		perror("closer");
		return 1;
	}
	for (n = atoi(argv[3]); n > 0; n--) {
		conn = accept(s, NULL, NULL);
		let_go(conn, argv[2]);
		good = good && number_is_free(conn);
	}
	puts(good ? "good" : "bad");
	return !good;
}
