// SPDX-License-Identifier: MIT
/*
 * filler.c - fills a connection until it takes no more, and then lets go of it
 *
 *   filler PORT ENDING [alone] COMBINATION...
 *
 * ENDING: close, shutdown, exit, _exit, return, signal_exit, signal__exit,
 *   exec, exec_inherited, fork_parent_last, fork_child_last
 * COMBINATION: WRITER:EXTRA:SNDBUF:CHUNK, for one connection each
 *   WRITER  write, sendfile, more (MSG_MORE), splice (SPLICE_F_MORE): CHUNK
 *           bytes at a time until EAGAIN; one_more, one_splice: CHUNK bytes once
 *   EXTRA   none, unread (what the client sends is there and is not read),
 *           lowat (TCP_NOTSENT_LOWAT)
 *   SNDBUF  SO_SNDBUF, 0 for what the kernel gives
 *
 * What ends the process is done by a worker forked for the connection, or, alone,
 * by the first process. Says, in one line each, "total N PID" when connection N
 * is full and before it ends, and "ended N" when that is over; PID is the process
 * whose end is to be awaited instead, or 0. What is written is pattern() below.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <netinet/tcp.h>
#include <unistd.h>

#define PERIOD 65521 /* no multiple of a record */
#define CHUNK_MAX 65536
#define FILE_PERIODS 4

struct combination {
	char writer[16], extra[16];
	int sndbuf;
	size_t chunk;
};

static const char *ending;
static unsigned char pattern[PERIOD + CHUNK_MAX];
static int file; /* with FILE_PERIODS times the pattern */
static int pipes[2]; /* for splice, and what is in it */
static size_t inside;

static void die(const char *what)
{
	perror(what);
	_exit(1);
}

static void make_pattern(void)
{
	size_t i;

	for (i = 0; i < sizeof(pattern); i++)
		pattern[i] = (unsigned char)((uint64_t)(i % PERIOD) *
					     2654435761u >> 24);
	file = memfd_create("pattern", MFD_CLOEXEC);
	for (i = 0; i < FILE_PERIODS; i++)
		if (write(file, pattern, PERIOD) != PERIOD)
			die("memfd");
	if (write(file, pattern, CHUNK_MAX) != CHUNK_MAX)
		die("memfd");
}

/* The next @len bytes from a pipe. */
static ssize_t splice_some(int fd, size_t done, size_t len, unsigned int flags)
{
	loff_t off;
	ssize_t n;

	if (!inside) {
		off = (loff_t)(done % ((size_t)PERIOD * FILE_PERIODS));
		n = splice(file, &off, pipes[1], NULL, len, 0);
		if (n <= 0)
			die("splice into the pipe");
		inside = (size_t)n;
	}
	n = splice(pipes[0], NULL, fd, NULL, inside, flags | SPLICE_F_NONBLOCK);
	if (n > 0)
		inside -= (size_t)n;
	return n;
}

static ssize_t write_some(const struct combination *c, int fd, size_t done)
{
	off_t off = (off_t)(done % ((size_t)PERIOD * FILE_PERIODS));
	const char *writer = c->writer;

	if (!strcmp(writer, "sendfile"))
		return sendfile(fd, file, &off, c->chunk);
	if (strstr(writer, "splice"))
		return splice_some(fd, done, c->chunk, SPLICE_F_MORE);
	if (strstr(writer, "more"))
		return send(fd, pattern + done % PERIOD, c->chunk, MSG_MORE);
	return write(fd, pattern + done % PERIOD, c->chunk);
}

static size_t fill(const struct combination *c, int fd)
{
	int once = !strncmp(c->writer, "one_", 4);
	size_t done = 0;
	ssize_t n;

	if (pipe2(pipes, O_CLOEXEC))
		die("pipe");
	inside = 0;
	while (!once || done < c->chunk) {
		n = write_some(c, fd, done);
		if (n < 0 && errno == EAGAIN)
			break;
		if (n <= 0)
			die(c->writer);
		done += (size_t)n;
	}
	close(pipes[0]);
	close(pipes[1]);
	return done;
}

static void on_signal(int sig)
{
	(void)sig;
	if (!strcmp(ending, "signal_exit"))
		exit(0);
	_exit(0);
}

/* Two processes have it; the second to go is the last holder. */
static void end_two(int child_last)
{
	int gone[2];
	pid_t pid;
	char c;

	if (pipe(gone))
		die("pipe");
	pid = fork();
	if (child_last ? !pid : pid > 0) {
		close(gone[1]);
		if (read(gone[0], &c, 1) < 0) /* until the other's end */
			die("read");
	}
	exit(0);
}

static int ends_process(void)
{
	return strcmp(ending, "close") && strcmp(ending, "shutdown");
}

/* Return: only for the endings close, shutdown and return. */
static void end(int fd)
{
	if (!strcmp(ending, "shutdown"))
		shutdown(fd, SHUT_WR);
	if (!ends_process())
		close(fd);
	if (!strcmp(ending, "exit"))
		exit(0);
	if (!strcmp(ending, "_exit"))
		_exit(0);
	if (!strncmp(ending, "signal", 6)) {
		signal(SIGTERM, on_signal);
		raise(SIGTERM);
	}
	if (!strncmp(ending, "exec", 4)) {
		if (!strcmp(ending, "exec"))
			fcntl(fd, F_SETFD, FD_CLOEXEC);
		execl("/bin/true", "true", NULL);
		die("exec");
	}
	if (!strncmp(ending, "fork", 4))
		end_two(!strcmp(ending, "fork_child_last"));
}

static int serve(int listener, const struct combination *c, int n, pid_t await)
{
	int fd = accept(listener, NULL, NULL), lowat = 4096;
	struct pollfd p = {.fd = fd, .events = POLLIN};
	size_t total;

	if (fd < 0)
		die("accept");
	if (c->sndbuf && setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &c->sndbuf,
				    sizeof(c->sndbuf)))
		die("SO_SNDBUF");
	if (!strcmp(c->extra, "lowat") &&
	    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &lowat,
		       sizeof(lowat)))
		die("TCP_NOTSENT_LOWAT");
	if (!strcmp(c->extra, "unread"))
		poll(&p, 1, -1);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	total = fill(c, fd);
	printf("total %d %zu %d\n", n, total, (int)await);
	fflush(stdout);
	end(fd);
	return 0;
}

static int parse(struct combination *c, const char *text)
{
	return sscanf(text, "%15[^:]:%15[^:]:%d:%zu", c->writer, c->extra,
		      &c->sndbuf, &c->chunk) == 4 &&
	       c->chunk <= CHUNK_MAX;
}

int main(int argc, char **argv)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1, i;
	int alone = argc > 3 && !strcmp(argv[3], "alone");
	struct combination c;
	pid_t pid;

	if (argc < 4)
		return 64;
	ending = argv[2];
	make_pattern();
	a.sin_port = htons((unsigned short)atoi(argv[1]));
	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(s, (struct sockaddr *)&a, sizeof(a)) || listen(s, 16))
		die("listen");
	for (i = 3 + alone; i < argc; i++) {
		if (!parse(&c, argv[i]))
			return 64;
		if (alone && ends_process())
			return serve(s, &c, i - 3 - alone, getpid());
		pid = ends_process() ? fork() : 0;
		if (!pid && serve(s, &c, i - 3 - alone, 0) == 0 &&
		    ends_process())
			return 0;
		if (pid)
			waitpid(pid, NULL, 0);
		printf("ended %d\n", i - 3 - alone);
		fflush(stdout);
	}
	return 0;
}
