// SPDX-License-Identifier: MIT
/*
 * lock.c - a lock in memory that processes of different privileges share
 */
#include "lock.h"

#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <stddef.h>
#include <time.h>

#include "sys.h"

#define WAITERS 0x80000000u
#define LOOK_S 1 /* how often a waiter looks after the holder */

/* A signal's frame on the stack is larger: registers, 800 bytes at the least. */
#define SIGNAL_BYTES 512

static __thread uint32_t me; /* asked for once: a sandbox may not allow it */
static __thread const char *frame; /* of the call that has taken a lock last */

static uint32_t own_number(void)
{
	if (!me)
		me = (uint32_t)sys_call(SYS_gettid);
	return me;
}

void lock_atfork_child(void)
{
	me = 0;
}

static bool take_free(struct lock *lock)
{
	uint32_t expected = 0;

	return atomic_compare_exchange_strong(&lock->word, &expected,
					      own_number());
}

/*
 * Programs jump out of a read when it takes too long, and leave the lock. The
 * frame of that call is gone from the stack, then. A signal handler lies below
 * it: there the call is still under way.
 */
static bool was_left(const struct lock *lock, const char *here)
{
	return (atomic_load(&lock->word) & ~WAITERS) == own_number() &&
	       here + SIGNAL_BYTES > frame;
}

bool lock_try(struct lock *lock)
{
	const char *here = __builtin_frame_address(0);

	if (!take_free(lock) && !was_left(lock, here))
		return false;
	frame = here;
	return true;
}

/* kill(2) takes a thread's number, too. EPERM: somebody else's, alive. */
static bool is_dead(uint32_t number)
{
	return sys_call(SYS_kill, number, 0) < 0 && errno == ESRCH;
}

/* Whoever has waited leaves the flag: others may be waiting still. */
static bool steal(struct lock *lock, uint32_t seen)
{
	return atomic_compare_exchange_strong(&lock->word, &seen,
					      own_number() | WAITERS);
}

bool lock_try_dead(struct lock *lock)
{
	uint32_t seen = atomic_load(&lock->word);

	return take_free(lock) ||
	       (seen && is_dead(seen & ~WAITERS) && steal(lock, seen));
}

bool lock_take(struct lock *lock)
{
	const struct timespec look = {.tv_sec = LOOK_S};
	uint32_t seen;
	int saved = errno;
	bool alive = true;

	if (take_free(lock) || was_left(lock, __builtin_frame_address(0)))
		goto taken;
	for (;;) {
		seen = atomic_load(&lock->word);
		if (!seen && steal(lock, 0))
			break;
		if (!seen)
			continue;
		if (!(seen & WAITERS) &&
		    !atomic_compare_exchange_strong(&lock->word, &seen,
						    seen | WAITERS))
			continue;
		seen |= WAITERS;
		if (!sys_call(SYS_futex, &lock->word, FUTEX_WAIT, seen, &look,
			      NULL, 0) ||
		    errno != ETIMEDOUT)
			continue;
		if (is_dead(seen & ~WAITERS) && steal(lock, seen)) {
			alive = false;
			break;
		}
	}
	errno = saved;
taken:
	frame = __builtin_frame_address(0);
	return alive;
}

void lock_release(struct lock *lock)
{
	int saved = errno;

	if (atomic_exchange(&lock->word, 0) & WAITERS)
		sys_call(SYS_futex, &lock->word, FUTEX_WAKE, 1, NULL, NULL, 0);
	errno = saved;
}
