/* SPDX-License-Identifier: MIT */
/*
 * sock.h - what a call means on a descriptor that is ours, by its kind
 *
 * The hooks call these with an entry that they hold. Results are 0, a count or
 * -errno; SOCK_NATIVE: the system call itself is right.
 */
#ifndef KTLSHIM_SOCK_H
#define KTLSHIM_SOCK_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "fdtab.h"

#define SOCK_NATIVE (-5000)

/**
 * sock_entry() - the entry of a number, if it is still what it was
 *
 * Return: held until fdtab_put(), or NULL: not ours, or not any more.
 */
struct entry *sock_entry(int fd);

/** sock_forget() - @fd means something else now, without our having heard */
void sock_forget(int fd);

/* The read family. After SOCK_NATIVE, the system call's result goes to
 * sock_recv_done(), which may ask for it once more. */
ssize_t sock_recv(struct entry *e, int fd, const struct iovec *iov, int iovcnt,
		  int flags);
ssize_t sock_recv_done(struct entry *e, int fd, ssize_t ret, size_t len);

/**
 * sock_recv_apart() - a native receive with flags that need care
 * @len: what @iov takes, bytes
 *
 * MSG_TRUNC: TCP counts and throws away, the kernel's TLS and a local socket
 * would copy. MSG_PEEK of a stream that the kernel decrypts: no more than
 * promote_settle() can take back.
 *
 * Return: as recv(2), or SOCK_NATIVE: there is no such flag.
 */
ssize_t sock_recv_apart(struct entry *e, int fd, const struct iovec *iov,
			int iovcnt, int flags, size_t len);

/** sock_recv_more() - after a native receive that gave something */
void sock_recv_more(struct entry *e, int fd, int flags);

/**
 * sock_write_begin() - before a write of any kind
 * @flags: MSG_NOSIGNAL: -EPIPE raises no SIGPIPE
 *
 * Return: 0, then sock_write_end() must follow with the result; or -errno.
 */
int sock_write_begin(struct entry *e, int fd, int flags);
void sock_write_end(struct entry *e, int fd, ssize_t ret);

/* splice(2) from ours, as the read family. What is in our memory is put into
 * the pipe by sock_splice_held(). */
ssize_t sock_splice_held(struct entry *e, int fd, int pipe_fd, size_t len,
			 unsigned int flags);
ssize_t sock_splice_done(struct entry *e, int fd, ssize_t ret, size_t len);

int sock_accept(struct entry *e, int fd, struct sockaddr *addr, socklen_t *len,
		int flags);
int sock_shutdown(struct entry *e, int fd, int how);
int sock_name(struct entry *e, int fd, bool peer, struct sockaddr *addr,
	      socklen_t *len);
int sock_getsockopt(struct entry *e, int fd, int level, int name, void *value,
		    socklen_t *len);
int sock_setsockopt(struct entry *e, int fd, int level, int name,
		    const void *value, socklen_t len);
ssize_t sock_unread(struct entry *e, int fd);

/** sock_listen() - after listen(2) has succeeded on @fd. Return: 0, -errno. */
int sock_listen(int fd);

/**
 * sock_adopt_known() - number @fd may mean a socket of ours that has come from
 * another process or another program
 * @add_holder: it is not counted yet
 *
 * Return: 0, or -ENOENT: it is none.
 */
int sock_adopt_known(int fd, bool add_holder);

/** sock_adopt() - make a listener ours that was never listened on here */
struct entry *sock_adopt(int fd);

/**
 * sock_closing() - number @fd is about to be closed or replaced
 *
 * Return: 0, or -EBADF: it is the shim's own, leave it alone.
 */
int sock_closing(int fd);

/** sock_duplicated() - @to is a new number for what @from means */
void sock_duplicated(int from, int to);

/** sock_will_spawn() - a file action of a posix_spawn to come names @fd */
void sock_will_spawn(const void *actions, int fd);

/** sock_before_spawn() - what is not close-on-exec may be read by others */
void sock_before_spawn(void);

/**
 * sock_before_exec() - let go of what the next exec closes
 *
 * A last holder says goodbye here; an exec that fails cannot take that back.
 */
void sock_before_exec(void);
void sock_exec_failed(void);

/** sock_fork_failed() - take back what was prepared for the child */
void sock_fork_failed(void);

/** sock_before_sandbox() - the process is about to restrict itself */
void sock_before_sandbox(void);

/** sock_before_fork() - the same for a child that libc makes without handlers:
 * it is counted. sock_fork_failed() takes that back. */
void sock_before_fork(void);

/** sock_exiting() - this process ends now */
void sock_exiting(void);

#endif
