/* SPDX-License-Identifier: MIT */
/*
 * sys.h - system calls by number
 *
 * For code that is linked into the shim: there a call by name would find the
 * shim's own hook. Not cancellation points; for short calls that never wait.
 */
#ifndef KTLSHIM_SYS_H
#define KTLSHIM_SYS_H

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/**
 * sys_call() - syscall(2). In the shim syscall() itself is hooked: programs
 * close descriptors with it (libuv).
 */
extern long (*sys_call)(long number, ...);

static inline int sys_setsockopt(int fd, int level, int name, const void *value,
				 socklen_t len)
{
	return (int)sys_call(SYS_setsockopt, fd, level, name, value, len);
}

static inline ssize_t sys_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	return sys_call(SYS_sendmsg, fd, msg, flags);
}

static inline ssize_t sys_recvmsg(int fd, struct msghdr *msg, int flags)
{
	return sys_call(SYS_recvmsg, fd, msg, flags);
}

static inline int sys_close(int fd)
{
	return (int)sys_call(SYS_close, fd);
}

#endif
