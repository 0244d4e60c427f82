// SPDX-License-Identifier: MIT
/*
 * sends.c - steps that send something or let it arrive
 */
#include <stdarg.h>
#include <stdio.h>

#include "plan.h"
#include "program.h"

bool fuzz_trace;
struct input input;

uint8_t take8(void)
{
	if (!input.left)
		return 0;
	input.left--;
	return *input.p++;
}

size_t take16(void)
{
	size_t high = take8();

	return high << 8 | take8();
}

size_t take_size(size_t max)
{
	static const size_t edges[] = {
		0,   1,    2,     5,     16,    17,    21,    22,
		239, 4096, 16383, 16384, 16385, 16406, 16623, 32768,
	};
	size_t v = take16();

	if (v >= 0xf000)
		v = edges[v % 16];
	return v % (max + 1);
}

void trace(const char *fmt, ...)
{
	va_list ap;

	if (!fuzz_trace)
		return;
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
}

static void step_arrive(void)
{
	size_t n = take16(), left = wire.len - wire.arrived;

	wire.arrived += n < left ? n : left;
}

static void step_arrive_all(void)
{
	wire.arrived = wire.len;
}

/* To a few bytes before or behind a boundary. */
static void step_arrive_record(void)
{
	size_t to = plan_boundary(wire.arrived) + take8() % 32;

	to = to < 8 ? 0 : to - 8;
	to = to < wire.len ? to : wire.len;
	wire.arrived = wire.arrived < to ? to : wire.arrived;
}

/* Bytes by their position in the stream. */
static const uint8_t *data_at(size_t off)
{
	static uint8_t pattern[65536 + WIRE_RECORD_MAX];
	uint32_t x = 1;
	size_t i;

	if (!pattern[0])
		for (i = 0; i < sizeof(pattern); i++) {
			x = x * 1664525 + 1013904223;
			pattern[i] = (uint8_t)(x >> 24) | (i == 0);
		}
	return pattern + off % 65521;
}

static void send_one(uint8_t type, const uint8_t *data, size_t len,
		     size_t padding)
{
	struct wire_record r = {
		.type = type, .data = data, .len = len, .padding = padding};
	size_t i;

	if (!plan_room(len + padding + 64))
		return;
	trace("   type %u, %zu bytes, %zu of padding:", type, len, padding);
	for (i = 0; i < len && i < 8; i++)
		trace(" %u", data[i]);
	trace("\n");
	plan_send(&r);
}

static void step_data(void)
{
	send_one(RECORD_DATA, data_at(plan.data), take_size(RECORD_PLAIN_MAX),
		 0);
}

static void step_small(void)
{
	send_one(RECORD_DATA, data_at(plan.data), take8(), 0);
}

static void step_many(void)
{
	size_t n = 1 + take8() % 40, len = take8();

	while (n--)
		send_one(RECORD_DATA, data_at(plan.data), len, 0);
}

static void step_padded(void)
{
	size_t len = take_size(RECORD_PLAIN_MAX), padding = take_size(16640);

	if (len + padding > RECORD_PLAIN_MAX + 300)
		padding = RECORD_PLAIN_MAX + 300 - len;
	send_one(RECORD_DATA, data_at(plan.data), len, padding);
}

static void step_empty(void)
{
	size_t n = 1 + take8() % 40;

	while (n--)
		send_one(RECORD_DATA, data_at(plan.data), 0, 0);
}

static void step_oversize(void)
{
	send_one(RECORD_DATA, data_at(plan.data),
		 RECORD_PLAIN_MAX + take_size(2100), 0);
}

static void step_key_update(void)
{
	uint8_t v = take8();
	const uint8_t message[5] = {HANDSHAKE_KEY_UPDATE, 0, 0, 1, v & 1};
	/* rarely about as many as there may be in a row: each takes long */
	size_t n = v < 0xf0 ? 1 : 26 + v % 16;

	while (n--)
		send_one(RECORD_HANDSHAKE, message, 5, 0);
}

static void step_alert(void)
{
	uint8_t message[2] = {take8() % 4, take8()};

	send_one(RECORD_ALERT, message, 2, 0);
}

