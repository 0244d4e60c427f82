// SPDX-License-Identifier: MIT
/*
 * bufpool.c - buffers for the records that wait inside the shim
 *
 * From mmap, because the program's allocator may be in any state when a hook
 * runs. Never given back: as many as records ever waited at once.
 */
#include "bufpool.h"

#include <pthread.h>
#include <stddef.h>
#include <sys/mman.h>

#include "rx.h"

#define CHUNK_BUFS 15
#define STRIDE ((RX_BUF_BYTES + 63) & ~63)

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
}

void *bufpool_get(void)
{
	struct spare *s;

	pthread_mutex_lock(&lock);
	if (!spares)
		carve();
	s = spares;
	if (s)
		spares = s->next;
	pthread_mutex_unlock(&lock);
	return s;
}

void bufpool_put(void *buf)
{
	struct spare *s = buf;

	pthread_mutex_lock(&lock);
	s->next = spares;
	spares = s;
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
