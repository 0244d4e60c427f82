// SPDX-License-Identifier: MIT
/*
 * hook.c - what does read() cost on a descriptor that is not ours?
 *
 * hook FILE|socket N: nanoseconds per read of one byte, the least of ten times N / 10:
 * what else the machine does only ever adds to it
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

/* Return: ns for each of @n reads; negative: something came */
static double time_reads(int fd, long n)
{
	double begin = now_ns();
	char byte;
	long i;

	for (i = 0; i < n; i++)
		if (read(fd, &byte, 1) > 1)
			return -1; /* nothing on the socket: EAGAIN */
	return (now_ns() - begin) / (double)n;
}

int main(int argc, char **argv)
{
	long n = argc > 2 ? atol(argv[2]) / 10 : 0;
	int fds[2] = {-1, -1}, i;
	double least = 1e9, took;

	if (n < 1)
		return 64;
	if (strcmp(argv[1], "socket"))
		fds[0] = open(argv[1], O_RDONLY);
	else if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds))
		return 1;
	if (fds[0] < 0)
		return 1;
	for (i = 0; i < 10; i++) {
		took = time_reads(fds[0], n);
		if (took < 0)
			return 1;
		least = took < least ? took : least;
	}
	printf("%.2f\n", least);
	return 0;
}
