/* SPDX-License-Identifier: MIT */
/*
 * part.h - closing a direct connection whose socket is full
 */
#ifndef KTLSHIM_PART_H
#define KTLSHIM_PART_H

#include "conn.h"

/**
 * part_begin() - the daemon is done with a direct connection
 * @tcp: its socket, owned from here on
 * @how: SHUT_WR (the daemon goes on reading) or SHUT_RDWR
 */
void part_begin(int tcp, int how);

/* completion: the socket can be written to, or is dead */
void part_on_ready(struct conn *c, int res);

/** part_expire() - go on waiting only if the client is reading */
void part_expire(struct conn *c);

#endif
