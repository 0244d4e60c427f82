// SPDX-License-Identifier: MIT
/*
 * starttls_step.c - the plaintext part of a protocol, as a step of the prologue
 */
#include <ctype.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "conn.h"
#include "listener.h"
#include "starttls.h"

bool starttls_wanted(const struct conn *c)
{
	return c->listener->site->conf->starttls != CONF_STARTTLS_OFF;
}

/* The machine's name; what is none would be taken for a part of the protocol.
 */
static void host_name(char *host)
{
	char *p;

	if (gethostname(host, STARTTLS_HOST_BYTES) || !host[0])
		memcpy(host, "localhost", sizeof("localhost"));
	host[STARTTLS_HOST_BYTES - 1] = '\0';
	for (p = host; *p; p++)
		if (!isascii(*p) || (!isalnum(*p) && *p != '.'))
			*p = '-';
}

enum prologue_verdict starttls_look(struct conn *c, uint32_t *state,
				    const uint8_t *data, size_t len,
				    struct prologue_answer *out)
{
	char host[STARTTLS_HOST_BYTES];
	struct starttls t = {.host = host,
			     .state = state,
			     .data = data,
			     .len = len,
			     .out = out};

	/* a reload does not change the protocol of those who speak it */
	if (!c->starttls)
		c->starttls = (uint8_t)c->listener->site->conf->starttls;
	host_name(host);
	if (getrandom(&t.id, sizeof(t.id), GRND_NONBLOCK) < 0)
		t.id = 0;
	return starttls_talk(c->starttls, &t);
}
