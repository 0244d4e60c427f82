// SPDX-License-Identifier: MIT
/*
 * helper_main.c - the helper: listening sockets, handshakes, the private key
 *
 * Started by the shim (shim/launch.c) with the control socket as descriptor 3
 * and the settings in the environment; nobody else starts it. It ends when no
 * process of the daemon is left and no relayed connection is open.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conn.h"
#include "control.h"
#include "crypto.h"
#include "handshake.h"
#include "held.h"
#include "hkdf.h"
#include "listener.h"
#include "part.h"
#include "prologue.h"
#include "relay.h"
#include "reload.h"
#include "resume.h"
#include "workers.h"

struct helper helper = {.ktls = -EOPNOTSUPP};

/* Before the loop only: say why, and make the daemon's bind fail with it. */
static void die(int error, const char *why)
{
	log_error("%s", why);
	control_refuse(error);
	exit(1);
}

static void on_conn(const struct ring_event *event)
{
	struct conn *c = conn_get(event);

	if (!c)
		return;
	if (c->state == CONN_CLOSING) {
		if (!c->inflight)
			conn_release(c);
		return;
	}
	/* its settings may be gone; but what the daemon has got is its own */
	if (conn_is_orphan(c) &&
	    !(event->tag.op == OP_HANDOFF && event->res >= 0)) {
		conn_kill(c);
		return;
	}
	switch (event->tag.op) {
	case OP_PROLOGUE:
		prologue_on_in(c, event->res);
		break;
	case OP_HANDSHAKE_IN:
		handshake_on_in(c, event->res);
		break;
	case OP_HANDSHAKE_OUT:
		handshake_on_out(c, event->res);
		break;
	case OP_HANDOFF:
		handoff_on_sent(c, event->res);
		break;
	case OP_RELAY_TCP_IN:
		relay_on_tcp_in(c);
		break;
	case OP_RELAY_TCP_OUT:
		relay_on_tcp_out(c, event->res);
		break;
	case OP_RELAY_PAIR_IN:
		relay_on_pair_in(c, event->res);
		break;
	case OP_RELAY_PAIR_OUT:
		relay_on_pair_out(c, event->res);
		break;
	case OP_RELAY_PAIR_GONE:
		relay_on_pair_gone(c, event);
		break;
	case OP_PART:
		part_on_ready(c, event->res);
		break;
	default:
		abort();
	}
}

static void on_event(const struct ring_event *event)
{
	switch (event->tag.op) {
	case OP_JOBS:
		workers_on_jobs();
		break;
	case OP_CONTROL:
		control_on_readable(event);
		break;
	case OP_SIGNAL:
		reload_on_signal(event);
		break;
	case OP_WATCH:
		reload_on_change(event);
		break;
	case OP_ACCEPT:
		listener_on_accept(event);
		break;
	case OP_GATE_GONE:
		listener_on_gate_gone(event);
		break;
	default:
		on_conn(event);
	}
}

static void part_or_relay_expire(struct conn *c)
{
	if (c->state == CONN_PARTING)
		part_expire(c);
	else
		relay_expire(c);
}

static void raise_limits(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl))
		return;
	rl.rlim_cur = rl.rlim_max;
	setrlimit(RLIMIT_NOFILE, &rl);
}

/*
 * Ctrl-C and a service manager's stop are for the daemon; we end with it. SIGHUP:
 * see reload.c.
 */
static void ignore_signals(void)
{
	static const int signals[] = {SIGPIPE, SIGINT, SIGTERM, SIGHUP,
				      SIGQUIT, SIGUSR1, SIGUSR2};
	sigset_t none;
	size_t i;

	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		signal(signals[i], SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static int sooner(int a_ms, int b_ms)
{
	return a_ms < 0 || (b_ms >= 0 && b_ms < a_ms) ? b_ms : a_ms;
}

/* In each thread, for its own connections. Return: when again, -1: never */
static int tick_conns(void)
{
	bool again = listener_leave();

	conn_list_limit(&conns_handshaking,
			(uint64_t)helper.conf->handshake_timeout_s * 1000);
	conn_expire(&conns_handshaking, handshake_expire);
	conn_expire(&conns_silent, prologue_expire);
	conn_expire(&conns_greeting, relay_expire_greeting);
	conn_expire(&conns_parting, part_or_relay_expire);
	return again ? 0 : conn_wait_ms();
}

/* In each other thread. */
static int tick_worker(void)
{
	listener_tell_room();
	return tick_conns();
}

/* In the main thread only. */
static int tick_main(void)
{
	listener_resume();
	reload_tick();
	return sooner(sooner(listener_wait_ms(), reload_wait_ms()),
		      resume_tick());
}

static void run(void)
{
	int wait, ret;

	for (;;) {
		wait = tick_main();
		wait = sooner(wait, tick_conns());
		/* relayed connections outlive the daemon's listener */
		if (!control_is_open() && !listener_count() && !workers_conns())
			return;
		ret = ring_wait(wait);
		if (ret) {
			log_error("%s: %s", ring_name(), strerror(-ret));
			_exit(1);
		}
		ring_handle(on_event);
	}
}

/*
 * Do not interrupt the daemon each time it writes a piece of an answer: where both
 * share a core, what it has written by the time it waits is one record
 * (sched(7), doc/performance.md).
 */
static void let_daemon_finish(void)
{
	const struct sched_param none = {0};

	if (sched_getscheduler(0) == SCHED_OTHER)
		sched_setscheduler(0, SCHED_BATCH, &none);
}

int main(void)
{
	char why[CONF_WHY_BYTES];
	int ret;

	/* 1. settings; certificates when a listener wants them */
	ret = sites_open(why);
	if (ret)
		die(ret, why);
	/* not before: it would load another configuration of OpenSSL's */
	hkdf_open();
	/* 2. nobody may look into us */
	prctl(PR_SET_DUMPABLE, 0);
	ignore_signals();
	raise_limits();
	let_daemon_finish();
	/* 3. the kernel */
	if (crypto_open())
		die(-ENOSYS, "libcrypto.so.3 lacks what TLS needs");
	ret = ring_open(helper.conf->ring);
	if (ret) {
		snprintf(why, sizeof(why), "%s is not available: %s",
			 ring_name(), strerror(-ret));
		die(ret, why);
	}
	/* 4. serve */
	reload_open();
	held_open();
	workers_open(helper.conf->workers, on_event, tick_worker);
	control_open();
	if (chdir("/"))
		log_debug("cannot leave the daemon's directory");
	run();
	workers_stop();
	held_close();
	hkdf_close();
	return 0;
}
