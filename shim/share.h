/* SPDX-License-Identifier: MIT */
/*
 * share.h - what the processes of a daemon must agree on
 *
 * A table in a memfd. Fork shares it; across exec its descriptor is passed on
 * (inherit.h), and a process that is given one of our sockets in any way finds
 * what it means by the socket's SO_COOKIE.
 *
 * One slot for each listener and each connection. Its holders are the
 * descriptor numbers in all processes that mean it, and messages that carry it,
 * so that the last holder, and nobody before, says goodbye to the client. A
 * killed process leaves the count too high; then nobody does, which is true, and
 * the slot is found by reclaim.h when the table fills.
 *
 * Locks: a slot's lock is taken before anything else and held while receiving,
 * also while that waits. When a process dies with it, the stream counts as cut
 * off.
 *
 * Security: a stream's slot holds its keys until the last holder leaves. The
 * table reaches only processes to which one of our sockets goes, or may come.
 * They may have fewer privileges than we: nothing in it is a pointer, its size is
 * sealed, and what is read from it is checked before use.
 */
#ifndef KTLSHIM_SHARE_H
#define KTLSHIM_SHARE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "facts.h"
#include "rx.h"
#include "slot.h"

/**
 * share_open() - make the table, unless there is one already
 *
 * By the constructor, so that all processes of the daemon have the same one,
 * and again by the first listener. Under a limit on the size of files, and
 * without the right to raise it, it does not cross exec.
 *
 * Return: 0 or -errno.
 */
int share_open(void);

/** share_attach() - use the table behind @fd, which stays the caller's unless 0
 * is returned. Return: 0, or -EINVAL: it is not ours. */
int share_attach(int fd);

int share_fd(void); /* the table's, or -1 */

/* How full it is; and of reclaim.c, when it looks next and how far it is */
struct share_state {
	atomic_uint high;	  /* one past the highest slot ever used */
	atomic_int slots, chunks; /* in use; not exact when processes are killed */
	atomic_int slots_mark, chunks_mark;
	atomic_uint look;
};
#define SHARE_SLOTS (1 << 16)
#define SHARE_CHUNKS 256

struct share_state *share_state(void); /* NULL: there is no table */

/**
 * share_get() - a slot with one holder, all zero otherwise
 * @kind:   enum entry_kind
 *
 * Return: NULL when all are taken.
 */
struct share_slot *share_get(int kind, uint64_t cookie);

/**
 * share_find() - the slot of a socket that may be ours
 *
 * Return: NULL: it is not, or nobody holds it. A holder is not added.
 */
struct share_slot *share_find(uint64_t cookie);

/* A slot's number, for messages */
uint32_t share_index(const struct share_slot *slot);
struct share_slot *share_at(uint32_t index);

void share_hold(struct share_slot *slot); /* one more holder */

uint32_t share_holders(const struct share_slot *slot);

/**
 * share_leave() - one less of @cookie's. Return: was it the last?
 *
 * The last one keeps the slot until share_free(), which cleanses it. When the
 * slot is another's by now, both do nothing.
 */
bool share_leave(struct share_slot *slot, uint64_t cookie);
void share_free(struct share_slot *slot, uint64_t cookie);

/** share_retake() - be its holder again after share_free(), if nobody is.
 * Return: is it still for @cookie? Its keys are gone. */
bool share_retake(struct share_slot *slot, uint64_t cookie);

/**
 * share_reclaim() - its socket is closed everywhere: free it
 * @holders: as seen before the socket was looked for
 *
 * Return: false: that has changed, or somebody has its lock.
 */
bool share_reclaim(struct share_slot *slot, uint64_t holders);

void share_lock(struct share_slot *slot); /* see above */
bool share_trylock(struct share_slot *slot); /* is it ours? */
void share_unlock(struct share_slot *slot);

/**
 * share_put() - leave bytes of a stream for its next reader
 * @len: 1 to RX_BUF_BYTES
 *
 * The lock is held. Return: 0, or -ENOBUFS: 256 streams have some already.
 */
int share_put(struct share_slot *slot, enum share_bytes kind,
	      const uint8_t *data, size_t len);

const uint8_t *share_bytes(const struct share_slot *slot, size_t *len);

/** share_take() - @len bytes of it were read. The lock is held. */
void share_take(struct share_slot *slot, size_t len);

/**
 * share_key() - a key out of the table
 *
 * Return: 0 or -EINVAL: it is none. Security: @out holds secrets.
 */
int share_key(const struct traffic_key *in, struct traffic_key *out);

bool share_any_bytes(void); /* has any stream some? */

/** share_set_facts() - what the helper says of a connection, facts_pack()'s. Once,
 * by who has made the slot; without room nothing is known of it. */
void share_set_facts(struct share_slot *slot, const char *packed, size_t bytes);

/** share_get_facts() - Return: is anything known? */
bool share_get_facts(const struct share_slot *slot, struct facts *facts);

static inline bool share_is(const struct share_slot *slot, int flag)
{
	return atomic_load_explicit(&slot->flags, memory_order_acquire) & flag;
}

static inline void share_clear(struct share_slot *slot, int flag)
{
	atomic_fetch_and(&slot->flags, ~flag);
}

/* Return: was it set before? */
static inline bool share_set(struct share_slot *slot, int flag)
{
	return atomic_fetch_or(&slot->flags, flag) & flag;
}

#endif
