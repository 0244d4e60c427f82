// SPDX-License-Identifier: MIT
/*
 * rx_fuzz.c - the shim's user receive against OpenSSL's reading of the same
 *
 * The input is a program: its first byte chooses the suite, every other begins
 * a step (see steps[]). Steps send records, let what was sent arrive in pieces,
 * and read. After each, what lib/rx.c has given is compared with what OpenSSL
 * has read of the bytes that have arrived, and the promises of rx.h are
 * checked; at the end also what the plan (plan.h) says of it.
 */
#include "rx_fuzz.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "plan.h"

#define STEPS_MAX 300
#define READ_MAX 40000
#define IOVS 3

bool fuzz_trace;
static char why[256]; /* not empty: the first difference */

static struct rx rx;
static size_t delivered;
static size_t promised;      /* by rx_unread(), and not yet read */
static int alert;            /* that rx wanted sent, -1 before */
static bool asked;           /* for new keys */
static bool blocking, waits; /* a call that may wait for all it wants */
static bool came;  /* something came during this call: that makes an edge */
static bool fault; /* one was injected into this call */
static struct {
	const uint8_t *p;
	size_t left;
} input;

static uint8_t take8(void)
{
	if (!input.left)
		return 0;
	input.left--;
	return *input.p++;
}

static size_t take16(void)
{
	size_t high = take8();

	return high << 8 | take8();
}

/* The sizes at which something changes are more likely than others. */
static size_t take_size(size_t max)
{
	static const size_t edges[] = {
		0,    1,    2,     5,     16,    17,    21,    22,
		1000, 4096, 16383, 16384, 16385, 16400, 16406, 32768,
	};
	size_t v = take16();

	if (v >= 0xf000)
		v = edges[v % 16];
	return v % (max + 1);
}

__attribute__((format(printf, 1, 2))) static void trace(const char *fmt, ...)
{
	va_list ap;

	if (!fuzz_trace)
		return;
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
}

__attribute__((format(printf, 1, 2))) static void wrong(const char *fmt, ...)
{
	va_list ap;

	if (*why)
		return;
	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
}

/*
 * How the stream has to end for us, with what has arrived. *sure: that can be
 * told, see "header" in plan.h.
 */
static enum peer_end due(bool *sure)
{
	const struct plan_end *e = &plan.end;
	bool over = wire.arrived == wire.len && (wire.fin || wire.reset);

	*sure = true;
	if (wire.arrived <= e->off)
		return peer.end;
	*sure = wire.arrived >= e->whole || over;
	if (wire.arrived < e->whole || (over && e->ours == PEER_MORE))
		return PEER_ERROR;
	return e->ours;
}

/* What rx leaves to its owner. */
static void act(void)
{
	if (rx.alert >= 0)
		alert = rx.alert;
	rx.alert = -1;
	asked |= rx.update_requested;
	rx.update_requested = false;
}

/* What holds after every call. */
static void check_promises(void)
{
	bool sure, ended = rx.eof || rx.err;
	enum peer_end end;

	peer_read();
	end = due(&sure);
	act();
	if (delivered > peer.len)
		wrong("%zu bytes more than OpenSSL", delivered - peer.len);
	if (delivered < peer.len && !wire_readable())
		wrong("%zu bytes wait, and the socket is quiet",
		      peer.len - delivered);
	if (sure && end != PEER_MORE && !ended && !wire_readable())
		wrong("the end waits, and the socket is quiet");
	if (ended && sure && end == PEER_MORE)
		wrong("an end that OpenSSL does not see");
	if (rx_at_boundary(&rx) && wire.bufs_out)
		wrong("an idle connection holds a buffer");
}

/* What a call gave instead of data. */
static void check_end(ssize_t ret)
{
	bool sure;
	enum peer_end end;

	peer_read();
	end = due(&sure);
	trace("   %zd\n", ret);
	if ((ret == -EINTR || ret == -ENOBUFS) && fault)
		return;
	if (ret == -EAGAIN ? wire.taken != wire.arrived
			   : ret && ret != -ECONNRESET)
		wrong("gave %zd, with %zu bytes in the socket", ret,
		      wire.arrived - wire.taken);
	if (delivered != peer.len)
		wrong("gave %zd and %zu of OpenSSL's %zu bytes", ret, delivered,
		      peer.len);
	if (sure && end != (ret == -EAGAIN ? PEER_MORE
			    : ret          ? PEER_ERROR
					   : PEER_CLOSED))
		wrong("gave %zd, which is not the end that is due", ret);
}

static void check_data(const uint8_t *data, size_t off, size_t len)
{
	peer_read();
	if (off + len > peer.len)
		wrong("%zu bytes more than OpenSSL", off + len - peer.len);
	else if (memcmp(data, peer.plain + off, len))
		wrong("not OpenSSL's bytes at %zu (%zu of them)", off, len);
}

