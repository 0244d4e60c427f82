// SPDX-License-Identifier: MIT
/*
 * fdtab.c - which descriptors of this process are ours, and what they are
 */
#include "fdtab.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "libc.h"
#include "share.h"
#include "sys.h"

#define OWN_FD_MIN 512 /* out of the way of select() users and sweeps */

struct entry *_Atomic fdtab[FDTAB_MAX]; /* touched pages only take memory */
static atomic_int high;
static pid_t owner;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool *alive; /* in memory that a copy finds wiped; see fdtab.h */
static void (*on_copy)(bool counted);
static bool is_counted;
static bool forking; /* fork's handlers will do it */

/* under the lock */
static void (*free_functions[ENTRY_KIND_COUNT])(struct entry *);
static struct entry *free_entries[ENTRY_KIND_COUNT];

/*
 * mmap, not malloc: a hook may run in a signal handler or while the program's
 * own allocator holds its lock.
 */
static struct entry *carve(size_t size, enum entry_kind kind)
{
	size_t chunk = 64 * 1024, off;
	char *p;

	size = (size + 63) & ~(size_t)63;
	p = mmap(NULL, chunk, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	for (off = size; off + size <= chunk; off += size) {
		struct entry *e = (struct entry *)(p + off);

		e->next_free = free_entries[kind];
		free_entries[kind] = e;
	}
	return (struct entry *)p;
}

static void take_ownership(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *p = mmap(NULL, page, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	owner = getpid();
	if (p == MAP_FAILED || madvise(p, page, MADV_WIPEONFORK))
		return;
	alive = p;
	*alive = true;
}

struct entry *fdtab_alloc(enum entry_kind kind, size_t size,
			  void (*free_entry)(struct entry *))
{
	struct entry *e;

	pthread_mutex_lock(&lock);
	if (!owner)
		take_ownership();
	free_functions[kind] = free_entry;
	e = free_entries[kind];
	if (e)
		free_entries[kind] = e->next_free;
	else
		e = carve(size, kind);
	if (e) {
		/* refs stays: a late fdtab_get() may be counting it */
		atomic_fetch_add(&e->refs, 1);
		memset(&e->numbers, 0, size - offsetof(struct entry, numbers));
		e->kind = kind;
	}
	pthread_mutex_unlock(&lock);
	return e;
}

static void own_again(void)
{
	struct entry *e;
	int fd;

	owner = owner ? getpid() : 0;
	if (alive)
		*alive = true;
	for (fd = 0; fd < high; fd++)
		if ((e = fdtab[fd]))
			atomic_store(&e->refs, e->numbers);
}

/* The library has been copied: this is another process than the owner. */
static void check_copy(void)
{
	if (!alive || *alive || forking)
		return;
	pthread_mutex_init(&lock, NULL);
	own_again();
	if (on_copy)
		on_copy(is_counted);
	is_counted = false;
}

void fdtab_on_copy(void (*f)(bool counted))
{
	on_copy = f;
}

void fdtab_set_counted(bool counted)
{
	is_counted = counted;
}

bool fdtab_has_slot(const struct entry *e)
{
	return e->slot && atomic_load_explicit(&e->slot->cookie,
					       memory_order_relaxed) == e->cookie;
}

struct entry *fdtab_get(int fd)
{
	struct entry *e;

	check_copy();
	while (fdtab_is_any(fd)) {
		e = atomic_load_explicit(&fdtab[fd], memory_order_acquire);
		if (!e)
			break;
		atomic_fetch_add(&e->refs, 1);
		if (atomic_load(&fdtab[fd]) != e) {
			fdtab_put(e);
			continue;
		}
		if (fdtab_has_slot(e) || !e->slot)
			return e;
		fdtab_put(e); /* closed past our hooks; the slot is another's */
		break;
	}
	return NULL;
}

void fdtab_put(struct entry *e)
{
	if (atomic_fetch_sub(&e->refs, 1) != 1)
		return;
	pthread_mutex_lock(&lock);
	/* a late fdtab_get() can bring refs to zero a second time */
	if (atomic_load(&e->refs) || e->numbers || !e->kind) {
		pthread_mutex_unlock(&lock);
		return;
	}
	if (free_functions[e->kind])
		free_functions[e->kind](e);
	if (e->last)
		share_free(e->slot, e->cookie);
	e->next_free = free_entries[e->kind];
	free_entries[e->kind] = e;
	e->kind = 0;
	pthread_mutex_unlock(&lock);
}

struct entry *fdtab_del_if(int fd, const struct entry *only)
{
	struct entry *e = NULL;

	if (!fdtab_is_any(fd))
		return NULL;
	pthread_mutex_lock(&lock);
	e = atomic_load(&fdtab[fd]);
	if (only && e != only)
		e = NULL;
	if (e) {
		atomic_store(&fdtab[fd], NULL);
		e->numbers--; /* its reference goes to the caller */
	}
	pthread_mutex_unlock(&lock);
	return e;
}

struct entry *fdtab_del(int fd)
{
	return fdtab_del_if(fd, NULL);
}

uint64_t fdtab_cookie(int fd)
{
	socklen_t len = sizeof(uint64_t);
	uint64_t cookie = 0;
	int saved = errno;

	LIBC(getsockopt)(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len);
	errno = saved;
	return cookie;
}

bool fdtab_is_current(const struct entry *e, int fd)
{
	return e->kind == ENTRY_OWN || e->sandboxed ||
	       fdtab_cookie(fd) == e->cookie;
}

int fdtab_add(int fd, struct entry *e)
{
	struct entry *old;

	if (fd < 0 || fd >= FDTAB_MAX)
		return -EMFILE;
	if (e->slot && !e->cookie)
		e->cookie = e->slot->cookie; /* which the caller had of @fd */
	old = fdtab_del(fd);
	if (old)
		fdtab_put(old);
	pthread_mutex_lock(&lock);
	atomic_fetch_add(&e->refs, 1);
	e->numbers++;
	atomic_store(&fdtab[fd], e);
	if (fd >= atomic_load(&high))
		atomic_store(&high, fd + 1);
	pthread_mutex_unlock(&lock);
	return 0;
}

int fdtab_move_up(int fd)
{
	int up = LIBC(fcntl)(fd, F_DUPFD_CLOEXEC, OWN_FD_MIN);

	if (up < 0)
		return fd;
	sys_close(fd);
	return up;
}

int fdtab_own(int fd)
{
	struct entry *e = fdtab_alloc(ENTRY_OWN, sizeof(*e), NULL);
	int ret = e ? fdtab_add(fd, e) : -ENOMEM;

	if (e)
		fdtab_put(e);
	return ret;
}

int fdtab_high(void)
{
	return atomic_load(&high);
}

bool fdtab_is_ours(void)
{
	check_copy();
	return owner == getpid();
}

void fdtab_atfork_prepare(void)
{
	pthread_mutex_lock(&lock);
	forking = true;
}

void fdtab_atfork_parent(void)
{
	forking = false;
	pthread_mutex_unlock(&lock);
}

void fdtab_atfork_child(void)
{
	own_again();
	forking = false;
	pthread_mutex_unlock(&lock);
}
