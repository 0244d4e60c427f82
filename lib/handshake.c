// SPDX-License-Identifier: MIT
/*
 * handshake.c - from accept to the daemon's hands
 *
 * The client's socket is looked into first, and a record is taken out of it only
 * once it is known to be the handshake's: nothing behind the client's Finished ever
 * leaves the kernel, and the connection begins its life with the daemon at a clean
 * record boundary. All output is sent before the socket is looked into again, and before
 * the hand-off; so the last flight, tickets included, is in the kernel before the
 * transmit key is.
 */
#include "handshake.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conn_log.h"
#include "held.h"
#include "ktls.h"
#include "prologue.h"
#include "proxied.h"
#include "relay.h"
#include "workers.h"

struct handoff {
	struct gate_msg msg;
	struct iovec iov[2];
	struct msghdr header;
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	int fd; /* RELAYED: the daemon's end, ours to close; else -1 */
	size_t facts_bytes;
	char facts[];
};

void handoff_free(struct handoff *h)
{
	if (!h)
		return;
	if (h->fd >= 0)
		close(h->fd);
	keys_wipe(&h->msg.rx);
	keys_wipe(&h->msg.tx);
	free(h);
}

static void leave_listener(struct conn *c)
{
	if (c->state == CONN_HANDOFF && c->listener)
		listener_made_room(c->listener);
	c->listener = NULL;
}

void handshake_fail(struct conn *c, const char *why)
{
	if (!c->refused) /* it was told then */
		conn_log_failure(c, why);
	leave_listener(c);
	conn_kill(c);
}

static void wait_for_input(struct conn *c)
{
	ring_poll(conn_tag(c, OP_HANDSHAKE_IN), c->tcp, POLLIN);
}

/*
 * Nothing can be sent any more. That does not matter once the client's Finished is
 * there: what is left are tickets (in TLS 1.2 our Finished, too), and what the client
 * has sent before it went is for the daemon. Return: may we go on?
 */
static bool failed_output(struct conn *c, int error)
{
	uint8_t nowhere[256];

	c->gone = c->handshake_done && (error == EPIPE || error == ECONNRESET);
	/* it cannot be direct: see go_direct() */
	if (!c->gone || c->listener->site->conf->ktls == CONF_KTLS_REQUIRE) {
		handshake_fail(c, strerror(error));
		return false;
	}
	while (tls_output(c->tls, nowhere, sizeof(nowhere)))
		;
	outgoing_put(&c->tcp_out);
	return true;
}

/* Send what OpenSSL has put out; true when there is nothing left to send. */
static bool send_output(struct conn *c)
{
	static _Thread_local uint8_t piece[OUTGOING_BYTES];
	struct outgoing *out = &c->tcp_out;
	size_t len;
	ssize_t n;

	while (out->off == out->len && tls_output_bytes(c->tls)) {
		len = tls_output(c->tls, piece, sizeof(piece));
		n = send(c->tcp, piece, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN)
			return failed_output(c, errno);
		n = n < 0 ? 0 : n;
		if ((size_t)n == len)
			continue;
		if (!outgoing_get(out)) {
			handshake_fail(c, "out of memory");
			return false;
		}
		out->off = 0;
		out->len = (unsigned int)(len - (size_t)n);
		memcpy(out->buf, piece + n, out->len);
	}
	if (out->off < out->len) {
		ring_send(conn_tag(c, OP_HANDSHAKE_OUT), c->tcp,
			  out->buf + out->off, out->len - out->off);
		return false;
	}
	outgoing_put(out);
	return true;
}

static const char *ktls_absent(int error)
{
	switch (-error) {
	case ENOENT:
		return "this kernel has no kTLS";
	case ENOTCONN:
		return "the client half-closed before it was accepted";
	case ENOPROTOOPT:
		return "the kernel offers no kTLS on this connection (MPTCP?)";
	default:
		return strerror(-error);
	}
}

/*
 * Put the transmit key into the kernel. Everything that can fail comes before
 * ktls_install(); when it succeeds the connection is direct for good.
 */
