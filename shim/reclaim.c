// SPDX-License-Identifier: MIT
/*
 * reclaim.c - slots of connections whose holders were killed
 *
 * A look is a number in the table, 0: there is none. Else it is one more than
 * set * SLOTS + index: where to go on, among the slots of which set of
 * the helper's. Whoever moves it on has those in between to ask about; if he
 * dies with that, the next look finds them.
 */
#include "reclaim.h"

#include <errno.h>

#include "client.h"
#include "fdtab.h"
#include "proto.h"
#include "share.h"

#define SCAN_MAX 2048 /* slots passed at a time */
#define SLOTS ((unsigned int)SHARE_SLOTS)
#define LOOK_BEGIN 1u
#define LOOK_END (LOOK_BEGIN + HELD_SETS * SLOTS)

struct batch {
	unsigned int n;
	uint64_t cookies[HELD_ASK_MAX];
	uint64_t holders[HELD_ASK_MAX];
	struct share_slot *slots[HELD_ASK_MAX];
};

/* One that the helper may know of: remember it as it is now. */
static void consider(struct batch *b, struct share_slot *slot, unsigned int set)
{
	uint64_t holders = atomic_load(&slot->holders);
	uint64_t cookie = atomic_load(&slot->cookie);

	/* a slot that is being taken has another's cookie still, or none */
	if (!(uint32_t)holders || holders >> 32 != (uint32_t)cookie ||
	    !cookie || HELD_SET(cookie) != set || !slot->watcher)
		return;
	b->holders[b->n] = holders;
	b->cookies[b->n] = cookie;
	b->slots[b->n++] = slot;
}

/* Return: where the next batch begins. */
static unsigned int collect(struct batch *b, unsigned int look,
			    unsigned int high)
{
	unsigned int at = look - LOOK_BEGIN, i;

	if (high > SLOTS)
		high = SLOTS;
	for (i = 0; i < SCAN_MAX && at < LOOK_END - LOOK_BEGIN; i++) {
		if (at % SLOTS < high) {
			consider(b, share_at(at % SLOTS), at / SLOTS);
			at++;
		}
		if (at % SLOTS >= high)
			at += SLOTS - at % SLOTS;
		/* a batch is of one set */
		if (b->n == HELD_ASK_MAX || (b->n && !(at % SLOTS)))
			break;
	}
	return at < LOOK_END - LOOK_BEGIN ? at + LOOK_BEGIN : LOOK_END;
}

/* Return: was there an answer? */
static bool ask_and_free(const struct batch *b)
{
	uint64_t watcher;
	uint32_t gone = 0;
	unsigned int i;

	if (!b->n)
		return true;
	watcher = client_gone(b->cookies, b->n, &gone);
	for (i = 0; watcher && i < b->n; i++)
		if (gone & UINT32_C(1) << i && b->slots[i]->watcher == watcher)
			share_reclaim(b->slots[i], b->holders[i]);
	return watcher;
}

static int twice(int left, int least, int most)
{
	if (2 * left < least)
		return least;
	return 2 * left < most ? 2 * left : most;
}

static bool is_full(struct share_state *s)
{
	return (s->slots >= s->slots_mark && s->slots >= RECLAIM_SLOTS_MIN) ||
	       (s->chunks >= s->chunks_mark && s->chunks >= RECLAIM_CHUNKS_MIN);
}

static void end_look(struct share_state *s)
{
	s->slots_mark = twice(s->slots, RECLAIM_SLOTS_MIN, SHARE_SLOTS);
	s->chunks_mark = twice(s->chunks, RECLAIM_CHUNKS_MIN, SHARE_CHUNKS);
	s->look = 0;
}

void reclaim_some(void)
{
	struct share_state *s = share_state();
	struct batch b = {0};
	unsigned int look, next;
	int saved = errno;

	if (!s || client_fd() < 0)
		return;
	look = atomic_load(&s->look);
	if (!look && !is_full(s))
		return;
	next = collect(&b, look ? look : LOOK_BEGIN, atomic_load(&s->high));
	/* another process may have been faster */
	if (atomic_compare_exchange_strong(&s->look, &look, next) &&
	    (!ask_and_free(&b) || next == LOOK_END))
		end_look(s);
	errno = saved;
}
