// SPDX-License-Identifier: MIT
/*
 * starttls_test.c - what is said before TLS, and the daemon's greeting behind it
 *
 * Each conversation is fed whole, byte by byte, and in two pieces at every place;
 * what comes out must be the same. Then mutations of all of them: whatever a
 * client says, the rules of prologue.h hold, and TLS is started by the command for
 * it and by nothing else.
 */
#include <stdlib.h>
#include <string.h>

#include "greeting.h"
#include "starttls.h"
#include "tap.h"

#define BYTES(s) (s), sizeof(s) - 1

/* A socket of memory, and a prologue with one step. */
struct talk {
	enum conf_starttls protocol;
	uint32_t state;
	size_t taken, shown; /* ... at the last MORE */
	enum prologue_verdict verdict;
	const char *why;
	char said[65536];
	size_t n_said;
	bool wrong; /* the rules of prologue.h are broken */
};

static void begin(struct talk *k, enum conf_starttls protocol)
{
	memset(k, 0, sizeof(*k));
	k->protocol = protocol;
	k->verdict = PROLOGUE_MORE;
}

static bool is_over(const struct talk *k)
{
	return k->verdict == PROLOGUE_DONE || k->verdict == PROLOGUE_END;
}

/* As advance() in prologue.c; @len bytes of @data have come so far. */
static void feed(struct talk *k, const char *data, size_t len)
{
	struct prologue_answer answer;
	struct starttls t = {.host = "host.example", .id = 1,
			     .state = &k->state, .out = &answer};
	unsigned int rounds = 0;
	uint8_t *copy;

	while (!is_over(k)) {
		memset(&answer, 0, sizeof(answer));
		t.len = len - k->taken;
		if (t.len > PROLOGUE_BYTES)
			t.len = PROLOGUE_BYTES;
		/* its own memory: AddressSanitizer sees what is read behind */
		copy = malloc(t.len ? t.len : 1);
		memcpy(copy, data + k->taken, t.len);
		t.data = copy;
		k->verdict = starttls_talk(k->protocol, &t);
		free(copy);
		if (answer.reply_len > sizeof(k->said) - k->n_said)
			abort();
		memcpy(k->said + k->n_said, answer.reply, answer.reply_len);
		k->n_said += answer.reply_len;
		k->why = answer.why;
		k->wrong |= k->verdict == PROLOGUE_PLAIN || ++rounds > 99999;
		if (k->verdict == PROLOGUE_MORE) {
			k->wrong |= answer.reply_len;
			k->shown = t.len;
			if (t.len == PROLOGUE_BYTES)
				k->verdict = PROLOGUE_END;
			return;
		}
		k->wrong |= answer.used > t.len || answer.used < k->shown ||
			    (k->verdict == PROLOGUE_END && !answer.why);
		k->taken += answer.used;
		k->shown = 0;
		if (k->wrong)
			return;
	}
}

static void feed_split(struct talk *k, enum conf_starttls protocol,
		       const char *data, size_t len, size_t at)
{
	begin(k, protocol);
	feed(k, data, 0);
	if (at <= len)
		feed(k, data, at);
	else
		for (at = 1; at < len; at++)
			feed(k, data, at);
	feed(k, data, len);
}

struct conversation {
	enum conf_starttls protocol;
	const char *title;
	const char *said; /* by the client */
	size_t len;
	const char *answer; /* NULL: not compared */
	size_t answer_len;
	enum prologue_verdict verdict;
	size_t left; /* bytes that stay in the socket */
};

#define XMPP_HEADER "<?xml version='1.0'?><stream:stream xmlns='jabber:client' " \
	"xmlns:stream='http://etherx.jabber.org/streams' "
#define XMPP_OPEN XMPP_HEADER "to='a.example' version='1.0'>"
#define XMPP_ID "id='0000000000000001' version='1.0' xml:lang='en'>"
#define XMPP_FEATURES "<stream:features><starttls " \
	"xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>" \
	"</stream:features>"
