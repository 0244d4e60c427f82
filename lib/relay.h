/* SPDX-License-Identifier: MIT */
/*
 * relay.h - connections that the kernel cannot encrypt
 */
#ifndef KTLSHIM_RELAY_H
#define KTLSHIM_RELAY_H

#include "conn.h"

/**
 * relay_prepare() - all that can fail, before the daemon gets its end
 * @pair:  our end, owned by the connection from here on
 * @facts: for the header that it may read first
 *
 * Return: 0 or -1 with errno.
 */
int relay_prepare(struct conn *c, int pair, const struct facts *facts);

/** relay_start() - the daemon has its end */
void relay_start(struct conn *c);

/** relay_expire_greeting() - the daemon has not greeted */
void relay_expire_greeting(struct conn *c);

/** relay_expire() - it has lingered long enough */
void relay_expire(struct conn *c);

/** relay_is_polling() - is the multishot poll on the pair armed? */
bool relay_is_polling(const struct conn *c);

void relay_free(struct relay *relay);

/* completions; the connection is alive and in RELAY */
void relay_on_tcp_in(struct conn *c);
void relay_on_tcp_out(struct conn *c, int res);
void relay_on_pair_in(struct conn *c, int events);
void relay_on_pair_out(struct conn *c, int res);
void relay_on_pair_gone(struct conn *c, const struct ring_event *event);

#endif
