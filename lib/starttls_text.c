// SPDX-License-Identifier: MIT
/*
 * starttls_text.c - SMTP, IMAP, POP3 and FTP up to the command that starts TLS
 *
 * A command is a line; a table for each protocol says what is answered. Commands
 * that are not in it are refused, whatever they are.
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "record.h"
#include "starttls.h"

/* RFC 5321 section 4.5.3.1.4 wants 512; nothing here needs more. */
#define LINE_MAX_BYTES 1000
#define TAG_MAX 64

/*
 * In what is said a % is the host's name, and a $ the command's tag (IMAP).
 */
struct command {
	const char *verb;     /* NULL: any other */
	const char *argument; /* "": has to be none; NULL: whatever it is */
	const char *reply;
	enum prologue_verdict verdict;
};

struct text {
	const char *greeting;
	const char *enough; /* before we hang up */
	const char *no_tag;
	bool tagged; /* commands have tags, as in IMAP */
	struct command commands[16]; /* the first that fits */
};

/* RFC 3207 section 4; RFC 5321 section 4.5.1 */
static const struct text smtp = {
	.greeting = "220 % ESMTP\r\n",
	.enough = "421 4.7.0 % Too much was said before STARTTLS\r\n",
	.commands = {
		{"EHLO", "", "501 5.5.4 EHLO needs a name\r\n", PROLOGUE_AGAIN},
		{"EHLO", NULL, "250-%\r\n250 STARTTLS\r\n", PROLOGUE_AGAIN},
		{"HELO", "", "501 5.5.4 HELO needs a name\r\n", PROLOGUE_AGAIN},
		{"HELO", NULL, "250 %\r\n", PROLOGUE_AGAIN},
		{"NOOP", NULL, "250 2.0.0 OK\r\n", PROLOGUE_AGAIN},
		{"RSET", "", "250 2.0.0 OK\r\n", PROLOGUE_AGAIN},
		{"QUIT", "", "221 2.0.0 Bye\r\n", PROLOGUE_END},
		{"STARTTLS", "", "220 2.0.0 Ready to start TLS\r\n",
		 PROLOGUE_DONE},
		{"STARTTLS", NULL, "501 5.5.4 STARTTLS takes no parameters\r\n",
		 PROLOGUE_AGAIN},
		{NULL, NULL,
		 "530 5.7.0 Must issue a STARTTLS command first\r\n",
		 PROLOGUE_AGAIN},
	},
};

/* RFC 3501 section 6.2.1, RFC 5530 */
static const struct text imap = {
	.greeting = "* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] % "
		    "ready\r\n",
	.enough = "* BYE Too much was said before STARTTLS\r\n",
	.no_tag = "* BAD A command begins with its tag\r\n",
	.tagged = true,
	.commands = {
		{"CAPABILITY", "",
		 "* CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED\r\n"
		 "$ OK Done\r\n", PROLOGUE_AGAIN},
		{"NOOP", "", "$ OK Done\r\n", PROLOGUE_AGAIN},
		{"LOGOUT", "", "* BYE\r\n$ OK Done\r\n", PROLOGUE_END},
		{"STARTTLS", "", "$ OK Begin TLS negotiation now\r\n",
		 PROLOGUE_DONE},
		{"STARTTLS", NULL, "$ BAD STARTTLS takes no arguments\r\n",
		 PROLOGUE_AGAIN},
		{"LOGIN", NULL, "$ NO [PRIVACYREQUIRED] STARTTLS first\r\n",
		 PROLOGUE_AGAIN},
		{"AUTHENTICATE", NULL,
		 "$ NO [PRIVACYREQUIRED] STARTTLS first\r\n", PROLOGUE_AGAIN},
		{NULL, NULL, "$ BAD STARTTLS first\r\n", PROLOGUE_AGAIN},
	},
};

/* RFC 2595 section 4 */
static const struct text pop3 = {
	.greeting = "+OK % ready\r\n",
	.enough = "-ERR Too much was said before STLS\r\n",
	.commands = {
		{"CAPA", "", "+OK\r\nSTLS\r\n.\r\n", PROLOGUE_AGAIN},
		{"QUIT", "", "+OK Bye\r\n", PROLOGUE_END},
		{"STLS", "", "+OK Begin TLS negotiation now\r\n",
		 PROLOGUE_DONE},
		{NULL, NULL, "-ERR Must issue a STLS command first\r\n",
		 PROLOGUE_AGAIN},
	},
};

/*
 * RFC 4217. AUTH SSL would promise that data connections are encrypted without
 * being asked (section 17), so it is refused, and clients try TLS next. What
 * PBSZ and PROT are answered after TLS is the daemon's business.
 */
