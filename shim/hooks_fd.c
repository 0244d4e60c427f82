// SPDX-License-Identifier: MIT
/*
 * hooks_fd.c - the exported calls that make and end descriptor numbers
 *
 * Inside a child of vfork the memory is the parent's: fdtab_is_ours() is false
 * there and nothing is recorded.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>

#include "hook.h"
#include "stdio.h"

/* glibc's, declared in no header */
int __close(int);
int __dup2(int, int);
int __fcntl(int, int, ...);

HOOKED(int, close, (int fd), (fd))
{
	int saved = errno;

	if (sock_closing(fd)) {
		errno = EBADF;
		return -1;
	}
	errno = saved;
	return LIBC(close)(fd);
}

EXPORT int __close(int fd)
{
	return close(fd);
}

EXPORT FILE *fdopen(int fd, const char *mode)
{
	struct entry *e = fdtab_is_any(fd) ? sock_entry(fd) : NULL;
	bool ours = e && (e->kind == ENTRY_STREAM || e->kind == ENTRY_RELAYED);

	if (e)
		fdtab_put(e);
	return ours ? stdio_open(fd, mode) : LIBC(fdopen)(fd, mode);
}

/* libc closes the descriptor by itself, past our close(). */
EXPORT int fclose(FILE *file)
{
	int saved = errno, fd = fileno(file);

	if (fd >= 0 && fdtab_is_any(fd)) {
		fflush(file); /* before we say goodbye */
		sock_closing(fd);
	}
	errno = saved;
	return LIBC(fclose)(file);
}

static int note_dup(int from, int to)
{
	int saved = errno;

	if (to >= 0 && (fdtab_is_any(from) || fdtab_is_any(to)))
		sock_duplicated(from, to);
	errno = saved;
	return to;
}

EXPORT int dup(int fd)
{
	return note_dup(fd, LIBC(dup)(fd));
}

/* The target is closed by this, if the source is open at all. */
static int clear_target(int from, int to)
{
	int saved = errno;

	if (from != to && fdtab_is_any(to) && LIBC(fcntl)(from, F_GETFD) >= 0 &&
	    sock_closing(to)) {
		errno = EBADF;
		return -1;
	}
	errno = saved;
	return 0;
}

EXPORT int dup2(int from, int to)
{
	if (clear_target(from, to))
		return -1;
	return note_dup(from, LIBC(dup2)(from, to));
}

EXPORT int __dup2(int from, int to)
{
	return dup2(from, to);
}

EXPORT int dup3(int from, int to, int flags)
{
	if (flags & ~O_CLOEXEC)
		return LIBC(dup3)(from, to, flags); /* refused */
	if (clear_target(from, to))
		return -1;
	return note_dup(from, LIBC(dup3)(from, to, flags));
}

/* One pointer-sized argument or none: forwarded as it came. */
#define FCNTL(name)                                                            \
	EXPORT int name(int fd, int cmd, ...)                                  \
	{                                                                      \
		va_list ap;                                                    \
		void *arg;                                                     \
		int ret;                                                       \
                                                                               \
		va_start(ap, cmd);                                             \
		arg = va_arg(ap, void *);                                      \
		va_end(ap);                                                    \
		ret = LIBC(fcntl)(fd, cmd, arg);                               \
		if (cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC)                  \
			note_dup(fd, ret);                                     \
		return ret;                                                    \
	}
FCNTL(fcntl)
FCNTL(fcntl64)
FCNTL(__fcntl)

/* Ours in the range say goodbye first; the shim's own are stepped over. */
static int sweep(unsigned int first, unsigned int last, int flags)
{
	unsigned int fd, from = first, high = (unsigned int)fdtab_high();
	int ret = 0;

	for (fd = first; fd <= last && fd < high; fd++) {
		if (!fdtab_is_any((int)fd) || !sock_closing((int)fd))
			continue;
		if (from < fd)
			ret |= LIBC(close_range)(from, fd - 1, flags);
		from = fd + 1;
	}
	if (from <= last)
		ret |= LIBC(close_range)(from, last, flags);
	return ret;
}

EXPORT int close_range(unsigned int first, unsigned int last, int flags)
{
	if (flags & CLOSE_RANGE_CLOEXEC || first > last)
		return LIBC(close_range)(first, last, flags);
	return sweep(first, last, flags);
}

EXPORT void closefrom(int first)
{
	int saved = errno;

	sweep(first < 0 ? 0 : (unsigned int)first, ~0u, 0);
	errno = saved;
}

EXPORT void _exit(int status)
{
	sock_exiting();
	LIBC(_exit)(status);
	__builtin_unreachable();
}

EXPORT void _Exit(int status)
{
	_exit(status);
}
