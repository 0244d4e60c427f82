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

struct share_slot *share_get(struct share_slot *spare)
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
	atomic_store(&spare->holders, 1);
	atomic_store(&spare->flags, SHARE_TX_CLOSED);
	return spare;
}

void share_hold(struct share_slot *slot)
{
	atomic_fetch_add(&slot->holders, 1);
}

bool share_leave(struct share_slot *slot)
{
	int n = atomic_load(&slot->holders);

	do
		if (n <= 1)
			return n == 1;
	while (!atomic_compare_exchange_weak(&slot->holders, &n, n - 1));
	return false;
}

void share_free(struct share_slot *slot)
{
	size_t i = (size_t)(slot - table->slots);

	atomic_store(&slot->holders, 0);
	/* low slots first, so that few pages are touched */
	if (i < SLOTS && i < atomic_load(&table->next))
		atomic_store(&table->next, (unsigned int)i);
}
