// SPDX-License-Identifier: MIT
/*
 * relay.c - connections that the kernel cannot encrypt
 *
 * Two directions, each with one operation under way at a time and no queue:
 * what has been received is sent on before more is received, so a slow reader
 * holds its writer back through the kernel's own buffers.
 *
 *   up    client -> daemon: receive on tcp, decrypt, send on pair
 *   down  daemon -> client: receive on pair, encrypt, send on tcp
 *
 * The first piece of up may be a PROXY header, which is there before anything is
 * received. After STARTTLS the daemon's greeting is taken away (greeting.h), and nothing is
 * received from the client before that.
 *
 * How streams end:
 *
 *  - the client's close_notify: what came before is delivered, then our end of
 *    the pair gets a name (autobind) and is shut down for writing. A named
 *    peer is how the shim tells this end from any other: when the helper dies
 *    or the client's stream is cut off, read() gives 0 as well, but the peer
 *    has no name and the shim makes it ECONNRESET. See also shim/relayed.c.
 *  - the daemon's shutdown or close: what it wrote is sent, then close_notify
 *    and FIN. The shim gives its end a name first; without it the daemon was
 *    killed, and the client gets the FIN only. After a close the client may still send; that is read and thrown
 *    away for a while (conns_parting), because unread bytes at close would
 *    become a reset that costs the client the end of the response.
 */
#include "relay.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "greeting.h"
#include "listener.h"
#include "proxied.h"
#include "proxy.h"

#define UNREAD_MAX 16384

struct relay {
	struct outgoing up; /* plaintext for the daemon */
	bool up_receiving;  /* a receive on tcp is under way */
	bool up_sending;    /* a send on pair is under way */
	bool up_eof;	    /* no more plaintext will come from the client */
	bool up_ended;	    /* ... and the daemon has been told */
	bool up_clean;	    /* it ended with close_notify */
	bool tcp_eof;	    /* the client has sent FIN */
	bool down_receiving; /* a receive on pair is under way */
	bool down_eof;	    /* no more plaintext will come from the daemon */
	bool down_ended;    /* ... and the client has been told */
	bool down_clean;    /* it was the daemon's will */
	bool down_sending;  /* tcp_out is under way */
	bool daemon_gone;   /* the daemon has closed its end */
	bool polling;	    /* ... or we are waiting for that */
	struct greeting greeting; /* of the daemon */
	uint64_t bytes; /* written with the current key */
};

static_assert(PROXY_BYTES_MAX <= OUTGOING_BYTES, "a header is one piece");

int relay_prepare(struct conn *c, int pair, const struct facts *facts)
{
	struct outgoing *up;

	c->pair = pair;
	c->relay = calloc(1, sizeof(*c->relay));
	if (!c->relay)
		return -1;
	greeting_init(&c->relay->greeting, c->starttls);
	if (c->listener->site->conf->proxy == CONF_PROXY_OFF)
		return 0;
	up = &c->relay->up;
	if (!outgoing_get(up))
		return -1;
	up->off = 0;
	up->len = (unsigned int)proxied_header(c, facts, up->buf);
	return 0;
}

void relay_free(struct relay *r)
{
	if (!r)
		return;
	outgoing_put(&r->up);
	free(r);
}

static void receive_up(struct conn *c)
{
	struct relay *r = c->relay;

	/*
	 * Answers to the client's own KeyUpdates must be read by it before it
	 * may send more; flush_down() comes back here. So it does after the
	 * daemon's greeting: some hang up on clients that do not wait for it.
	 */
	if (r->greeting.awaited || r->up_receiving || r->up_sending ||
	    r->tcp_eof || tls_output_bytes(c->tls) > UNREAD_MAX)
		return;
	r->up_receiving = true;
	ring_recv_pooled(conn_tag(c, OP_RELAY_TCP_IN), c->tcp);
}

static void receive_down(struct conn *c)
{
	struct relay *r = c->relay;

	if (r->down_receiving || r->down_eof)
		return;
	r->down_receiving = true;
	ring_recv_pooled(conn_tag(c, OP_RELAY_PAIR_IN), c->pair);
}

/* Both directions are over as far as they can be. */
static void maybe_finish(struct conn *c)
{
	struct relay *r = c->relay;

	if (!r->down_ended)
		return;
	if (r->tcp_eof && (r->daemon_gone || r->up_ended))
		conn_kill(c);
	else if ((r->daemon_gone || r->up_ended) && !c->list)
		conn_list_add(&conns_parting, c);
}

