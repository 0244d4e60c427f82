// SPDX-License-Identifier: MIT
/*
 * texts.c - short texts of any length in shared memory
 */
#include "texts.h"

#include <stdbool.h>
#include <string.h>

static uint64_t bits(unsigned int n)
{
	return n == 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1;
}

static unsigned int units(size_t bytes)
{
	return (unsigned int)((bytes + TEXTS_UNIT - 1) / TEXTS_UNIT);
}

/* @n free ones side by side. Return: the first, or -1. */
static int claim(_Atomic uint64_t *word, unsigned int n)
{
	uint64_t seen = atomic_load(word), runs;
	unsigned int i;
	int first;

	do {
		/* a bit stays where a run of n begins */
		for (runs = ~seen, i = 1; i < n; i++)
			runs &= ~seen >> i;
		if (!runs)
			return -1;
		first = __builtin_ctzll(runs);
	} while (!atomic_compare_exchange_weak(word, &seen,
					       seen | bits(n) << first));
	return first;
}

struct text texts_put(struct texts *t, const char *from, size_t bytes)
{
	unsigned int start = atomic_load(&t->next), i, at;
	struct text where = {0};
	int first;

	if (!bytes || bytes > TEXTS_MAX)
		return where;
	for (i = 0; i < TEXTS_WORDS; i++) {
		at = (start + i) % TEXTS_WORDS;
		first = claim(&t->used[at], units(bytes));
		if (first < 0)
			continue;
		where.unit = at * 64 + (unsigned int)first;
		where.bytes = (uint32_t)bytes;
		memcpy(t->unit[where.unit], from, bytes);
		if (!i && atomic_load(&t->used[at]) == UINT64_MAX)
			atomic_store(&t->next, (at + 1) % TEXTS_WORDS);
		return where;
	}
	return where;
}

static bool is_good(struct text where)
{
	return where.bytes && where.bytes <= TEXTS_MAX &&
	       where.unit < TEXTS_WORDS * 64 &&
	       where.unit % 64 + units(where.bytes) <= 64;
}

size_t texts_get(const struct texts *t, struct text where, char *out,
		 size_t room)
{
	if (!is_good(where) || where.bytes > room)
		return 0;
	memcpy(out, t->unit[where.unit], where.bytes);
	return where.bytes;
}

void texts_drop(struct texts *t, struct text where)
{
	unsigned int at = where.unit / 64;

	if (!is_good(where))
		return;
	atomic_fetch_and(&t->used[at],
			 ~(bits(units(where.bytes)) << where.unit % 64));
	/* low ones first, so that few pages are touched */
	if (at < atomic_load(&t->next))
		atomic_store(&t->next, at);
}