static bool go_direct(struct conn *c, struct gate_msg *msg, const char **why)
{
	struct traffic_key *tx = &msg->tx;
	int ret;

	if (c->listener->site->conf->proxy != CONF_PROXY_OFF) {
		*why = "a PROXY header is to be written";
		return false;
	}
	if (c->listener->site->conf->ktls == CONF_KTLS_OFF) {
		*why = "kTLS is switched off";
		return false;
	}
	if (c->gone) {
		/* that error was for who writes next; kTLS takes all without it */
		*why = "the client has gone";
		return false;
	}
	if (CONF_STARTTLS_GREETS(c->starttls)) {
		*why = "the daemon's greeting is to be taken away";
		return false;
	}
	if (c->ulp) {
		*why = ktls_absent(c->ulp);
		return false;
	}
	ret = tls_traffic_keys(c->tls, helper.offload, tx, &msg->rx, why);
	if (!ret) {
		ret = ktls_install(c->tcp, KTLS_TX, tx);
		if (ret)
			*why = strerror(-ret);
	}
	if (ret) {
		keys_wipe(tx);
		keys_wipe(&msg->rx);
		return false;
	}
	msg->can_rekey = helper.can_rekey;
	msg->rx_kernel = c->listener->site->conf->rx == CONF_RX_KERNEL;
	msg->key_records = c->listener->site->conf->key_records;
	*why = "";
	return true;
}

static void send_handoff(struct conn *c, struct handoff *h, int fd)
{
	struct cmsghdr *cmsg;
	ssize_t n;

	h->msg.magic = PROTO_MAGIC;
	h->msg.peer = proxied_peer(c);
	h->msg.local = c->local;
	h->msg.id = workers_name(c->index);
	h->msg.generation = c->generation;
	if (h->msg.kind != GATE_PLAIN) /* the shim keeps no slot for that */
		h->msg.watcher = held_add(fd);
	h->iov[0] = (struct iovec){&h->msg, sizeof(h->msg)};
	h->iov[1] = (struct iovec){h->facts, h->facts_bytes};
	h->header = (struct msghdr){
		.msg_iov = h->iov,
		.msg_iovlen = 2,
		.msg_control = h->control.buf,
		.msg_controllen = sizeof(h->control.buf),
	};
	cmsg = CMSG_FIRSTHDR(&h->header);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
	n = sendmsg(c->listener->gate, &h->header, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0 && errno == EAGAIN) /* the daemon is slow to accept */
		ring_sendmsg(conn_tag(c, OP_HANDOFF), c->listener->gate,
			     &h->header);
	else
		handoff_on_sent(c, n < 0 ? -errno : (int)n);
}

/* @facts: or NULL. Return: NULL: without memory the connection has ended */
static struct handoff *handoff_new(struct conn *c, const struct facts *facts)
{
	char packed[FACTS_PACKED_MAX];
	size_t bytes = facts ? facts_pack(facts, packed) : 0;
	struct handoff *h = calloc(1, sizeof(*h) + bytes);

	conn_list_del(c);
	if (!h) {
		handshake_fail(c, "out of memory");
		return NULL;
	}
	h->fd = -1;
	h->facts_bytes = bytes;
	memcpy(h->facts, packed, bytes);
	c->handoff = h;
	conn_set_state(c, CONN_HANDOFF);
	c->listener->handoffs++;
	return h;
}

void handshake_plain(struct conn *c)
{
	const struct listener *l = c->listener;
	struct handoff *h;

	/* settings may change between two steps */
	if (!l->plain && (l->site->conf->plaintext != CONF_PLAINTEXT_ALLOW ||
			  l->site->conf->proxy != CONF_PROXY_OFF ||
			  c->via.sa.sa_family != AF_UNSPEC)) {
		handshake_fail(c, "plaintext is not allowed any more");
		return;
	}
	h = handoff_new(c, NULL);
	if (!h)
		return;
	h->msg.kind = GATE_PLAIN;
	conn_log_plain(c);
	send_handoff(c, h, c->tcp);
}

static void hand_off(struct conn *c)
{
	const struct conf_site *site = c->listener->site->conf;
	const char *why = "";
	struct facts facts;
	struct handoff *h;
	int fds[2], fd = c->tcp;

	tls_facts(c->tls, &facts);
	h = handoff_new(c, &facts);
	if (!h)
		return;
	if (go_direct(c, &h->msg, &why)) {
		h->msg.kind = GATE_DIRECT;
	} else if (site->ktls == CONF_KTLS_REQUIRE) {
		log_error("%s: refused: ktls = require, but %s",
			  conn_name(c), why);
		handshake_fail(c, why);
		return;
	} else {
		h->msg.kind = GATE_RELAYED;
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds)) {
			handshake_fail(c, strerror(errno));
			return;
		}
		h->fd = fd = fds[1];
		if (relay_prepare(c, fds[0], &facts)) {
			handshake_fail(c, "out of memory");
			return;
		}
	}
	conn_log(c, &facts, h->msg.kind == GATE_DIRECT, why);
	send_handoff(c, h, fd);
}

