/* SPDX-License-Identifier: MIT */
/*
 * wire.h - the client's end of a torture connection
 *
 * OpenSSL works on memory; what it makes is cut into segments and sent here.
 * While anything is waited for, what comes is read, decrypted and compared.
 */
#ifndef WIRE_H
#define WIRE_H

#include <openssl/ssl.h>

#include "schedule.h"

struct wire {
	int fd;
	SSL *ssl; /* NULL: plain TCP */
	BIO *in, *out_bio;
	uint8_t *out; /* ciphertext still to be sent */
	size_t out_off, out_len, out_size;
	uint32_t segment; /* sent at a time */
	bool slow; /* read little at a time */
	uint64_t slow_next_ms; /* not before then */
	size_t slow_left; /* bytes after which it is read on quickly */
	unsigned int small_left; /* segments and records, then all is large */
	const struct plan *plan;
	struct header header;
	size_t greeting; /* bytes of it that are still to come */
	uint64_t up, down, up_sum, down_sum; /* sent, received */
	const char *end; /* how the server's stream ended, or NULL */
	bool tcp_ended; /* we have sent FIN */
	char bad[160], why[64];
};

void wire_init(const char *ca);
/* Sets w->end when there is no connection. */
void wire_open(struct wire *w, int port, const struct plan *p,
	       const struct header *h);
void wire_close(struct wire *w);

/* Return, where there is one: -1 when the server's stream has ended. */
int wire_send_header(struct wire *w);
int wire_send(struct wire *w, uint64_t n); /* in one record */
int wire_flush(struct wire *w);
int wire_key_update(struct wire *w, bool requested);
int wire_await(struct wire *w, uint64_t down);
void wire_pause(struct wire *w, int ms);
/* Waits for the end; 0 if it was orderly. */
int wire_await_end(struct wire *w);
void wire_await_fin(struct wire *w); /* nothing may come before it */
void wire_close_notify(struct wire *w);
void wire_send_partial(struct wire *w, uint32_t bytes);
void wire_send_damaged(struct wire *w, uint32_t bytes);
void wire_end_tcp(struct wire *w, bool reset);

#endif
