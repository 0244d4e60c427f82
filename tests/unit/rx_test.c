// SPDX-License-Identifier: MIT
/*
 * rx_test.c - user receive against a socket made of memory
 *
 *   rx_test [SEED [ROUNDS]]
 *
 * Random records, in random pieces, read in random ways; after every call the
 * two promises of rx.h are checked: what is delivered is what was sent, and
 * the socket is readable exactly when there is something to deliver.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "../fuzz/wire.h"
#include "tap.h"

/* What was sent, of data. */
static uint8_t sent[WIRE_MAX];
static size_t sent_len;

static void send_record(uint8_t type, const uint8_t *data, size_t len,
			size_t padding)
{
	wire_send(&(struct wire_record){
		.type = type, .data = data, .len = len, .padding = padding});
}

static void send_data(size_t len, size_t padding)
{
	size_t i;

	for (i = 0; i < len; i++)
		sent[sent_len + i] = (uint8_t)rand();
	send_record(RECORD_DATA, sent + sent_len, len, padding);
	sent_len += len;
}

static void send_key_update(void)
{
	static const uint8_t msg[5] = {24, 0, 0, 1, 0};

	send_record(RECORD_HANDSHAKE, msg, sizeof(msg), 0);
	wire_rekey();
}

static void begin(struct rx *rx, uint16_t version, enum aead aead)
{
	struct traffic_key key = {.version = version,
				  .aead = (uint8_t)aead, .hash_bytes = 32};
	int i;

	sent_len = 0;
	for (i = 0; i < 32; i++)
		key.secret[i] = key.key[i] = (uint8_t)rand();
	if (version == TLS13)
		keys_from_secret(&key);
	else
		key.seq = 1;
	wire_open(&key);
	rx_init(rx, &key);
}

static size_t random_size(size_t max)
{
	static const size_t edges[] = {0,   1,	 5,	99,    100,   1000,
				       4096, 8192, 16383, 16384};
	size_t n = rand() % 2 ? edges[rand() % 10] : (size_t)rand() % 600;

	return n < max ? n : max;
}

static void make_stream(void)
{
	static const uint8_t bye[2] = {1, 0};
	int records = 1 + rand() % 12, i;

	for (i = 0; i < records; i++) {
		if (wire.key.version == TLS13 && rand() % 8 == 0)
			send_key_update();
		send_data(random_size(RECORD_PLAIN_MAX),
			  wire.key.version == TLS13 && rand() % 4 == 0
				  ? (size_t)rand() % 200
				  : 0);
	}
	send_record(RECORD_ALERT, bye, 2, 0);
}

#define FILL 0xee

/* Behind what was read there is what was there before, or nothing. */
static bool is_clean(const uint8_t *out, size_t len)
{
	size_t i;

	for (i = 0; i < len && (out[i] == FILL || !out[i]); i++)
		;
	return i == len;
}

/* One read of random size and kind; true when it kept the promises. */
static bool random_read(struct rx *rx, size_t *got)
{
	static uint8_t into[3][40000];
	struct iovec iov[3];
	int n = 1 + rand() % 3, flags = 0, i;
	size_t total = 0, off;
	ssize_t ret;

	for (i = 0; i < n; i++) {
		iov[i].iov_base = into[i];
		iov[i].iov_len = rand() % 4 ? random_size(16384)
					    : (size_t)rand() % 40000;
		total += iov[i].iov_len;
		memset(into[i], FILL, iov[i].iov_len);
	}
	if (rand() % 8 == 0)
		flags |= MSG_PEEK;
	if (rand() % 8 == 0)
		rx_pull(rx, 0);
	ret = rx_read(rx, 0, iov, n, flags);
	if (ret == -EAGAIN)
		return wire.taken == wire.arrived && total > 0;
	if (ret < 0 || (size_t)ret > total || *got + (size_t)ret > sent_len)
		return false;
	for (i = 0, off = 0; i < n; off += iov[i++].iov_len) {
		size_t len = (size_t)ret > off ? (size_t)ret - off : 0;

		len = len < iov[i].iov_len ? len : iov[i].iov_len;
		if (memcmp(iov[i].iov_base, sent + *got + off, len) ||
		    !is_clean(into[i] + len, iov[i].iov_len - len))
			return false;
	}
	if (ret == 0 && total && *got < sent_len)
		return false;
	if (!(flags & MSG_PEEK))
		*got += (size_t)ret;
	/* deliverable plaintext must keep the socket readable */
	if (rx->plain_len && wire.taken == wire.arrived)
		return false;
	/* short of the buffer, and no new arrival could tell: a stall */
	return flags & MSG_PEEK || (size_t)ret == total || rx->eof ||
	       wire.taken == wire.arrived;
}

