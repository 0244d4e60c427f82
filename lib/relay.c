// SPDX-License-Identifier: MIT
/*
 * relay.c - connections that the kernel cannot encrypt
 *
 * Two directions without a queue: what has been read is written at once, as far
 * as the other socket takes it. The rest is kept, the ring sends it, and nothing
 * more is read meanwhile: a slow reader holds its writer back through the
 * kernel's own buffers. An idle connection holds no buffer.
 *
 *  up    client -> daemon: tcp is readable, decrypt, send on pair
 *  down  daemon -> client: pair is readable, encrypt, send on tcp
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

#include "channel.h"
#include "greeting.h"
#include "listener.h"
#include "proxied.h"
#include "proxy.h"

/* What one read takes at most: four whole records */
#define PIECE_BYTES 65536

/* What a socket has not taken yet */
struct rest {
	uint8_t *buf;
	unsigned int len, off;
};

struct relay {
	struct channel *channel;
	struct rest up;	    /* plaintext for the daemon; a send is under way */
	struct rest down;   /* ciphertext for the client; the same */
	bool up_waiting;    /* for tcp to be readable */
	bool up_eof;	    /* no more plaintext will come from the client */
	bool up_ended;	    /* ... and the daemon has been told */
	bool up_clean;	    /* it ended with close_notify */
	bool tcp_eof;	    /* the client has sent FIN */
	bool down_waiting;  /* for pair to be readable */
	bool down_eof;	    /* no more plaintext will come from the daemon */
	bool down_ended;    /* ... and the client has been told */
	bool down_clean;    /* it was the daemon's will */
	bool daemon_gone;   /* the daemon has closed its end */
	bool polling;	    /* ... or we are waiting for that */
	struct greeting greeting; /* of the daemon */
};

int relay_prepare(struct conn *c, int pair, const struct facts *facts)
{
	const struct conf_site *site = c->listener->site->conf;
	struct relay *r;

	c->pair = pair;
	c->relay = r = calloc(1, sizeof(*r));
	if (!r)
		return -1;
	r->channel = channel_open(c->tls, c->tcp, site->key_records);
	if (!r->channel)
		return -1;
	c->tls = NULL;
	greeting_init(&r->greeting, c->starttls);
	if (site->proxy == CONF_PROXY_OFF)
		return 0;
	r->up.buf = malloc(PROXY_BYTES_MAX);
	if (!r->up.buf)
		return -1;
	r->up.len = (unsigned int)proxied_header(c, facts, r->up.buf);
	return 0;
}

void relay_free(struct relay *r)
{
	if (!r)
		return;
	channel_close(r->channel);
	free(r->up.buf);
	free(r->down.buf);
	free(r);
}

/*
 * Send without waiting, and let the ring send what is left; its completion is @op.
 *
 * Return: is all sent? -errno: the socket takes nothing any more.
 */
