// SPDX-License-Identifier: MIT
/*
 * plan.c - what is sent, and what has to come of it
 */
#include "plan.h"

#include <string.h>

#define OPENSSL_WARNINGS_MAX 5
#define OPENSSL_EMPTY_MAX 32
#define CLIENT_HELLO 1
#define ALERT_NO_RENEGOTIATION 100

struct plan plan;

void plan_open(void)
{
	memset(&plan, 0, sizeof(plan));
	plan.end.off = plan.lost_at = SIZE_MAX;
}

bool plan_room(size_t bytes)
{
	return !plan.silent && !wire.fin && !wire.reset &&
	       plan.records < PLAN_RECORDS_MAX &&
	       wire.len + bytes < PLAN_BYTES_MAX;
}

/* What was sent after a cut must not happen to mend the record. */
static void keep_cut(void)
{
	if (plan.lost_at < wire.len && wire.bytes[plan.lost_at] == plan.lost)
		wire.bytes[plan.lost_at] ^= 0xff;
}

static void note_record(size_t data)
{
	plan.record[plan.records].off = wire.len;
	plan.record[plan.records++].data = data;
}

static const char spoilt[] = "no record of the sender's";

/* The record at @off is wrong, if there was none before it. */
static void spoil(size_t off, size_t data)
{
	if (off > plan.end.off)
		return;
	plan.end = (struct plan_end){
		.why = spoilt,
		.off = off,
		.whole = SIZE_MAX,
		.data = data,
		.ours = PEER_ERROR,
		.theirs = PEER_ERROR,
		.alert = PLAN_ANY_ALERT,
	};
}

/* What a record says, without padding. */
struct content {
	uint8_t type;
	const uint8_t *data;
	size_t len;
};

static bool is_key_update(const struct content *c)
{
	static const uint8_t head[4] = {HANDSHAKE_KEY_UPDATE, 0, 0, 1};

	return wire.key.version == TLS13 && c->type == RECORD_HANDSHAKE &&
	       c->len == 5 && !memcmp(c->data, head, 4) && c->data[4] < 2;
}

/* Sets ours, theirs and alert. */
static void judge_alert(const struct content *c, struct plan_end *e)
{
	bool tls13 = wire.key.version == TLS13;
	bool warning = c->len == 2 && c->data[0] == 1;

	e->ours = e->theirs = PEER_ERROR;
	if (c->len != 2) {
		e->why = "an alert of another length than 2";
		/* RFC 8446 sections 5.4 and 6.2 */
		e->alert =
			!c->len ? ALERT_UNEXPECTED_MESSAGE : ALERT_DECODE_ERROR;
		return;
	}
	if (c->data[1] == ALERT_CLOSE_NOTIFY) {
		e->why = "close_notify";
		e->ours = PEER_CLOSED;
		if (tls13 || warning)
			e->theirs = PEER_CLOSED;
	} else if (tls13 ? c->data[1] == ALERT_USER_CANCELED : warning) {
		e->why = "a warning";
		e->ours = e->theirs = PEER_MORE;
		if (!tls13 && c->data[1] == ALERT_NO_RENEGOTIATION)
			e->theirs = PEER_ERROR;
	} else {
		e->why = "a fatal alert";
	}
	if ((warning || e->ours == PEER_MORE) &&
	    ++plan.warnings == OPENSSL_WARNINGS_MAX)
		e->theirs = PEER_ERROR;
}

static void judge_message(const struct content *c, struct plan_end *e)
{
	static const uint8_t head[4] = {HANDSHAKE_KEY_UPDATE, 0, 0, 1};
	bool tls13 = wire.key.version == TLS13;

	if (is_key_update(c)) {
		e->why = "a KeyUpdate";
		return;
	}
	e->why = "a message";
	e->ours = e->theirs = PEER_ERROR;
	e->alert = ALERT_UNEXPECTED_MESSAGE;
	if (tls13 && c->len == 5 && !memcmp(c->data, head, 4))
		e->alert = ALERT_ILLEGAL_PARAMETER; /* section 4.6.3 */
	if (tls13 && !c->len)
		return;
	if (c->len < 4)
		e->theirs = PEER_MORE;
	/* who owes a KeyUpdate sends that first and looks at the four later */
	else if (tls13 ? c->len == 4 : c->data[0] == CLIENT_HELLO)
		e->theirs = PEER_ANY;
}

static void judge(const struct content *c, struct plan_end *e)
{
	if (c->type == RECORD_ALERT) {
		judge_alert(c, e);
	} else if (c->type == RECORD_HANDSHAKE) {
		judge_message(c, e);
	} else if (c->type != RECORD_DATA) {
		e->why = "an unknown type";
		e->ours = e->theirs = PEER_ERROR;
		e->alert = ALERT_UNEXPECTED_MESSAGE;
	}
}

