// SPDX-License-Identifier: MIT
/*
 * reload.c - new settings and certificates while connections go on (helper)
 *
 * Who replaces a certificate writes several files, one after the other. So what
 * has changed is looked at until two looks see the same, and then read. If that
 * fails it may be too early still: it is tried once more some seconds later, and
 * only then told. In between any change begins anew.
 */
#include "reload.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "conn.h"
#include "log.h"
#include "site.h"
#include "watch.h"

#define QUIET_MS 300 /* between two looks */
#define LOOKS_MAX 20 /* then it is read as it is */
#define AGAIN_MS 5000

static int signals = -1, watch = -1;
static uint64_t look_ms;  /* when to look, 0: no reason */
static uint64_t again_ms; /* when to try again and tell, 0: no reason */
static uint64_t seen;	  /* what the last look saw */
static unsigned int looks;

static void arm(enum ring_op op, int fd)
{
	if (fd >= 0)
		ring_poll(RING_TAG(op, 0, 0), fd, POLLIN);
}

void reload_open(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals < 0)
		log_warn("no reload by signal: %s", strerror(errno));
	arm(OP_SIGNAL, signals);
	watch = watch_open();
	if (watch < 0)
		log_warn("files are not watched: %s; use ktlshim reload after "
			 "changes", strerror(-watch));
	arm(OP_WATCH, watch);
	reload_watch();
}

void reload_watch(void)
{
	watch_set(watch, sites_files());
	/* what has happened between reading and watching */
	look_ms = now_ms() + QUIET_MS;
	looks = 0;
}

static void reload(bool tell)
{
	bool well = sites_reload(tell);

	again_ms = well || tell ? 0 : now_ms() + AGAIN_MS;
	reload_watch();
}

void reload_on_signal(const struct ring_event *event)
{
	struct signalfd_siginfo info;

	(void)event;
	if (read(signals, &info, sizeof(info)) > 0) {
		log_info("told to reload");
		reload(true);
	}
	arm(OP_SIGNAL, signals);
}

void reload_on_change(const struct ring_event *event)
{
	(void)event;
	if (watch_read(watch) && !look_ms) {
		look_ms = now_ms() + QUIET_MS;
		looks = 0;
	}
	arm(OP_WATCH, watch);
}

static void look(void)
{
	uint64_t state = files_state(sites_files(), true);

	look_ms = 0;
	if (state == files_state(sites_files(), false))
		return; /* it is what we have read */
	if (state != seen && looks++ < LOOKS_MAX) {
		seen = state;
		look_ms = now_ms() + QUIET_MS;
		return;
	}
	reload(false);
}

void reload_tick(void)
{
	if (look_ms && look_ms <= now_ms())
		look();
	if (again_ms && again_ms <= now_ms())
		reload(true);
}

int reload_wait_ms(void)
{
	uint64_t next = look_ms, now = now_ms();

	if (again_ms && (!next || again_ms < next))
		next = again_ms;
	return !next ? -1 : next <= now ? 0 : (int)(next - now);
}