static void step_close(void)
{
	static const uint8_t message[2] = {1, ALERT_CLOSE_NOTIFY};

	send_one(RECORD_ALERT, message, 2, 0);
}

/* Of any type, with any content; padded, perhaps. */
static void step_record(void)
{
	uint8_t type = take8(), message[64], padding;
	size_t n = take8() % sizeof(message), i;

	if (type & 0x80)
		type = RECORD_CHANGE_CIPHER_SPEC + type % 4;
	padding = take8();
	for (i = 0; i < n; i++)
		message[i] = take8();
	send_one(type, message, n, padding & 0x80 ? padding & 0x7f : 0);
}

/* Well encrypted, with a wrong type or version outside. */
static void step_header(void)
{
	uint8_t v = take8();
	struct wire_record r = {.type = RECORD_DATA, .data = data_at(0)};

	if (!plan_room(64))
		return;
	if (v & 1 || wire.key.version == TLS12)
		r.minor = 1 + v % 5;
	else
		r.outer = v;
	trace("   outer type %u, minor version %u\n", r.outer, r.minor);
	plan_send(&r);
}

static void step_raw(void)
{
	uint8_t bytes[32];
	size_t n = take8() % sizeof(bytes), i;

	for (i = 0; i < n; i++)
		bytes[i] = take8();
	if (plan_room(n))
		plan_raw(bytes, n);
}

/* A header, and as much as it promises or less. */
static void step_made_up(void)
{
	uint8_t head[5] = {23, 3, 3}, v = take8();
	size_t len = take_size(65535), n = len;

	if (v & 0x80)
		head[0] = v & 0x7f;
	if (v & 1)
		head[2] = take8();
	if (v & 2)
		n = take_size(16640);
	head[3] = (uint8_t)(len >> 8);
	head[4] = (uint8_t)len;
	n = n < 20000 ? n : 20000;
	if (!plan_room(n + 5))
		return;
	plan_raw(head, 5);
	if (n && plan_room(n))
		plan_raw(data_at(len), n);
}

/* A record that was sent before. */
static void step_again(void)
{
	size_t from, to, i = take8();

	if (!plan.records)
		return;
	from = plan.record[i % plan.records].off;
	to = plan_boundary(from);
	if (plan_room(to - from))
		plan_raw(wire.bytes + from, to - from);
}

/* Of what has not arrived yet. */
static void step_damage(void)
{
	size_t off = take16(), left = wire.len - wire.arrived;
	uint8_t v = take8();

	if (!left || wire.fin || wire.reset)
		return;
	off = wire.arrived + off % left;
	plan_damage(off, wire.bytes[off] ^ (v ? v : 1));
}

static void step_damage_header(void)
{
	size_t off = plan_boundary(wire.arrived);
	uint8_t at = take8() % 5, v = take8();

	if (off + at < wire.len && !wire.fin && !wire.reset)
		plan_damage(off + at, v);
}

static void step_cut(void)
{
	size_t n = take_size(16640), left = wire.len - wire.arrived;

	if (left)
		plan_cut(wire.len - 1 - n % left);
}

static void step_fault(void)
{
	uint8_t v = take8();

	if (v & 1)
		wire.no_bufs = 1 + (v >> 1) % 2;
	else
		wire.interrupts = 1 + (v >> 1) % 2;
}

static void step_fin(void)
{
	if (wire.fin || wire.reset)
		return;
	wire.fin = true;
	wire.reset = take8() & 1;
}

const struct step sends[PROGRAM_SENDS] = {
	{"data", step_data},
	{"small", step_small},
	{"many", step_many},
	{"padded", step_padded},
	{"empty", step_empty},
	{"oversize", step_oversize},
	{"key_update", step_key_update},
	{"alert", step_alert},
	{"close", step_close},
	{"record", step_record},
	{"header", step_header},
	{"raw", step_raw},
	{"made_up", step_made_up},
	{"again", step_again},
	{"damage", step_damage},
	{"damage_header", step_damage_header},
	{"cut", step_cut},
	{"fault", step_fault},
	{"fin", step_fin},
	{"arrive", step_arrive},
	{"arrive", step_arrive},
	{"arrive_record", step_arrive_record},
	{"arrive_record", step_arrive_record},
	{"arrive_all", step_arrive_all},
};
