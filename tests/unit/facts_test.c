// SPDX-License-Identifier: MIT
/*
 * facts_test.c - what is known of a connection, packed; texts in shared memory
 */
#include "facts.h"

#include <stdlib.h>
#include <string.h>

#include "../../shim/texts.h"
#include "tap.h"

#define FILL(array) (memset(array, 'x', sizeof(array) - 1))

static void check_packed(void)
{
	struct facts in = {.version = "TLSv1.3", .cipher = "C", .resumed = true};
	static struct facts full, out;
	static char packed[FACTS_PACKED_MAX + 1], other[FACTS_PACKED_MAX];
	size_t n = facts_pack(&in, packed), i, good = 0;

	ok(n == 8 + 2 + 1 + 1 + 2, "without a certificate: %zu bytes", n);
	ok(facts_unpack(packed, n, &out) && !memcmp(&in, &out, sizeof(in)),
	   "... and it comes back");
	FILL(full.version);
	FILL(full.cipher);
	FILL(full.sni);
	FILL(full.alpn);
	FILL(full.verify_text);
	FILL(full.subject);
	FILL(full.issuer);
	FILL(full.common_name);
	FILL(full.fingerprint);
	full.resumed = full.asked = full.has_client = true;
	full.verify = -2147483647;
	n = facts_pack(&full, packed);
	ok(n <= FACTS_PACKED_MAX && n <= TEXTS_MAX, "the longest: %zu bytes", n);
	ok(facts_unpack(packed, n, &out) && !memcmp(&full, &out, sizeof(full)),
	   "... comes back, too");
	for (i = 0; i < n; i++) {
		char *exact = malloc(i + 1); /* so that a sanitizer sees more */

		memcpy(exact, packed, i);
		good += facts_unpack(exact, i, &out);
		free(exact);
	}
	ok(good == 0, "no part of it is taken");
	packed[n] = '\0';
	ok(!facts_unpack(packed, n + 1, &out), "nor more than it");
	memset(other, 'x', sizeof(other));
	ok(!facts_unpack(other, sizeof(other), &out), "nor a text that is too long");
	ok(!facts_is_host(&(struct facts){.sni = ""}) &&
		   !facts_is_host(&(struct facts){.sni = "a?b"}) &&
		   facts_is_host(&(struct facts){.sni = "a-b.example"}),
	   "what can be a host, and what cannot");
}

static struct texts texts;
static char text[TEXTS_MAX + 1], got[TEXTS_MAX];

/* Texts of many lengths, each of its own letter, until there is no room */
#define MANY (TEXTS_WORDS * 64)
static struct text where[MANY];

static size_t length(int i)
{
	return 1 + (size_t)i * 37 % (5 * TEXTS_UNIT);
}

static void put(int i)
{
	memset(text, 'a' + i % 26, length(i));
	where[i] = texts_put(&texts, text, length(i));
}

static int is_there(int i)
{
	size_t n = texts_get(&texts, where[i], got, sizeof(got)), k;

	for (k = 0; k < n && got[k] == 'a' + i % 26; k++)
		;
	return n == length(i) && k == n;
}

static size_t used(void)
{
	size_t n = 0, i;

	for (i = 0; i < TEXTS_WORDS; i++)
		n += (size_t)__builtin_popcountll(texts.used[i]);
	return n;
}

static void check_texts(void)
{
	int n, i, bad = 0;

	for (n = 0; n < MANY; n++) {
		put(n);
		if (!where[n].bytes)
			break;
	}
	ok(n > MANY / 5 && used() > MANY - 5 * TEXTS_WORDS, "%d texts, %zu of %d "
	   "units", n, used(), MANY);
	for (i = 0; i < n; i++)
		bad += !is_there(i);
	ok(!bad, "... all whole");
	for (i = 0; i < n; i += 2)
		texts_drop(&texts, where[i]);
	for (i = 0; i < n; i += 2)
		put(i);
	for (bad = i = 0; i < n; i++)
		bad += where[i].bytes && !is_there(i);
	ok(!bad, "half of them anew: all whole");
	for (i = 0; i < n; i++)
		texts_drop(&texts, where[i]);
	ok(used() == 0 && texts.next == 0, "none is left");
	ok(texts_put(&texts, text, TEXTS_MAX + 1).bytes == 0 &&
		   texts_put(&texts, text, 0).bytes == 0 && used() == 0,
	   "one that is too long, or empty, has no place");
	where[0] = texts_put(&texts, text, TEXTS_MAX);
	ok(where[0].bytes == TEXTS_MAX && texts.used[0] == UINT64_MAX &&
		   texts_get(&texts, where[0], got, sizeof(got)) == TEXTS_MAX &&
		   !memcmp(text, got, TEXTS_MAX),
	   "the longest");
	ok(!texts_get(&texts, where[0], got, TEXTS_MAX - 1), "not without room");
}

/* What another process may have written over a slot */
static void check_wrong(void)
{
	static const struct text wrong[] = {
		{MANY, 1},	{MANY - 1, TEXTS_UNIT + 1}, {1, TEXTS_MAX},
		{0, UINT32_MAX}, {UINT32_MAX, 64},	    {63, 65},
	};
	size_t i, before = used(), good = 0;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		good += texts_get(&texts, wrong[i], got, sizeof(got));
		texts_drop(&texts, wrong[i]);
	}
	ok(!good && used() == before, "places that are none");
}

int main(void)
{
	check_packed();
	check_texts();
	check_wrong();
	return tap_done();
}
