// SPDX-License-Identifier: MIT
/*
 * starttls_ldap.c - LDAP up to StartTLS (RFC 4511)
 *
 * The client speaks first. Of BER just what the requests' outside needs: tags
 * of one byte and definite lengths, as RFC 4511 section 5.1 demands.
 */
#include <string.h>

#include "record.h"
#include "starttls.h"

#define SEQUENCE 0x30
#define INTEGER 0x02
#define ENUMERATED 0x0a
#define OCTET_STRING 0x04
#define BIND 0x60
#define UNBIND 0x42
#define ABANDON 0x50
#define EXTENDED 0x77
#define EXTENDED_RESPONSE 0x78
#define REQUEST_NAME 0x80
#define RESPONSE_NAME 0x8a

enum result { /* section 4.1.9 */
	      SUCCESS = 0,
	      PROTOCOL_ERROR = 2,
	      UNAVAILABLE_CRITICAL_EXTENSION = 12,
	      CONFIDENTIALITY_REQUIRED = 13,
};

#define START_TLS "1.3.6.1.4.1.1466.20037"
#define NOTICE_OF_DISCONNECTION "1.3.6.1.4.1.1466.20036"

/* Requests that have a response, and its tag (section 4.2 to 4.12) */
static const uint8_t responses[][2] = {
	{BIND, 0x61},
	{0x63 /* search */, 0x65},
	{0x66 /* modify */, 0x67},
	{0x68 /* add */, 0x69},
	{0x4a /* delete */, 0x6b},
	{0x6c /* rename */, 0x6d},
	{0x6e /* compare */, 0x6f},
	{EXTENDED, EXTENDED_RESPONSE},
};

struct ber {
	uint8_t tag;
	const uint8_t *value;
	size_t len;
};

/*
 * The element at the beginning of @len bytes.
 *
 * Return: how long its header is, 0: more of that is needed; -1: it is none.
 * The value may be longer than what is there.
 */
static int header(const uint8_t *p, size_t len, struct ber *e)
{
	size_t n, i;

	if (len < 2)
		return 0;
	e->tag = p[0];
	e->len = p[1];
	n = 0;
	if (p[1] & 0x80) {
		n = p[1] & 0x7f;
		if (!n || n > 4)
			return -1;
		if (len < 2 + n)
			return 0;
		for (e->len = i = 0; i < n; i++)
			e->len = e->len << 8 | p[2 + i];
	}
	e->value = p + 2 + n;
	return (int)(2 + n);
}

/* The next element of a value, whole; taken off its front. */
static bool next(struct ber *rest, struct ber *e)
{
	int n = header(rest->value, rest->len, e);

	if (n <= 0 || e->len > rest->len - (size_t)n)
		return false;
	rest->value = e->value + e->len;
	rest->len -= (size_t)n + e->len;
	return true;
}

static bool is_oid(const struct ber *e, const char *oid)
{
	return e->len == strlen(oid) && !memcmp(e->value, oid, e->len);
}

/* One element behind those at @at; short lengths only. */
static size_t put(uint8_t *buf, size_t at, uint8_t tag, const void *value,
		  size_t len)
{
	buf[at] = tag;
	buf[at + 1] = (uint8_t)len;
	memcpy(buf + at + 2, value, len);
	return at + 2 + len;
}

/* An LDAPResult for the message with this number (a BER integer). */
static void respond(struct starttls *t, const struct ber *id, uint8_t tag,
		    enum result result, const char *oid)
{
	const char *text = result == CONFIDENTIALITY_REQUIRED
				   ? "StartTLS is required"
				   : "";
	uint8_t body[96], message[112], out[120];
	const uint8_t code = (uint8_t)result;
	size_t n;

