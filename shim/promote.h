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

/* How long to wait for the rest of a record that was begun */
#define PROMOTE_WAIT_MS 1000

/**
 * promote() - let the kernel receive
 * @ms: how long to wait for the end of a record that was begun
 *
 * The slot's lock is held. What is decrypted already is kept in the shared
 * table and read first.
 *
 * Return: 0 (also when it was done before), -EAGAIN (in the middle of a
 * record), -EBUSY (another process is), -ENOBUFS, or -errno of the kernel.
 */
int promote(struct stream *s, int fd, int ms);

/** promote_stream() - the same with taking the lock; for those who read behind
 * our back. Failure is logged. */
void promote_stream(struct stream *s, int fd, int ms);

/** promote_fd() - promote_stream() if that is what the number means */
void promote_fd(int fd, int ms);

/**
 * promote_control() - a record that is not data is first in the kernel's queue
 *
 * Return: 1 read on, 0 end of the stream, or -errno.
 */
int promote_control(struct stream *s, int fd);

#endif
