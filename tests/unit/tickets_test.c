// SPDX-License-Identifier: MIT
/*
 * tickets_test.c - our own ticket keys, as time goes by; what a file may hold
 */
#include <string.h>

#include "conf.h"
#include "tickets.h"
#include "tap.h"

#define LIFE 100

static struct ticket_key copy(const struct ticket_key *k)
{
	return *k;
}

static int is_known(const struct ticket_key *k, uint64_t now, bool *newest)
{
	const struct ticket_key *found = tickets_find(k->name, now, newest);

	return found && !memcmp(found, k, sizeof(*k));
}

static void check_own(void)
{
	struct ticket_key a, b, c;
	bool newest;

	tickets_use(NULL, LIFE);
	ok(tickets_forget(0) == LIFE,
	   "no key: another thread may make one, and nobody hears of it");
	a = copy(tickets_newest(0));
	ok(!memcmp(tickets_newest(LIFE - 1), &a, sizeof(a)),
	   "a key encrypts for a lifetime");
	ok(is_known(&a, LIFE - 1, &newest) && newest, "it is the newest");
	ok(tickets_forget(LIFE + 1) == LIFE - 1, "when it will be forgotten");
	ok(is_known(&a, LIFE, &newest) && !newest,
	   "nobody has come for a new one: tickets are renewed all the same");
	b = copy(tickets_newest(LIFE));
	ok(memcmp(&a, &b, sizeof(a)) && memcmp(a.name, b.name, 16),
	   "then there is another one");
	ok(is_known(&a, 2 * LIFE - 1, &newest) && !newest,
	   "the old one decrypts for one lifetime more");
	ok(is_known(&b, 2 * LIFE - 1, &newest) && newest,
	   "so does the new one");
	ok(!is_known(&a, 2 * LIFE, &newest), "then the old one is forgotten");
	tickets_use(NULL, LIFE);
	ok(is_known(&b, 2 * LIFE, &newest), "a reload keeps them");
	c = copy(tickets_newest(2 * LIFE));
	ok(is_known(&b, 2 * LIFE, &newest) && !newest &&
		   memcmp(&b, &c, sizeof(b)),
	   "the next");
	ok(tickets_forget(10 * LIFE) == LIFE && !is_known(&c, 10 * LIFE, &newest),
	   "in the end all are forgotten");
}

static void check_file(void)
{
	struct ticket_keys keys = {.n = 2};
	struct ticket_key own;
	bool newest;

	tickets_use(NULL, LIFE);
	own = copy(tickets_newest(0));
	memset(&keys.list[0], 1, sizeof(keys.list[0]));
	memset(&keys.list[1], 2, sizeof(keys.list[1]));
	tickets_use(&keys, LIFE);
	ok(tickets_newest(99 * LIFE) == &keys.list[0],
	   "file: the first encrypts");
	ok(is_known(&keys.list[0], 99 * LIFE, &newest) && newest,
	   "file: the first decrypts");
	ok(is_known(&keys.list[1], 99 * LIFE, &newest) && !newest,
	   "file: so do the others");
	ok(!is_known(&own, 0, &newest), "file: our own does not");
	tickets_use(NULL, LIFE);
	ok(!is_known(&own, 0, &newest) && !is_known(&keys.list[0], 0, &newest),
	   "no file any more: neither");
}

int main(void)
{
	check_own();
	check_file();
	return tap_done();
}