#define XMPP_STARTTLS "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
#define XMPP_PROCEED "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
#define XMPP_ERROR(c) "<stream:error><" c " xmlns='urn:ietf:params:xml:ns:" \
	"xmpp-streams'/></stream:error></stream:stream>"
#define XMPP_ANSWER XMPP_HEADER "from='a.example' " XMPP_ID XMPP_FEATURES
#define LDAP_STARTTLS "\x30\x1d\x02\x01\x01\x77\x18\x80\x16" \
	"1.3.6.1.4.1.1466.20037"
#define LDAP_BIND "\x30\x12\x02\x01\x07\x60\x0d\x02\x01\x03\x04\x02" "cn" \
	"\x80\x04" "pass"
#define SSL_REQUEST "\0\0\0\x08\x04\xd2\x16\x2f"
#define GSSENC_REQUEST "\0\0\0\x08\x04\xd2\x16\x30"
#define SMTP_GREETING "220 host.example ESMTP\r\n"
#define IMAP_CAPABILITY "CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED"
#define IMAP_GREETING "* OK [" IMAP_CAPABILITY "] host.example ready\r\n"
#define PLAIN_ERROR "E\0\0\0\x3d" "SFATAL\0VFATAL\0C28000\0" \
	"MTLS is required (sslmode=require)\0\0"

#define SAID(s) s, sizeof(s) - 1
#define SMTP CONF_STARTTLS_SMTP
#define IMAP CONF_STARTTLS_IMAP
#define POP3 CONF_STARTTLS_POP3
#define FTP CONF_STARTTLS_FTP
#define POSTGRES CONF_STARTTLS_POSTGRES
#define LDAP CONF_STARTTLS_LDAP
#define XMPP CONF_STARTTLS_XMPP
#define DONE PROLOGUE_DONE
#define END PROLOGUE_END
#define MORE PROLOGUE_MORE

