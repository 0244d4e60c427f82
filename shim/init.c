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
#include "sock.h"
#include "stream.h"

static void each_stream(void (*f)(struct stream *, int fd))
{
	struct entry *e;
	int fd;

	for (fd = 0; fd < fdtab_high(); fd++) {
		e = fdtab_is_any(fd) ? fdtab[fd] : NULL;
		if (e && e->kind == ENTRY_STREAM)
			f((struct stream *)e, fd);
	}
}

static bool any_stream;

static void child_stream(struct stream *s, int fd)
{
	(void)fd;
	stream_atfork_child(s);
}

static void before_fork(void)
{
	fdtab_atfork_prepare();
	each_stream(stream_atfork_prepare);
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
	each_stream(child_stream);
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

static void found_stream(struct stream *s, int fd)
{
	(void)s;
	(void)fd;
	any_stream = true;
}

__attribute__((destructor)) static void unloaded(void)
{
	each_stream(found_stream);
	if (any_stream)
		fflush(NULL); /* exit() would do it after our goodbye */
	sock_exiting();
}
