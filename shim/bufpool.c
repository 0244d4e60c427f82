// SPDX-License-Identifier: MIT
/*
 * bufpool.c - buffers for the records that wait inside the shim
 *
 * From mmap, because the program's allocator may be in any state when a hook
 * runs. Never given back: as many as records ever waited at once.
 */
#include "bufpool.h"

#include <pthread.h>
#include <sanitizer/asan_interface.h> /* without ASan, the macros are empty */
#include <stddef.h>
#include <sys/mman.h>

#include "rx.h"

#define CHUNK_BUFS 15
#define STRIDE ((RX_BUF_BYTES + 127) & ~63) /* a gap, for ASan to watch */

struct spare {
	struct spare *next;
};

static struct spare *spares;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void carve(void)
{
	char *p = mmap(NULL, CHUNK_BUFS * STRIDE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int i;

	if (p == MAP_FAILED)
		return;
	for (i = 0; i < CHUNK_BUFS; i++) {
		struct spare *s = (struct spare *)(p + (size_t)i * STRIDE);

		s->next = spares;
		spares = s;
	}
	ASAN_POISON_MEMORY_REGION(p, CHUNK_BUFS * STRIDE);
}

void *bufpool_get(void)
{
	struct spare *s;

	pthread_mutex_lock(&lock);
	if (!spares)
		carve();
	s = spares;
	if (s) {
		ASAN_UNPOISON_MEMORY_REGION(s, RX_BUF_BYTES);
		spares = s->next;
	}
	pthread_mutex_unlock(&lock);
	return s;
}

void bufpool_put(void *buf)
{
	struct spare *s = buf;

	pthread_mutex_lock(&lock);
	s->next = spares;
	spares = s;
	ASAN_POISON_MEMORY_REGION(buf, RX_BUF_BYTES);
	pthread_mutex_unlock(&lock);
}

void bufpool_atfork_prepare(void)
{
	pthread_mutex_lock(&lock);
}

void bufpool_atfork_release(void)
{
	pthread_mutex_unlock(&lock);
}

void bufpool_atfork_child(void)
{
	pthread_mutex_init(&lock, NULL);
}
