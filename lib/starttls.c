// SPDX-License-Identifier: MIT
/*
 * starttls.c - protocols that begin in plaintext: which there are
 */
#include "starttls.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static enum prologue_verdict (*const protocols[])(struct starttls *) = {
	[CONF_STARTTLS_SMTP] = starttls_smtp,
	[CONF_STARTTLS_IMAP] = starttls_imap,
	[CONF_STARTTLS_POP3] = starttls_pop3,
	[CONF_STARTTLS_FTP] = starttls_ftp,
	[CONF_STARTTLS_POSTGRES] = starttls_postgres,
	[CONF_STARTTLS_LDAP] = starttls_ldap,
	[CONF_STARTTLS_XMPP] = starttls_xmpp,
};
static_assert(sizeof(protocols) / sizeof(protocols[0]) == CONF_STARTTLS_COUNT,
	      "one function for each");

enum prologue_verdict starttls_talk(enum conf_starttls protocol,
				    struct starttls *t)
{
	return protocols[protocol](t);
}

void starttls_say(struct starttls *t, const void *data, size_t len)
{
	if (len > sizeof(t->out->reply) - t->out->reply_len)
		abort();
	memcpy(t->out->reply + t->out->reply_len, data, len);
	t->out->reply_len += len;
}

enum prologue_verdict starttls_end(struct starttls *t, const char *why)
{
	t->out->used = t->len;
	t->out->why = why;
	return PROLOGUE_END;
}
