// SPDX-License-Identifier: MIT
/*
 * conn.c - the connections inside the helper: memory, states, deadlines
 */
#include "conn.h"

#include <arpa/inet.h>
#include <linux/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "handshake.h"
#include "listener.h"
#include "prologue.h"
#include "relay.h"
#include "workers.h"

/* Structs are never given back to malloc: an index stays valid for ever. */
static _Thread_local struct conn **conns;
static _Thread_local uint32_t n_conns;
static _Thread_local struct conn *free_conns; /* linked by next */

_Thread_local struct conn_list conns_handshaking;
_Thread_local struct conn_list conns_silent = {.limit_ms = 3000};
/* RFC 5321 section 4.5.3.2.1: that long a client waits for the greeting */
_Thread_local struct conn_list conns_greeting = {.limit_ms = 300000};
_Thread_local struct conn_list conns_parting = {.limit_ms = 5000};

static const char *const state_names[CONN_STATE_COUNT] = {
	"free", "handshake", "handoff", "relay", "parting", "closing"};

#define BIT(state) (1u << (state))
static const unsigned int may_follow[CONN_STATE_COUNT] = {
	[CONN_FREE] = BIT(CONN_HANDSHAKE) | BIT(CONN_PARTING),
	[CONN_HANDSHAKE] = BIT(CONN_HANDOFF) | BIT(CONN_CLOSING),
	[CONN_HANDOFF] = BIT(CONN_RELAY) | BIT(CONN_CLOSING),
	[CONN_RELAY] = BIT(CONN_CLOSING),
	[CONN_PARTING] = BIT(CONN_CLOSING),
	[CONN_CLOSING] = BIT(CONN_FREE),
};

void conn_set_state(struct conn *c, enum conn_state state)
{
	if (!(may_follow[c->state] & BIT(state))) {
		log_error("connection %u: %s cannot follow %s",
			  workers_name(c->index), state_names[state], state_names[c->state]);
		abort();
	}
	log_debug("connection %u: %s -> %s", workers_name(c->index),
		  state_names[c->state], state_names[state]);
	c->state = (uint8_t)state;
}

uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

bool conn_is_read(struct conn *c)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);
	uint64_t before = c->part_acked;

	if (getsockopt(c->tcp, IPPROTO_TCP, TCP_INFO, &info, &len))
		return false;
	c->part_acked = info.tcpi_bytes_acked;
	return c->part_acked != before;
}

static struct conn *conn_new(void)
{
	struct conn **more, *c = free_conns;

	if (c) {
		free_conns = c->next;
		return c;
	}
	if ((n_conns & (n_conns - 1)) == 0) {
		more = realloc(conns, (n_conns ? 2 * n_conns : 1) *
					      sizeof(struct conn *));
		if (!more)
			return NULL;
		conns = more;
	}
	c = calloc(1, sizeof(*c));
	if (c) {
		c->index = n_conns;
		conns[n_conns++] = c;
	}
	return c;
}

struct conn *conn_open(int tcp, enum conn_state state)
{
	struct conn *c = conn_new();
	uint32_t index;
	uint16_t generation;

	if (!c) {
		close(tcp);
		return NULL;
	}
	index = c->index;
	generation = c->generation;
	memset(c, 0, sizeof(*c));
	c->index = index;
	c->generation = (uint16_t)(generation + 1);
	c->tcp = tcp;
	c->pair = -1;
	workers_load(1);
	conn_set_state(c, state);
	return c;
}

struct conn *conn_get(const struct ring_event *event)
{
	union ring_tag tag = event->tag;
	struct conn *c = tag.index < n_conns ? conns[tag.index] : NULL;

	if (!c || c->generation != tag.generation || !c->inflight)
		return NULL;
	c->inflight -= !event->more;
	return c;
}

struct conn *conn_find(uint32_t index, uint32_t generation)
{
	struct conn *c = index < n_conns ? conns[index] : NULL;

	return c && c->generation == generation && c->state == CONN_RELAY
		       ? c
		       : NULL;
}

union ring_tag conn_tag(struct conn *c, enum ring_op op)
{
	c->inflight++;
	return RING_TAG(op, c->index, c->generation);
}

void conn_kill(struct conn *c)
{
	bool hold;

	if (c->state == CONN_CLOSING)
		return;
	/*
	 * shutdown() ends whatever is armed on the sockets. A hand-off under
	 * way waits for the gate instead, and a multishot poll never ends by
	 * itself: they have to be cancelled.
	 */
	if (c->state == CONN_HANDOFF && c->inflight)
		ring_cancel(RING_TAG(OP_HANDOFF, c->index, c->generation));
	if (c->state == CONN_RELAY && relay_is_polling(c))
		ring_cancel(RING_TAG(OP_RELAY_PAIR_GONE, c->index,
				     c->generation));
	/* nor may a shutdown reach those who go on using it */
	hold = c->state == CONN_PARTING && c->part_how == PART_HOLD;
	if (hold && c->inflight)
		ring_cancel(RING_TAG(OP_PART, c->index, c->generation));
	conn_set_state(c, CONN_CLOSING);
	conn_list_del(c);
	c->listener = NULL;
	if (c->inflight && c->tcp >= 0 && !hold)
		shutdown(c->tcp, SHUT_RDWR);
	if (c->inflight && c->pair >= 0)
		shutdown(c->pair, SHUT_RDWR);
	if (!c->inflight)
		conn_release(c);
}

