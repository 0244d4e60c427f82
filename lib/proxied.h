/* SPDX-License-Identifier: MIT */
/*
 * proxied.h - the PROXY protocol: clients behind a balancer, daemons that want
 * to be told (helper)
 */
#ifndef KTLSHIM_PROXIED_H
#define KTLSHIM_PROXIED_H

#include <stdbool.h>

#include "facts.h"
#include "prologue.h"
#include "proto.h"

/* A step of the prologue, see prologue.c: proxy_from */
bool proxied_wanted(const struct conn *c);
enum prologue_verdict proxied_look(struct conn *c, uint32_t *state,
				   const uint8_t *data, size_t len,
				   struct prologue_answer *out);

/**
 * proxied_peer() - the client's address for the daemon
 *
 * It is of the listener's family: daemons have room, and code, for no other. So
 * an IPv6 client of an IPv4 listener is 192.0.0.8, the address for what has
 * none (RFC 7600).
 */
union inet_addr proxied_peer(const struct conn *c);

/**
 * proxied_header() - what the daemon is to read before the client's stream
 * @out: PROXY_BYTES_MAX
 *
 * The handshake is finished. Return: its length; 0: the listener wants none.
 */
size_t proxied_header(const struct conn *c, const struct facts *facts,
		      uint8_t *out);

#endif
