// SPDX-License-Identifier: MIT
/*
 * wire.c - the client's end of a torture connection
 */
#define _GNU_SOURCE
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define STUCK_MS 20000
#define OUT_MOST 65536 /* bytes of ciphertext that may wait */

static SSL_CTX *context;
static const char *const suites13[] = {
	"TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256",
	"TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256"};
static const char *const suites12[] = {
	"ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-GCM-SHA256",
	"ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES128-SHA256"};

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void bad(struct wire *w, const char *what)
{
	if (!w->bad[0])
		snprintf(w->bad, sizeof(w->bad), "%s@%llu/%llu", what,
			 (unsigned long long)w->up, (unsigned long long)w->down);
}

static int ended(struct wire *w, const char *how)
{
	if (!w->end)
		w->end = how;
	return -1;
}

/* By OpenSSL's reason, as one word. */
static int ended_by_error(struct wire *w)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());
	char *p;

	snprintf(w->why, sizeof(w->why), "tls:%s", reason ? reason : "?");
	for (p = w->why; *p; p++)
		if (*p == ' ')
			*p = '-';
	ERR_clear_error();
	return ended(w, w->why);
}

/* ---- bytes out */

static void append(struct wire *w, const void *data, size_t len)
{
	if (w->out_off == w->out_len)
		w->out_off = w->out_len = 0;
	if (w->out_len + len > w->out_size) {
		w->out_size = 2 * (w->out_len + len);
		w->out = realloc(w->out, w->out_size);
	}
	memcpy(w->out + w->out_len, data, len);
	w->out_len += len;
}

/* What OpenSSL wants sent. */
static void take_output(struct wire *w)
{
	uint8_t buf[20000];
	int n;

	while (w->ssl && (n = BIO_read(w->out_bio, buf, sizeof(buf))) > 0)
		append(w, buf, (size_t)n);
}

static void transmit(struct wire *w)
{
	size_t n = w->out_len - w->out_off;
	ssize_t sent;

	if (n > w->segment && w->small_left) {
		n = w->segment;
		w->small_left--;
	}
	sent = send(w->fd, w->out + w->out_off, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent > 0)
		w->out_off += (size_t)sent;
	else if (errno != EAGAIN)
		w->out_off = w->out_len; /* reading tells why */
}

/* ---- bytes in */

static void took(struct wire *w, const uint8_t *buf, size_t n)
{
	uint8_t want[16384];

	if (w->greeting && n) {
		size_t len = n < w->greeting ? n : w->greeting;

		if (memcmp(buf, GREETING + sizeof(GREETING) - 1 - w->greeting,
			   len))
			bad(w, "greeting");
		w->greeting -= len;
		buf += len;
		n -= len;
	}
	data_fill(w->plan->seed, false, w->down, want, n);
	if (memcmp(buf, want, n))
		bad(w, "wrong-bytes");
	w->down += n;
	w->down_sum = checksum(w->down_sum, buf, n);
}

static void decrypt(struct wire *w)
{
	uint8_t buf[16384];
	int n;

	while ((n = SSL_read(w->ssl, buf, sizeof(buf))) > 0)
		took(w, buf, (size_t)n);
	take_output(w); /* an answer to a KeyUpdate */
	switch (SSL_get_error(w->ssl, n)) {
	case SSL_ERROR_WANT_READ:
		break;
	case SSL_ERROR_ZERO_RETURN:
		ended(w, "close_notify");
		break;
	default:
		ended_by_error(w);
	}
}

static void receive(struct wire *w)
{
	static __thread uint8_t buf[16384];
	size_t most = sizeof(buf);
	ssize_t n;

	if (w->slow && w->slow_left) {
		most = w->slow_left < 700 ? w->slow_left : 700;
		w->slow_left -= most;
		w->slow_next_ms = now_ms() + 1;
	}
	n = recv(w->fd, buf, most, MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n < 0) {
		ended(w, errno == ECONNRESET ? "reset" : "error");
	} else if (n == 0) {
		ended(w, w->ssl ? "fin" : "close_notify");
	} else if (!w->ssl) {
		took(w, buf, (size_t)n);
	} else {
		BIO_write(w->in, buf, (int)n);
		if (SSL_is_init_finished(w->ssl))
			decrypt(w);
	}
}