void handoff_on_sent(struct conn *c, int res)
{
	if (res == -ETOOMANYREFS || res == -EAGAIN) {
		handshake_fail(c, "too many connections wait for the daemon");
		return;
	}
	if (res < 0) {
		handshake_fail(c, "the daemon has closed its listener");
		return;
	}
	leave_listener(c);
	if (c->handoff->msg.kind != GATE_RELAYED) {
		/* ours is only a copy: no shutdown, which would reach it */
		conn_kill(c);
		return;
	}
	handoff_free(c->handoff);
	c->handoff = NULL;
	conn_set_state(c, CONN_RELAY);
	relay_start(c);
}

/* What comes after the client was refused: thrown away until its end. */
static void read_rest(struct conn *c)
{
	if (c->handshake_bytes > HANDSHAKE_BYTES_MAX ||
	    !outgoing_get(&c->tcp_out))
		conn_kill(c);
	else
		ring_recv(conn_tag(c, OP_HANDSHAKE_IN), c->tcp, c->tcp_out.buf,
			  OUTGOING_BYTES);
}

/*
 * A client may have sent more already, in TLS 1.3 even its first request; unread
 * at close, that would make the kernel send a reset, which overtakes what we
 * have said.
 */
void handshake_refuse(struct conn *c, const char *why)
{
	if (shutdown(c->tcp, SHUT_WR)) {
		handshake_fail(c, why);
		return;
	}
	conn_log_failure(c, why);
	c->refused = true;
	prologue_free(c);
	tls_close(c->tls);
	c->tls = NULL;
	read_rest(c);
}