/* What counts records, on both sides. */
static void judge_counts(const struct content *c, struct plan_end *e)
{
	plan.idle = c->type == RECORD_DATA && c->len ? 0 : plan.idle + 1;
	plan.empty = c->len ? 0 : plan.empty + 1;
	if (c->len && c->type != RECORD_ALERT)
		plan.warnings = 0;
	if (plan.idle > RX_IDLE_MAX) {
		e->why = "idle";
		e->ours = PEER_ERROR;
		e->alert = ALERT_UNEXPECTED_MESSAGE;
	}
	if (plan.empty > OPENSSL_EMPTY_MAX)
		e->theirs = PEER_ERROR;
}

/* Header and length. Return: whether the content matters. */
static bool judge_frame(const struct wire_record *r, const struct content *c,
			size_t body, struct plan_end *e)
{
	bool tls13 = wire.key.version == TLS13;

	e->alert = -1;
	if (body > (tls13 ? RECORD_BODY_MAX_TLS13 : RECORD_BODY_MAX_TLS12) ||
	    (c->len > RECORD_PLAIN_MAX && !r->outer)) {
		e->why = "too long";
		e->alert = ALERT_RECORD_OVERFLOW;
	} else if (tls13 &&
		   ((r->outer && r->outer != RECORD_DATA) || !c->type)) {
		e->why = "no type, or a wrong one outside";
		e->alert = ALERT_UNEXPECTED_MESSAGE;
	} else {
		return true;
	}
	e->ours = e->theirs = PEER_ERROR;
	return false;
}

/* The type is the last byte that is not zero, RFC 8446 section 5.2. */
static void strip(struct content *c)
{
	while (!c->type && c->len)
		c->type = c->data[--c->len];
}

void plan_send(const struct wire_record *r)
{
	struct plan_end e = {.data = plan.data};
	struct content c = {r->type, r->data, r->len};

	note_record(plan.data);
	if (wire.key.version == TLS13)
		strip(&c);
	e.off = wire_send(r);
	keep_cut();
	e.whole = wire.len;
	if (judge_frame(r, &c, e.whole - e.off - RECORD_HEADER_BYTES, &e)) {
		judge(&c, &e);
		judge_counts(&c, &e);
	}
	if (r->minor && r->minor != 3)
		e.theirs = PEER_ERROR;
	if (e.ours == PEER_MORE && c.type == RECORD_DATA)
		plan.data += c.len;
	if (e.ours == PEER_MORE && is_key_update(&c))
		wire_rekey();
	if (e.ours == e.theirs && e.ours == PEER_MORE)
		return;
	plan.silent = e.ours != e.theirs;
	if (e.off < plan.end.off)
		plan.end = e;
}

void plan_raw(const uint8_t *data, size_t len)
{
	if (!len)
		return;
	note_record(plan.data);
	spoil(wire.len, plan.data);
	memcpy(wire.bytes + wire.len, data, len);
	wire.len += len;
	keep_cut();
}

static size_t record_of(size_t off)
{
	size_t i = plan.records;

	while (i && plan.record[--i].off > off)
		;
	return i;
}

void plan_damage(size_t off, uint8_t value)
{
	size_t i = record_of(off);

	/* a second change could undo the first */
	if (wire.bytes[off] == value ||
	    (plan.end.why == spoilt && plan.record[i].off >= plan.end.off))
		return;
	wire.bytes[off] = value;
	spoil(plan.record[i].off, plan.record[i].data);
}

void plan_cut(size_t off)
{
	size_t i, data;

	if (off >= wire.len || wire.fin || wire.reset)
		return;
	i = record_of(off);
	data = plan.record[i].data;
	spoil(plan.record[i].off, data);
	if (off <= plan.lost_at) {
		plan.lost_at = plan.record[i].off == off ? SIZE_MAX : off;
		plan.lost = wire.bytes[off];
	}
	plan.records = plan.record[i].off == off ? i : i + 1;
	wire.len = off;
	plan.data = data;
	/* what follows is no record that is due, either */
	wire.key.seq++;
	if (plan.records < PLAN_RECORDS_MAX)
		note_record(data);
}

void plan_complete(void)
{
	const uint8_t *head;
	size_t want;

	if (plan.end.why != spoilt)
		return;
	head = wire.bytes + plan.end.off;
	want = plan.end.off + RECORD_HEADER_BYTES;
	while (wire.len < want)
		wire.bytes[wire.len++] = 0;
	keep_cut();
	want += (size_t)head[3] << 8 | head[4];
	if (want > plan.end.off + RECORD_BYTES_MAX)
		want = plan.end.off + RECORD_BYTES_MAX;
	while (wire.len < want)
		wire.bytes[wire.len++] = 0;
	keep_cut();
	plan.end.whole = want;
}

size_t plan_boundary(size_t off)
{
	size_t i = record_of(off);

	return i + 1 < plan.records ? plan.record[i + 1].off : wire.len;
}