static const struct conversation conversations[] = {
	{SMTP, "STARTTLS; what follows stays in the socket",
	 SAID("EHLO c\r\nSTARTTLS\r\nMAIL FROM:<x>\r\n"),
	 SAID(SMTP_GREETING "250-host.example\r\n250 STARTTLS\r\n"
	      "220 2.0.0 Ready to start TLS\r\n"), DONE, 15},
	{SMTP, "in small letters, by hand", SAID("ehlo c\nnoop\nstarttls \n"),
	 SAID(SMTP_GREETING "250-host.example\r\n250 STARTTLS\r\n"
	      "250 2.0.0 OK\r\n220 2.0.0 Ready to start TLS\r\n"), DONE, 0},
	{SMTP, "all else is refused",
	 SAID("EHLO\r\nHELO c\r\nRSET\r\nMAIL FROM:<a>\r\nAUTH PLAIN AGEAYg==\r\n"
	      "STARTTLS x\r\n\r\nEHLO\0c\r\nSTARTTLS\0\r\nSTARTTLSX\r\nQUIT\r\n"),
	 SAID(SMTP_GREETING "501 5.5.4 EHLO needs a name\r\n250 host.example\r\n"
	      "250 2.0.0 OK\r\n"
	      "530 5.7.0 Must issue a STARTTLS command first\r\n"
	      "530 5.7.0 Must issue a STARTTLS command first\r\n"
	      "501 5.5.4 STARTTLS takes no parameters\r\n"
	      "530 5.7.0 Must issue a STARTTLS command first\r\n"
	      "530 5.7.0 Must issue a STARTTLS command first\r\n"
	      "530 5.7.0 Must issue a STARTTLS command first\r\n"
	      "530 5.7.0 Must issue a STARTTLS command first\r\n"
	      "221 2.0.0 Bye\r\n"), END, 0},
	{SMTP, "TLS at once", SAID("\x16\x03\x01"), NULL, 0, END, 0},
	{IMAP, "STARTTLS; what follows stays in the socket",
	 SAID("a CAPABILITY\r\nb STARTTLS\r\nc LOGIN a b\r\n"),
	 SAID(IMAP_GREETING "* " IMAP_CAPABILITY "\r\na OK Done\r\n"
	      "b OK Begin TLS negotiation now\r\n"), DONE, 13},
	{IMAP, "all else is refused",
	 SAID("a LOGIN me secret\r\nb AUTHENTICATE PLAIN\r\nc ID NIL\r\n"
	      "STARTTLS\r\n* STARTTLS\r\n%n STARTTLS\r\nd STARTTLS x\r\n"
	      "\xc3\xa4 STARTTLS\r\ne LOGIN {2}\r\nf LOGOUT\r\n"),
	 SAID(IMAP_GREETING "a NO [PRIVACYREQUIRED] STARTTLS first\r\n"
	      "b NO [PRIVACYREQUIRED] STARTTLS first\r\n"
	      "c BAD STARTTLS first\r\nSTARTTLS BAD STARTTLS first\r\n"
	      "* BAD A command begins with its tag\r\n"
	      "* BAD A command begins with its tag\r\n"
	      "d BAD STARTTLS takes no arguments\r\n"
	      "* BAD A command begins with its tag\r\n"
	      "e NO [PRIVACYREQUIRED] STARTTLS first\r\n"
	      "* BYE\r\nf OK Done\r\n"), END, 0},
	{IMAP, "a literal that is on its way",
	 SAID("a LOGIN {12+}\r\nb STARTTLS\r\n"),
	 SAID(IMAP_GREETING "* BYE Too much was said before STARTTLS\r\n"),
	 END, 0},
	{POP3, "STLS; what follows stays in the socket",
	 SAID("CAPA\r\nSTLS\r\nDELE 1\r\n"),
	 SAID("+OK host.example ready\r\n+OK\r\nSTLS\r\n.\r\n"
	      "+OK Begin TLS negotiation now\r\n"), DONE, 8},
	{POP3, "all else is refused",
	 SAID("USER a\r\nPASS b\r\nAPOP a b\r\nSTLS x\r\nQUIT\r\n"),
	 SAID("+OK host.example ready\r\n"
	      "-ERR Must issue a STLS command first\r\n"
	      "-ERR Must issue a STLS command first\r\n"
	      "-ERR Must issue a STLS command first\r\n"
	      "-ERR Must issue a STLS command first\r\n+OK Bye\r\n"), END, 0},
	{FTP, "AUTH TLS, after SSL; what follows stays in the socket",
	 SAID("FEAT\r\nAUTH SSL\r\nAUTH TLS\r\nUSER a\r\n"),
	 SAID("220 host.example ready\r\n211-Features:\r\n AUTH TLS\r\n"
	      "211 End\r\n504 AUTH TLS is what there is\r\n"
	      "234 Ready to start TLS\r\n"), DONE, 8},
	{FTP, "all else is refused",
	 SAID("USER a\r\nPASS b\r\nPBSZ 0\r\nAUTH\r\nPORT 1,2,3,4,5,6\r\n"
	      "QUIT\r\n"),
	 SAID("220 host.example ready\r\n530 Must issue AUTH TLS first\r\n"
	      "530 Must issue AUTH TLS first\r\n503 AUTH TLS first\r\n"
	      "501 AUTH needs a mechanism\r\n"
	      "530 Must issue AUTH TLS first\r\n221 Bye\r\n"), END, 0},
	{POSTGRES, "SSLRequest; what follows stays in the socket",
	 SAID(SSL_REQUEST "\0\0\0\x09\0\x03\0\0\0"), SAID("S"), DONE, 9},
	{POSTGRES, "GSSENCRequest first", SAID(GSSENC_REQUEST SSL_REQUEST),
	 SAID("NS"), DONE, 0},
	{POSTGRES, "GSSENCRequest twice", SAID(GSSENC_REQUEST GSSENC_REQUEST),
	 SAID("N" PLAIN_ERROR), END, 0},
	{POSTGRES, "a session without TLS",
	 SAID("\0\0\0\x10\0\x03\0\0" "user\0a\0\0"), SAID(PLAIN_ERROR), END, 0},
	{POSTGRES, "CancelRequest",
	 SAID("\0\0\0\x10\x04\xd2\x16\x2e" "12345678"), SAID(""), END, 0},
	{POSTGRES, "SSLRequest of another length",
	 SAID("\0\0\0\x09\x04\xd2\x16\x2f"), SAID(PLAIN_ERROR), END, 0},
	{POSTGRES, "TLS at once", SAID("\x16\x03\x01"), SAID(""), DONE, 3},
	{POSTGRES, "TLS, but not at once", SAID(GSSENC_REQUEST "\x16\x03\x01"),
	 SAID("N"), END, 0},
	{POSTGRES, "HTTP", SAID("GET / HTTP/1.1\r\n"), SAID(""), END, 0},
	{LDAP, "StartTLS; what follows stays in the socket",
	 SAID(LDAP_STARTTLS LDAP_BIND),
	 SAID("\x30\x24\x02\x01\x01\x78\x1f\x0a\x01\0\x04\0\x04\0\x8a\x16"
	      "1.3.6.1.4.1.1466.20037"), DONE, 20},
	{LDAP, "long lengths, a long number",
	 SAID("\x30\x84\0\0\0\x21\x02\x02\x7f\xff\x77\x81\x1a\x80\x82\0\x16"
	      "1.3.6.1.4.1.1466.20037"),
	 SAID("\x30\x25\x02\x02\x7f\xff\x78\x1f\x0a\x01\0\x04\0\x04\0\x8a\x16"
	      "1.3.6.1.4.1.1466.20037"), DONE, 0},
	{LDAP, "Bind needs confidentiality; Abandon has no answer; Unbind",
	 SAID(LDAP_BIND "\x30\x06\x02\x01\x08\x50\x01\x07"
	      "\x30\x05\x02\x01\x09\x42\0"),
	 SAID("\x30\x20\x02\x01\x07\x61\x1b\x0a\x01\x0d\x04\0\x04\x14"
	      "StartTLS is required"), END, 0},
	{LDAP, "another extended operation, StartTLS with a value, a control",
	 SAID("\x30\x0a\x02\x01\x02\x77\x05\x80\x03" "1.2"
	      "\x30\x1f\x02\x01\x03\x77\x1a\x80\x16" "1.3.6.1.4.1.1466.20037"
	      "\x81\0"
	      "\x30\x1f\x02\x01\x04\x77\x18\x80\x16" "1.3.6.1.4.1.1466.20037"
	      "\xa0\0"),
	 SAID("\x30\x20\x02\x01\x02\x78\x1b\x0a\x01\x0d\x04\0\x04\x14"
	      "StartTLS is required"
	      "\x30\x24\x02\x01\x03\x78\x1f\x0a\x01\x02\x04\0\x04\0\x8a\x16"
	      "1.3.6.1.4.1.1466.20037"
	      "\x30\x24\x02\x01\x04\x78\x1f\x0a\x01\x0c\x04\0\x04\0\x8a\x16"
	      "1.3.6.1.4.1.1466.20037"), MORE, 0},
	{LDAP, "a length that is none", SAID("\x30\x80\x02\x01\x01"),
	 SAID("\x30\x24\x02\x01\0\x78\x1f\x0a\x01\x02\x04\0\x04\0\x8a\x16"
	      "1.3.6.1.4.1.1466.20036"), END, 0},
	{LDAP, "a message that does not fit", SAID("\x30\x82\x10\0\x02\x01\x01"),
	 NULL, 0, END, 0},
	{LDAP, "an element longer than its message",
	 SAID("\x30\x06\x02\x01\x01\x77\x18\x80"), NULL, 0, END, 0},
	{LDAP, "TLS at once", SAID("\x16\x03\x01"), SAID(""), DONE, 3},
	{XMPP, "starttls; what follows stays in the socket",
	 SAID(XMPP_OPEN XMPP_STARTTLS "<auth/>"),
	 SAID(XMPP_ANSWER XMPP_PROCEED), DONE, 7},
	{XMPP, "what follows is not there yet", SAID(XMPP_OPEN XMPP_STARTTLS "\n"),
	 SAID(XMPP_ANSWER XMPP_PROCEED), MORE, 0},
	{XMPP, "another prefix, quotes, spaces; an element with an end",
	 SAID("<x:stream\n version = \"1.0\" xmlns=\"jabber:server\" xmlns:x="
	      "\"http://etherx.jabber.org/streams\" to='a.example' >\r\n"
	      "<starttls xmlns=\"urn:ietf:params:xml:ns:xmpp-tls\" >\r\n"
	      "</starttls>\r\n\x16"),
	 SAID("<?xml version='1.0'?><stream:stream xmlns='jabber:server' "
	      "xmlns:stream='http://etherx.jabber.org/streams' "
	      "from='a.example' " XMPP_ID XMPP_FEATURES XMPP_PROCEED), DONE, 1},
	{XMPP, "no echo of what is no name",
	 SAID(XMPP_HEADER "to='\">x' version='1.0'>"),
	 SAID(XMPP_HEADER XMPP_ID XMPP_FEATURES), MORE, 0},
	{XMPP, "no login before TLS", SAID(XMPP_OPEN "<auth xmlns='x'>AGEAYg=="),
	 SAID(XMPP_ANSWER XMPP_ERROR("policy-violation")), END, 0},
	{XMPP, "a starttls of another namespace", SAID(XMPP_OPEN "<starttls/>"),
	 SAID(XMPP_ANSWER XMPP_ERROR("policy-violation")), END, 0},
	{XMPP, "the end of the stream", SAID(XMPP_OPEN "</stream:stream>"),
	 SAID(XMPP_ANSWER "</stream:stream>"), END, 0},
	{XMPP, "no document types", SAID("<?xml?><!DOCTYPE x>"),
	 SAID(XMPP_HEADER XMPP_ID XMPP_ERROR("not-well-formed")), END, 0},
	{XMPP, "no entities", SAID(XMPP_HEADER "to='&a;' version='1.0'>"),
	 SAID(XMPP_HEADER XMPP_ID XMPP_ERROR("not-well-formed")), END, 0},
	{XMPP, "another namespace", SAID("<a:stream xmlns:a='b'>"),
	 SAID(XMPP_HEADER XMPP_ID XMPP_ERROR("invalid-namespace")), END, 0},
	{XMPP, "without a version", SAID(XMPP_HEADER ">"),
	 SAID(XMPP_HEADER XMPP_ID XMPP_ERROR("unsupported-version")), END, 0},
	{XMPP, "TLS at once", SAID("\x16\x03\x01"), SAID(""), DONE, 3},
};
#define CONVERSATIONS (sizeof(conversations) / sizeof(conversations[0]))