static bool round_trip(uint16_t version, enum aead aead)
{
	size_t got = 0;
	struct rx rx;
	bool good = true;
	int i;

	begin(&rx, version, aead);
	make_stream();
	while (good && (got < sent_len || !rx.eof)) {
		if (wire.arrived < wire.len) {
			wire.arrived += 1 + (size_t)rand() %
					       (rand() % 3 ? 30000 : 7);
			if (wire.arrived > wire.len)
				wire.arrived = wire.len;
		}
		for (i = rand() % 4; good && i >= 0; i--)
			good = random_read(&rx, &got);
	}
	good = good && got == sent_len && rx.eof;
	rx_fini(&rx);
	return good && wire.bufs_out == 0;
}

static uint8_t out[RECORD_PLAIN_MAX]; /* of read_all() */

static ssize_t read_all(struct rx *rx)
{
	struct iovec iov = {out, sizeof(out)};
	ssize_t ret;

	memset(out, FILL, sizeof(out));
	wire.arrived = wire.len;
	while ((ret = rx_read(rx, 0, &iov, 1, 0)) > 0)
		;
	return ret;
}

/* FIONREAD: no more than is there, and an edge when there is more after it. */
static void check_unread(void)
{
	static uint8_t large[20000];
	struct iovec iov = {large, sizeof(large)};
	struct rx rx;

	begin(&rx, TLS13, AEAD_AES128GCM);
	send_data(1000, 50);
	send_data(16384, 0);
	wire.arrived = 500;
	ok(rx_unread(&rx, 0) == 0, "a part of a record is nothing to read");
	wire.arrived = wire.len - 100;
	iov.iov_len = (size_t)rx_unread(&rx, 0);
	ok(iov.iov_len == 1000, "padding does not count");
	ok(rx_read(&rx, 0, &iov, 1, 0) == 1000 && wire.taken == wire.arrived && !wire.pokes,
	   "who reads that leaves no part of a record in the socket");
	wire.arrived = wire.len;
	iov.iov_len = (size_t)rx_unread(&rx, 0);
	send_data(10, 0);
	wire.arrived = wire.len;
	ok(rx_read(&rx, 0, &iov, 1, 0) == 16384 && wire.pokes == 1 && wire.taken < wire.arrived,
	   "... and is woken when another record waits");
	rx_fini(&rx);
}

/* Well encrypted, and wrong: the alerts that RFC 8446 asks for. */
static void check_refusals(void)
{
	static const uint8_t data[6] = {24, 0, 0, 1, 2, 0};
	static const struct {
		const char *what;
		uint8_t type, outer;
		size_t len;
		int alert;
	} cases[] = {
		{"another handshake message", RECORD_HANDSHAKE, 0, 2,
		 ALERT_UNEXPECTED_MESSAGE},
		{"a KeyUpdate of another kind (4.6.3)", RECORD_HANDSHAKE, 0, 5,
		 ALERT_ILLEGAL_PARAMETER},
		{"a record without a type (5.4)", 0, 0, 0,
		 ALERT_UNEXPECTED_MESSAGE},
		{"an empty alert (5.4)", RECORD_ALERT, 0, 0,
		 ALERT_UNEXPECTED_MESSAGE},
		{"three bytes of alert (6.2)", RECORD_ALERT, 0, 3,
		 ALERT_DECODE_ERROR},
		{"another type outside (5)", RECORD_DATA, RECORD_HANDSHAKE, 5,
		 ALERT_UNEXPECTED_MESSAGE},
	};
	struct rx rx;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin(&rx, TLS13, AEAD_AES128GCM);
		wire_send(&(struct wire_record){.type = cases[i].type,
						.outer = cases[i].outer,
						.data = data,
						.len = cases[i].len});
		ok(read_all(&rx) == -ECONNRESET && rx.alert == cases[i].alert,
		   "%s is refused, with alert %d", cases[i].what,
		   cases[i].alert);
		rx_fini(&rx);
	}
}

