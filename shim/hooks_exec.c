// SPDX-License-Identifier: MIT
/*
 * hooks_exec.c - the exported calls that replace the program, and fork
 *
 * What goes along to the next program is in inherit.h. What is close-on-exec is
 * let go of first: libc and the kernel do not tell us later, and a holder that
 * never leaves would keep the last one from saying goodbye.
 *
 * glibc's exec functions do not call each other through anything we could hook,
 * so each name is here.
 */
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "hook.h"
#include "inherit.h"

/* new_env: what the new program gets for env */
#define EXEC(env, call)                                                        \
	({                                                                     \
		char *new_env[inherit_env_max(env)];                           \
		char text[inherit_text_bytes(env)];                            \
		struct inherit in;                                             \
		int result;                                                    \
		inherit_begin(&in, env, new_env, text, false);                 \
		sock_before_exec();                                            \
		result = (call);                                               \
		sock_exec_failed();                                            \
		inherit_end(&in, false);                                       \
		result;                                                        \
	})

EXPORT int execve(const char *path, char *const argv[], char *const env[])
{
	return EXEC(env, LIBC(execve)(path, argv, new_env));
}

EXPORT int execv(const char *path, char *const argv[])
{
	return execve(path, argv, environ);
}

EXPORT int execvpe(const char *file, char *const argv[], char *const env[])
{
	return EXEC(env, LIBC(execvpe)(file, argv, new_env));
}

EXPORT int execvp(const char *file, char *const argv[])
{
	return execvpe(file, argv, environ);
}

EXPORT int fexecve(int fd, char *const argv[], char *const env[])
{
	return EXEC(env, LIBC(fexecve)(fd, argv, new_env));
}

EXPORT int execveat(int dir, const char *path, char *const argv[],
		    char *const env[], int flags)
{
	return EXEC(env, LIBC(execveat)(dir, path, argv, new_env, flags));
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
	return execve(path, argv, environ);
}

EXPORT int execlp(const char *file, const char *arg, ...)
{
	ARGS(argv);
	va_end(ap);
	return execvpe(file, argv, environ);
}

EXPORT int execle(const char *path, const char *arg, ...)
{
	char **env;

	ARGS(argv);
	env = va_arg(ap, char **);
	va_end(ap);
	return execve(path, argv, env);
}

/* ---- posix_spawn and its relatives: clone and exec inside libc */

#define SPAWN(name)                                                            \
	EXPORT int name(pid_t *pid, const char *path,                          \
			const posix_spawn_file_actions_t *actions,             \
			const posix_spawnattr_t *attr, char *const argv[],     \
			char *const env[])                                     \
	{                                                                      \
		char *new_env[inherit_env_max(env)];                           \
		char text[inherit_text_bytes(env)];                            \
		struct inherit in;                                             \
		int ret;                                                       \
                                                                               \
		inherit_begin(&in, env, new_env, text, true);                  \
		ret = LIBC(name)(pid, path, actions, attr, argv, new_env);     \
		inherit_end(&in, ret == 0);                                    \
		return ret;                                                    \
	}
SPAWN(posix_spawn)
SPAWN(posix_spawnp)

EXPORT int posix_spawn_file_actions_adddup2(posix_spawn_file_actions_t *actions,
					    int fd, int to)
{
	sock_will_spawn(fd);
	return LIBC(posix_spawn_file_actions_adddup2)(actions, fd, to);
}

/* Their environment is not ours to change; the shell reads plaintext. */
EXPORT int system(const char *command)
{
	if (command)
		sock_before_spawn();
	return LIBC(system)(command);
}

EXPORT FILE *popen(const char *command, const char *mode)
{
	sock_before_spawn();
	return LIBC(popen)(command, mode);
}

/* The handlers in init.c do the work; here only what they cannot know. */
EXPORT pid_t fork(void)
{
	pid_t pid = LIBC(fork)();

	if (pid < 0)
		sock_fork_failed();
	return pid;
}
