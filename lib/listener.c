// SPDX-License-Identifier: MIT
/*
 * listener.c - the daemon's listening sockets, and the gates to it
 *
 * Back-pressure. A gate queues a few hundred finished connections in the
 * kernel; behind that they wait here, each with a sendmsg under way. When as
 * many wait as handshakes are allowed, accepting stops and the kernel's listen
 * queue takes over, as it would for a slow daemon without TLS; so it does when
 * the other workers do not keep up. When a worker's share of the allowance is
 * used up by clients that do not finish their handshake, the oldest of them
 * gives way, so that silent clients cannot lock others out.
 */
#include "listener.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "added.h"
#include "conn.h"
#include "handshake.h"
#include "workers.h"

#define LISTENERS_MAX 1024
#define BACKLOG 4096 /* the kernel lowers it to net.core.somaxconn */
#define TOO_MANY "cannot take over a listener: there are too many"
#define RETRY_MS 100 /* without descriptors: not before; without room: at the latest */

static struct listener listeners[LISTENERS_MAX];
static uint32_t n_listeners; /* highest index in use, plus one */
static atomic_bool is_paused; /* a listener: until there is room */
static _Thread_local bool made_room;

/* A client on its way to a worker */
struct accepted {
	struct job job;
	struct listener *listener;
	uint16_t generation;
	int fd;
};

static union ring_tag tag_of(const struct listener *l, enum ring_op op)
{
	return RING_TAG(op, l->index, l->generation);
}

static struct listener *listener_of(union ring_tag tag)
{
	struct listener *l = listener_get(tag.index);

	return l && l->generation == tag.generation ? l : NULL;
}

struct listener *listener_get(uint32_t index)
{
	return index < n_listeners && listeners[index].fd >= 0
		       ? &listeners[index]
		       : NULL;
}

struct listener *listener_next(struct listener *l)
{
	uint32_t i = l ? l->index + 1 : 0;

	while (i < n_listeners && listeners[i].fd < 0)
		i++;
	return i < n_listeners ? &listeners[i] : NULL;
}

unsigned int listener_count(void)
{
	unsigned int n = 0;
	uint32_t i;

	for (i = 0; i < n_listeners; i++)
		n += listeners[i].gate >= 0;
	return n;
}

static bool is_full(const struct listener *l)
{
	return l->handoffs >= helper.conf->handshakes_max ||
	       workers_queued() >= helper.conf->handshakes_max;
}

/* If so, whoever makes room wakes us, see listener_tell_room(). */
static bool must_pause(const struct listener *l)
{
	if (!is_full(l))
		return false;
	is_paused = true;
	return is_full(l); /* or has it just been made? */
}

void listener_made_room(struct listener *l)
{
	if (l)
		l->handoffs--;
	made_room = true;
}

void listener_tell_room(void)
{
	if (made_room && is_paused) {
		is_paused = false;
		workers_wake_main();
	}
	made_room = false;
}

static void arm_accept(struct listener *l)
{
	if (l->accepting || l->retry_ms > now_ms() || must_pause(l))
		return;
	l->accepting = true;
	ring_accept(tag_of(l, OP_ACCEPT), l->fd);
}

/* No connection is left that could be handed to its gate. */
static void close_gate(struct listener *l)
{
	if (!l->of)
		close(l->gate);
	l->gate = -1;
}

void listener_resume(void)
{
	struct listener *l, *end = listeners + n_listeners;

	for (l = listeners; l < end; l++)
		if (l->fd >= 0)
			arm_accept(l);
		else if (l->gate >= 0 && !l->leaving)
			close_gate(l);
}

/*
 * Twice: the ring may not have seen yet what it was told of the gate, by a number that
 * comes to mean something else once it is closed.
 */
