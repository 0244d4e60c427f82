// SPDX-License-Identifier: MIT
/*
 * stdio.c - stdio streams on sockets of ours
 */
#include "stdio.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "hook.h"
#include "sys.h"

struct cookie {
	int fd;
	FILE *file;
	struct cookie *next;
};

static struct cookie *cookies; /* under the lock */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* As our hooks, these are right for whatever the number means. */
static ssize_t cookie_read(void *arg, char *buf, size_t len)
{
	const struct cookie *c = arg;
	struct iovec iov = {buf, len};

	return HOOK_RECV(c->fd, LIBC(read)(c->fd, buf, len), &iov, 1, 0, len);
}

static ssize_t cookie_write(void *arg, const char *buf, size_t len)
{
	const struct cookie *c = arg;
	ssize_t n = HOOK_WRITE(c->fd, LIBC(write)(c->fd, buf, len), 0);

	return n < 0 ? 0 : n; /* how fopencookie(3) wants an error */
}

static int cookie_close(void *arg)
{
	struct cookie *c = arg, **p;
	int fd = c->fd;

	pthread_mutex_lock(&lock);
	for (p = &cookies; *p && *p != c; p = &(*p)->next)
		;
	if (*p)
		*p = c->next;
	pthread_mutex_unlock(&lock);
	free(c);
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
	struct cookie *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->fd = fd;
	c->file = fopencookie(c, mode, functions);
	if (!c->file) {
		free(c);
		return NULL;
	}
	c->file->_fileno = fd; /* for fileno(3) */
	pthread_mutex_lock(&lock);
	c->next = cookies;
	atomic_signal_fence(memory_order_release); /* see stdio_atfork_child() */
	cookies = c;
	pthread_mutex_unlock(&lock);
	return c->file;
}

void stdio_take_stdin(void)
{
	static FILE *ours;

	if (!ours)
		ours = stdio_open(STDIN_FILENO, "r");
	if (ours)
		stdin = ours;
}

/* A thread may sit in a read of it for ever, holding its lock. */
static void flush(FILE *file)
{
	if (ftrylockfile(file))
		return;
	fflush_unlocked(file);
	funlockfile(file);
}

void stdio_flush(void)
{
	struct cookie *c;

	if (fdtab_is_any(STDOUT_FILENO))
		flush(stdout);
	if (pthread_mutex_trylock(&lock))
		return;
	for (c = cookies; c; c = c->next)
		flush(c->file);
	pthread_mutex_unlock(&lock);
}

/* The list is whole at any time: one store puts a cookie in or takes it out. */
void stdio_atfork_child(void)
{
	pthread_mutex_init(&lock, NULL);
}
