/* SPDX-License-Identifier: MIT */
/*
 * reclaim.h - slots of connections whose holders were killed
 *
 * A process that is killed leaves its connections counted. Which process holds
 * what cannot be told from outside (fork, exec, SCM_RIGHTS), so what is asked is
 * whether the socket is still open anywhere, in a process or in a message under
 * way. The helper knows: lib/held.h.
 *
 * When the table has filled up to a mark, each accept looks at a few slots,
 * whichever process it is in, until all have been looked at. The next look comes
 * when twice as many are in use as are left.
 *
 * A slot is freed only if the answer comes from the helper that has given the
 * connection to the daemon, and nothing of its count has changed since before
 * the question. While a socket is open its slot is never freed. A process that
 * closes past our hooks has an entry that means a freed slot: fdtab_get() gives
 * no such entry, and share_leave() and share_free() do nothing for it.
 */
#ifndef KTLSHIM_RECLAIM_H
#define KTLSHIM_RECLAIM_H

/* Nothing is looked for while fewer are in use. */
#define RECLAIM_SLOTS_MIN 1024
#define RECLAIM_CHUNKS_MIN 64

/**
 * reclaim_some() - look at a few slots, if there is need
 *
 * Waits for the helper's answer, a second at most; without one the look is
 * over. errno stays.
 */
void reclaim_some(void);

#endif
