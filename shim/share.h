/* SPDX-License-Identifier: MIT */
/*
 * share.h - what the processes of a daemon must agree on about a connection
 *
 * A table in memory that fork shares. It holds no secrets. One slot for each
 * connection: how many descriptor numbers in all processes still mean it, so
 * that the last holder, and nobody before, says goodbye to the client.
 */
#ifndef KTLSHIM_SHARE_H
#define KTLSHIM_SHARE_H

#include <stdatomic.h>
#include <stdbool.h>

enum share_flag {
	SHARE_TX_CLOSED = 1, /* close_notify was sent, or may not be */
	SHARE_RX_EOF = 2,    /* the peer's close_notify was read */
	SHARE_RX_SHUT = 4,   /* the daemon has shut down reading */
	SHARE_RX_DEAD = 8,   /* the peer's stream was cut off */
};

struct share_slot {
	atomic_int holders; /* 0: the slot is free; see share_leave() */
	atomic_int flags;   /* enum share_flag */
};

/** share_open() - make the table, once. Return: 0 or -ENOMEM. */
int share_open(void);

/**
 * share_get() - a slot with one holder
 * @spare: used when all are taken: then nobody can be told from the last, and
 *         nobody says goodbye
 */
struct share_slot *share_get(struct share_slot *spare);

/** share_hold() - one more holder */
void share_hold(struct share_slot *slot);

/**
 * share_leave() - one less. Return: was it the last?
 *
 * The last one keeps the slot until share_free().
 */
bool share_leave(struct share_slot *slot);
void share_free(struct share_slot *slot);

static inline bool share_is(const struct share_slot *slot, enum share_flag flag)
{
	return atomic_load(&slot->flags) & flag;
}

/** share_set() - set a flag. Return: was it set before? */
static inline bool share_set(struct share_slot *slot, enum share_flag flag)
{
	return atomic_fetch_or(&slot->flags, flag) & flag;
}

#endif