bool listener_leave(void)
{
	struct listener *l, *end = listeners + n_listeners;
	uint64_t me = workers_bit();
	bool again = false;

	for (l = listeners; l < end; l++) {
		if (!(l->leaving & me))
			continue;
		again = true;
		if (l->left & me) {
			l->leaving &= ~me;
			workers_wake_main();
		} else {
			conn_kill_all_of(l);
			l->left |= me;
		}
	}
	return again;
}

int listener_wait_ms(void)
{
	uint32_t i;

	for (i = 0; i < n_listeners; i++)
		if (listeners[i].fd >= 0 && !listeners[i].accepting)
			return RETRY_MS;
	return -1;
}

void listener_warn(const struct listener *l)
{
	if (!l->plain && l->site->conf->plaintext == CONF_PLAINTEXT_ALLOW)
		log_warn("port %u: plaintext is allowed: clients without TLS "
			 "are served as well", l->port);
}

static struct listener *listener_new(void)
{
	uint32_t i;

	for (i = 0; i < n_listeners; i++)
		if (listeners[i].gate < 0)
			return &listeners[i];
	if (n_listeners == LISTENERS_MAX)
		return NULL;
	listeners[n_listeners].index = n_listeners;
	return &listeners[n_listeners++];
}

/* One more that may be accepted on. Return: NULL: there are too many. */
static struct listener *add(int fd, int gate, struct listener *of)
{
	struct listener *l;
	socklen_t len = sizeof(l->local);

	workers_stop();
	l = listener_new();
	if (l)
		*l = (struct listener){
			.index = l->index,
			.generation = (uint16_t)(l->generation + 1),
			.fd = fd,
			.gate = gate,
			.of = of,
			.own = true,
		};
	workers_go();
	if (!l)
		return NULL;
	getsockname(fd, &l->local.sa, &len);
	len = sizeof(l->cookie);
	getsockopt(fd, SOL_SOCKET, SO_COOKIE, &l->cookie, &len);
	l->port = ntohs(l->local.in.sin_port);
	return l;
}

/* What it is for, and the ports that belong to it. 0 or -errno, told. */
static int find_purpose(struct listener *l)
{
	struct added added[CONF_LISTEN_MAX];
	struct listener *a;
	int n, i, ret = 0;

	if (!conf_is_plain(&helper.conf->listen, l->port)) {
		/* asked before, but another may write here, and say anything */
		ret = site_find(&l->local, &l->site);
		if (ret || l->site)
			return ret;
		log_error("cannot take over port %u: it is plaintext", l->port);
		return -EINVAL;
	}
	l->plain = true;
	l->site = site_plain();
	n = added_open(l->fd, &l->local, added);
	for (i = 0; i < n; i++) {
		a = add(added[i].fd, l->gate, l);
		if (a) {
			a->site = added[i].site;
			continue;
		}
		close(added[i].fd);
		log_error(TOO_MANY);
		ret = -ENFILE;
	}
	return n < 0 ? n : ret;
}

static void start(struct listener *l)
{
	const struct linger no_linger = {0};

	/*
	 * The daemon's backlog was meant for accepting at once; a handshake
	 * takes a millisecond. What stands for it now is the gate's queue.
	 */
	listen(l->fd, BACKLOG);
	/* inherited by clients, it would block us in close() */
	setsockopt(l->fd, SOL_SOCKET, SO_LINGER, &no_linger, sizeof(no_linger));
	arm_accept(l);
	if (l->plain)
		log_info("port %u: plaintext, as listen says", l->port);
	else
		log_info("port %u: TLS is on, %s", l->port,
			 helper.ktls || l->site->conf->ktls == CONF_KTLS_OFF
				 ? "relayed" : "direct where the cipher allows");
	listener_warn(l);
}

/* Does another entry hold the same socket (listened on in two processes)? */
static bool is_shared(const struct listener *l)
{
	uint32_t i;

	for (i = 0; i < n_listeners; i++)
		if (&listeners[i] != l && listeners[i].fd >= 0 &&
		    listeners[i].cookie == l->cookie)
			return true;
	return false;
}

