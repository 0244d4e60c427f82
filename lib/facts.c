// SPDX-License-Identifier: MIT
/*
 * facts.c - what is known of a connection, as bytes on their way to the daemon
 *
 * Texts in a fixed order, each with its NUL. What is about the client's
 * certificate is there if it has one.
 */
#include "facts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RESUMED "r"
#define ASKED "a"
#define HAS_CLIENT "c" /* verify follows, in decimal */

static char *put(char *at, const char *text)
{
	size_t bytes = strlen(text) + 1;

	memcpy(at, text, bytes);
	return at + bytes;
}

size_t facts_pack(const struct facts *f, char *out)
{
	char state[16], verify[12] = "", *at = out;

	if (f->has_client)
		snprintf(verify, sizeof(verify), "%d", f->verify);
	snprintf(state, sizeof(state), "%s%s%s%s", f->resumed ? RESUMED : "",
		 f->asked ? ASKED : "", f->has_client ? HAS_CLIENT : "",
		 verify);
	at = put(at, f->version);
	at = put(at, f->cipher);
	at = put(at, f->sni);
	at = put(at, f->alpn);
	at = put(at, state);
	if (!f->has_client)
		return (size_t)(at - out);
	at = put(at, f->verify_text);
	at = put(at, f->subject);
	at = put(at, f->issuer);
	at = put(at, f->common_name);
	at = put(at, f->fingerprint);
	return (size_t)(at - out);
}

struct reader {
	const char *at, *end; /* at: NULL: what was there is not ours */
};

static void get(struct reader *r, char *out, size_t bytes)
{
	size_t left = r->at ? (size_t)(r->end - r->at) : 0;
	size_t len = r->at ? strnlen(r->at, left) : 0;

	if (len == left || len >= bytes) { /* no NUL, or too long */
		r->at = NULL;
		return;
	}
	memcpy(out, r->at, len + 1);
	r->at += len + 1;
}
#define GET(r, array) get(r, array, sizeof(array))

static void get_state(struct reader *r, struct facts *f)
{
	char state[16] = "", *p = state;

	GET(r, state);
	f->resumed = *p == *RESUMED && p++;
	f->asked = *p == *ASKED && p++;
	f->has_client = *p == *HAS_CLIENT && p++;
	if (f->has_client)
		f->verify = atoi(p);
}

bool facts_unpack(const char *in, size_t bytes, struct facts *f)
{
	struct reader r = {in, in + bytes};

	memset(f, 0, sizeof(*f));
	GET(&r, f->version);
	GET(&r, f->cipher);
	GET(&r, f->sni);
	GET(&r, f->alpn);
	get_state(&r, f);
	if (f->has_client) {
		GET(&r, f->verify_text);
		GET(&r, f->subject);
		GET(&r, f->issuer);
		GET(&r, f->common_name);
		GET(&r, f->fingerprint);
	}
	return r.at == r.end;
}
