// SPDX-License-Identifier: MIT
/*
 * plaintext.c - clients that speak no TLS on a port that does
 */
#include "plaintext.h"

#include "conn.h"
#include "listener.h"

bool plaintext_wanted(const struct conn *c)
{
	return c->listener->site->conf->plaintext == CONF_PLAINTEXT_ALLOW;
}

/* RFC 8446 section 5.1: every ClientHello begins with this byte. */
enum prologue_verdict plaintext_look(struct conn *c, uint32_t *state,
				     const uint8_t *data, size_t len,
				     struct prologue_answer *out)
{
	(void)c;
	(void)state;
	(void)out;
	if (!len)
		return PROLOGUE_MORE;
	return data[0] == RECORD_HANDSHAKE ? PROLOGUE_DONE : PROLOGUE_PLAIN;
}
