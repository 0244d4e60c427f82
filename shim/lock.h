/* SPDX-License-Identifier: MIT */
/*
 * lock.h - a lock in memory that processes of different privileges share
 *
 * Not a robust pthread mutex: that keeps pointers of the process that holds it
 * in the shared memory, for anybody to change. Here there is one word, the
 * thread's number, and a flag that somebody waits. A waiter looks now and then
 * whether the holder still lives.
 */
#ifndef KTLSHIM_LOCK_H
#define KTLSHIM_LOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct lock {
	_Atomic uint32_t word; /* 0: free */
};

/** lock_take() - wait for it. Return: false: its holder has died with it. */
bool lock_take(struct lock *lock);

/** lock_try() - take it only if it is free, or this thread has jumped out of the
 * call that took it (siglongjmp(3) from a handler) */
bool lock_try(struct lock *lock);

/** lock_try_dead() - take it only if it is free, or its holder has died */
bool lock_try_dead(struct lock *lock);

void lock_release(struct lock *lock);

/** lock_atfork_child() - the calling thread has another number now */
void lock_atfork_child(void);

#endif
