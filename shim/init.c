// SPDX-License-Identifier: MIT
/*
 * init.c - the library is loaded, the process forks, the process ends
 *
 * Nothing depends on the constructor having run: other libraries' constructors
 * may call hooks before it.
 */
#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "bufpool.h"
#include "client.h"
#include "crypto.h"
#include "fdtab.h"
#include "gate.h"
#include "inherit.h"
#include "libc.h"
#include "log.h"
#include "settings.h"
#include "share.h"
#include "sock.h"
#include "stdio.h"
#include "stream.h"

static void each_number(void (*f)(struct entry *, int fd))
{
	struct entry *e;
	int fd;

	for (fd = 0; fd < fdtab_high(); fd++) {
		e = fdtab_is_any(fd) ? fdtab[fd] : NULL;
		if (e && fdtab_has_slot(e))
			f(e, fd);
	}
}

static void hold(struct entry *e, int fd)
{
	(void)fd;
	share_hold(e->slot);
}

static void promote_fresh(struct entry *e, int fd)
{
	if (e->kind == ENTRY_STREAM)
		stream_atfork_prepare((struct stream *)e, fd);
}

static void before(struct entry *e, int fd)
{
	hold(e, fd);
	promote_fresh(e, fd);
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
	lock_atfork_child();
	bufpool_atfork_release();
	each_number(in_child);
	fdtab_atfork_child();
	gate_atfork_child();
	client_atfork_child();
	stdio_atfork_child();
	crypto_atfork_child();
}

/* As after fork, but nothing was done before it. */
static void after_copy(bool counted)
{
	lock_atfork_child();
	bufpool_atfork_child();
	if (!counted)
		each_number(hold);
	each_number(promote_fresh);
	each_number(in_child);
	gate_atfork_child();
	client_atfork_child();
	stdio_atfork_child();
	crypto_atfork_child();
}

/* The note with a Go program's build id; its name is "Go", its type 4. */
static int find_go_note(struct dl_phdr_info *info, size_t size, void *found)
{
	const ElfW(Nhdr) *note;
	ElfW(Xword) off;
	int i;

	(void)size;
	for (i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];

		if (ph->p_type != PT_NOTE)
			continue;
		for (off = 0; off + sizeof(*note) + 4 <= ph->p_memsz;
		     off += sizeof(*note) + ((note->n_namesz + 3u) & ~3u) +
			    ((note->n_descsz + 3u) & ~3u)) {
			note = (const void *)(info->dlpi_addr + ph->p_vaddr +
					      off);
			if (note->n_namesz == 4 && note->n_type == 4 &&
			    !memcmp(note + 1, "Go", 3))
				*(bool *)found = true;
		}
	}
	return 1; /* the program itself comes first, and is enough */
}

/*
 * Go makes its system calls itself: it would serve plaintext. Preloaded by
 * hand, it does not start; what an upgraded daemon runs may be anything.
 */
static void check_go(bool executed_by_daemon)
{
	bool is_go = false;

	dl_iterate_phdr(find_go_note, &is_go);
	if (!is_go)
		return;
	if (executed_by_daemon) {
		log_warn("%s is a Go program: what it listens on stays "
			 "plaintext", program_invocation_name);
		return;
	}
	log_error("%s is a Go program and makes its system calls itself, so it "
		  "cannot be upgraded; put a proxy in front of it",
		  program_invocation_name);
	LIBC(_exit)(126);
}

__attribute__((constructor)) static void loaded(void)
{
	libc_bind();
	settings();
	inherit_load();
	check_go(inherit_adopt());
	fdtab_on_copy(after_copy);
	pthread_atfork(before_fork, after_fork_parent, after_fork_child);
}

__attribute__((destructor)) static void unloaded(void)
{
	stdio_flush(); /* exit() would do it after our goodbye */
	sock_exiting();
}
