// SPDX-License-Identifier: MIT
/*
 * hook.c - what does read() cost on a descriptor that is not ours?
 *
 * hook FILE|socket N: nanoseconds per read of one byte
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static double now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

int main(int argc, char **argv)
{
	long n = argc > 2 ? atol(argv[2]) : 0, i;
	int fds[2] = {-1, -1};
	double begin;
	char byte;

	if (n < 1)
		return 64;
	if (strcmp(argv[1], "socket"))
		fds[0] = open(argv[1], O_RDONLY);
	else if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds))
		return 1;
	if (fds[0] < 0)
		return 1;
	begin = now_ns();
	for (i = 0; i < n; i++)
		if (read(fds[0], &byte, 1) > 1)
			return 1; /* nothing on the socket: EAGAIN */
	printf("%.2f\n", (now_ns() - begin) / (double)n);
	return 0;
}
