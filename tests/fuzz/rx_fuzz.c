// SPDX-License-Identifier: MIT
/*
 * rx_fuzz.c - the shim's user receive against OpenSSL's reading of the same
 *
 * The input is a program: its first byte chooses the suite, every other begins
 * a step. Steps send records, let what was sent arrive in pieces (sends.c), and
 * read (here). After each, what lib/rx.c has given is compared with what OpenSSL
 * has read of the bytes that have arrived, and the promises of rx.h are checked;
 * at the end also what the plan (plan.h) says of it.
 */
#include "rx_fuzz.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "plan.h"
#include "program.h"

#define STEPS_MAX 300
#define READ_MAX 40000
#define IOVS 3

static char why[256]; /* not empty: the first difference */

static struct rx rx;
static size_t begun; /* rx did so here in the wire; SIZE_MAX: with held bytes */
static size_t delivered;
static size_t promised;      /* by rx_unread(), and not yet read */
static int alert;            /* that rx wanted sent, -1 before */
static bool asked;           /* for new keys */
static bool blocking, waits; /* a call that may wait for all it wants */
static bool came;  /* something came during this call: that makes an edge */
static bool fault; /* one was injected into this call */

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

static bool is_boundary(size_t off)
{
	return !off || plan_boundary(off - 1) == off;
}

static void check_state(void)
{
	bool over = wire.taken == wire.len && wire.reset;

	if (wire.bufs_out &&
	    (rx_at_boundary(&rx) || ((rx.eof || rx.err) && !rx.plain_len)))
		wrong("an idle connection holds a buffer");
	if (rx.tail && !rx.plain_len && !rx.err)
		wrong("a last byte without a record");
	if (rx_at_boundary(&rx) && !rx.eof && !rx.err &&
	    wire.taken <= plan.end.off && !is_boundary(wire.taken))
		wrong("%zu is not the end of a record", wire.taken);
	if (rx.fresh != (wire.taken == begun))
		wrong("%zu bytes taken, and %sfresh", wire.taken,
		      rx.fresh ? "" : "not ");
	if (rx.reset && !over)
		wrong("a reset that there was not");
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
	check_state();
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

/* A size for a read; it may depend on the rest of the record that comes. */
static size_t take_room(void)
{
	size_t rest = plan_boundary(wire.taken) - wire.taken;
	size_t v = take_size(65535);

	if (v / 0x1000 == 0xe)
		v = rest - v % 64;
	return v % (READ_MAX + 1);
}

/* Where reads go: each at the end of its array, so that one byte more is seen.
 */
static uint8_t out[IOVS][READ_MAX];

static size_t make_iov(struct iovec *iov, int n)
{
	size_t total = 0;
	int i;

	for (i = 0; i < n; i++) {
		iov[i].iov_len = take_room();
		iov[i].iov_base = out[i] + READ_MAX - iov[i].iov_len;
		total += iov[i].iov_len;
	}
	return total;
}

static void check_read(const struct iovec *iov, size_t total, int flags,
		       ssize_t ret, int pokes)
{
	size_t got = (size_t)ret, off, n;
	bool kept = false; /* a promise */

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
	if (promised) {
		promised -= promised < got ? promised : got;
		kept = !promised;
	}
	if (kept && delivered < peer.len && wire.pokes == pokes)
		wrong("what was promised is read, more waits, and no edge");
	if (wire.pokes > pokes &&
	    (!kept || (!wire_readable() && !rx.eof && !rx.err && !fault)))
		wrong("an edge for nothing");
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
	rx_init(&rx, &old.protection.key);
	if (len && rx_restore(&rx, data, len, tail))
		wrong("no memory");
	/* the plan counts them without a break */
	rx.idle = old.idle;
	promised = 0;
	begun = len ? SIZE_MAX : wire.taken;
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
	ret = rx_to_boundary(&rx, 0);
	fault = wire.interrupts + wire.no_bufs != faults;
	trace("   gave %d, %u bytes held\n", ret, rx.plain_len);
	if (ret) {
		check_end(ret);
		return;
	}
	if (wire.taken <= plan.end.off && !rx.eof && !rx.err &&
	    !is_boundary(wire.taken))
		wrong("%zu is not the end of a record", wire.taken);
	if (rx.plain_len)
		check_data(rx.buf + rx.plain_off, delivered, rx.plain_len);
	delivered += rx.plain_len;
	if (rx.eof || rx.err) {
		check_end(rx.err);
		return;
	}
	renew(NULL, 0, false);
}

static const struct step reads[PROGRAM_READS] = {
	{"read", step_read},   {"read", step_read},
	{"readv", step_readv}, {"read_all", step_read_all},
	{"pull", step_pull},   {"unread", step_unread_read},
	{"move", step_move},   {"promote", step_promote},
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
	    memcmp(&rx.protection.key, &wire.key, sizeof(wire.key)))
		wrong("not the sender's key or sequence number");
	if (wire.reset && !e->why && !rx.reset)
		wrong("a reset that is no reset");
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
	if (rx.protection.cipher || memcmp(&rx.protection.key, &none, sizeof(none)))
		wrong("the key was not wiped");
}

const char *fuzz_run(const uint8_t *data, size_t len)
{
	struct traffic_key key;
	const struct step *s;
	uint8_t mode, n;
	int i;

	*why = 0;
	input.p = data;
	input.left = len;
	delivered = promised = begun = 0;
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
	rx_init(&rx, &key);
	trace("version %x, cipher %u, %s\n", key.version, key.aead,
	      blocking ? "blocking" : "nonblocking");
	for (i = 0; i < STEPS_MAX && input.left && !*why; i++) {
		n = take8() % (PROGRAM_SENDS + PROGRAM_READS);
		s = n < PROGRAM_SENDS ? &sends[n] : &reads[n - PROGRAM_SENDS];
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
