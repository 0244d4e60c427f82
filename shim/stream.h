/* SPDX-License-Identifier: MIT */
/*
 * stream.h - a direct connection: the client's own socket
 *
 * The kernel encrypts what is written. What arrives is decrypted here (rx.h)
 * or, after stream_promote(), by the kernel.
 *
 * Rule: the receive state is private to exactly one process, or it is in the
 * kernel. A forked child that inherits a stream of which its parent has read
 * is a stranger to it (`foreign`) and gets an error, never a second decryption.
 *
 * Locks: `lock` is held while receiving, also while that waits. Closing and
 * shutting down never take it.
 */
#ifndef KTLSHIM_STREAM_H
#define KTLSHIM_STREAM_H

#include <pthread.h>

#include "fdtab.h"
#include "proto.h"
#include "rx.h"
#include "share.h"

struct stream {
	struct entry entry;
	pthread_mutex_t lock;
	struct rx rx;	     /* unless kernel_rx */
	atomic_bool kernel_rx; /* reads are plain system calls */
	bool foreign;	     /* another process receives */
	bool eof_shown;	     /* SHUT_RD was done for the peer's close_notify */
	struct share_slot *slot;
	struct share_slot spare_slot; /* when the shared table is full */
};

/**
 * stream_add() - a direct connection has arrived under number @fd
 *
 * Return: 0 or -errno; then @fd is still the caller's to close.
 */
int stream_add(int fd, const struct gate_msg *msg);

/**
 * stream_recv() - what recvmsg(2) does on a TCP socket
 *
 * Return: bytes, 0, -errno, or STREAM_NATIVE: do the system call and give its
 * result to stream_recv_done(). -ESTALE: the number means something else now.
 */
#define STREAM_NATIVE (-5000)
ssize_t stream_recv(struct stream *s, int fd, const struct iovec *iov,
		    int iovcnt, int flags);

/**
 * stream_recv_done() - after a native receive that gave nothing
 * @ret: 0 or -errno of the system call
 *
 * Return: what the daemon gets, or STREAM_NATIVE: once more.
 */
ssize_t stream_recv_done(struct stream *s, int fd, ssize_t ret);

/** stream_unread() - FIONREAD: bytes that can be read now. Or -errno. */
ssize_t stream_unread(struct stream *s, int fd);

/** stream_has_input() - would a read return at once? Drains what has come. */
bool stream_has_input(struct stream *s, int fd);

/** stream_user_count() - streams of this process received in user space */
int stream_user_count(void);

/** stream_shutdown() - shutdown(2). Return: 0 or -errno. */
int stream_shutdown(struct stream *s, int fd, int how);

/** stream_forget() - a number was closed without our having heard of it */
void stream_forget(struct stream *s);

/** stream_hold() - one more number, here or in a forked child */
void stream_hold(struct stream *s);

/**
 * stream_leave() - number @fd will be closed next, by the caller
 *
 * The last holder says goodbye: close_notify, or the helper does it when the
 * socket is full.
 */
void stream_leave(struct stream *s, int fd);

/**
 * stream_promote() - let the kernel receive from now on
 *
 * At a record boundary only. The caller holds the lock.
 *
 * Return: 0, -EBUSY (in the middle of a record) or -errno of the kernel.
 */
int stream_promote(struct stream *s, int fd);

/** stream_atfork_*() - before and after fork, for each number of each stream */
void stream_atfork_prepare(struct stream *s, int fd);
void stream_atfork_child(struct stream *s);

#endif
