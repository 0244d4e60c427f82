/* SPDX-License-Identifier: MIT */
/*
 * conn_log.h - the line that the log has for a connection (helper)
 */
#ifndef KTLSHIM_CONN_LOG_H
#define KTLSHIM_CONN_LOG_H

#include <stdbool.h>

struct conn;
struct facts;

/**
 * conn_log() - the handshake is finished
 * @why: of a relayed connection: why it is not direct
 */
void conn_log(const struct conn *c, const struct facts *facts, bool direct,
	      const char *why);

/** conn_log_plain() - there is no handshake, and none is wanted */
void conn_log_plain(const struct conn *c);

/**
 * conn_log_failure() - it has failed, in words; the listener is still known
 *
 * At most log_failures lines in a second; then one says how many were left out.
 * Without log_probes nothing is said of who did not begin a handshake.
 */
void conn_log_failure(const struct conn *c, const char *why);

#endif
