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
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <spawn.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "hook.h"
#include "inherit.h"
#include "sys.h"

/*
 * new_env: what the new program gets for env. can: will it run, as far as one
 * can see? Programs try one path after the other, and a goodbye that is said
 * cannot be taken back.
 */
#define EXEC(env, can, call)                                                        \
	({                                                                     \
		char *new_env[inherit_env_max(env)];                           \
		char text[inherit_text_bytes(env)];                            \
		struct inherit in;                                             \
		int result;                                                    \
		inherit_begin(&in, env, new_env, text, false, NULL);           \
		if (can)                                                       \
			sock_before_exec();                                    \
		result = (call);                                               \
		if (can)                                                       \
			sock_exec_failed();                                    \
		inherit_end(&in, false);                                       \
		result;                                                        \
	})

static bool is_in_path(const char *file)
{
	const char *p = getenv("PATH");
	char name[PATH_MAX];
	size_t len;

	if (strchr(file, '/') || !p)
		return !sys_call(SYS_access, file, X_OK) || !p;
	for (; p; p = p[len] ? p + len + 1 : NULL) {
		len = strcspn(p, ":");
		if ((size_t)snprintf(name, sizeof(name), "%.*s%s%s", (int)len,
				     p, len ? "/" : "", file) < sizeof(name) &&
		    !sys_call(SYS_access, name, X_OK))
			return true;
	}
	return false;
}

EXPORT int execve(const char *path, char *const argv[], char *const env[])
{
	return EXEC(env, !sys_call(SYS_access, path, X_OK), LIBC(execve)(path, argv, new_env));
}

EXPORT int execv(const char *path, char *const argv[])
{
	return execve(path, argv, environ);
}

EXPORT int execvpe(const char *file, char *const argv[], char *const env[])
{
	return EXEC(env, is_in_path(file), LIBC(execvpe)(file, argv, new_env));
}

EXPORT int execvp(const char *file, char *const argv[])
{
	return execvpe(file, argv, environ);
}

EXPORT int fexecve(int fd, char *const argv[], char *const env[])
{
	return EXEC(env, true, LIBC(fexecve)(fd, argv, new_env));
}

EXPORT int execveat(int dir, const char *path, char *const argv[],
		    char *const env[], int flags)
{
	return EXEC(env, true, LIBC(execveat)(dir, path, argv, new_env, flags));
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
		inherit_begin(&in, env, new_env, text, true, actions);         \
		ret = LIBC(name)(pid, path, actions, attr, argv, new_env);     \
		inherit_end(&in, ret == 0);                                    \
		return ret;                                                    \
	}
SPAWN(posix_spawn)
SPAWN(posix_spawnp)

EXPORT int posix_spawn_file_actions_init(posix_spawn_file_actions_t *actions)
{
	inherit_forget_actions(actions); /* others were where these are now */
	return LIBC(posix_spawn_file_actions_init)(actions);
}

EXPORT int posix_spawn_file_actions_destroy(posix_spawn_file_actions_t *actions)
{
	inherit_forget_actions(actions);
	return LIBC(posix_spawn_file_actions_destroy)(actions);
}

EXPORT int posix_spawn_file_actions_adddup2(posix_spawn_file_actions_t *actions,
					    int fd, int to)
{
	sock_will_spawn(actions, fd);
	info_will_spawn(actions, fd, to);
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

/* Past the handlers: the child finds out by itself, but is counted here. */
static long fork_counted(long (*make)(const long *), const long *args)
{
	long pid;

	sock_before_fork();
	fdtab_set_counted(true);
	pid = make(args);
	if (pid) /* in the child its first hook asks for it */
		fdtab_set_counted(false);
	if (pid < 0)
		sock_fork_failed();
	return pid;
}

static long call_Fork(const long *args)
{
	(void)args;
	return LIBC(_Fork)();
}

EXPORT pid_t _Fork(void)
{
	return (pid_t)fork_counted(call_Fork, NULL);
}

static long call_system(const long *a)
{
	return LIBC(syscall)(a[0], a[1], a[2], a[3], a[4], a[5], a[6]);
}

/* Does it make a process with a copy of our memory? */
static bool is_fork(const long *a)
{
	if (a[0] == SYS_clone)
		return !(a[1] & (CLONE_VM | CLONE_THREAD));
	if (a[0] == SYS_clone3) /* struct clone_args begins with the flags */
		return !(*(const uint64_t *)a[1] & (CLONE_VM | CLONE_THREAD));
	return a[0] == SYS_fork;
}

/*
 * libuv closes with it, systemd sweeps, vsftpd clones. The arguments are
 * forwarded as they came.
 */
EXPORT long syscall(long number, ...)
{
	long a[7] = {number};
	va_list ap;
	int i;

	va_start(ap, number);
	for (i = 1; i < 7; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	if (number == SYS_close)
		return close((int)a[1]);
	if (number == SYS_close_range)
		return close_range((unsigned int)a[1], (unsigned int)a[2],
				   (int)a[3]);
	if (is_fork(a))
		return fork_counted(call_system, a);
	if (number == SYS_seccomp && a[1] == SECCOMP_SET_MODE_FILTER)
		sock_before_sandbox();
	return call_system(a);
}

EXPORT int prctl(int option, ...)
{
	long a[4];
	va_list ap;
	int i;

	va_start(ap, option);
	for (i = 0; i < 4; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	if (option == PR_SET_SECCOMP)
		sock_before_sandbox();
	return LIBC(prctl)(option, a[0], a[1], a[2], a[3]);
}

/* libc's forks inside, and its parent leaves past our _exit(). */
EXPORT int daemon(int nochdir, int noclose)
{
	pid_t pid = fork();
	int null;

	if (pid < 0)
		return -1;
	if (pid)
		_exit(0);
	if (setsid() < 0 || (!nochdir && chdir("/")))
		return -1;
	if (noclose)
		return 0;
	null = open("/dev/null", O_RDWR);
	if (null < 0)
		return -1;
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
	if (null > STDERR_FILENO)
		close(null);
	return 0;
}

/* The handlers in init.c do the work; here only what they cannot know. */
EXPORT pid_t fork(void)
{
	pid_t pid = LIBC(fork)();

	if (pid < 0)
		sock_fork_failed();
	return pid;
}
