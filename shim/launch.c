// SPDX-License-Identifier: MIT
/*
 * launch.c - starting the helper from inside the daemon
 *
 * Two nested clones, both like vfork (they share our memory and we wait), so
 * that a daemon of any size and with any number of threads is not copied:
 *
 *   daemon -> middle (setsid) -> helper (exec)
 *
 * The middle is cloned without an exit signal, hence invisible to wait() and
 * to SIGCHLD handlers; it ends at once and the helper becomes init's child.
 * (execve() resets the exit signal to SIGCHLD, so the middle must not exec.)
 * In both, only system calls by number, and libc's own clone: hooks, ours or
 * those of another library, would take the shared memory for the child's own.
 */
#include "launch.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libc.h"
#include "proto.h"
#include "sys.h"

#define STACK_BYTES (64 * 1024)

struct launch {
	const char *path;
	char *const *env;
	int control;
	int error; /* 0, or the child's errno */
	char *stack;
};

static int in_helper(void *arg)
{
	struct launch *l = arg;
	char *const argv[] = {"ktlshim-helper", NULL};
	long null;

	if (l->control != HELPER_CONTROL_FD &&
	    sys_call(SYS_dup3, l->control, HELPER_CONTROL_FD, 0) < 0)
		goto fail;
	if (l->control == HELPER_CONTROL_FD &&
	    sys_call(SYS_fcntl, HELPER_CONTROL_FD, F_SETFD, 0) < 0)
		goto fail;
	null = sys_call(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR, 0);
	if (null >= 0) {
		sys_call(SYS_dup3, null, STDIN_FILENO, 0);
		sys_call(SYS_dup3, null, STDOUT_FILENO, 0);
	}
	sys_call(SYS_close_range, HELPER_CONTROL_FD + 1, ~0u, 0);
	sys_call(SYS_execve, l->path, argv, l->env);
fail:
	l->error = errno;
	sys_call(SYS_exit, 127);
	return 0;
}

static int in_middle(void *arg)
{
	struct launch *l = arg;

	sys_call(SYS_setsid);
	if (LIBC(clone)(in_helper, l->stack + STACK_BYTES,
			CLONE_VM | CLONE_VFORK, l) < 0)
		l->error = errno;
	sys_call(SYS_exit, 0);
	return 0;
}

int launch_helper(const char *path, char *const env[], int control)
{
	struct launch l = {.path = path, .env = env, .control = control};
	sigset_t all, before;
	int pid;

	l.stack = mmap(NULL, 2 * STACK_BYTES, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	if (l.stack == MAP_FAILED)
		return -ENOMEM;
	/* a handler of the daemon's must not run in its borrowed memory */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pid = LIBC(clone)(in_middle, l.stack + 2 * STACK_BYTES,
			  CLONE_VM | CLONE_VFORK, &l);
	if (pid < 0)
		l.error = errno;
	else
		while (sys_call(SYS_wait4, pid, NULL, __WALL, NULL) < 0 &&
		       errno == EINTR)
			;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	munmap(l.stack, 2 * STACK_BYTES);
	return -l.error;
}
