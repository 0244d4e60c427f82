// SPDX-License-Identifier: MIT
/*
 * hooks_exec.c - the exported calls that replace the program, and fork
 *
 * What is close-on-exec is let go of first: libc and the kernel do not tell us
 * later, and a holder that never leaves would keep the last one from saying
 * goodbye. In a child of vfork nothing is recorded and nothing is done.
 *
 * glibc's exec functions do not call each other through anything we could hook,
 * so each name is here.
 */
#include <stdarg.h>

#include "hook.h"

#define EXEC(call)                                                             \
	({                                                                     \
		int result;                                                    \
		sock_before_exec();                                            \
		result = (call);                                               \
		sock_exec_failed();                                            \
		result;                                                        \
	})

EXPORT int execve(const char *path, char *const argv[], char *const env[])
{
	return EXEC(LIBC(execve)(path, argv, env));
}

EXPORT int execv(const char *path, char *const argv[])
{
	return EXEC(LIBC(execv)(path, argv));
}

EXPORT int execvp(const char *file, char *const argv[])
{
	return EXEC(LIBC(execvp)(file, argv));
}

EXPORT int execvpe(const char *file, char *const argv[], char *const env[])
{
	return EXEC(LIBC(execvpe)(file, argv, env));
}

EXPORT int fexecve(int fd, char *const argv[], char *const env[])
{
	return EXEC(LIBC(fexecve)(fd, argv, env));
}

EXPORT int execveat(int dir, const char *path, char *const argv[],
		    char *const env[], int flags)
{
	return EXEC(LIBC(execveat)(dir, path, argv, env, flags));
}

static size_t count_args(va_list ap)
{
	size_t n = 1;

	while (va_arg(ap, char *))
		n++;
	return n;
}

static void copy_args(char **argv, const char *arg, size_t n, va_list ap)
{
	size_t i;

	argv[0] = (char *)arg;
	for (i = 1; i <= n; i++)
		argv[i] = va_arg(ap, char *);
}

/* argv from the arguments up to NULL; then ap is behind that NULL */
#define ARGS(argv)                                                             \
	va_list ap;                                                            \
	size_t n;                                                              \
                                                                               \
	va_start(ap, arg);                                                     \
	n = count_args(ap);                                                    \
	va_end(ap);                                                            \
	char *argv[n + 1];                                                     \
	va_start(ap, arg);                                                     \
	copy_args(argv, arg, n, ap)

EXPORT int execl(const char *path, const char *arg, ...)
{
	ARGS(argv);
	va_end(ap);
	return EXEC(LIBC(execv)(path, argv));
}

EXPORT int execlp(const char *file, const char *arg, ...)
{
	ARGS(argv);
	va_end(ap);
	return EXEC(LIBC(execvp)(file, argv));
}

EXPORT int execle(const char *path, const char *arg, ...)
{
	char **env;

	ARGS(argv);
	env = va_arg(ap, char **);
	va_end(ap);
	return EXEC(LIBC(execve)(path, argv, env));
}

/* The handlers in init.c do the work; here only what they cannot know. */
EXPORT pid_t fork(void)
{
	pid_t pid = LIBC(fork)();

	if (pid < 0)
		sock_fork_failed();
	return pid;
}