static void check_ends(void)
{
	static const uint8_t fatal[2] = {2, 40}, request[5] = {24, 0, 0, 1, 1};
	static const uint8_t bye[2] = {1, 0};
	struct rx rx;

	begin(&rx, TLS13, AEAD_AES128GCM);
	send_data(100, 0);
	wire.fin = true;
	ok(read_all(&rx) == -ECONNRESET && rx.alert < 0,
	   "FIN without close_notify is a reset");
	ok(read_all(&rx) == -ECONNRESET, "... and stays one");
	rx_fini(&rx);

	begin(&rx, TLS13, AEAD_AES128GCM);
	send_data(100, 0);
	wire.len = 50;
	ok(read_all(&rx) == -EAGAIN && wire.bufs_out == 1, "half a record");
	wire.reset = true;
	ok(read_all(&rx) == -ECONNRESET && rx.reset && wire.bufs_out == 0,
	   "... and a reset: no buffer is kept for it");
	rx_fini(&rx);

	begin(&rx, TLS13, AEAD_AES256GCM);
	send_data(5000, 0);
	wire.bytes[1000] ^= 1;
	ok(read_all(&rx) == -ECONNRESET && rx.alert == ALERT_BAD_RECORD_MAC,
	   "a flipped bit is a reset, with an alert");
	ok(is_clean(out, sizeof(out)), "... and nothing of that record is left");
	rx_fini(&rx);

	begin(&rx, TLS13, AEAD_AES256GCM);
	send_record(RECORD_ALERT, bye, 2, 5000);
	ok(!read_all(&rx) && rx.eof && is_clean(out, sizeof(out)),
	   "a padded close_notify is the end, and nothing else");
	rx_fini(&rx);

	begin(&rx, TLS13, AEAD_AES128GCM);
	send_data(1, 0);
	wire.bytes[3] = 0xff;
	ok(read_all(&rx) == -ECONNRESET && rx.alert == ALERT_RECORD_OVERFLOW,
	   "a record of 65 KB is refused");
	rx_fini(&rx);

	begin(&rx, TLS13, AEAD_AES128GCM);
	send_record(RECORD_ALERT, fatal, 2, 0);
	ok(read_all(&rx) == -ECONNRESET && rx.alert < 0,
	   "a fatal alert is a reset, without an answer");
	rx_fini(&rx);

	check_refusals();

	begin(&rx, TLS13, AEAD_AES128GCM);
	send_record(RECORD_HANDSHAKE, request, 5, 0);
	ok(read_all(&rx) == -EAGAIN && rx.update_requested,
	   "a KeyUpdate that wants an answer is reported");
	rx_fini(&rx);

	ok(wire.bufs_out == 0, "no buffer is kept");
}

int main(int argc, char **argv)
{
	unsigned int seed = argc > 1 ? (unsigned int)atoi(argv[1]) : 1;
	int rounds = argc > 2 ? atoi(argv[2]) : 300, v, a, i;

	if (crypto_open())
		return 1;
	for (v = TLS12; v <= TLS13; v++)
		for (a = 0; a < AEAD_COUNT; a++) {
			bool good = true;

			for (i = 0; good && i < rounds; i++) {
				srand(seed + (unsigned int)i);
				good = round_trip((uint16_t)v, (enum aead)a);
			}
			ok(good, "%d random streams, version %x, cipher %d, "
			   "seed %u", i, v, a, seed + (unsigned int)i - 1);
		}
	check_unread();
	check_ends();
	return tap_done();
}
