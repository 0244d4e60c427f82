/* SPDX-License-Identifier: MIT */
/*
 * promote.h - letting the kernel receive a direct connection from now on
 *
 * Done when a stream leaves the sight of the process that reads it: at fork
 * when nothing was read yet, before exec, when it is sent to another process,
 * for splice, and at the first read of a process that is not its
 * owner. From then on reads are plain system calls. Never undone.
 */
#ifndef KTLSHIM_PROMOTE_H
#define KTLSHIM_PROMOTE_H

#include "stream.h"

/**
 * promote() - let the kernel receive
 *
 * The slot's lock is held. What is decrypted already is kept in the shared
 * table and read first.
 *
 * Return: 0 (also when it was done before), -EAGAIN (in the middle of a
 * record), -EBUSY (another process is), -ENOBUFS, or -errno of the kernel.
 */
int promote(struct stream *s, int fd);

/**
 * promote_take() - this process wants to read and has no valid state
 *
 * It gets what the last reader has left, or the kernel receives. The lock is
 * held. Return: 0, or -EIO: another process has bytes of it.
 */
int promote_take(struct stream *s, int fd);

/**
 * promote_let_go() - another process of the daemon's may read next
 *
 * The kernel receives, or, in the middle of a record, the state is left in the
 * shared table: whoever reads first takes it. With taking the lock.
 */
void promote_let_go(struct stream *s, int fd);

/** promote_leave() - this process closes its last number: others may read on.
 * Never waits. */
void promote_leave(struct stream *s);

/**
 * promote_control() - a record that is not data is first in the kernel's queue
 *
 * Return: 1 read on, 0 end of the stream, or -errno.
 */
int promote_control(struct stream *s, int fd);

/**
 * promote_settle() - after data was peeked at
 *
 * The kernel may have decrypted on, to a KeyUpdate, and until it has the new key
 * it tells no poll of the data before it, either (6.14). So it gets the key
 * before that KeyUpdate is read.
 */
void promote_settle(struct stream *s, int fd);

#endif
