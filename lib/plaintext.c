// SPDX-License-Identifier: MIT
/*
 * plaintext.c - clients that speak no TLS on a port that does
 *
 * plaintext = allow: the first byte decides. A client that says nothing waits
 * for the daemon to speak first (SMTP), which a TLS client never does; after the
 * time of conns_silent it gets the daemon.
 */
#include "plaintext.h"

#include <assert.h>
#include <netinet/in.h>

#include "conn.h"
#include "http.h"
#include "listener.h"

static_assert(HTTP_ANSWER_BYTES <= PROLOGUE_REPLY_BYTES, "it fits");

bool plaintext_wanted(const struct conn *c)
{
	/* who has begun in plaintext to start TLS must not go on without */
	return c->listener->site->conf->plaintext == CONF_PLAINTEXT_ALLOW &&
	       !c->starttls;
}

/* RFC 8446 section 5.1: every ClientHello begins with this byte. */
enum prologue_verdict plaintext_look(struct conn *c, uint32_t *state,
				     const uint8_t *data, size_t len,
				     struct prologue_answer *out)
{
	(void)state;
	(void)out;
	if (!len) {
		conn_list_add(&conns_silent, c);
		return PROLOGUE_MORE;
	}
	conn_list_add(&conns_handshaking, c);
	return data[0] == RECORD_HANDSHAKE ? PROLOGUE_DONE : PROLOGUE_PLAIN;
}

enum prologue_verdict plaintext_refuse(struct conn *c, uint32_t *state,
				       const uint8_t *data, size_t len,
				       struct prologue_answer *out)
{
	bool redirect = c->listener->site->conf->plaintext ==
			CONF_PLAINTEXT_REDIRECT;
	struct http_request request;

	(void)state;
	switch (http_parse(&request, (const char *)data, len,
			   len == PROLOGUE_BYTES)) {
	case HTTP_MORE:
		return PROLOGUE_MORE;
	case HTTP_NONE:
		out->why = "the client does not speak TLS";
		break;
	case HTTP_REQUEST:
		redirect = redirect && request.host.len && request.path.len;
		out->why = redirect ? "a plain HTTP request, redirected"
				    : "a plain HTTP request";
		out->reply_len = http_answer(out->reply, &request,
					     ntohs(c->local.in.sin_port),
					     redirect);
		break;
	}
	out->used = len;
	return PROLOGUE_END;
}
