/* SPDX-License-Identifier: MIT */
/*
 * fdtab.h - which descriptors of this process are ours, and what they are
 *
 * An array indexed by descriptor number. A hook on a number that is not in it
 * costs this one look-up and nothing else.
 *
 * Life of an entry. It is made by accept or listen, stands under one or more
 * numbers (dup), and is counted in `refs`: one for each number, one for each
 * call that is using it right now. Its memory is never given back to anybody
 * but another entry of the same kind, so a call that has just read a pointer
 * may touch `refs`; fdtab_get() then looks whether the number still means it.
 *
 * Locks: `lock` guards changes of the array and is never held while anything
 * waits. Order: fdtab lock before an entry's own lock.
 *
 * Processes: fork copies the table. A child of vfork shares our memory and
 * must not change it; fdtab_is_ours() tells. A page that any copy of our memory
 * finds wiped (MADV_WIPEONFORK) tells of a child that libc does not know of.
 */
#ifndef KTLSHIM_FDTAB_H
#define KTLSHIM_FDTAB_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum entry_kind {
	ENTRY_LISTENER = 1, /* a gate; struct listener in gate.c */
	ENTRY_STREAM,	    /* a direct connection; struct stream */
	ENTRY_RELAYED,	    /* one end of a local pair; struct relayed */
	ENTRY_OWN,	    /* the shim's own descriptor: hands off */
	ENTRY_KIND_COUNT
};

struct share_slot;

struct entry {
	int kind; /* enum entry_kind, fixed */
	atomic_int refs;
	int numbers; /* descriptor numbers that mean this; under the lock */
	struct entry *next_free;
	uint64_t cookie; /* SO_COOKIE of the socket it stands for */
	struct share_slot *slot; /* what all processes know of it; OWN: NULL */
	bool last; /* the slot is ours to free, with the entry */
	/*
	 * The process has put itself into a seccomp sandbox since: a call that
	 * the daemon would not make by itself may be its death. The table is
	 * believed, and nothing is said at the end.
	 */
	atomic_bool sandboxed;
	/* the file actions of a posix_spawn to come that name it, or NULL */
	const void *_Atomic spawning;
};

#define FDTAB_MAX (1 << 20)
extern struct entry *_Atomic fdtab[FDTAB_MAX];

/** fdtab_is_any() - the one look-up: is this number ours at all? */
static inline bool fdtab_is_any(int fd)
{
	return (unsigned int)fd < FDTAB_MAX &&
	       atomic_load_explicit(&fdtab[fd], memory_order_acquire);
}

/**
 * fdtab_get() - the entry of a number, kept alive until fdtab_put()
 *
 * Return: NULL when the number is not ours.
 */
struct entry *fdtab_get(int fd);

/**
 * fdtab_is_current() - does the number still mean the socket of the entry?
 *
 * Some programs close with the bare system call (Node.js does); the number then
 * comes back as something else. One getsockopt: for calls that are rare, or
 * that would give an answer without asking the socket.
 */
bool fdtab_is_current(const struct entry *e, int fd);

/** fdtab_has_slot() - has it one, and is that not another's by now?
 * fdtab_get() gives no other. */
bool fdtab_has_slot(const struct entry *e);

/**
 * fdtab_put() - done with an entry
 *
 * The last one out frees it.
 */
void fdtab_put(struct entry *e);

/**
 * fdtab_add() - @fd means @e from now on
 *
 * A number that still means something else (it was closed behind our back)
 * forgets that first.
 *
 * Return: 0, or -EMFILE when the number is past FDTAB_MAX.
 */
int fdtab_add(int fd, struct entry *e);

/** fdtab_del() - @fd means nothing any more. Return: what it meant, or NULL,
 * kept alive until fdtab_put(). */
struct entry *fdtab_del(int fd);

/** fdtab_del_if() - the same if it still means @only, which another thread may have
 * changed; NULL: whatever it means */
struct entry *fdtab_del_if(int fd, const struct entry *only);

/** fdtab_own() - @fd is the shim's own: the daemon cannot close it.
 * Return: 0 or -errno. */
int fdtab_own(int fd);

/** fdtab_move_up() - out of the way of the numbers that the daemon expects to
 * get, close-on-exec. Return: the new number; @fd where there is none. */
int fdtab_move_up(int fd);

/** fdtab_cookie() - SO_COOKIE of a socket, 0 when it is none; errno stays */
uint64_t fdtab_cookie(int fd);

/** fdtab_high() - one past the highest number ever added */
int fdtab_high(void);

/** fdtab_is_ours() - may this process change the table? */
bool fdtab_is_ours(void);

/**
 * fdtab_on_copy() - @f is called in a child that has a copy of our memory, but
 * was made past fork's handlers (a bare clone), before it uses the table
 *
 * Its table is its own then, and unlocked.
 */
void fdtab_on_copy(void (*f)(bool counted));

/** fdtab_set_counted() - what a copy's @f is told: is it a holder already? */
void fdtab_set_counted(bool counted);

/** fdtab_atfork_*() - hold the table still over a fork. In the child nobody
 * but the caller is left: each entry counts its numbers only. */
void fdtab_atfork_prepare(void);
void fdtab_atfork_parent(void);
void fdtab_atfork_child(void);

/**
 * fdtab_alloc() - memory for an entry, zeroed but for its head
 * @free_entry: called when it is free, the same for all of a kind; or NULL
 *
 * Return: an entry that is kept alive until fdtab_put(), or NULL.
 */
struct entry *fdtab_alloc(enum entry_kind kind, size_t size,
			  void (*free_entry)(struct entry *));

#endif
