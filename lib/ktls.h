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
 * ktls_send_alert() - send an alert through an installed transmit key
 * @level: 1 warning, 2 fatal
 *
 * Never waits. Return: 0 or -errno.
 */
int ktls_send_alert(int fd, uint8_t level, uint8_t alert);

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
 *
 * Return: 0, or -errno of ktls_attach() when there is no kTLS at all.
 */
int ktls_probe(bool offload[AEAD_COUNT]);

#endif
