// SPDX-License-Identifier: MIT
/*
 * share.c - what the processes of a daemon must agree on
 */
#include "share.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "facts.h"
#include "fdtab.h"
#include "libc.h"
#include "sys.h"

/* A process that made it smaller would be the death of all others by SIGBUS. */
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

/* Addresses; pages that were touched only take memory. */
#define SLOTS ((unsigned int)SHARE_SLOTS)
#define HINTS (1u << 16)
#define CHUNKS ((unsigned int)SHARE_CHUNKS)
#define MAGIC (0x6b746c7368617200u + sizeof(struct share_slot))

/*
 * The holders of a slot: COUNT of the connection OF that cookie. While the slot
 * is being cleansed, FREEING: not free, and nobody's any more. Who is killed just
 * then loses the slot.
 */
#define COUNT(holders) ((uint32_t)(holders))
#define OF(cookie) ((uint64_t)(cookie) << 32)
#define IS_OF(holders, cookie) ((holders) >> 32 == (uint32_t)(cookie))
#define FREEING (UINT32_C(1) << 31)

static_assert(FACTS_PACKED_MAX <= TEXTS_MAX, "a text holds them");

struct table {
	uint64_t magic;
	struct share_state state;
	atomic_uint next; /* where to look first for a free one */
	atomic_uint hint[HINTS]; /* by cookie: a slot's index, or anything */
	atomic_bool chunk_used[CHUNKS];
	struct share_slot slots[SLOTS];
	uint8_t chunk[CHUNKS][RX_BUF_BYTES];
	struct texts texts;
};

static struct table *table;
static int table_fd = -1;

static int map_table(int fd)
{
	void *p = mmap(NULL, sizeof(*table), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_NORESERVE, fd, 0);

	if (p == MAP_FAILED)
		return -ENOMEM;
	table = p;
	table_fd = fd;
	return 0;
}

/*
 * A file larger than RLIMIT_FSIZE would be the daemon's death by SIGXFSZ. Root
 * may raise the limit for that moment. Return: may it be made?
 */
static bool raise_limit(struct rlimit *before)
{
	struct rlimit enough;

	if (getrlimit(RLIMIT_FSIZE, before) ||
	    before->rlim_cur >= sizeof(struct table))
		return true;
	enough = *before;
	enough.rlim_cur = sizeof(struct table);
	if (enough.rlim_max < enough.rlim_cur)
		enough.rlim_max = enough.rlim_cur;
	return !setrlimit(RLIMIT_FSIZE, &enough);
}