/* Move what can be moved, waiting at most @ms. Return: was there anything? */
static bool pump(struct wire *w, int ms)
{
	struct pollfd p = {.fd = w->fd};
	uint64_t now = now_ms();
	int timeout = ms;

	take_output(w);
	if (w->out_off < w->out_len)
		p.events |= POLLOUT;
	if (w->end)
		; /* nothing more to be read, but perhaps to be sent */
	else if (!w->slow || !w->slow_left || now >= w->slow_next_ms)
		p.events |= POLLIN;
	else if (timeout > 1)
		timeout = 1;
	if (poll(&p, 1, timeout) <= 0)
		return timeout != ms;
	if (w->out_off < w->out_len)
		transmit(w);
	if (!w->end && p.revents & ~POLLOUT)
		receive(w);
	return true;
}

/* The server may have said close_notify and want to hear more from us. */
static bool may_send(const struct wire *w)
{
	return !w->end || (w->plan->end == END_SERVER_SHUT &&
			   !strcmp(w->end, "close_notify"));
}

/* Is it TCP that is slow, or does somebody say nothing? */
static void stuck(struct wire *w)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);
	char what[80];

	getsockopt(w->fd, IPPROTO_TCP, TCP_INFO, &info, &len);
	snprintf(what, sizeof(what),
		 "stuck:state=%u,unacked=%u,retransmits=%u,backoff=%u,rto=%uus",
		 info.tcpi_state, info.tcpi_unacked, info.tcpi_retransmits,
		 info.tcpi_backoff, info.tcpi_rto);
	bad(w, what);
}

static int wait_more(struct wire *w)
{
	if (pump(w, STUCK_MS))
		return 0;
	stuck(w);
	w->end = "stuck";
	return -1;
}

static int step(struct wire *w)
{
	return w->end || wait_more(w) || w->end ? -1 : 0;
}

/* ---- what the plan is made of */

void wire_init(const char *ca)
{
	if (!ca)
		return;
	context = SSL_CTX_new(TLS_client_method());
	if (!context || SSL_CTX_load_verify_file(context, ca) != 1) {
		ERR_print_errors_fp(stderr);
		exit(1);
	}
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
}

static void handshake(struct wire *w)
{
	int ret;

	w->segment = w->plan->round[0].segment;
	if (w->segment < 50 && w->plan->round[0].slow)
		w->segment = 50;
	while ((ret = SSL_do_handshake(w->ssl)) != 1) {
		if (SSL_get_error(w->ssl, ret) != SSL_ERROR_WANT_READ) {
			ERR_print_errors_fp(stderr);
			bad(w, "handshake");
			ended(w, "handshake");
			return;
		}
		if (step(w)) {
			bad(w, "handshake");
			return;
		}
	}
	decrypt(w); /* what came with the handshake's end */
}

static void open_tls(struct wire *w, const struct plan *p)
{
	int version = p->tls12 ? TLS1_2_VERSION : TLS1_3_VERSION;

	w->ssl = SSL_new(context);
	w->in = BIO_new(BIO_s_mem());
	w->out_bio = BIO_new(BIO_s_mem());
	BIO_set_mem_eof_return(w->in, -1);
	SSL_set_bio(w->ssl, w->in, w->out_bio);
	SSL_set_min_proto_version(w->ssl, version);
	SSL_set_max_proto_version(w->ssl, version);
	if (SSL_set_ciphersuites(w->ssl, suites13[p->cipher]) != 1 ||
	    SSL_set_cipher_list(w->ssl, suites12[p->cipher]) != 1)
		bad(w, "cipher");
	SSL_set1_host(w->ssl, "localhost");
	SSL_set_tlsext_host_name(w->ssl, "localhost");
	SSL_set_connect_state(w->ssl);
	handshake(w);
}

