// SPDX-License-Identifier: MIT
/*
 * greeting.c - what a daemon says first, after the client has had a greeting
 *
 * IMAP's and POP3's are a line. SMTP's and FTP's may have several: "220-", any
 * others, and "220 " at last (RFC 959 section 4.2, of which RFC 5321's are a
 * special case). FTP may have a 120 before it, for a client that has to wait.
 * A refusal has its end with the connection, and the client has to know.
 */
#include "greeting.h"

#include <errno.h>
#include <string.h>

void greeting_init(struct greeting *g, enum conf_starttls protocol)
{
	*g = (struct greeting){.protocol = protocol,
			       .awaited = CONF_STARTTLS_GREETS(protocol)};
}

/* The first bytes of a reply are there: are they no greeting's? */
static bool is_refusal(const struct greeting *g)
{
	const char *line = g->line;

	switch (g->protocol) {
	case CONF_STARTTLS_IMAP: /* * OK, * PREAUTH; not * BYE */
		return line[0] != '*' ||
		       (g->column == 3 && (line[2] == 'B' || line[2] == 'b'));
	case CONF_STARTTLS_POP3:
		return line[0] != '+';
	case CONF_STARTTLS_FTP:
		return line[0] != '2' && line[0] != '1';
	default:
		return line[0] != '2';
	}
}

/* A line has ended. Return: does the greeting end with it? */
static bool is_last(struct greeting *g)
{
	bool last;

	g->column = 0;
	if (g->protocol == CONF_STARTTLS_IMAP ||
	    g->protocol == CONF_STARTTLS_POP3)
		return true;
	if (g->code[0])
		last = !memcmp(g->code, g->line, sizeof(g->code)) &&
		       strchr(" \r\n", g->line[3]);
	else
		last = g->line[3] != '-';
	if (last) {
		memset(g->code, 0, sizeof(g->code));
		return g->line[0] != '1';
	}
	if (!g->code[0])
		memcpy(g->code, g->line, sizeof(g->code));
	return false;
}

ssize_t greeting_take(struct greeting *g, const uint8_t *data, size_t len,
		      const char **back, size_t *n_back)
{
	const size_t before = g->column; /* of this line, in earlier calls */
	size_t i, begin = 0;

	*back = g->line;
	*n_back = 0;
	for (i = 0; i < len; i++) {
		if (++g->bytes > GREETING_BYTES_MAX)
			return -EMSGSIZE;
		if (!g->column)
			memset(g->line, 0, sizeof(g->line));
		if (g->column < sizeof(g->line))
			g->line[g->column] = (char)data[i];
		g->column++;
		if (!g->code[0] && g->column <= 3 && is_refusal(g)) {
			g->awaited = false;
			*n_back = begin ? 0 : before;
			return (ssize_t)begin;
		}
		if (data[i] != '\n')
			continue;
		begin = i + 1;
		if (is_last(g)) {
			g->awaited = false;
			return (ssize_t)begin;
		}
	}
	return (ssize_t)len;
}
