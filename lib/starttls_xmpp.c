// SPDX-License-Identifier: MIT
/*
 * starttls_xmpp.c - XMPP up to <starttls/> (RFC 6120), clients' and servers'
 *
 * A client says three things before TLS: an XML declaration, the tag that opens
 * the stream, and the starttls element. So tags are all that is understood of
 * XML here; comments, entities, processing instructions and document types are
 * not allowed in XMPP anyway (section 11.1).
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "record.h"
#include "starttls.h"

#define NS_STREAMS "http://etherx.jabber.org/streams"
#define NS_TLS "urn:ietf:params:xml:ns:xmpp-tls"
#define NS_ERRORS "urn:ietf:params:xml:ns:xmpp-streams"
#define TO_MAX 255
#define ATTRIBUTES_MAX 16

enum phase {
	BEGIN,
	DECLARED, /* the XML declaration has come */
	OPEN,     /* the stream is, and the features are sent */
	STARTTLS, /* <starttls>, whose end is to come */
	PROCEED,  /* we have said so */
};

struct text {
	const char *at;
	size_t len;
};

struct tag {
	struct text name;
	bool closing; /* </name> */
	bool empty;   /* <name/> */
	struct {
		struct text name, value;
	} attributes[ATTRIBUTES_MAX];
	size_t n;
};

/* What is still to be read; `why` is set when that fails: it ends too early
 * (MORE) or is not allowed (END). */
struct reader {
	const char *at, *end;
	enum prologue_verdict why;
};