static int open_anonymous(void)
{
	void *p = mmap(NULL, sizeof(*table), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return -ENOMEM;
	table = p;
	table->magic = MAGIC;
	return 0;
}

int share_open(void)
{
	struct rlimit limit;
	int fd, ret;

	if (table)
		return 0;
	if (!raise_limit(&limit))
		return open_anonymous();
	fd = (int)sys_call(SYS_memfd_create, "ktlshim",
			   MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return open_anonymous();
	fd = fdtab_move_up(fd);
	ret = ftruncate(fd, sizeof(*table)) ||
			      LIBC(fcntl)(fd, F_ADD_SEALS, SEALS) < 0
		      ? -errno
		      : map_table(fd);
	setrlimit(RLIMIT_FSIZE, &limit);
	if (ret) {
		sys_close(fd);
		return ret;
	}
	table->magic = MAGIC;
	return fdtab_own(fd);
}

int share_attach(int fd)
{
	uint64_t magic = 0;
	struct stat st;

	if (table || fstat(fd, &st) || st.st_size != sizeof(*table) ||
	    LIBC(fcntl)(fd, F_GET_SEALS) != SEALS ||
	    sys_call(SYS_pread64, fd, &magic, sizeof(magic), 0) !=
		    sizeof(magic) ||
	    magic != MAGIC)
		return -EINVAL;
	return map_table(fd);
}

int share_fd(void)
{
	return table_fd;
}

struct share_state *share_state(void)
{
	return table ? &table->state : NULL;
}

static void init_slot(struct share_slot *slot, int kind, uint64_t cookie)
{
	size_t from = offsetof(struct share_slot, kind);

	atomic_store(&slot->cookie, 0); /* others may be looking for one */
	memset((char *)slot + from, 0, sizeof(*slot) - from);
	atomic_store(&slot->flags, 0);
	slot->kind = kind;
	atomic_store(&slot->cookie, cookie);
}

struct share_slot *share_get(int kind, uint64_t cookie)
{
	unsigned int i, at, high, start;

	if (!table)
		return NULL;
	start = atomic_load(&table->next);
	for (i = 0; i < SLOTS; i++) {
		uint64_t seen;

		at = (start + i) % SLOTS;
		seen = atomic_load(&table->slots[at].holders);
		if (COUNT(seen) ||
		    !atomic_compare_exchange_strong(&table->slots[at].holders,
						    &seen, OF(cookie) | 1))
			continue;
		atomic_fetch_add(&table->state.slots, 1);
		init_slot(&table->slots[at], kind, cookie);
		atomic_store(&table->hint[cookie % HINTS], at);
		atomic_store(&table->next, (at + 1) % SLOTS);
		high = atomic_load(&table->state.high);
		while (high <= at && !atomic_compare_exchange_weak(
					     &table->state.high, &high, at + 1))
			;
		return &table->slots[at];
	}
	return NULL;
}

uint32_t share_holders(const struct share_slot *slot)
{
	return COUNT(atomic_load(&slot->holders));
}

static bool is_it(const struct share_slot *slot, uint64_t cookie)
{
	uint32_t n = share_holders(slot);

	return n && n < FREEING && atomic_load(&slot->cookie) == cookie;
}

struct share_slot *share_find(uint64_t cookie)
{
	unsigned int i, high;

	if (!table || !cookie)
		return NULL;
	i = atomic_load(&table->hint[cookie % HINTS]) % SLOTS;
	if (is_it(&table->slots[i], cookie))
		return &table->slots[i];
	high = atomic_load(&table->state.high);
	for (i = 0; i < high && i < SLOTS; i++)
		if (is_it(&table->slots[i], cookie))
			return &table->slots[i];
	return NULL;
}

uint32_t share_index(const struct share_slot *slot)
{
	return (uint32_t)(slot - table->slots);
}

struct share_slot *share_at(uint32_t index)
{
	return table && index < SLOTS ? &table->slots[index] : NULL;
}

void share_hold(struct share_slot *slot)
{
	atomic_fetch_add(&slot->holders, 1);
}

bool share_leave(struct share_slot *slot, uint64_t cookie)
{
	uint64_t n = atomic_load(&slot->holders);

	do
		if (!IS_OF(n, cookie) || COUNT(n) <= 1 || COUNT(n) >= FREEING)
			return IS_OF(n, cookie) && COUNT(n) == 1;
	while (!atomic_compare_exchange_weak(&slot->holders, &n, n - 1));
	return false;
}

bool share_retake(struct share_slot *slot, uint64_t cookie)
{
	uint64_t none = OF(cookie);

	if (!atomic_compare_exchange_strong(&slot->holders, &none, none | 1))
		return false;
	atomic_fetch_add(&table->state.slots, 1);
	return true;
}

static void drop_chunk(struct share_stream *s)
{
	s->bytes_kind = SHARE_NONE;
	s->bytes_len = 0;
	if (!s->chunk || s->chunk > CHUNKS)
		return;
	explicit_bzero(table->chunk[s->chunk - 1], RX_BUF_BYTES);
	atomic_store(&table->chunk_used[s->chunk - 1], false);
	atomic_fetch_sub(&table->state.chunks, 1);
	s->chunk = 0;
}

/* It is FREEING. */
static void cleanse(struct share_slot *slot)
{
	unsigned int at = share_index(slot);
	uint64_t holders = atomic_load(&slot->holders);

	if (slot->kind == ENTRY_STREAM) {
		drop_chunk(&slot->stream);
		keys_wipe(&slot->stream.rx);
		keys_wipe(&slot->stream.tx);
	}
	texts_drop(&table->texts, slot->facts);
	slot->facts.bytes = 0;
	atomic_fetch_sub(&table->state.slots, 1);
	atomic_store(&slot->holders, holders - COUNT(holders));
	/* low slots first, so that few pages are touched */
	if (at < atomic_load(&table->next))
		atomic_store(&table->next, at);
}

void share_free(struct share_slot *slot, uint64_t cookie)
{
	uint64_t n = atomic_load(&slot->holders);

	do
		if (!IS_OF(n, cookie) || !COUNT(n) || COUNT(n) >= FREEING)
			return;
	while (!atomic_compare_exchange_weak(&slot->holders, &n,
					     OF(cookie) | FREEING));
	cleanse(slot);
}

bool share_reclaim(struct share_slot *slot, uint64_t holders)
{
	uint64_t n = holders;

	if (!COUNT(n) || COUNT(n) >= FREEING ||
	    !atomic_compare_exchange_strong(&slot->holders, &n,
					    n - COUNT(n) + FREEING))
		return false;
	if (!lock_try_dead(&slot->lock)) { /* a call on it returns just now */
		atomic_fetch_sub(&slot->holders, FREEING - COUNT(holders));
		return false;
	}
	lock_release(&slot->lock);
	cleanse(slot);
	return true;
}

void share_lock(struct share_slot *slot)
{
	/* nobody knows what the dead had taken */
	if (!lock_take(&slot->lock) && slot->kind == ENTRY_STREAM &&
	    !share_is(slot, SHARE_RX_KERNEL))
		share_set(slot, SHARE_RX_DEAD);
}

bool share_trylock(struct share_slot *slot)
{
	return lock_try(&slot->lock);
}

void share_unlock(struct share_slot *slot)
{
	lock_release(&slot->lock);
}

int share_key(const struct traffic_key *in, struct traffic_key *out)
{
	*out = *in;
	if ((out->version == TLS12 || out->version == TLS13) &&
	    out->aead < AEAD_COUNT &&
	    (out->hash_bytes == 32 || out->hash_bytes == 48))
		return 0;
	keys_wipe(out);
	return -EINVAL;
}

int share_put(struct share_slot *slot, enum share_bytes kind,
	      const uint8_t *data, size_t len)
{
	struct share_stream *s = &slot->stream;
	unsigned int i;

	for (i = 0; i < CHUNKS; i++) {
		bool used = false;

		if (!atomic_compare_exchange_strong(&table->chunk_used[i],
						    &used, true))
			continue;
		memcpy(table->chunk[i], data, len);
		s->chunk = i + 1;
		s->bytes_off = 0;
		s->bytes_len = (uint32_t)len;
		s->bytes_kind = (uint8_t)kind;
		atomic_fetch_add(&table->state.chunks, 1);
		return 0;
	}
	return -ENOBUFS;
}

const uint8_t *share_bytes(const struct share_slot *slot, size_t *len)
{
	const struct share_stream *s = &slot->stream;
	uint32_t chunk = s->chunk, off = s->bytes_off, left = s->bytes_len;

	/* another process may have written anything there */
	if (!chunk || chunk > CHUNKS || off > RX_BUF_BYTES ||
	    left > RX_BUF_BYTES - off)
		return NULL;
	*len = left;
	return table->chunk[chunk - 1] + off;
}

void share_take(struct share_slot *slot, size_t len)
{
	struct share_stream *s = &slot->stream;

	s->bytes_off += (uint32_t)len;
	s->bytes_len -= (uint32_t)len;
	if (!s->bytes_len)
		drop_chunk(s);
}

bool share_any_bytes(void)
{
	return table && atomic_load_explicit(&table->state.chunks,
					     memory_order_relaxed) > 0;
}

void share_set_facts(struct share_slot *slot, const char *packed, size_t bytes)
{
	slot->facts = texts_put(&table->texts, packed, bytes);
}

bool share_get_facts(const struct share_slot *slot, struct facts *facts)
{
	char packed[FACTS_PACKED_MAX];
	size_t n = texts_get(&table->texts, slot->facts, packed, sizeof(packed));

	return n && facts_unpack(packed, n, facts);
}