/* A blocking recv finds nothing: the next piece, or time is over. */
static bool more_arrives(void)
{
	size_t n = wire.len - wire.arrived, v = take8();

	peer_read();
	if (!waits && delivered < peer.len)
		wrong("waits although there are %zu bytes",
		      peer.len - delivered);
	if (!n)
		return false;
	if (v && v * v < n)
		n = v * v;
	wire.arrived += n;
	came = true;
	trace("   ... %zu bytes arrive\n", n);
	return true;
}

/* Where reads go: each at the end of its array, so that one byte more is seen.
 */
static uint8_t out[IOVS][READ_MAX];

static size_t make_iov(struct iovec *iov, int n)
{
	size_t total = 0;
	int i;

	for (i = 0; i < n; i++) {
		iov[i].iov_len = take_size(READ_MAX);
		iov[i].iov_base = out[i] + READ_MAX - iov[i].iov_len;
		total += iov[i].iov_len;
	}
	return total;
}

static void check_read(const struct iovec *iov, size_t total, int flags,
		       ssize_t ret, int pokes)
{
	size_t got = (size_t)ret, off, n;

	if (got > total) {
		wrong("gave %zd of %zu", ret, total);
		return;
	}
	for (off = 0; off < got && !(flags & MSG_TRUNC); off += n, iov++) {
		n = got - off < iov->iov_len ? got - off : iov->iov_len;
		check_data(iov->iov_base, delivered + off, n);
	}
	if (flags & MSG_PEEK)
		return;
	delivered += got;
	peer_read();
	if (got < total && wire.taken < wire.arrived && !came && !fault &&
	    !rx.eof && !rx.err)
		wrong("gave %zd of %zu and left %zu bytes in the socket", ret,
		      total, wire.arrived - wire.taken);
	if (!promised)
		return;
	promised -= promised < got ? promised : got;
	if (!promised && delivered < peer.len && wire.pokes == pokes)
		wrong("what was promised is read, more waits, and no edge");
}

static void read_into(const struct iovec *iov, int n, size_t total, int flags)
{
	int pokes = wire.pokes, faults = wire.interrupts + wire.no_bufs;
	ssize_t ret;

	if (!blocking)
		flags |= MSG_DONTWAIT;
	waits = flags & MSG_WAITALL;
	came = false;
	trace("   read %zu, flags %x\n", total, (unsigned int)flags);
	ret = rx_read(&rx, 0, iov, n, flags);
	fault = wire.interrupts + wire.no_bufs != faults;
	trace("   gave %zd, %zu in the socket\n", ret,
	      wire.arrived - wire.taken);
	if (ret > 0 || !total)
		check_read(iov, total, flags, ret, pokes);
	else
		check_end(ret);
}

static int take_flags(void)
{
	static const int flags[] = {0, MSG_PEEK, MSG_WAITALL, MSG_DONTWAIT,
				    MSG_TRUNC};
	uint8_t v = take8();

	return flags[v % 8 > 4 ? 0 : v % 8] | (v & 0x80 ? MSG_PEEK : 0);
}

static void step_read(void)
{
	struct iovec iov;
	int flags = take_flags();
	size_t total = make_iov(&iov, 1);

	read_into(&iov, 1, total, flags);
}

static void step_readv(void)
{
	struct iovec iov[IOVS];
	int flags = take_flags(), n = 1 + take8() % IOVS;
	size_t total = make_iov(iov, n);

	read_into(iov, n, total, flags);
}

static void step_read_all(void)
{
	struct iovec iov = {out[0] + READ_MAX - RECORD_PLAIN_MAX,
			    RECORD_PLAIN_MAX};
	size_t before;

	do {
		before = delivered;
		read_into(&iov, 1, iov.iov_len, MSG_DONTWAIT);
	} while (delivered > before && !*why);
}

static void step_pull(void)
{
	int faults = wire.no_bufs;
	ssize_t ret = rx_pull(&rx, 0);

	fault = wire.no_bufs != faults;
	trace("   gave %zd\n", ret);
	if (ret <= 0)
		check_end(ret);
	else
		check_data(rx.buf + rx.plain_off, delivered, (size_t)ret);
}

static void step_unread(void)
{
	int faults = wire.no_bufs;
	ssize_t ret = rx_unread(&rx, 0);

	fault = wire.no_bufs != faults;
	trace("   gave %zd\n", ret);
	peer_read();
	promised = (size_t)ret;
	if (delivered + promised > peer.len)
		wrong("FIONREAD promises %zd, there are %zu", ret,
		      peer.len - delivered);
	if (!ret && delivered < peer.len && !fault)
		wrong("FIONREAD gives 0, there are %zu", peer.len - delivered);
}

/* ... and a read of that many. */
static void step_unread_read(void)
{
	struct iovec iov;

	step_unread();
	if (promised > READ_MAX || *why)
		return;
	iov.iov_base = out[0] + READ_MAX - promised;
	iov.iov_len = promised;
	read_into(&iov, 1, promised, 0);
}

static void renew(const uint8_t *data, size_t len, bool tail)
{
	struct rx old = rx;

	act();
	if (rx_init(&rx, &old.opener.key) ||
	    (len && rx_restore(&rx, data, len, tail)))
		wrong("no memory");
	/* the plan counts them without a break */
	rx.idle = old.idle;
	promised = 0;
	rx_fini(&old);
}