static bool is_right(const struct conversation *c, const struct talk *k)
{
	/* how much of it had come when we hung up depends on the pieces */
	bool left = c->verdict == END || c->len - k->taken - k->shown == c->left;

	return !k->wrong && k->verdict == c->verdict && left &&
	       (!c->answer || (k->n_said == c->answer_len &&
			       !memcmp(k->said, c->answer, k->n_said)));
}

static void check_conversations(void)
{
	static struct talk k;
	const struct conversation *c;
	size_t i, at, bad;

	for (i = 0; i < CONVERSATIONS; i++) {
		c = &conversations[i];
		feed_split(&k, c->protocol, c->said, c->len, c->len);
		if (!ok(is_right(c, &k), "%d: %s", c->protocol, c->title))
			printf("# verdict %d, %zu of %zu taken; said: %.*s\n",
			       k.verdict, k.taken, c->len, (int)k.n_said,
			       k.said);
		/* the last: byte by byte */
		for (bad = at = 0; at <= c->len + 1; at++) {
			feed_split(&k, c->protocol, c->said, c->len, at);
			bad += !is_right(c, &k);
		}
		ok(!bad, "%d: %s: in two pieces, and in bytes", c->protocol,
		   c->title);
	}
}

static void check_limits(void)
{
	static const struct {
		enum conf_starttls protocol;
		const char *often;
		size_t len;
	} all[] = {
		{SMTP, BYTES("NOOP\r\n")}, {IMAP, BYTES("a NOOP\r\n")},
		{POP3, BYTES("CAPA\r\n")}, {FTP, BYTES("NOOP\r\n")},
		{LDAP, BYTES(LDAP_BIND)}};
	static char data[20000];
	static struct talk k;
	size_t i, n;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		for (n = 0; n < 100; n++)
			memcpy(data + n * all[i].len, all[i].often, all[i].len);
		feed_split(&k, all[i].protocol, data, 30 * all[i].len, 0);
		ok(k.verdict == MORE && !k.wrong, "%d: 30 requests",
		   all[i].protocol);
		feed_split(&k, all[i].protocol, data, 100 * all[i].len, 0);
		ok(k.verdict == END && !k.wrong &&
		   !strcmp(k.why, STARTTLS_TOO_MUCH), "%d: no 31",
		   all[i].protocol);
		memset(data, 'x', sizeof(data));
		if (all[i].protocol == LDAP)
			continue;
		feed_split(&k, all[i].protocol, data, 999, 0);
		ok(k.verdict == MORE && !k.wrong, "%d: a long line",
		   all[i].protocol);
		feed_split(&k, all[i].protocol, data, 1000, sizeof(data));
		ok(k.verdict == END && !k.wrong &&
		   !strcmp(k.why, STARTTLS_TOO_MUCH), "%d: no longer one",
		   all[i].protocol);
	}
	feed_split(&k, XMPP, data, 1, 0);
	ok(k.verdict == END && !k.wrong, "%d: no tag", XMPP);
	memset(data, ' ', sizeof(data));
	feed_split(&k, XMPP, data, sizeof(data), 0);
	ok(k.verdict == END && !k.wrong, "%d: too many spaces", XMPP);
}

