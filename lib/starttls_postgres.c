// SPDX-License-Identifier: MIT
/*
 * starttls_postgres.c - PostgreSQL's protocol up to SSLRequest
 *
 * The client speaks first; from version 17 on it may begin with TLS at once.
 * What comes before is a length, which counts itself, and a code, both of four
 * bytes. See "Message Flow" and "Message Formats" in PostgreSQL's
 * documentation.
 */
#include <string.h>

#include "record.h"
#include "starttls.h"

#define CANCEL_REQUEST 80877102
#define SSL_REQUEST 80877103
#define GSSENC_REQUEST 80877104

static uint32_t number(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | p[3];
}

/* ErrorResponse: its length, which counts itself, then fields, then a zero. */
static enum prologue_verdict refuse(struct starttls *t, const char *why)
{
	static const char fields[] = "SFATAL\0VFATAL\0C28000\0"
				     "MTLS is required (sslmode=require)\0";
	static const char header[] = {'E', 0, 0, 0, 4 + sizeof(fields)};

	starttls_say(t, header, sizeof(header));
	starttls_say(t, fields, sizeof(fields));
	return starttls_end(t, why);
}

enum prologue_verdict starttls_postgres(struct starttls *t)
{
	if (!t->len)
		return PROLOGUE_MORE;
	if (!*t->state && t->data[0] == RECORD_HANDSHAKE)
		return PROLOGUE_DONE;
	if (t->data[0])
		return starttls_end(t, "the client does not speak PostgreSQL's "
				       "protocol");
	if (t->len < 8)
		return PROLOGUE_MORE;
	switch (number(t->data + 4)) {
	case SSL_REQUEST:
		if (number(t->data) != 8)
			break;
		t->out->used = 8;
		starttls_say(t, "S", 1);
		return PROLOGUE_DONE;
	case GSSENC_REQUEST:
		/* the client asks for TLS next, or does without */
		if (number(t->data) != 8 || *t->state)
			break;
		*t->state = 1;
		t->out->used = 8;
		starttls_say(t, "N", 1);
		return PROLOGUE_AGAIN;
	case CANCEL_REQUEST:
		/* nobody waits for an answer */
		return starttls_end(t, "a CancelRequest without TLS");
	}
	return refuse(t, "the client starts a session without TLS");
}
