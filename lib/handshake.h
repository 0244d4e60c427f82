/* SPDX-License-Identifier: MIT */
/*
 * handshake.h - from accept to the daemon's hands
 */
#ifndef KTLSHIM_HANDSHAKE_H
#define KTLSHIM_HANDSHAKE_H

#include "conn.h"
#include "listener.h"

/** handshake_begin() - a client has connected; @tcp is owned from here on */
void handshake_begin(struct listener *listener, int tcp);

/** handshake_expire() - its time is over */
void handshake_expire(struct conn *c);

/* completions; the connection is alive and in the matching state */
void handshake_on_in(struct conn *c, int res);
void handshake_on_out(struct conn *c, int res);
void handoff_on_sent(struct conn *c, int res);

void handoff_free(struct handoff *handoff);

#endif
