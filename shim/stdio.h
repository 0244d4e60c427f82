/* SPDX-License-Identifier: MIT */
/*
 * stdio.h - stdio streams on sockets of ours
 *
 * libc's own streams read inside libc, where no hook is called: at the end of a
 * direct connection they would see EIO, and the end of a relayed one that was
 * cut off would look complete. A stream made with fopencookie(3) calls our
 * read and write.
 */
#ifndef KTLSHIM_STDIO_H
#define KTLSHIM_STDIO_H

#include <stdio.h>

/** stdio_open() - fdopen(3). Return: NULL and errno on failure. */
FILE *stdio_open(int fd, const char *mode);

/** stdio_take_stdin() - number 0 is ours from now on: so is stdin */
void stdio_take_stdin(void);

/** stdio_flush() - what is written on them, before the program ends */
void stdio_flush(void);

/** stdio_atfork_child() - another thread of the parent may have held the lock */
void stdio_atfork_child(void);

#endif
