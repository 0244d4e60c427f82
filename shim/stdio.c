// SPDX-License-Identifier: MIT
/*
 * stdio.c - stdio streams on sockets of ours
 */
#include "stdio.h"

#include <stdint.h>
#include <unistd.h>

#include "hook.h"
#include "sys.h"

/* The cookie is the number itself. As our hooks, these are right for whatever
 * it means. */
static ssize_t cookie_read(void *cookie, char *buf, size_t len)
{
	struct iovec iov = {buf, len};
	int fd = (int)(intptr_t)cookie;

	return HOOK_RECV(fd, LIBC(read)(fd, buf, len), &iov, 1, 0, len);
}

static ssize_t cookie_write(void *cookie, const char *buf, size_t len)
{
	int fd = (int)(intptr_t)cookie;
	ssize_t n = HOOK_WRITE(fd, LIBC(write)(fd, buf, len), 0);

	return n < 0 ? 0 : n; /* how fopencookie(3) wants an error */
}

static int cookie_close(void *cookie)
{
	int fd = (int)(intptr_t)cookie;

	if (fdtab_is_any(fd))
		sock_closing(fd);
	return sys_close(fd);
}

FILE *stdio_open(int fd, const char *mode)
{
	const cookie_io_functions_t functions = {
		.read = cookie_read,
		.write = cookie_write,
		.close = cookie_close,
	};
	FILE *file = fopencookie((void *)(intptr_t)fd, mode, functions);

	if (file)
		file->_fileno = fd; /* for fileno(3) */
	return file;
}

void stdio_take_stdin(void)
{
	static FILE *ours;

	if (!ours)
		ours = stdio_open(STDIN_FILENO, "r");
	if (ours)
		stdin = ours;
}