/* The alert, and what is before it, as far as it goes without waiting. */
static void refuse(struct conn *c)
{
	static _Thread_local uint8_t alert[OUTGOING_BYTES];
	size_t n = tls_output(c->tls, alert, sizeof(alert));

	if (!n || send(c->tcp, alert, n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		handshake_fail(c, tls_error(c->tls));
	else
		handshake_refuse(c, tls_error(c->tls));
}

/*
 * Nothing answers the client's Finished, when there are no tickets or a TLS 1.2
 * session is resumed: a client with Nagle's algorithm (RFC 896) keeps its request until that is
 * acknowledged, which takes the kernel 40 ms otherwise.
 */
static void acknowledge(struct conn *c)
{
	int on = 1;

	setsockopt(c->tcp, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
}

/* Take what has been looked at out of the socket, up to @n bytes of the buffer. */
static bool take(struct conn *c, unsigned int n)
{
	unsigned int more = n - c->taken;

	if (n < c->taken) { /* into the daemon's bytes: never */
		handshake_fail(c, "the handshake ends too early");
		return false;
	}
	c->taken = n;
	if (!more || recv(c->tcp, c->input.buf + n - more, more,
			  MSG_DONTWAIT) == (ssize_t)more)
		return true;
	handshake_fail(c, "the client has gone");
	return false;
}

static void drop_input(struct conn *c)
{
	outgoing_put(&c->input);
	c->taken = 0;
}

/* The first bytes are no record's. */
static void not_tls(struct conn *c)
{
	uint8_t header[RECORD_HEADER_BYTES];

	memcpy(header, c->input.buf, sizeof(header));
	if (!take(c, sizeof(header)))
		return;
	drop_input(c);
	prologue_instead(c, header, sizeof(header));
}

/* The length of the record at c->input.off; 0: its header is not there; -1: failed */
static int record_length(struct conn *c)
{
	const uint8_t *header = c->input.buf + c->input.off;
	int body;

	if (c->input.len - c->input.off < RECORD_HEADER_BYTES)
		return 0;
	body = record_body_bytes(header, RECORD_BODY_MAX_TLS12);
	if (body == -EMSGSIZE) {
		handshake_fail(c, "a record is too long");
	} else if (body < 0 && c->tls) {
		handshake_fail(c, "what follows is no TLS");
	} else if (body < 0) {
		not_tls(c);
	} else if (c->handshake_bytes + (unsigned int)body >
		   HANDSHAKE_BYTES_MAX) {
		handshake_fail(c, "the handshake is too long");
	} else {
		return RECORD_HEADER_BYTES + body;
	}
	return -1;
}

/* One record goes into OpenSSL. Return: may we go on? */
static bool feed(struct conn *c, unsigned int len)
{
	int ret;

	if (!c->tls && tls_open(&c->tls, c->listener->site->ctx)) {
		handshake_fail(c, "out of memory");
		return false;
	}
	ret = tls_input(c->tls, c->input.buf + c->input.off, len);
	c->input.off += len;
	c->handshake_bytes += len;
	if (ret) {
		handshake_fail(c, "out of memory");
		return false;
	}
	ret = tls_handshake(c->tls);
	if (ret < 0) {
		if (take(c, c->input.off))
			refuse(c);
		return false;
	}
	c->handshake_done = ret == 1;
	if (c->handshake_done && !tls_output_bytes(c->tls))
		acknowledge(c);
	return true;
}

/*
 * The whole records that are there. Until the handshake is done all that is there is
 * its own. Return: may we go on?
 */
static bool feed_all(struct conn *c)
{
	int len;

	while (!c->handshake_done) {
		len = record_length(c);
		if (len < 0)
			return false;
		if (!len || c->input.len - c->input.off < (unsigned int)len)
			break;
		if (!feed(c, (unsigned int)len))
			return false;
	}
	return take(c, c->handshake_done ? c->input.off : c->input.len);
}

/* What has come, behind what is left of a record. Return: may we go on? */
static bool look(struct conn *c)
{
	struct outgoing *in = &c->input;
	ssize_t n;

	if (!outgoing_get(in)) {
		handshake_fail(c, "out of memory");
		return false;
	}
	n = recv(c->tcp, in->buf + in->len, OUTGOING_BYTES - in->len,
		 MSG_PEEK | MSG_DONTWAIT);
	if (n > 0)
		in->len += (unsigned int)n;
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		handshake_fail(c, n ? strerror(errno) : "the client has gone");
	return n > 0 || c->state == CONN_HANDSHAKE;
}

static void after_output(struct conn *c)
{
	struct outgoing *in = &c->input;

	if (c->handshake_done) {
		c->spoke_early = in->len > in->off;
		drop_input(c);
		hand_off(c);
		return;
	}
	in->len -= in->off;
	if (in->len)
		memmove(in->buf, in->buf + in->off, in->len);
	else
		drop_input(c);
	in->off = 0;
	c->taken = in->len;
	wait_for_input(c);
}

void handshake_on_out(struct conn *c, int res)
{
	bool sent;

	if (res >= 0)
		c->tcp_out.off += (unsigned int)res;
	sent = res < 0 ? failed_output(c, -res) : send_output(c);
	if (sent)
		after_output(c);
}

void handshake_on_in(struct conn *c, int res)
{
	if (res < 0 || (!res && c->refused)) {
		handshake_fail(c, res ? strerror(-res) : "the client has gone");
	} else if (c->refused) {
		c->handshake_bytes += (unsigned int)res;
		read_rest(c);
	} else if (look(c) && feed_all(c) && (!c->tls || send_output(c))) {
		after_output(c);
	}
}

void handshake_expire(struct conn *c)
{
	handshake_fail(c, "the handshake took too long");
}

void handshake_start(struct conn *c)
{
	int on = 1;

	setsockopt(c->tcp, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	/* At once: a client that half-closes makes it impossible later. */
	c->ulp = helper.ktls;
	if (!c->ulp)
		c->ulp = ktls_attach(c->tcp);
	wait_for_input(c);
}

static uint64_t since_ms(const struct conn *c)
{
	return c->deadline_ms - c->list->limit_ms;
}

static void make_room(void)
{
	struct conn *c = conns_handshaking.first, *s = conns_silent.first;

	if (conns_handshaking.count + conns_silent.count <
	    workers_share(helper.conf->handshakes_max))
		return;
	if (!c || (s && since_ms(s) < since_ms(c)))
		c = s;
	if (conn_is_orphan(c))
		conn_kill(c);
	else
		handshake_fail(c, "too many handshakes at once; the oldest gives way");
}

void handshake_begin(struct listener *listener, int tcp)
{
	struct conn *c = conn_open(tcp, CONN_HANDSHAKE);
	socklen_t peer_len = sizeof(c->peer), local_len = sizeof(c->local);

	if (!c)
		return;
	c->listener = listener;
	if (getpeername(tcp, &c->peer.sa, &peer_len) ||
	    getsockname(tcp, &c->local.sa, &local_len)) {
		conn_kill(c); /* reset before we came to it */
		return;
	}
	if (listener->plain) {
		handshake_plain(c);
		return;
	}
	make_room();
	conn_list_add(&conns_handshaking, c);
	switch (prologue_begin(c)) {
	case 0:
		handshake_start(c);
		break;
	case -ENOMEM:
		handshake_fail(c, "out of memory");
		break;
	}
}
