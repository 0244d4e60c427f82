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

/** handshake_start() - the prologue is over: read the ClientHello */
void handshake_start(struct conn *c);

/** handshake_plain() - there is none: the daemon gets the client's socket */
void handshake_plain(struct conn *c);

/** handshake_fail() - end it now, and say why in the log */
void handshake_fail(struct conn *c, const char *why);

/** handshake_refuse() - end it, but let the client read what it was told */
void handshake_refuse(struct conn *c, const char *why);

/* A ClientHello with everything is a few KB; a client's chain some tens. */
#define HANDSHAKE_BYTES_MAX (256 * 1024)

/** handshake_expire() - its time is over */
void handshake_expire(struct conn *c);

/* completions; the connection is alive and in the matching state */
void handshake_on_in(struct conn *c, int res);
void handshake_on_out(struct conn *c, int res);
void handoff_on_sent(struct conn *c, int res);

void handoff_free(struct handoff *handoff);

#endif
