// SPDX-License-Identifier: MIT
/*
 * init.c - the library is loaded, the process forks, the process ends
 *
 * Nothing depends on the constructor having run: other libraries' constructors
 * may call hooks before it.
 */
#include <pthread.h>
#include <stdio.h>

#include "bufpool.h"
#include "client.h"
#include "fdtab.h"
#include "gate.h"
#include "libc.h"
#include "settings.h"
#include "share.h"
#include "sock.h"
#include "stream.h"

static void each_number(void (*f)(struct entry *, int fd))
{
	struct entry *e;
	int fd;

	for (fd = 0; fd < fdtab_high(); fd++) {
		e = fdtab_is_any(fd) ? fdtab[fd] : NULL;
		if (e && e->slot)
			f(e, fd);
	}
}

static void before(struct entry *e, int fd)
{
	share_hold(e->slot);
	if (e->kind == ENTRY_STREAM)
		stream_atfork_prepare((struct stream *)e, fd);
}

static void in_child(struct entry *e, int fd)
{
	(void)fd;
	if (e->kind == ENTRY_STREAM)
		stream_atfork_child((struct stream *)e);
}

static void before_fork(void)
{
	fdtab_atfork_prepare();
	each_number(before);
	bufpool_atfork_prepare();
}

static void after_fork_parent(void)
{
	bufpool_atfork_release();
	fdtab_atfork_parent();
}

static void after_fork_child(void)
{
	bufpool_atfork_release();
	each_number(in_child);
	fdtab_atfork_child();
	gate_atfork_child();
	client_atfork_child();
}

__attribute__((constructor)) static void loaded(void)
{
	libc_bind();
	settings();
	pthread_atfork(before_fork, after_fork_parent, after_fork_child);
}

static bool any_stream;

static void found(struct entry *e, int fd)
{
	(void)fd;
	any_stream |= e->kind == ENTRY_STREAM;
}

__attribute__((destructor)) static void unloaded(void)
{
	each_number(found);
	if (any_stream)
		fflush(NULL); /* exit() would do it after our goodbye */
	sock_exiting();
}
