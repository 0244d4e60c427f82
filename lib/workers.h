/* SPDX-License-Identifier: MIT */
/*
 * workers.h - the threads that handshake and relay (helper)
 *
 * The main thread has the control socket, the listeners, accept, settings and
 * certificates. Each connection goes to the worker with the fewest, who has it to its
 * end: its memory, ring and deadlines are that thread's own (_Thread_local). Direct
 * connections leave with the hand-off. The main thread is the first worker, and the one
 * that is asked first: with little to do nothing changes hands.
 *
 * What workers can see of the main thread's (listeners, their settings and contexts) it
 * changes between workers_stop() and workers_go() only; they need no lock to read it.
 */
#ifndef KTLSHIM_WORKERS_H
#define KTLSHIM_WORKERS_H

#include <stdbool.h>
#include <stdint.h>

#include "ring.h"

/* Something to be done in another thread; it frees itself. */
struct job {
	void (*run)(struct job *);
	struct job *next;
};

/**
 * workers_open() - start the others
 * @want:   workers in all, 0: one for each processor that we may run on
 * @handle: gets their completions
 * @tick:   is called when all of them are handled; returns how many ms to wait, -1: for ever
 *
 * Fewer start if memory or a limit does not allow more; the log says so.
 */
void workers_open(unsigned int want,
		  void (*handle)(const struct ring_event *), int (*tick)(void));

/** workers_stop() - main thread: wait until no other is at work, and keep them so; the
 * last time, for good */
void workers_stop(void);

/** workers_go() - each of them calls tick() before it waits again */
void workers_go(void);

/** workers_pick() - who gets the next connection; 0: the main thread */
unsigned int workers_pick(void);

/** workers_give() - @job is run by a worker: later by another, now by ourselves */
void workers_give(unsigned int worker, struct job *job);

/** workers_wake_main() - its loop has something to look at */
void workers_wake_main(void);

/** workers_load() - the calling thread has one connection more, or less */
void workers_load(int change);

/** workers_share() - of @n things for all of them, each one's part: rounded up */
unsigned int workers_share(unsigned int n);

/** workers_queued() - jobs that wait, or are being run */
unsigned int workers_queued(void);

/** workers_conns() - of all threads together, and on their way to them */
unsigned int workers_conns(void);

/** workers_end_soon() - from now on the last connection's end wakes the main thread */
void workers_end_soon(void);

/** workers_bit() - of the calling thread, in sets of threads */
uint64_t workers_bit(void);

/** workers_bits() - of all that have connections of listeners */
uint64_t workers_bits(void);

/* A connection's name for the daemon: which worker, and its index there */
uint32_t workers_name(uint32_t index);
unsigned int workers_named(uint32_t name, uint32_t *index);

/* completion */
void workers_on_jobs(void);

#endif