static int send_piece(struct conn *c, enum ring_op op, int fd,
		      struct rest *rest, const uint8_t *data, size_t len)
{
	ssize_t n = send(fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return -errno;
	n = n < 0 ? 0 : n;
	len -= (size_t)n;
	if (!len)
		return true;
	rest->buf = malloc(len);
	if (!rest->buf)
		return -ENOMEM;
	memcpy(rest->buf, data + n, len);
	rest->len = (unsigned int)len;
	rest->off = 0;
	ring_send(conn_tag(c, op), fd, rest->buf, rest->len);
	return false;
}

/* A completion. Return: is all sent? */
static bool send_more(struct conn *c, enum ring_op op, int fd,
		      struct rest *rest, int sent)
{
	rest->off += (unsigned int)sent;
	if (rest->off < rest->len) {
		ring_send(conn_tag(c, op), fd, rest->buf + rest->off,
			  rest->len - rest->off);
		return false;
	}
	free(rest->buf);
	*rest = (struct rest){0};
	return true;
}

/*
 * A client that does not take our answers to its KeyUpdates may send no more of them;
 * flush_down() comes back to pump_up(). So it does after the daemon's greeting: some
 * hang up on clients that do not wait for it.
 */
static bool may_receive_up(const struct relay *r)
{
	return !r->greeting.awaited && !r->up.len && !r->tcp_eof &&
	       !(r->down.len && channel_is_full(r->channel));
}

static void receive_up(struct conn *c)
{
	if (c->relay->up_waiting || !may_receive_up(c->relay))
		return;
	c->relay->up_waiting = true;
	ring_poll(conn_tag(c, OP_RELAY_TCP_IN), c->tcp, POLLIN);
}

static void receive_down(struct conn *c)
{
	struct relay *r = c->relay;

	if (r->down_waiting || r->down_eof)
		return;
	r->down_waiting = true;
	ring_poll(conn_tag(c, OP_RELAY_PAIR_IN), c->pair, POLLIN | POLLRDHUP);
}

/*
 * Wait for the daemon's end to be closed, while nothing is received from it: it is
 * shut down, or the client does not read.
 */
static void watch_end(struct conn *c)
{
	if (c->relay->polling || c->relay->daemon_gone)
		return;
	c->relay->polling = true;
	ring_poll_ends(conn_tag(c, OP_RELAY_PAIR_GONE), c->pair);
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
	if (r->up_clean && !r->daemon_gone)
		bind(c->pair, (struct sockaddr *)&name, sizeof(sa_family_t));
	if (!r->daemon_gone)
		shutdown(c->pair, SHUT_WR);
	maybe_finish(c);
}

/* Return: may more be sent? Not if the connection has ended. */
static bool send_tcp(struct conn *c, const uint8_t *data, size_t len)
{
	int ret = send_piece(c, OP_RELAY_TCP_OUT, c->tcp, &c->relay->down, data,
			     len);

	if (ret < 0)
		conn_kill(c);
	else if (!ret && c->relay->daemon_gone)
		conn_is_read(c); /* from now on the client has to keep reading */
	else if (!ret)
		watch_end(c);
	return ret > 0;
}

static void pump_up(struct conn *c);

/* Nothing that was read is left to be sent: read more, or end the direction. */
static void after_down(struct conn *c)
{
	struct relay *r = c->relay;

	if (!r->down_eof) {
		receive_down(c);
	} else if (!r->down_ended) {
		r->down_ended = true;
		shutdown(c->tcp, SHUT_WR);
		maybe_finish(c);
	}
	if (c->state != CONN_RELAY)
		return;
	/* what was read before does not make the socket readable */
	if (!r->up_eof && !r->up_waiting && channel_holds(r->channel))
		pump_up(c);
	else
		receive_up(c);
}

/* Send what TLS itself has to say, and what it has not found room for. */
static void flush_down(struct conn *c)
{
	static _Thread_local uint8_t out[CHANNEL_BYTES(RECORD_PLAIN_MAX)];
	struct relay *r = c->relay;
	size_t n;

	if (r->down.len)
		return; /* its completion comes back here */
	if (r->down_eof && !r->down_ended && r->down_clean)
		channel_shutdown(r->channel);
	while (channel_has_output(r->channel)) {
		n = channel_output(r->channel, out, sizeof(out));
		if (n && !send_tcp(c, out, n))
			return;
	}
	after_down(c);
}

/* Return: may more be read from the client? */
static bool deliver(struct conn *c, const uint8_t *data, size_t len)
{
	struct relay *r = c->relay;
	int ret;

	if (r->daemon_gone)
		return true; /* thrown away */
	ret = send_piece(c, OP_RELAY_PAIR_OUT, c->pair, &r->up, data, len);
	if (ret == -ENOMEM)
		conn_kill(c);
	else if (ret < 0)
		r->daemon_gone = true;
	return ret && ret != -ENOMEM;
}

/* Return: as recv(2), -errno; what comes is thrown away */
static ssize_t drain(int fd)
{
	static _Thread_local uint8_t nowhere[PIECE_BYTES];
	ssize_t n = recv(fd, nowhere, sizeof(nowhere), MSG_DONTWAIT);

	return n < 0 ? -errno : n;
}

/* The client's stream has ended with @how: channel_read()'s last word. */
static void end_of_up(struct conn *c, ssize_t how)
{
	struct relay *r = c->relay;
	const char *why = channel_error(r->channel);

	r->up_eof = true;
	r->up_clean = how == 0;
	if (how && why && *why)
		log_info("%s: %s", conn_name(c), why);
	if (channel_has_output(r->channel))
		flush_down(c); /* an alert */
	if (c->state == CONN_RELAY)
		end_up(c);
}

/* Nothing may follow the end of TLS; wait for FIN. */
static void read_rest(struct conn *c)
{
	ssize_t n = drain(c->tcp);

	if (n == 0) {
		c->relay->tcp_eof = true;
		maybe_finish(c);
	} else if (n < 0 && n != -EAGAIN && n != -EINTR) {
		conn_kill(c);
	} else {
		receive_up(c);
	}
}

/* The client's socket is readable, or something is left of what was. */
static void pump_up(struct conn *c)
{
	static _Thread_local uint8_t plain[PIECE_BYTES];
	struct relay *r = c->relay;
	ssize_t n;

	do {
		if (!may_receive_up(r))
			return;
		if (r->up_eof) {
			read_rest(c);
			return;
		}
		n = channel_read(r->channel, plain, sizeof(plain));
		if (n == -EPIPE) { /* reset: both directions are dead */
			if (channel_error(r->channel))
				log_info("%s: %s", conn_name(c),
					 channel_error(r->channel));
			conn_kill(c);
			return;
		}
		if (n == 0 || n == -ECONNRESET) {
			end_of_up(c, n);
			if (c->state == CONN_RELAY)
				read_rest(c);
			return;
		}
		if (n > 0 && !deliver(c, plain, (size_t)n))
			return;
	} while (n > 0 && channel_holds(r->channel));
	if (channel_has_output(r->channel))
		flush_down(c); /* the answer to a KeyUpdate */
	if (c->state == CONN_RELAY)
		receive_up(c);
}

void relay_on_tcp_in(struct conn *c)
{
	c->relay->up_waiting = false;
	pump_up(c);
}

void relay_on_pair_out(struct conn *c, int res)
{
	struct relay *r = c->relay;

	if (res < 0)
		r->daemon_gone = true; /* the rest is thrown away */
	if (send_more(c, OP_RELAY_PAIR_OUT, c->pair, &r->up,
		      res < 0 ? (int)(r->up.len - r->up.off) : res))
		pump_up(c);
}

static void end_greeting(struct conn *c)
{
	c->relay->greeting.awaited = false;
	if (c->list == &conns_greeting)
		conn_list_del(c);
}

/*
 * Encrypt, without the greeting if that is to come.
 *
 * Return: bytes at @out, which has room for CHANNEL_BYTES(@len) and a little more,
 * or -errno.
 */
static ssize_t from_daemon(struct conn *c, const uint8_t *data, size_t len,
			   uint8_t *out)
{
	struct relay *r = c->relay;
	ssize_t n, sent = 0;
	size_t n_back;
	const char *back;

	if (!r->greeting.awaited)
		return channel_write(r->channel, data, len, out);
	n = greeting_take(&r->greeting, data, len, &back, &n_back);
	if (!r->greeting.awaited)
		end_greeting(c);
	if (n >= 0 && n_back)
		sent = channel_write(r->channel, back, n_back, out);
	if (n < 0 || sent < 0)
		return n < 0 ? n : sent;
	if ((size_t)n == len)
		return sent;
	n = channel_write(r->channel, data + n, len - (size_t)n, out + sent);
	return n < 0 ? n : sent + n;
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

/* The daemon's stream has ended; it has closed its end if @hup. */
static void end_of_down(struct conn *c, bool hup)
{
	struct relay *r = c->relay;

	end_greeting(c);
	r->down_eof = true;
	r->down_clean = is_meant(c->pair);
	r->daemon_gone = r->daemon_gone || hup;
	if (r->daemon_gone)
		conn_list_add(&conns_parting, c);
	else
		watch_end(c);
}

/*
 * What the daemon writes from now on is refused, and there is room for it to try: one
 * that waits for room reads nothing, and up may have to wait for that.
 */
static void fail_down(struct conn *c)
{
	struct relay *r = c->relay;

	log_info("%s: %s", conn_name(c),
		 r->greeting.awaited ? "the daemon's greeting has no end"
				     : "it cannot be encrypted");
	end_greeting(c);
	r->down_eof = true;
	shutdown(c->pair, SHUT_RD);
	while (drain(c->pair) > 0)
		;
	watch_end(c);
}

/* Return: bytes of ciphertext; 0: none now, or it is the end. */
static size_t pull_down(struct conn *c, int events, uint8_t *out)
{
	static _Thread_local uint8_t plain[PIECE_BYTES];
	ssize_t n = recv(c->pair, plain, sizeof(plain), MSG_DONTWAIT), sealed;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) {
		end_of_down(c, events & POLLHUP);
		return 0;
	}
	sealed = from_daemon(c, plain, (size_t)n, out);
	if (sealed < 0)
		fail_down(c);
	return sealed < 0 ? 0 : (size_t)sealed;
}

/*
 * Take what there is, to the end of the stream if that has come: the last piece and
 * close_notify go out together.
 */
void relay_on_pair_in(struct conn *c, int events)
{
	static _Thread_local uint8_t out[2 * CHANNEL_BYTES(PIECE_BYTES)];
	struct relay *r = c->relay;
	size_t n, len = 0;

	r->down_waiting = false;
	if (r->down.len)
		return; /* the client does not read; after_down() comes back */
	do {
		n = pull_down(c, events, out + len);
		len += n;
	} while (n && !r->down_eof && events & (POLLHUP | POLLRDHUP) &&
		 len <= CHANNEL_BYTES(PIECE_BYTES));
	if (c->abort && r->down_eof && has_event(c->pair, POLLHUP)) {
		send(c->tcp, out, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		reset(c);
		return;
	}
	if (r->down_eof && r->down_clean) {
		channel_shutdown(r->channel);
		len += channel_output(r->channel, out + len, CHANNEL_BYTES(0));
	}
	if (len && !send_tcp(c, out, len))
		return;
	if (r->down_eof || channel_has_output(r->channel))
		flush_down(c);
	else
		after_down(c);
}

void relay_on_tcp_out(struct conn *c, int res)
{
	if (res < 0)
		conn_kill(c);
	else if (send_more(c, OP_RELAY_TCP_OUT, c->tcp, &c->relay->down, res))
		flush_down(c);
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
		watch_end(c);
	}
	maybe_finish(c);
}

bool relay_is_polling(const struct conn *c)
{
	return c->relay->polling;
}

void relay_start(struct conn *c)
{
	struct relay *r = c->relay;
	int on = 1;

	/* the daemon cannot see that a client has vanished; we can */
	setsockopt(c->tcp, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	if (r->greeting.awaited)
		conn_list_add(&conns_greeting, c);
	if (r->up.len)
		ring_send(conn_tag(c, OP_RELAY_PAIR_OUT), c->pair, r->up.buf,
			  r->up.len);
	receive_down(c);
	if (c->spoke_early)
		pump_up(c);
	else
		receive_up(c);
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
