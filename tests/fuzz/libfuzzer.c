// SPDX-License-Identifier: MIT
/*
 * libfuzzer.c - the fuzzer calls; see rx_fuzz.c. Built with clang only.
 *
 * A handshake makes hundreds of allocations, which took 40 % of the time in
 * AddressSanitizer. It is not OpenSSL that is tested, so OpenSSL has lists of
 * its own here: a list of free blocks for each power of two.
 */
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peer.h"
#include "rx_fuzz.h"

#define CHUNK_BYTES (1 << 20)
#define CHUNKS_MAX 256 /* 50 are used; then something is never freed */

const char *__asan_default_options(void);
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct block {
	size_t list; /* which one it belongs to */
	struct block *next;
	char data[]; /* aligned to 16 */
};

static struct block *lists[32];

static struct block *new_block(size_t bytes)
{
	static size_t left, chunks;
	static char *chunk;

	if (left < bytes) {
		if (++chunks > CHUNKS_MAX) {
			fprintf(stderr, "difference: memory is never freed\n");
			abort();
		}
		left = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;
		chunk = malloc(left);
	}
	left -= bytes;
	chunk += bytes;
	return (struct block *)(chunk - bytes);
}

static void *block_get(size_t len, const char *file, int line)
{
	/* the power of two that is at least len and the head, and at least 32
	 */
	size_t list = 64 - (size_t)__builtin_clzl((len + 15) | 31);
	struct block *b = lists[list];

	(void)file;
	(void)line;
	if (b)
		lists[list] = b->next;
	else
		b = new_block((size_t)1 << list);
	b->list = list;
	return b->data;
}

static void block_put(void *data, const char *file, int line)
{
	struct block *b;

	(void)file;
	(void)line;
	if (!data)
		return;
	b = (struct block *)((char *)data - sizeof(*b));
	b->next = lists[b->list];
	lists[b->list] = b;
}

static void *block_resize(void *data, size_t len, const char *file, int line)
{
	struct block *b;
	size_t had = 0;
	void *new;

	if (data) {
		b = (struct block *)((char *)data - sizeof(*b));
		had = ((size_t)1 << b->list) - sizeof(*b);
	}
	if (data && len <= had)
		return data;
	new = block_get(len, file, line);
	if (data)
		memcpy(new, data, had);
	block_put(data, file, line);
	return new;
}

const char *__asan_default_options(void)
{
	return "quarantine_size_mb=2:thread_local_quarantine_size_kb=256";
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	if (!CRYPTO_set_mem_functions(block_get, block_resize, block_put) ||
	    peer_setup())
		exit(1);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *why = fuzz_run(data, len);

	if (why) {
		fprintf(stderr, "difference: %s\n", why);
		abort();
	}
	return 0;
}
