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

static inline int sys_setsockopt(int fd, int level, int name, const void *value,
				 socklen_t len)
{
	return (int)syscall(SYS_setsockopt, fd, level, name, value, len);
}

static inline ssize_t sys_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	return syscall(SYS_sendmsg, fd, msg, flags);
}

static inline ssize_t sys_recvmsg(int fd, struct msghdr *msg, int flags)
{
	return syscall(SYS_recvmsg, fd, msg, flags);
}

static inline int sys_close(int fd)
{
	return (int)syscall(SYS_close, fd);
}

#endif