void conn_release(struct conn *c)
{
	conn_list_del(c);
	if (c->tcp >= 0)
		close(c->tcp);
	if (c->pair >= 0)
		close(c->pair);
	tls_close(c->tls);
	handoff_free(c->handoff);
	relay_free(c->relay);
	prologue_free(c);
	outgoing_put(&c->tcp_out);
	outgoing_put(&c->input);
	conn_set_state(c, CONN_FREE);
	c->next = free_conns;
	free_conns = c;
	workers_load(-1);
}

bool conn_is_orphan(const struct conn *c)
{
	return c->listener && c->listener->fd < 0;
}

void conn_kill_all_of(const struct listener *listener)
{
	uint32_t i;

	for (i = 0; i < n_conns; i++)
		if (conns[i]->listener == listener &&
		    (conns[i]->state == CONN_HANDSHAKE ||
		     conns[i]->state == CONN_HANDOFF))
			conn_kill(conns[i]);
}

#define ADDR_BYTES (INET6_ADDRSTRLEN + 8)
static const char *addr_text(const union inet_addr *a, char *out)
{
	char ip[INET6_ADDRSTRLEN] = "?";
	bool six = a->sa.sa_family == AF_INET6;

	inet_ntop(a->sa.sa_family,
		  six ? (void *)&a->in6.sin6_addr : (void *)&a->in.sin_addr, ip,
		  sizeof(ip));
	/* the port is at the same place in both */
	snprintf(out, ADDR_BYTES, six ? "[%s]:%u" : "%s:%u", ip,
		 ntohs(a->in.sin_port));
	return out;
}

const char *conn_name(const struct conn *c)
{
	static _Thread_local char name[2 * ADDR_BYTES + 32];
	char peer[ADDR_BYTES], via[ADDR_BYTES];
	bool behind = c->via.sa.sa_family != AF_UNSPEC;

	snprintf(name, sizeof(name), "%s%s%s to port %u",
		 addr_text(&c->peer, peer), behind ? " by " : "",
		 behind ? addr_text(&c->via, via) : "",
		 ntohs(c->local.in.sin_port));
	return name;
}

void conn_list_add(struct conn_list *list, struct conn *c)
{
	conn_list_del(c);
	c->deadline_ms = now_ms() + list->limit_ms;
	c->list = list;
	c->prev = list->last;
	c->next = NULL;
	*(list->last ? &list->last->next : &list->first) = c;
	list->last = c;
	list->count++;
}

void conn_list_limit(struct conn_list *list, uint64_t limit_ms)
{
	uint64_t last = now_ms() + limit_ms;
	struct conn *c;

	if (list->limit_ms == limit_ms)
		return;
	list->limit_ms = limit_ms;
	for (c = list->first; c; c = c->next)
		if (c->deadline_ms > last)
			c->deadline_ms = last;
}

void conn_list_del(struct conn *c)
{
	struct conn_list *list = c->list;

	if (!list)
		return;
	*(c->prev ? &c->prev->next : &list->first) = c->next;
	*(c->next ? &c->next->prev : &list->last) = c->prev;
	c->prev = c->next = NULL;
	c->list = NULL;
	list->count--;
}

void conn_expire(struct conn_list *list, void (*end)(struct conn *))
{
	uint64_t now = now_ms();
	struct conn *c;

	while ((c = list->first) && c->deadline_ms <= now) {
		conn_list_del(c);
		end(c);
	}
}

int conn_wait_ms(void)
{
	const struct conn_list *lists[] = {&conns_handshaking, &conns_silent,
					   &conns_greeting, &conns_parting};
	uint64_t now = now_ms();
	int wait = -1, left;
	size_t i;

	for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		if (!lists[i]->first)
			continue;
		left = lists[i]->first->deadline_ms <= now
			       ? 0
			       : (int)(lists[i]->first->deadline_ms - now);
		if (wait < 0 || left < wait)
			wait = left;
	}
	return wait;
}

/* A few buffers are kept: nearly every record takes one and gives it back. */
#define SPARE_MAX 32
static _Thread_local uint8_t *spare[SPARE_MAX];
static _Thread_local unsigned int n_spare;

bool outgoing_get(struct outgoing *out)
{
	if (!out->buf)
		out->buf = n_spare ? spare[--n_spare]
				   : calloc(1, OUTGOING_BYTES);
	return out->buf;
}

void outgoing_put(struct outgoing *out)
{
	if (out->buf && n_spare < SPARE_MAX)
		spare[n_spare++] = out->buf;
	else
		free(out->buf);
	*out = (struct outgoing){0};
}