void wire_open(struct wire *w, int port, const struct plan *p,
	       const struct header *h)
{
	struct sockaddr_in6 a = {.sin6_family = AF_INET6,
				 .sin6_port = htons((unsigned short)port),
				 .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	struct sockaddr_in a4 = {.sin_family = AF_INET,
				 .sin_port = htons((unsigned short)port),
				 .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int on = 1, small = 4096;

	memset(w, 0, sizeof(*w));
	w->plan = p;
	w->header = *h;
	w->greeting = p->greet ? sizeof(GREETING) - 1 : 0;
	w->slow_left = 50000;
	w->small_left = 20000;
	w->segment = 1 << 20;
	w->fd = socket(p->v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (p->round[0].slow)
		setsockopt(w->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	if (connect(w->fd, p->v6 ? (void *)&a : (void *)&a4,
		    p->v6 ? sizeof(a) : sizeof(a4))) {
		bad(w, "connect");
		ended(w, "connect");
	} else if (context) {
		open_tls(w, p);
	}
}

void wire_close(struct wire *w)
{
	SSL_free(w->ssl);
	ERR_clear_error();
	free(w->out);
	close(w->fd);
}

static int encrypt(struct wire *w, const void *data, size_t len)
{
	if (!len)
		return 0;
	if (!w->ssl) {
		append(w, data, len);
		return 0;
	}
	if (SSL_write(w->ssl, data, (int)len) != (int)len)
		return ended_by_error(w);
	take_output(w);
	return 0;
}

int wire_send_header(struct wire *w)
{
	return encrypt(w, &w->header, sizeof(w->header));
}

int wire_send(struct wire *w, uint64_t n)
{
	uint8_t buf[16384];

	while (w->out_len - w->out_off > OUT_MOST && may_send(w))
		wait_more(w);
	pump(w, 0);
	if (!may_send(w))
		return -1;
	data_fill(w->plan->seed, true, w->up, buf, n);
	if (encrypt(w, buf, n))
		return -1;
	w->up += n;
	w->up_sum = checksum(w->up_sum, buf, n);
	return 0;
}

int wire_flush(struct wire *w)
{
	take_output(w);
	while (w->out_off < w->out_len && may_send(w))
		wait_more(w);
	return w->end ? -1 : 0;
}

int wire_key_update(struct wire *w, bool requested)
{
	if (!w->ssl || SSL_version(w->ssl) != TLS1_3_VERSION)
		return 0;
	if (SSL_key_update(w->ssl, requested ? SSL_KEY_UPDATE_REQUESTED
					     : SSL_KEY_UPDATE_NOT_REQUESTED) != 1 ||
	    SSL_do_handshake(w->ssl) != 1)
		bad(w, "key-update");
	take_output(w);
	return 0;
}

int wire_await(struct wire *w, uint64_t down)
{
	while (w->down < down && !step(w))
		;
	return w->down < down ? -1 : 0;
}

void wire_pause(struct wire *w, int ms)
{
	uint64_t end = now_ms() + (uint64_t)ms, now;

	while ((now = now_ms()) < end && !w->end)
		pump(w, (int)(end - now));
}

int wire_await_end(struct wire *w)
{
	while (!w->end)
		step(w);
	return strcmp(w->end, "close_notify") ? -1 : 0;
}

void wire_await_fin(struct wire *w)
{
	struct pollfd p = {.fd = w->fd, .events = POLLIN};
	uint8_t byte;
	ssize_t n;

	if (!w->ssl || strcmp(w->end, "close_notify"))
		return;
	if (BIO_ctrl_pending(w->in))
		bad(w, "behind-close_notify");
	if (poll(&p, 1, STUCK_MS) != 1)
		bad(w, "no-FIN");
	n = recv(w->fd, &byte, 1, MSG_DONTWAIT);
	if (n)
		bad(w, n > 0 ? "behind-close_notify" : "reset-for-FIN");
}

void wire_close_notify(struct wire *w)
{
	if (w->ssl) {
		SSL_shutdown(w->ssl);
		wire_flush(w);
	} else {
		wire_end_tcp(w, false);
	}
}

/* A record of which a part does not come. */
void wire_send_partial(struct wire *w, uint32_t bytes)
{
	uint8_t buf[16384];
	size_t n;

	if (!w->ssl || w->end)
		return;
	data_fill(w->plan->seed, true, w->up, buf, bytes);
	encrypt(w, buf, bytes);
	n = w->out_len - w->out_off;
	if (n > 1)
		w->out_len = w->out_off + 1 + mix(w->plan->seed) % (n - 1);
	wire_flush(w);
}

void wire_send_damaged(struct wire *w, uint32_t bytes)
{
	uint8_t buf[16384];

	if (w->end)
		return;
	data_fill(w->plan->seed, true, w->up, buf, bytes);
	if (w->ssl)
		encrypt(w, buf, bytes);
	if (w->ssl && w->out_len - w->out_off > 5)
		w->out[w->out_off + 5 +
		       mix(w->plan->seed) % (w->out_len - w->out_off - 5)] ^= 4;
	wire_flush(w);
	if (!w->ssl)
		wire_end_tcp(w, true);
}

void wire_end_tcp(struct wire *w, bool reset)
{
	struct linger now = {1, 0};

	wire_flush(w);
	if (!w->ssl && w->plan->end == END_VANISH)
		reset = true; /* in plain TCP a FIN is no accident */
	if (!reset) {
		if (!w->tcp_ended)
			shutdown(w->fd, SHUT_WR);
		w->tcp_ended = true;
		return;
	}
	setsockopt(w->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(w->fd);
	w->fd = -1;
	ended(w, "reset-by-us");
}