/* TLS is started by this and nothing else, so it has to be in what was said. */
static bool may_start(const struct talk *k, const char *data)
{
	static const char *const words[] = {
		[SMTP] = "starttls", [IMAP] = "starttls", [POP3] = "stls",
		[FTP] = "auth", [POSTGRES] = NULL, [LDAP] = "1.3.6.1.4.1.1466",
		[XMPP] = "starttls"};
	const char *word = words[k->protocol];
	size_t i;

	if (!k->taken) /* TLS at once */
		return k->protocol >= POSTGRES && data[0] == 0x16;
	if (!word)
		return !memcmp(data + k->taken - 8, SSL_REQUEST, 8);
	for (i = 0; i + strlen(word) <= k->taken; i++)
		if (!strncasecmp(data + i, word, strlen(word)))
			return true;
	return false;
}

static uint32_t seed = 1;

static uint32_t pick(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

static void mutate(char *data, size_t len)
{
	static const char special[] = "\r\n \0\x16\xff\x80<>/='\"{}+*0";
	uint32_t n = pick(4), from, to, bytes;

	for (; n; n--) {
		from = pick((uint32_t)len);
		to = pick((uint32_t)len);
		bytes = pick((uint32_t)len - (from > to ? from : to)) + 1;
		switch (pick(3)) {
		case 0:
			data[to] = (char)pick(256);
			break;
		case 1:
			data[to] = special[pick(sizeof(special))];
			break;
		default:
			memmove(data + to, data + from, bytes);
		}
	}
}

static void check_mutations(void)
{
	static struct talk k, again;
	const struct conversation *c;
	unsigned int i, done = 0, end = 0;
	char data[1024];

	for (i = 0; i < 200000; i++) {
		c = &conversations[pick(CONVERSATIONS)];
		memcpy(data, c->said, c->len);
		mutate(data, c->len);
		feed_split(&k, c->protocol, data, c->len, 0);
		feed_split(&again, c->protocol, data, c->len,
			   pick((uint32_t)c->len + 2));
		done += k.verdict == DONE;
		end += k.verdict == END;
		if (k.wrong || again.wrong || k.verdict != again.verdict ||
		    (k.verdict == DONE &&
		     (k.taken != again.taken || !may_start(&k, data))) ||
		    k.n_said != again.n_said ||
		    memcmp(k.said, again.said, k.n_said))
			break;
	}
	ok(i == 200000 && done > 1000 && end > 1000,
	   "%u mutations: %u start TLS, %u end", i, done, end);
	if (i < 200000)
		printf("# protocol %d: %.*s\n", c->protocol, (int)c->len, data);
}

/* ---- the daemon's greeting */

static const struct {
	enum conf_starttls protocol;
	const char *said, *left; /* what the client gets of it */
} greetings[] = {
	{SMTP, "220 a\r\n", ""},
	{SMTP, "220\r\n250 next\r\n", "250 next\r\n"},
	{SMTP, "220-a\r\n220-b\r\n220 c\r\n250 next\r\n", "250 next\r\n"},
	{SMTP, "220 a\n", ""},
	{SMTP, "421 busy\r\n", "421 busy\r\n"},
	{SMTP, "554-go\r\n554 away\r\n", "554-go\r\n554 away\r\n"},
	{FTP, "220-a\r\n221 b\r\n 220 c\r\n220x\r\n\r\n220 d\r\n331 next\r\n",
	 "331 next\r\n"},
	{FTP, "120 soon\r\n220 a\r\n331 next\r\n", "331 next\r\n"},
	{FTP, "120-soon\r\n120 a\r\n220-a\r\n220 b\r\nnext", "next"},
	{FTP, "120 soon\r\n421 no\r\n", "421 no\r\n"},
	{FTP, "530 no\r\n", "530 no\r\n"},
	{IMAP, "* OK [CAPABILITY IMAP4rev1] a\r\n* BYE next\r\n",
	 "* BYE next\r\n"},
	{IMAP, "* PREAUTH a\r\n", ""},
	{IMAP, "* BYE busy\r\n", "* BYE busy\r\n"},
	{IMAP, "HTTP/1.1 400\r\n", "HTTP/1.1 400\r\n"},
	{POP3, "+OK a <1@a>\r\n-ERR next\r\n", "-ERR next\r\n"},
	{POP3, "-ERR busy\r\n", "-ERR busy\r\n"},
	{POSTGRES, "R\r\n", "R\r\n"},
};

static bool is_left(enum conf_starttls protocol, const char *said, size_t at,
		    const char *left)
{
	const size_t ends[] = {at, strlen(said)};
	struct greeting g;
	size_t i, from = 0, n_back, n = 0;
	const char *back;
	char out[256];
	ssize_t take;

	greeting_init(&g, protocol);
	for (i = 0; i < 2; from = ends[i++]) {
		take = 0;
		if (g.awaited) {
			take = greeting_take(&g, (const uint8_t *)said + from,
					     ends[i] - from, &back, &n_back);
			memcpy(out + n, back, n_back);
			n += n_back;
		}
		from += (size_t)take;
		memcpy(out + n, said + from, ends[i] - from);
		n += ends[i] - from;
	}
	return n == strlen(left) && !memcmp(out, left, n) && !g.awaited;
}

static void check_greetings(void)
{
	struct greeting g;
	const char *back;
	size_t i, at, n_back, bad;
	ssize_t n;

	for (i = 0; i < sizeof(greetings) / sizeof(greetings[0]); i++) {
		bad = 0;
		for (at = 0; at <= strlen(greetings[i].said); at++)
			bad += !is_left(greetings[i].protocol,
					greetings[i].said, at,
					greetings[i].left);
		ok(!bad, "greeting %zu of %d, at every place", i,
		   greetings[i].protocol);
	}
	greeting_init(&g, SMTP);
	for (i = n = 0; n >= 0 && i < 99999; i++)
		n = greeting_take(&g, (const uint8_t *)"220-\r\n", 6, &back,
				  &n_back);
	ok(n < 0 && i * 6 > GREETING_BYTES_MAX && i * 6 < GREETING_BYTES_MAX + 7,
	   "a greeting has an end");
}

int main(void)
{
	check_conversations();
	check_limits();
	check_mutations();
	check_greetings();
	return tap_done();
}
