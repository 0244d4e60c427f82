// SPDX-License-Identifier: MIT
/*
 * helper_main.c - the helper: listening sockets, handshakes, the private key
 *
 * Started by the shim (shim/launch.c) with the control socket as descriptor 3
 * and the settings in the environment; nobody else starts it. It ends when no
 * process of the daemon is left and no relayed connection is open.
 */
#include <errno.h>
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
#include "ktls.h"
#include "listener.h"
#include "part.h"
#include "relay.h"

struct helper helper;

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
	switch (event->tag.op) {
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
		relay_on_tcp_in(c, event);
		break;
	case OP_RELAY_TCP_OUT:
		relay_on_tcp_out(c, event->res);
		break;
	case OP_RELAY_PAIR_IN:
		relay_on_pair_in(c, event);
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
	case OP_CONTROL:
		control_on_readable(event);
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

/* Ctrl-C and a service manager's stop are for the daemon; we end with it. */
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

/* Does any listener want kTLS, and is there any? */
static void probe_kernel(void)
{
	size_t i;

	helper.ktls = -EOPNOTSUPP;
	for (i = 0; i < helper.conf->n_sites; i++)
		if (helper.conf->sites[i].ktls != CONF_KTLS_OFF)
			break;
	if (i < helper.conf->n_sites)
		helper.ktls = ktls_probe(helper.offload, &helper.can_rekey);
}

/* The log as the settings want it, as far as they are right. */
static void open_log(const struct conf_log *log)
{
	if (log_open(log->level, log->dest[0] ? log->dest : NULL))
		log_warn("cannot open %s: %s", log->dest, strerror(errno));
}

static void read_settings(void)
{
	static struct conf_env env;
	struct conf_problems problems = {0};
	struct conf_log log;
	struct conf *conf;
	char why[CONF_WHY_BYTES];
	int ret;

	if (conf_env_read(&env, getenv, why))
		die(-EINVAL, why);
	ret = conf_load(&conf, &env, &log, &problems);
	open_log(&log);
	if (ret && problems.n > 1)
		snprintf(why, sizeof(why), "%.400s (and %u more; ktlshim check "
			 "shows them)", problems.first, problems.n - 1);
	if (ret)
		die(ret, problems.n > 1 ? why : problems.first);
	if (sites_open(conf))
		die(-ENOMEM, "out of memory");
}

static void run(void)
{
	int wait, retry, ret;

	/* conn_count(): relayed connections outlive the daemon's listener */
	while (control_is_open() || listener_count() || conn_count()) {
		wait = conn_wait_ms();
		retry = listener_wait_ms();
		if (retry >= 0 && (wait < 0 || retry < wait))
			wait = retry;
		ret = ring_run(wait, on_event);
		if (ret) {
			log_error("%s: %s", ring_name(), strerror(-ret));
			exit(1);
		}
		conn_expire(&conns_handshaking, handshake_expire);
		conn_expire(&conns_parting, part_or_relay_expire);
		listener_resume();
	}
}

int main(void)
{
	char why[CONF_WHY_BYTES];
	int ret;

	/* 1. settings; certificates when a listener wants them */
	read_settings();
	/* 2. nobody may look into us */
	prctl(PR_SET_DUMPABLE, 0);
	ignore_signals();
	raise_limits();
	/* 3. the kernel */
	if (crypto_open())
		die(-ENOSYS, "libcrypto.so.3 lacks what TLS needs");
	probe_kernel();
	ret = ring_open(helper.conf->ring);
	if (ret) {
		snprintf(why, sizeof(why), "%s is not available: %s",
			 ring_name(), strerror(-ret));
		die(ret, why);
	}
	/* 4. serve */
	conns_handshaking.limit_ms =
		(uint64_t)helper.conf->handshake_timeout_s * 1000;
	control_open();
	if (chdir("/"))
		log_debug("cannot leave the daemon's directory");
	run();
	return 0;
}