/* The client's stream is delivered; say so, and how it ended. */
static void end_up(struct conn *c)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	struct relay *r = c->relay;

	if (r->up_ended)
		return;
	r->up_ended = true;
	if (r->up_clean)
		bind(c->pair, (struct sockaddr *)&name, sizeof(sa_family_t));
	shutdown(c->pair, SHUT_WR);
	maybe_finish(c);
}

static void send_tcp(struct conn *c)
{
	struct outgoing *out = &c->tcp_out;

	c->relay->down_sending = true;
	ring_send(conn_tag(c, OP_RELAY_TCP_OUT), c->tcp, out->buf + out->off,
		  out->len - out->off);
}

/*
 * Send the next piece of ciphertext. When there is none: receive more from the
 * daemon, or end the direction.
 */
static void flush_down(struct conn *c)
{
	struct outgoing *out = &c->tcp_out;
	struct relay *r = c->relay;

	if (r->down_sending)
		return; /* its completion comes back here */
	if (r->down_eof && !r->down_ended && r->down_clean)
		tls_shutdown(c->tls);
	if (tls_output_bytes(c->tls)) {
		if (!outgoing_get(out)) {
			conn_kill(c);
			return;
		}
		out->off = 0;
		out->len = (unsigned int)tls_output(c->tls, out->buf,
						    OUTGOING_BYTES);
		send_tcp(c);
		return;
	}
	outgoing_put(out);
	if (r->down_eof && !r->down_ended) {
		r->down_ended = true;
		shutdown(c->tcp, SHUT_WR);
		maybe_finish(c);
	} else {
		receive_down(c);
	}
	if (c->state == CONN_RELAY)
		receive_up(c);
}

static void send_pair(struct conn *c)
{
	struct outgoing *up = &c->relay->up;

	c->relay->up_sending = true;
	ring_send(conn_tag(c, OP_RELAY_PAIR_OUT), c->pair, up->buf + up->off,
		  up->len - up->off);
}

/* What OpenSSL can still decrypt; then receive more. */
static void pump_up(struct conn *c)
{
	struct relay *r = c->relay;
	ssize_t n = 0;

	while (!r->up_eof) {
		if (!outgoing_get(&r->up)) {
			conn_kill(c);
			return;
		}
		n = tls_read(c->tls, r->up.buf, OUTGOING_BYTES);
		if (n <= 0)
			break;
		r->up.off = 0;
		r->up.len = (unsigned int)n;
		if (!r->daemon_gone) {
			send_pair(c);
			return;
		}
	}
	outgoing_put(&r->up);
	if (n == -EOVERFLOW) {
		log_info("%s: nothing but KeyUpdates", conn_name(c));
		conn_kill(c);
		return;
	}
	if (n == 0 || n == -EPROTO) {
		r->up_eof = true;
		r->up_clean = r->up_clean || n == 0;
	}
	if (n == -EPROTO)
		log_info("%s: %s", conn_name(c), tls_error(c->tls));
	flush_down(c); /* an alert, or the answer to a KeyUpdate */
	if (c->state != CONN_RELAY)
		return;
	if (r->up_eof)
		end_up(c);
	if (c->state == CONN_RELAY)
		receive_up(c);
}

void relay_on_tcp_in(struct conn *c, const struct ring_event *event)
{
	struct relay *r = c->relay;

	r->up_receiving = false;
	if (event->res == -ENOBUFS) {
		receive_up(c);
	} else if (event->res < 0) {
		conn_kill(c); /* reset: both directions are dead */
	} else if (event->res == 0) {
		r->tcp_eof = true;
		r->up_eof = true; /* clean only after a close_notify */
		end_up(c);
		if (c->state == CONN_RELAY)
			maybe_finish(c);
	} else if (r->up_eof) {
		receive_up(c); /* nothing may follow close_notify */
	} else if (tls_input(c->tls, event->data, (size_t)event->res)) {
		conn_kill(c);
	} else {
		pump_up(c);
	}
}

void relay_on_pair_out(struct conn *c, int res)
{
	struct relay *r = c->relay;

	r->up_sending = false;
	if (res < 0) {
		r->daemon_gone = true; /* the rest is thrown away */
		r->up.off = r->up.len;
	} else {
		r->up.off += (unsigned int)res;
	}
	if (r->up.off < r->up.len)
		send_pair(c);
	else
		pump_up(c);
}

/* RFC 8446 section 5.5: a key is good for so many full records. */
static int write_tls(struct conn *c, const void *data, size_t len)
{
	struct relay *r = c->relay;

	if (r->bytes >= c->key_bytes) {
		tls_new_key(c->tls);
		r->bytes = 0;
	}
	r->bytes += len < 64 ? 64 : len;
	return tls_write(c->tls, data, len);
}