/* Between workers_stop() and workers_go(). Its gate is closed later. */
static void stop(struct listener *l)
{
	if (l->accepting)
		ring_cancel(tag_of(l, OP_ACCEPT));
	/*
	 * The accept under way holds on to the socket until its cancellation
	 * has come through; the daemon may want to bind the port again now.
	 */
	if (l->own && !is_shared(l))
		shutdown(l->fd, SHUT_RDWR);
	close(l->fd);
	l->fd = -1;
	l->leaving = workers_bits();
}

static void close_added(const struct listener *of)
{
	struct listener *a = NULL;

	while ((a = listener_next(a)))
		if (a->of == of)
			stop(a);
}

void listener_open(int fd, int gate, bool own)
{
	struct gate_msg msg = {.magic = PROTO_MAGIC, .kind = GATE_OPEN};
	struct listener *l = add(fd, gate, NULL), *a = NULL;
	int ret = l ? find_purpose(l) : -ENFILE;

	if (!l)
		log_error(TOO_MANY);
	if (!ret) {
		l->own = own;
		msg.id = l->index;
		msg.local = l->local;
		if (send(gate, &msg, sizeof(msg),
			 MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
			ret = -errno;
			log_error("cannot take over a listener: %s",
				  strerror(errno));
		}
	}
	if (ret) {
		msg.kind = GATE_REFUSED;
		msg.id = (uint32_t)-ret;
		send(gate, &msg, sizeof(msg), MSG_NOSIGNAL | MSG_DONTWAIT);
		if (l) {
			l->own = false; /* the daemon still has the socket */
			workers_stop();
			close_added(l);
			stop(l);
			workers_go();
		} else {
			close(fd);
			close(gate);
		}
		return;
	}
	ring_poll(tag_of(l, OP_GATE_GONE), gate, POLLRDHUP);
	start(l);
	while ((a = listener_next(a)))
		if (a->of == l)
			start(a);
}

void listener_set_added(const struct listener *l, int level, int name,
			const void *value, socklen_t len)
{
	struct listener *a = NULL;

	while ((a = listener_next(a)))
		if (a->of == l)
			setsockopt(a->fd, level, name, value, len);
}

void listener_on_gate_gone(const struct ring_event *event)
{
	struct listener *l = listener_of(event->tag);

	if (!l)
		return;
	log_info("port %u: closed by the daemon", l->port);
	workers_stop();
	close_added(l);
	stop(l);
	workers_go();
}

static void begin(struct job *job)
{
	struct accepted *a = (struct accepted *)job;
	struct listener *l = a->listener;

	if (l->fd >= 0 && l->generation == a->generation)
		handshake_begin(l, a->fd);
	else
		close(a->fd);
	free(a);
	listener_made_room(NULL);
}

static void give(struct listener *l, int fd)
{
	unsigned int worker = workers_pick();
	struct accepted *a;

	if (!worker) {
		handshake_begin(l, fd);
		return;
	}
	a = malloc(sizeof(*a));
	if (!a) {
		close(fd);
		return;
	}
	*a = (struct accepted){{.run = begin}, l, l->generation, fd};
	workers_give(worker, &a->job);
}

void listener_on_accept(const struct ring_event *event)
{
	struct listener *l = listener_of(event->tag);

	if (!l) { /* closed meanwhile */
		if (event->res >= 0)
			close(event->res);
		return;
	}
	if (!event->more)
		l->accepting = false;
	if (event->res >= 0) {
		give(l, event->res);
	} else if (event->res != -ECONNABORTED && event->res != -ECANCELED) {
		log_warn("port %u: accept: %s; trying again", l->port,
			 strerror(-event->res));
		l->retry_ms = now_ms() + RETRY_MS;
	}
	if (!l->accepting)
		arm_accept(l);
	else if (must_pause(l))
		ring_cancel(tag_of(l, OP_ACCEPT));
}
