/* SPDX-License-Identifier: MIT */
/*
 * transmit.h - sending on a direct connection, where kTLS is not like TCP
 *
 * The kernel goes on "accepting" bytes after our own shutdown and after a reset
 * whose error was read elsewhere (6.1 to 7.3); TCP says EPIPE, and so do we.
 *
 * New keys. A record that another thread or process writes between our
 * KeyUpdate and the installation of the next key would not decrypt. So writers
 * are counted, the change is made by whoever finds none, without waiting, and
 * a writer that comes in the middle waits for those microseconds.
 */
#ifndef KTLSHIM_TRANSMIT_H
#define KTLSHIM_TRANSMIT_H

#include "stream.h"

/**
 * transmit_begin() - before a write of any kind
 *
 * Return: 0, then transmit_end() must follow, or -EPIPE.
 */
int transmit_begin(struct stream *s);

/** transmit_skip() - instead of transmit_begin(): it counts all the same */
void transmit_skip(struct stream *s);

/** transmit_end() - @n: bytes written, or negative */
void transmit_end(struct stream *s, int fd, ssize_t n);

/**
 * transmit_rekey() - the peer has asked for new keys of ours
 *
 * Return: 0: done, or as soon as the socket has room; -EOPNOTSUPP: this
 * connection cannot.
 */
int transmit_rekey(struct stream *s, int fd);

/** transmit_alert() - a fatal alert; nothing can be written after it */
void transmit_alert(struct stream *s, int fd, uint8_t alert);

/** transmit_is_writable() - is there room for an alert, and is nothing partly
 * sent? (facts: tls_sw.c loses a partly sent record at close) */
bool transmit_is_writable(int fd);

#endif