/* Another process goes on: promote_leave(), promote_take(). */
static void step_move(void)
{
	if (rx.eof || rx.err)
		return;
	wire.no_bufs = 0;
	if (rx.plain_len)
		renew(rx.buf + rx.plain_off, rx.plain_len, true);
	else
		renew(rx.buf, rx.have, false);
}

/* As if the kernel received from the next boundary on: promote_own() */
static void step_promote(void)
{
	int faults = wire.interrupts + wire.no_bufs;
	int ret;

	waits = true;
	ret = rx_to_boundary(&rx, 0, blocking ? 1000 : 0);
	fault = wire.interrupts + wire.no_bufs != faults;
	trace("   gave %d, %u bytes held\n", ret, rx.plain_len);
	if (ret) {
		check_end(ret);
		return;
	}
	if (rx.plain_len)
		check_data(rx.buf + rx.plain_off, delivered, rx.plain_len);
	delivered += rx.plain_len;
	if (rx.eof || rx.err) {
		check_end(rx.err);
		return;
	}
	if (wire.taken && plan_boundary(wire.taken - 1) != wire.taken &&
	    wire.taken <= plan.end.off)
		wrong("%zu is not the end of a record", wire.taken);
	renew(NULL, 0, false);
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
	size_t n = 1 + (v >> 1) % 40;

	if (v < 0x80)
		n = 1;
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

/* 32 of them: inputs keep their meaning as long as no place changes. */
static const struct step {
	const char *name;
	void (*run)(void);
} steps[32] = {
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
	{"read", step_read},
	{"read", step_read},
	{"readv", step_readv},
	{"read_all", step_read_all},
	{"pull", step_pull},
	{"unread", step_unread_read},
	{"move", step_move},
	{"promote", step_promote},
};

/* At the end all has arrived, and is read. */
static void finish(void)
{
	struct plan_end *e = &plan.end;
	bool over = wire.fin || wire.reset;
	size_t data = e->why ? e->data : plan.data;
	enum peer_end end;
	bool sure;

	trace("the rest arrives and is read\n");
	wire.no_bufs = wire.interrupts = 0;
	blocking = false;
	if (!over && !*why)
		plan_complete();
	wire.arrived = wire.len;
	step_read_all();
	check_promises();
	step_read_all(); /* an end stays one */
	end = due(&sure);
	if (sure && end != PEER_MORE && !rx.eof && !rx.err)
		wrong("the end has not come");
	if (peer.len != data || delivered != data)
		wrong("sent %zu, OpenSSL read %zu, we %zu bytes", data,
		      peer.len, delivered);
	if (!over && e->theirs != PEER_ANY && peer.end != e->theirs)
		wrong("%s: OpenSSL's end is %d, not %d",
		      e->why ? e->why : "no end", peer.end, e->theirs);
	if (!over && e->alert == PLAN_ANY_ALERT && alert < 0)
		wrong("no alert for what is no record");
	if (!over && e->why && e->alert != PLAN_ANY_ALERT && alert != e->alert)
		wrong("%s: alert %d, not %d", e->why, alert, e->alert);
	if (!e->why && !over &&
	    memcmp(&rx.opener.key, &wire.key, sizeof(wire.key)))
		wrong("not the sender's key or sequence number");
	if (!plan.silent && asked != peer_was_asked())
		wrong("a KeyUpdate %s",
		      asked ? "that nobody has asked for" : "was asked for");
}

static void check_wiped(void)
{
	static const struct traffic_key none;

	rx_fini(&rx);
	if (wire.bufs_out || rx.buf)
		wrong("%d buffers were kept", wire.bufs_out);
	if (rx.opener.cipher || memcmp(&rx.opener.key, &none, sizeof(none)))
		wrong("the key was not wiped");
}

const char *fuzz_run(const uint8_t *data, size_t len)
{
	struct traffic_key key;
	const struct step *s;
	uint8_t mode;
	int i;

	*why = 0;
	input.p = data;
	input.left = len;
	delivered = promised = 0;
	alert = -1;
	asked = fault = waits = false;
	mode = take8();
	blocking = mode & 0x40;
	peer_open(mode % 16 % PEER_SUITES, &key);
	wire_open(&key);
	wire.bufs_out = 0;
	wire.more = more_arrives;
	wire.timeout_ms = mode & 0x80 ? 1000000 : 0;
	plan_open();
	if (rx_init(&rx, &key))
		return "no memory";
	trace("version %x, cipher %u, %s\n", key.version, key.aead,
	      blocking ? "blocking" : "nonblocking");
	for (i = 0; i < STEPS_MAX && input.left && !*why; i++) {
		s = &steps[take8() % 32];
		trace("%s\n", s->name);
		s->run();
		check_promises();
	}
	if (!*why)
		finish();
	check_wiped();
	peer_close();
	return *why ? why : NULL;
}
