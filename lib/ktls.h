/* SPDX-License-Identifier: MIT */
/*
 * ktls.h - handing TLS keys to the kernel
 */
#ifndef KTLSHIM_KTLS_H
#define KTLSHIM_KTLS_H

#include <stdbool.h>
#include <stdint.h>

#include "keys.h"

enum ktls_direction { KTLS_TX, KTLS_RX };

/**
 * ktls_attach() - give a TCP socket the "tls" upper layer protocol
 *
 * Works on an established connection only; without keys the layer is
 * transparent (net/tls/tls_main.c, tls_init()).
 *
 * Return: 0, -ENOENT (the kernel has no tls module, or may not load it),
 * -ENOTCONN (the client has half-closed already), -ENOPROTOOPT (MPTCP).
 */
int ktls_attach(int fd);

/**
 * ktls_install() - set the key of one direction
 *
 * All that is written from here on is encrypted. Needs ktls_attach().
 *
 * Return: 0 or -errno: -ENOENT (the cipher's module is missing), -EBUSY.
 * Security: the key material on the stack is cleansed.
 */
int ktls_install(int fd, enum ktls_direction direction,
		 const struct traffic_key *key);

/**
 * ktls_send_key_update() - tell the peer that the next record has a new key
 *
 * RFC 8446 section 4.6.3, without asking for the peer's. Install the key
 * next. Never waits. Return: 0 or -errno: nothing was sent.
 */
int ktls_send_key_update(int fd);

/**
 * ktls_records() - how many records the installed key has encrypted or opened
 * @key: for its cipher
 *
 * Return: 0 or -errno. Security: the kernel gives the key as well; cleansed.
 */
int ktls_records(int fd, enum ktls_direction direction,
		 const struct traffic_key *key, uint64_t *records);

/**
 * ktls_send_alert() - send an alert through an installed transmit key
 * @level: 1 warning, 2 fatal
 *
 * Never waits. Return: 0 or -errno.
 */
int ktls_send_alert(int fd, uint8_t level, uint8_t alert);

/** ktls_is_receiving() - is a receive key installed? */
bool ktls_is_receiving(int fd);

/**
 * ktls_make_room() - let POLLOUT mean that nothing is partly sent
 *
 * The kernel drops a record that is partly sent when the socket is closed or
 * shut down (net/tls/tls_sw.c, 6.1 to 7.3, tls_sw_release_resources_tx). TCP
 * reports POLLOUT with a third of the send buffer free; that is room for the
 * rest of a record and for an alert only if the buffer is not small and no
 * limit on unsent bytes (TCP_NOTSENT_LOWAT) is in force. For a socket on which
 * no more data will be written.
 */
void ktls_make_room(int fd);

/**
 * ktls_recv() - recvmsg(2) with the record's type
 * @type: enum record_type of what was read
 *
 * For a socket whose receive key is installed, after a plain read has failed
 * with EIO. Return: bytes, or -errno.
 */
int ktls_recv(int fd, void *buf, size_t len, int flags, uint8_t *type);

/**
 * ktls_probe() - what can this kernel do, by trying on a loopback connection
 * @offload: set for each cipher that TLS_TX accepts
 * @can_rekey: does TLS_TX accept a second key (KeyUpdate), as since 6.14?
 *
 * Return: 0, or -errno of ktls_attach() when there is no kTLS at all.
 */
int ktls_probe(bool offload[AEAD_COUNT], bool *can_rekey);

#endif