static void end_greeting(struct conn *c)
{
	c->relay->greeting.awaited = false;
	if (c->list == &conns_greeting)
		conn_list_del(c);
}

/* Without the greeting, if that is to come. Return: as write_tls() */
static int from_daemon(struct conn *c, const uint8_t *data, size_t len)
{
	struct relay *r = c->relay;
	size_t n_back;
	const char *back;
	ssize_t n;

	if (!r->greeting.awaited)
		return write_tls(c, data, len);
	n = greeting_take(&r->greeting, data, len, &back, &n_back);
	if (!r->greeting.awaited)
		end_greeting(c);
	if (n < 0 || (n_back && write_tls(c, back, n_back)))
		return -1;
	return (size_t)n < len ? write_tls(c, data + n, len - (size_t)n) : 0;
}

/* Has the shim given its end a name, or was the daemon killed? */
static bool is_meant(int pair)
{
	struct sockaddr_un name;
	socklen_t len = sizeof(name);

	return !getpeername(pair, (struct sockaddr *)&name, &len) &&
	       len > offsetof(struct sockaddr_un, sun_path);
}

/* SO_LINGER of 0 and close: a reset now; shutdown would send FIN first. */
static void reset(struct conn *c)
{
	const struct sockaddr none = {.sa_family = AF_UNSPEC};

	connect(c->tcp, &none, sizeof(none));
	conn_kill(c);
}

static bool has_event(int fd, short event)
{
	struct pollfd p = {.fd = fd, .events = event};

	return poll(&p, 1, 0) == 1 && p.revents & event;
}

void relay_on_pair_in(struct conn *c, const struct ring_event *event)
{
	struct relay *r = c->relay;

	r->down_receiving = false;
	if (event->res <= 0 && c->abort && has_event(c->pair, POLLHUP)) {
		reset(c);
		return;
	}
	if (event->res == -ENOBUFS) {
		receive_down(c);
		return;
	}
	if (event->res <= 0) {
		end_greeting(c);
		r->down_eof = true;
		r->down_clean = is_meant(c->pair);
	} else if (from_daemon(c, event->data, (size_t)event->res)) {
		/* after a fatal alert: send that, and no more */
		log_info("%s: %s", conn_name(c),
			 r->greeting.awaited
				 ? "the daemon's greeting has no end"
				 : tls_error(c->tls));
		end_greeting(c);
		r->down_eof = true;
	}
	flush_down(c);
}

void relay_on_tcp_out(struct conn *c, int res)
{
	struct relay *r = c->relay;

	r->down_sending = false;
	if (res < 0) {
		conn_kill(c);
		return;
	}
	c->tcp_out.off += (unsigned int)res;
	if (c->tcp_out.off < c->tcp_out.len)
		send_tcp(c);
	else
		flush_down(c);
}

static void poll_pair(struct conn *c)
{
	c->relay->polling = true;
	ring_poll_ends(conn_tag(c, OP_RELAY_PAIR_GONE), c->pair);
}

void relay_on_pair_gone(struct conn *c, const struct ring_event *event)
{
	struct relay *r = c->relay;

	r->polling = event->more;
	/*
	 * A half-close is POLLRDHUP only. POLLHUP: closed, or both directions
	 * are shut down, and then there is nothing left to tell the daemon.
	 */
	if (event->res < 0 || event->res & POLLHUP) {
		r->daemon_gone = true;
		/* what the client has room for it gets before, as on TCP */
		if (c->abort && (r->down_ended || !has_event(c->tcp, POLLOUT))) {
			reset(c);
			return;
		}
		/* from now on the client has to keep reading */
		conn_is_read(c);
		if (c->list != &conns_parting)
			conn_list_add(&conns_parting, c);
	} else if (!event->more) {
		poll_pair(c);
	}
	maybe_finish(c);
}

bool relay_is_polling(const struct conn *c)
{
	return c->relay->polling;
}

void relay_start(struct conn *c)
{
	int on = 1;

	/* the daemon cannot see that a client has vanished; we can */
	setsockopt(c->tcp, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	if (c->relay->greeting.awaited)
		conn_list_add(&conns_greeting, c);
	poll_pair(c);
	if (c->relay->up.len)
		send_pair(c);
	receive_up(c);
	receive_down(c);
}

void relay_expire_greeting(struct conn *c)
{
	log_info("%s: the daemon does not greet", conn_name(c));
	conn_kill(c);
}

/* Lingering: while the client takes what the daemon has left, go on. */
void relay_expire(struct conn *c)
{
	if (c->relay->down_ended || !conn_is_read(c))
		conn_kill(c);
	else
		conn_list_add(&conns_parting, c);
}
