// SPDX-License-Identifier: MIT
/*
 * share.c - what the processes of a daemon must agree on about a connection
 */
#include "share.h"

#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>

#define SLOTS (1 << 18) /* 2 MB of addresses; touched pages only are used */

static struct {
	atomic_uint next; /* where to look first */
	struct share_slot slots[SLOTS];
} *table;

int share_open(void)
{
	void *p;

	if (table)
		return 0;
	p = mmap(NULL, sizeof(*table), PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return -ENOMEM;
	table = p;
	return 0;
}

struct share_slot *share_get(void)
{
	unsigned int i, start = atomic_load(&table->next);
	struct share_slot *slot;

	for (i = 0; i < SLOTS; i++) {
		int none = 0;

		slot = &table->slots[(start + i) % SLOTS];
		if (!atomic_compare_exchange_strong(&slot->holders, &none, 1))
			continue;
		atomic_store(&slot->flags, 0);
		atomic_store(&table->next, (start + i + 1) % SLOTS);
		return slot;
	}
	return NULL;
}

void share_hold(struct share_slot *slot)
{
	atomic_fetch_add(&slot->holders, 1);
}

bool share_release(struct share_slot *slot)
{
	unsigned int i = (unsigned int)(slot - table->slots);

	if (atomic_fetch_sub(&slot->holders, 1) != 1)
		return false;
	/* low slots first, so that few pages are touched */
	if (i < atomic_load(&table->next))
		atomic_store(&table->next, i);
	return true;
}