static bool fail(struct reader *r, enum prologue_verdict why)
{
	r->why = why;
	return false;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip_spaces(struct reader *r)
{
	while (r->at < r->end && is_space(*r->at))
		r->at++;
}

static bool is_next(const struct reader *r, char c)
{
	return r->at < r->end && *r->at == c;
}

/* This character, behind spaces or none. */
static bool skip(struct reader *r, char c)
{
	skip_spaces(r);
	if (r->at == r->end)
		return fail(r, PROLOGUE_MORE);
	if (*r->at != c)
		return fail(r, PROLOGUE_END);
	r->at++;
	return true;
}

static bool is_name(char c)
{
	return isascii(c) &&
	       (isalnum(c) || c == ':' || c == '-' || c == '_' || c == '.');
}

static bool name(struct reader *r, struct text *out)
{
	out->at = r->at;
	while (r->at < r->end && is_name(*r->at))
		r->at++;
	if (r->at == r->end)
		return fail(r, PROLOGUE_MORE);
	out->len = (size_t)(r->at - out->at);
	return out->len ? true : fail(r, PROLOGUE_END);
}

static bool value(struct reader *r, struct text *out)
{
	char quote;

	skip_spaces(r);
	if (r->at == r->end)
		return fail(r, PROLOGUE_MORE);
	quote = *r->at++;
	if (quote != '"' && quote != '\'')
		return fail(r, PROLOGUE_END);
	for (out->at = r->at; r->at < r->end && *r->at != quote; r->at++)
		if (*r->at == '<' || *r->at == '&' || !*r->at)
			return fail(r, PROLOGUE_END);
	out->len = (size_t)(r->at - out->at);
	return skip(r, quote);
}

/* A tag, up to its end. */
static bool tag(struct reader *r, struct tag *t)
{
	const char *before;

	t->n = 0;
	if (!skip(r, '<'))
		return false;
	t->closing = is_next(r, '/');
	r->at += t->closing;
	if (!name(r, &t->name))
		return false;
	for (;;) {
		before = r->at;
		skip_spaces(r);
		if (r->at == r->end)
			return fail(r, PROLOGUE_MORE);
		if (*r->at == '/' || *r->at == '>')
			break;
		if (before == r->at || t->n == ATTRIBUTES_MAX || t->closing)
			return fail(r, PROLOGUE_END);
		if (!name(r, &t->attributes[t->n].name) || !skip(r, '=') ||
		    !value(r, &t->attributes[t->n].value))
			return false;
		t->n++;
	}
	t->empty = !t->closing && is_next(r, '/');
	r->at += t->empty;
	return skip(r, '>');
}

/* <?xml ...?>: what it says is of no interest, for all of ours is ASCII */
static bool declaration(struct reader *r)
{
	static const char begin[] = "<?xml";
	const char *p;

	for (p = begin; *p; p++) {
		if (r->at == r->end)
			return fail(r, PROLOGUE_MORE);
		if (*r->at++ != *p)
			return fail(r, PROLOGUE_END);
	}
	for (; r->at < r->end && *r->at != '>'; r->at++)
		if (*r->at == '<' || !*r->at)
			return fail(r, PROLOGUE_END);
	return skip(r, '>');
}

static bool is(struct text a, const char *b)
{
	return a.len == strlen(b) && !memcmp(a.at, b, a.len);
}

static struct text get(const struct tag *t, const char *attribute)
{
	size_t i;

	for (i = 0; i < t->n; i++)
		if (is(t->attributes[i].name, attribute))
			return t->attributes[i].value;
	return (struct text){"", 0};
}

/* PREFIX:stream, with xmlns:PREFIX; RFC 6120 section 4.8.1 */
static bool is_stream(const struct tag *t)
{
	static const char local[] = ":stream";
	const size_t n = sizeof(local) - 1;
	char attribute[32];
	size_t prefix;

	if (t->name.len <= n || t->name.len > n + 16 || t->closing || t->empty)
		return false;
	prefix = t->name.len - n;
	if (memcmp(t->name.at + prefix, local, n))
		return false;
	snprintf(attribute, sizeof(attribute), "xmlns:%.*s", (int)prefix,
		 t->name.at);
	return is(get(t, attribute), NS_STREAMS);
}

static void say(struct starttls *t, const char *s)
{
	starttls_say(t, s, strlen(s));
}

/* The domain that was asked for, if it is one (an IPv6 address has brackets).
 */
static void say_from(struct starttls *t, struct text to)
{
	size_t i;

	for (i = 0; i < to.len; i++)
		if (!isascii(to.at[i]) ||
		    (!isalnum(to.at[i]) && !strchr(".-_:[]", to.at[i])))
			return;
	if (!to.len || to.len > TO_MAX)
		return;
	say(t, " from='");
	starttls_say(t, to.at, to.len);
	say(t, "'");
}

static void say_header(struct starttls *t, const char *ns, struct text to)
{
	char id[32];

	snprintf(id, sizeof(id), " id='%016llx'", (unsigned long long)t->id);
	say(t, "<?xml version='1.0'?><stream:stream xmlns='");
	say(t, ns);
	say(t, "' xmlns:stream='" NS_STREAMS "'");
	say_from(t, to);
	say(t, id);
	say(t, " version='1.0' xml:lang='en'>");
}

static enum prologue_verdict refuse(struct starttls *t, const char *condition,
				    const char *why)
{
	if (STARTTLS_PHASE(*t->state) < OPEN)
		say_header(t, "jabber:client", (struct text){"", 0});
	say(t, "<stream:error><");
	say(t, condition);
	say(t, " xmlns='" NS_ERRORS "'/></stream:error></stream:stream>");
	return starttls_end(t, why);
}

/* The tag that opens the stream. */
static enum prologue_verdict header(struct starttls *t, const struct tag *tag)
{
	struct text ns = get(tag, "xmlns");
	const char *known =
		is(ns, "jabber:server") ? "jabber:server" : "jabber:client";

	if (!is_stream(tag) || !is(ns, known))
		return refuse(t, "invalid-namespace",
			      "the client opens no XMPP stream");
	if (!is(get(tag, "version"), "1.0"))
		return refuse(t, "unsupported-version",
			      "the client's XMPP is too old for TLS");
	say_header(t, known, get(tag, "to"));
	say(t, "<stream:features><starttls xmlns='" NS_TLS "'><required/>"
	       "</starttls></stream:features>");
	*t->state = OPEN;
	return PROLOGUE_AGAIN;
}

static enum prologue_verdict proceed(struct starttls *t)
{
	say(t, "<proceed xmlns='" NS_TLS "'/>");
	*t->state = PROCEED;
	return PROLOGUE_AGAIN;
}

static enum prologue_verdict element(struct starttls *t, const struct tag *tag)
{
	bool is_starttls = is(tag->name, "starttls");

	if (STARTTLS_PHASE(*t->state) == STARTTLS) {
		if (is_starttls && tag->closing)
			return proceed(t);
	} else if (tag->closing) {
		say(t, "</stream:stream>");
		return starttls_end(t, STARTTLS_QUIT);
	} else if (is_starttls && is(get(tag, "xmlns"), NS_TLS)) {
		if (tag->empty)
			return proceed(t);
		*t->state = STARTTLS;
		return PROLOGUE_AGAIN;
	}
	return refuse(t, "policy-violation",
		      "the client goes on without STARTTLS");
}

enum prologue_verdict starttls_xmpp(struct starttls *t)
{
	const char *data = (const char *)t->data;
	struct reader r = {data, data + t->len, PROLOGUE_MORE};
	uint32_t phase = STARTTLS_PHASE(*t->state);
	bool declares, whole;
	struct tag what;

	if (t->len && phase == BEGIN && t->data[0] == RECORD_HANDSHAKE)
		return PROLOGUE_DONE;
	skip_spaces(&r);
	/* section 5.3.3 forbids it, but some end <starttls/> with a new line */
	if (phase == PROCEED && r.at < r.end) {
		t->out->used = (size_t)(r.at - data);
		return PROLOGUE_DONE;
	}
	if (r.end - r.at < 2 && (r.at == r.end || *r.at == '<'))
		return PROLOGUE_MORE;
	declares = phase == BEGIN && *r.at == '<' && r.at[1] == '?';
	whole = declares ? declaration(&r) : tag(&r, &what);
	if (!whole && r.why == PROLOGUE_MORE)
		return PROLOGUE_MORE;
	if (!whole)
		return refuse(t, "not-well-formed",
			      "the client does not speak XMPP");
	t->out->used = (size_t)(r.at - data);
	if (declares) {
		*t->state = DECLARED;
		return PROLOGUE_AGAIN;
	}
	return phase < OPEN ? header(t, &what) : element(t, &what);
}