static const struct text ftp = {
	.greeting = "220 % ready\r\n",
	.enough = "421 Too much was said before AUTH TLS\r\n",
	.commands = {
		{"AUTH", "TLS", "234 Ready to start TLS\r\n", PROLOGUE_DONE},
		{"AUTH", "TLS-C", "234 Ready to start TLS\r\n", PROLOGUE_DONE},
		{"AUTH", "", "501 AUTH needs a mechanism\r\n", PROLOGUE_AGAIN},
		{"AUTH", NULL, "504 AUTH TLS is what there is\r\n",
		 PROLOGUE_AGAIN},
		{"FEAT", "", "211-Features:\r\n AUTH TLS\r\n211 End\r\n",
		 PROLOGUE_AGAIN},
		{"NOOP", "", "200 OK\r\n", PROLOGUE_AGAIN},
		{"QUIT", "", "221 Bye\r\n", PROLOGUE_END},
		{"PBSZ", NULL, "503 AUTH TLS first\r\n", PROLOGUE_AGAIN},
		{"PROT", NULL, "503 AUTH TLS first\r\n", PROLOGUE_AGAIN},
		{NULL, NULL, "530 Must issue AUTH TLS first\r\n",
		 PROLOGUE_AGAIN},
	},
};

static void say(struct starttls *t, const char *text, const char *tag)
{
	const char *what;

	for (; *text; text++) {
		what = *text == '%' ? t->host : *text == '$' ? tag : NULL;
		if (what)
			starttls_say(t, what, strlen(what));
		else
			starttls_say(t, text, 1);
	}
}

/*
 * The line up to @end without its end, and without spaces there. One with control
 * characters is nobody's command.
 */
static void copy_line(const struct starttls *t, size_t end, char *line)
{
	size_t i;

	if (end && t->data[end - 1] == '\r')
		end--;
	while (end && t->data[end - 1] == ' ')
		end--;
	for (i = 0; i < end; i++) {
		if (t->data[i] < ' ' || t->data[i] == 0x7f) {
			end = 0;
			break;
		}
		line[i] = (char)t->data[i];
	}
	line[end] = '\0';
}

/* Cut the first word off; what follows it is in *@rest. */
static char *word(char **rest)
{
	char *begin = *rest;

	*rest += strcspn(*rest, " ");
	if (**rest)
		*(*rest)++ = '\0';
	*rest += strspn(*rest, " ");
	return begin;
}

/* RFC 3501 section 9: any ASTRING-CHAR except "+" */
static bool is_tag(const char *tag)
{
	size_t len = strlen(tag), i;

	for (i = 0; i < len; i++)
		if (!isascii(tag[i]) || strchr("(){%*\"\\+", tag[i]))
			return false;
	return len && len <= TAG_MAX;
}

/*
 * Does a literal follow the line (RFC 3501 section 4.3)? One that its sender does
 * not wait with is on its way, and would be read as commands.
 */
static bool has_literal(const char *line, bool *waits)
{
	const char *brace = strrchr(line, '{');
	size_t len = strlen(line);

	if (!brace || line[len - 1] != '}')
		return false;
	*waits = line[len - 2] != '+' && line[len - 2] != '-';
	return true;
}

static const struct command *find(const struct text *p, const char *verb,
				  const char *argument)
{
	const struct command *c = p->commands;

	while (c->verb &&
	       (strcasecmp(c->verb, verb) ||
		(c->argument && strcasecmp(c->argument, argument))))
		c++;
	return c;
}

static enum prologue_verdict enough(struct starttls *t, const struct text *p)
{
	say(t, p->enough, "");
	return starttls_end(t, STARTTLS_TOO_MUCH);
}

static enum prologue_verdict command(struct starttls *t, const struct text *p,
				     char *line)
{
	char *rest = line, *verb, *tag = "";
	const struct command *c;
	bool waits = true;

	if (p->tagged) {
		if (has_literal(line, &waits) && !waits)
			return enough(t, p);
		tag = word(&rest);
		if (!is_tag(tag)) {
			say(t, p->no_tag, "");
			return PROLOGUE_AGAIN;
		}
	}
	verb = word(&rest);
	c = find(p, verb, rest);
	say(t, c->reply, tag);
	t->out->why = STARTTLS_QUIT;
	return c->verdict;
}

static enum prologue_verdict text(struct starttls *t, const struct text *p)
{
	char line[LINE_MAX_BYTES + 1];
	const uint8_t *end;

	if (t->len && t->data[0] == RECORD_HANDSHAKE)
		return starttls_end(t, STARTTLS_EARLY_TLS);
	if (!*t->state) {
		*t->state = 1;
		say(t, p->greeting, "");
		return PROLOGUE_AGAIN;
	}
	end = t->len ? memchr(t->data, '\n', t->len) : NULL;
	if (!end && t->len < LINE_MAX_BYTES)
		return PROLOGUE_MORE;
	*t->state += STARTTLS_ONE_MORE;
	if (!end || end - t->data >= LINE_MAX_BYTES ||
	    STARTTLS_COUNT(*t->state) > STARTTLS_COUNT_MAX)
		return enough(t, p);
	copy_line(t, (size_t)(end - t->data), line);
	t->out->used = (size_t)(end - t->data) + 1;
	return command(t, p, line);
}

enum prologue_verdict starttls_smtp(struct starttls *t)
{
	return text(t, &smtp);
}

enum prologue_verdict starttls_imap(struct starttls *t)
{
	return text(t, &imap);
}

enum prologue_verdict starttls_pop3(struct starttls *t)
{
	return text(t, &pop3);
}

enum prologue_verdict starttls_ftp(struct starttls *t)
{
	return text(t, &ftp);
}