	n = put(body, 0, ENUMERATED, &code, 1);
	n = put(body, n, OCTET_STRING, "", 0);
	n = put(body, n, OCTET_STRING, text, strlen(text));
	if (oid)
		n = put(body, n, RESPONSE_NAME, oid, strlen(oid));
	n = put(message, put(message, 0, INTEGER, id->value, id->len), tag,
		body, n);
	n = put(out, 0, SEQUENCE, message, n);
	starttls_say(t, out, n);
}

/* Section 4.4.1: what cannot be answered ends the session. */
static enum prologue_verdict disconnect(struct starttls *t, enum result result,
					const char *why)
{
	const struct ber zero = {.value = (const uint8_t *)"", .len = 1};

	respond(t, &zero, EXTENDED_RESPONSE, result, NOTICE_OF_DISCONNECTION);
	return starttls_end(t, why);
}

static enum prologue_verdict extended(struct starttls *t, const struct ber *id,
				      struct ber *request, size_t controls)
{
	struct ber name;

	if (!next(request, &name) || name.tag != REQUEST_NAME)
		return disconnect(t, PROTOCOL_ERROR, "malformed LDAP");
	if (!is_oid(&name, START_TLS)) {
		respond(t, id, EXTENDED_RESPONSE, CONFIDENTIALITY_REQUIRED,
			NULL);
		return PROLOGUE_AGAIN;
	}
	/* section 4.14.1: it has no value; of controls we know none */
	if (request->len || controls) {
		respond(t, id, EXTENDED_RESPONSE,
			request->len ? PROTOCOL_ERROR
				     : UNAVAILABLE_CRITICAL_EXTENSION,
			START_TLS);
		return PROLOGUE_AGAIN;
	}
	respond(t, id, EXTENDED_RESPONSE, SUCCESS, START_TLS);
	return PROLOGUE_DONE;
}

static enum prologue_verdict request(struct starttls *t, struct ber *message)
{
	struct ber id, op;
	size_t i;

	/* section 4.1.1.1: 1 to 2^31 - 1 */
	if (!next(message, &id) || id.tag != INTEGER || !id.len || id.len > 4 ||
	    id.value[0] & 0x80 || !next(message, &op))
		return disconnect(t, PROTOCOL_ERROR, "malformed LDAP");
	if (op.tag == EXTENDED)
		return extended(t, &id, &op, message->len);
	if (op.tag == UNBIND)
		return starttls_end(t, STARTTLS_QUIT);
	if (op.tag == ABANDON) /* it has no response, section 4.11 */
		return PROLOGUE_AGAIN;
	for (i = 0; i < sizeof(responses) / sizeof(responses[0]); i++)
		if (op.tag == responses[i][0]) {
			respond(t, &id, responses[i][1],
				CONFIDENTIALITY_REQUIRED, NULL);
			return PROLOGUE_AGAIN;
		}
	return disconnect(t, PROTOCOL_ERROR, "unknown LDAP request");
}

enum prologue_verdict starttls_ldap(struct starttls *t)
{
	struct ber message;
	int n;

	if (!t->len)
		return PROLOGUE_MORE;
	if (!*t->state && t->data[0] == RECORD_HANDSHAKE)
		return PROLOGUE_DONE;
	if (t->data[0] != SEQUENCE)
		return starttls_end(t, "the client does not speak LDAP");
	n = header(t->data, t->len, &message);
	if (!n)
		return PROLOGUE_MORE;
	if (n < 0)
		return disconnect(t, PROTOCOL_ERROR, "malformed LDAP");
	if (message.len >= PROLOGUE_BYTES - (size_t)n ||
	    STARTTLS_COUNT(*t->state) == STARTTLS_COUNT_MAX)
		return disconnect(t, CONFIDENTIALITY_REQUIRED,
				  STARTTLS_TOO_MUCH);
	if (message.len > t->len - (size_t)n)
		return PROLOGUE_MORE;
	*t->state += STARTTLS_ONE_MORE;
	t->out->used = (size_t)n + message.len;
	return request(t, &message);
}
