// SPDX-License-Identifier: MIT
/*
 * proxy_test.c - the PROXY header: every field right and wrong; writing;
 * mutants
 */
#include "proxy.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "../fuzz/proxy_fuzz.h"
#include "nets.h"
#include "tap.h"

/* What a case comes to */
#define GOOD NULL
#define MORE ""

struct test {
	const char *name, *data;
	size_t len;
	const char *why; /* GOOD, MORE, or part of the reason */
};
#define T(name, data, why)                                                     \
	{                                                                      \
		name, data, sizeof(data) - 1, why                              \
	}

#define UNKNOWN_LONG                                                           \
	"PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "               \
	"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535"

static const struct test v1[] = {
	T("TCP4", "PROXY TCP4 192.0.2.1 192.0.2.2 1024 443\r\n", GOOD),
	T("TCP4, the longest",
	  "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", GOOD),
	T("TCP4, ports 0", "PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n", GOOD),
	T("TCP6", "PROXY TCP6 2001:db8::1 ::1 1024 443\r\n", GOOD),
	T("TCP6, capitals", "PROXY TCP6 2001:DB8::A ::1 1 2\r\n", GOOD),
	T("TCP6, an address of IPv4", "PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n",
	  GOOD),
	T("UNKNOWN", "PROXY UNKNOWN\r\n", GOOD),
	T("UNKNOWN and more", "PROXY UNKNOWN what\tever  is here\r\n", GOOD),
	T("107 bytes", UNKNOWN_LONG "\r\n", GOOD),
	T("something behind it", "PROXY UNKNOWN\r\n\x16\x03\x01", GOOD),
	T("nothing", "", MORE),
	T("P", "P", MORE),
	T("no line end so far", "PROXY TCP4 192.0.2.1", MORE),
	T("CR, no LF so far", "PROXY UNKNOWN\r", MORE),
	T("106 bytes and no end", UNKNOWN_LONG "0", "longer than 107"),
	T("108 bytes", UNKNOWN_LONG "0\r\n", "longer than 107"),
	T("TLS", "\x16\x03\x01\x02", "no PROXY header"),
	T("HTTP", "GET / HTTP/1.0\r\n", "no PROXY header"),
	T("POST", "POST / HTTP/1.0\r\n", "no PROXY header"),
	T("small letters", "proxy UNKNOWN\r\n", "no PROXY header"),
	T("a space before it", " PROXY UNKNOWN\r\n", "no PROXY header"),
	T("no space", "PROXYUNKNOWN\r\n", "no PROXY header"),
	T("a tab", "PROXY\tUNKNOWN\r\n", "no PROXY header"),
	T("LF alone", "PROXY UNKNOWN\n", "without CR"),
	T("CR alone", "PROXY UNKNOWN\r\r\n", "without LF"),
	T("CR in the middle", "PROXY UNKNOWN \r x\r\n", "without LF"),
	T("no protocol", "PROXY \r\n", "no protocol"),
	T("two spaces before it", "PROXY  UNKNOWN\r\n", "no protocol"),
	T("TCP", "PROXY TCP 192.0.2.1 192.0.2.2 1 2\r\n", "not TCP4"),
	T("TCP5", "PROXY TCP5 192.0.2.1 192.0.2.2 1 2\r\n", "not TCP4"),
	T("tcp4", "PROXY tcp4 192.0.2.1 192.0.2.2 1 2\r\n", "not TCP4"),
	T("TCP44", "PROXY TCP44 192.0.2.1 192.0.2.2 1 2\r\n", "not TCP4"),
	T("UDP4", "PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n", "not TCP4"),
	T("UNKNOWNS", "PROXY UNKNOWNS\r\n", "no protocol"),
	T("NUL in the protocol", "PROXY TCP4\0 192.0.2.1 192.0.2.2 1 2\r\n",
	  "no protocol"),
	T("nothing but TCP4", "PROXY TCP4\r\n", "two addresses"),
	T("nothing but TCP4 and a space", "PROXY TCP4 \r\n", "two addresses"),
	T("one address", "PROXY TCP4 192.0.2.1\r\n", "two addresses"),
	T("no ports", "PROXY TCP4 192.0.2.1 192.0.2.2\r\n", "two addresses"),
	T("one port", "PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n", "two addresses"),
	T("one port and a space", "PROXY TCP4 192.0.2.1 192.0.2.2 1 \r\n",
	  "two addresses"),
	T("two spaces before the source",
	  "PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n", "two addresses"),
	T("two spaces before the destination",
	  "PROXY TCP4 192.0.2.1  192.0.2.2 1 2\r\n", "two addresses"),
	T("two spaces before the source port",
	  "PROXY TCP4 192.0.2.1 192.0.2.2  1 2\r\n", "two addresses"),
	T("two spaces before the destination port",
	  "PROXY TCP4 192.0.2.1 192.0.2.2 1  2\r\n", "two addresses"),
	T("a space at the end", "PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n",
	  "goes on"),
	T("a fifth word", "PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n",
	  "goes on"),
	T("source: three numbers", "PROXY TCP4 192.0.2 192.0.2.2 1 2\r\n",
	  "wrong address"),
	T("source: 256", "PROXY TCP4 192.0.2.256 192.0.2.2 1 2\r\n",
	  "wrong address"),
	T("source: a zero in front", "PROXY TCP4 192.0.02.1 192.0.2.2 1 2\r\n",
	  "wrong address"),
	T("source: hexadecimal", "PROXY TCP4 0xc0.0.2.1 192.0.2.2 1 2\r\n",
	  "wrong address"),
	T("source: a name", "PROXY TCP4 localhost 192.0.2.2 1 2\r\n",
	  "wrong address"),
	T("source: a tab", "PROXY TCP4 \t192.0.2.1 192.0.2.2 1 2\r\n",
	  "wrong address"),
	T("source: IPv6", "PROXY TCP4 ::1 192.0.2.2 1 2\r\n", "wrong address"),
	T("destination: IPv6", "PROXY TCP4 192.0.2.1 ::1 1 2\r\n",
	  "wrong address"),
	T("destination: 256", "PROXY TCP4 192.0.2.1 256.0.2.2 1 2\r\n",
	  "wrong address"),
	T("TCP6 source: IPv4", "PROXY TCP6 192.0.2.1 ::1 1 2\r\n",
	  "wrong address"),
	T("TCP6 destination: IPv4", "PROXY TCP6 ::1 192.0.2.1 1 2\r\n",
	  "wrong address"),
	T("TCP6 source: two double colons", "PROXY TCP6 1::2::3 ::1 1 2\r\n",
	  "wrong address"),
	T("TCP6 source: five digits", "PROXY TCP6 2001:0db80::1 ::1 1 2\r\n",
	  "wrong address"),
	T("TCP6 source: nine groups",
	  "PROXY TCP6 1:2:3:4:5:6:7:8:9 ::1 1 2\r\n", "wrong address"),
	T("TCP6 source: seven groups", "PROXY TCP6 1:2:3:4:5:6:7 ::1 1 2\r\n",
	  "wrong address"),
	T("TCP6 source: a scope", "PROXY TCP6 fe80::1%lo ::1 1 2\r\n",
	  "wrong address"),
	T("TCP6 source: brackets", "PROXY TCP6 [::1] ::1 1 2\r\n",
	  "wrong address"),
	T("source port: 65536", "PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n",
	  "wrong port"),
	T("source port: six digits",
	  "PROXY TCP4 192.0.2.1 192.0.2.2 100000 2\r\n", "wrong port"),
	T("source port: a zero in front",
	  "PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n", "wrong port"),
	T("source port: two zeros", "PROXY TCP4 192.0.2.1 192.0.2.2 00 2\r\n",
	  "wrong port"),
	T("source port: negative", "PROXY TCP4 192.0.2.1 192.0.2.2 -1 2\r\n",
	  "wrong port"),
	T("source port: a plus", "PROXY TCP4 192.0.2.1 192.0.2.2 +1 2\r\n",
	  "wrong port"),
	T("source port: a letter", "PROXY TCP4 192.0.2.1 192.0.2.2 1a 2\r\n",
	  "wrong port"),
	T("destination port: 65536",
	  "PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n", "wrong port"),
	T("destination port: a zero in front",
	  "PROXY TCP4 192.0.2.1 192.0.2.2 1 0443\r\n", "wrong port"),
	T("destination port: NUL", "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\0\r\n",
	  "two addresses"),
};

#define SIG "\x0d\x0a\x0d\x0a\x00\x0d\x0a\x51\x55\x49\x54\x0a"
#define A4 "\xc0\x00\x02\x01\xc0\x00\x02\x02\x04\x00\x01\xbb"
#define A6                                                                     \
	"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"                           \
	"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\x04\x00\x01\xbb"
#define UX_18 "/var/run/a.socket\0"
#define UX_108 UX_18 UX_18 UX_18 UX_18 UX_18 UX_18
#define S64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define S128 S64 S64
#define S256 S128 S128
/* IPv4 with @n bytes of TLVs */
#define V4(n, tlvs) SIG "\x21\x11\x00" n A4 tlvs
#define V4L(n, tlvs) SIG "\x21\x11" n A4 tlvs /* two bytes of length */

static const struct test v2[] = {
	T("IPv4", SIG "\x21\x11\x00\x0c" A4, GOOD),
	T("IPv4, data behind it", SIG "\x21\x11\x00\x0c" A4 "\x16\x03", GOOD),
	T("IPv4, datagrams", SIG "\x21\x12\x00\x0c" A4, GOOD),
	T("IPv6", SIG "\x21\x21\x00\x24" A6, GOOD),
	T("IPv6, datagrams", SIG "\x21\x22\x00\x24" A6, GOOD),
	T("UNIX", SIG "\x21\x31\x00\xd8" UX_108 UX_108, GOOD),
	T("UNIX, datagrams", SIG "\x21\x32\x00\xd8" UX_108 UX_108, GOOD),
	T("UNSPEC", SIG "\x21\x00\x00\x00", GOOD),
	T("UNSPEC with something", SIG "\x21\x00\x00\x03\x01\x02\x03", GOOD),
	T("IPv4, no transport", SIG "\x21\x10\x00\x00", GOOD),
	T("LOCAL", SIG "\x20\x00\x00\x00", GOOD),
	T("LOCAL with addresses", SIG "\x20\x11\x00\x0c" A4, GOOD),
	T("LOCAL of any family", SIG "\x20\xff\x00\x02zz", GOOD),
	T("LOCAL, length not there", SIG "\x20\x00\x00\x02z", MORE),
	T("half a signature", "\x0d\x0a\x0d\x0a\x00", MORE),
	T("signature only", SIG, MORE),
	T("no length", SIG "\x21\x11", MORE),
	T("half a length", SIG "\x21\x11\x00", MORE),
	T("no addresses", SIG "\x21\x11\x00\x0c", MORE),
	T("half an address", SIG "\x21\x11\x00\x0c\xc0\x00", MORE),
	T("one byte is missing", SIG "\x21\x11\x00\x0d" A4, MORE),
	T("signature: first byte", "\x0a\x0a", "no PROXY header"),
	T("signature: last byte",
	  "\x0d\x0a\x0d\x0a\x00\x0d\x0a\x51\x55\x49\x54\x0b\x21\x11\x00\x0c" A4,
	  "no PROXY header"),
	T("version 1", SIG "\x11\x11\x00\x0c" A4, "version"),
	T("version 3", SIG "\x31", "version"),
	T("version 0", SIG "\x01", "version"),
	T("command 2", SIG "\x22", "command"),
	T("command 15", SIG "\x2f\x11\x00\x0c" A4, "command"),
	T("family 4", SIG "\x21\x41\x00\x0c" A4, "family"),
	T("family 15", SIG "\x21\xf1\x00\x0c" A4, "family"),
	T("transport 3", SIG "\x21\x13\x00\x0c" A4, "transport"),
	T("UNSPEC, transport 15", SIG "\x21\x0f\x00\x0c" A4, "transport"),
	T("length 0 for IPv4", SIG "\x21\x11\x00\x00", "too short"),
	T("length 11 for IPv4", SIG "\x21\x11\x00\x0b" A4, "too short"),
	T("length 35 for IPv6", SIG "\x21\x21\x00\x23" A6, "too short"),
	T("length 215 for UNIX", SIG "\x21\x31\x00\xd7", "too short"),
	T("length 4080", SIG "\x21\x11\x0f\xf0", MORE),
	T("length 4081", SIG "\x21\x11\x0f\xf1", "longer than 4096"),
	T("length 65535", SIG "\x21\x11\xff\xff", "longer than 4096"),
	T("LOCAL, length 4081", SIG "\x20\x00\x0f\xf1", "longer than 4096"),
};

static const struct test tlvs[] = {
	T("one byte", V4("\x0d", "\x04"), "cut off"),
	T("two bytes", V4("\x0e", "\x04\x00"), "cut off"),
	T("longer than the header", V4("\x0f", "\x04\x00\x01"), "cut off"),
	T("longer, the bytes are data",
	  V4("\x0f", "\x04\x00\x01"
		     "x"),
	  "cut off"),
	T("length 65535", V4("\x0f", "\x04\xff\xff"), "cut off"),
	T("the second is cut off", V4("\x11", "\x04\x00\x00\x04\x00"),
	  "cut off"),
	T("UNIX, cut off", SIG "\x21\x31\x00\xd9" UX_108 UX_108 "\x04",
	  "cut off"),
	T("UNIX, ALPN", SIG "\x21\x31\x00\xdc" UX_108 UX_108 "\x01\0\x01z",
	  GOOD),
	T("NOOP, empty", V4("\x0f", "\x04\x00\x00"), GOOD),
	T("NOOP, twice", V4("\x14", "\x04\x00\x02zz\x04\x00\x00"), GOOD),
	T("unknown",
	  V4("\x10", "\xe0\x00\x01"
		     "x"),
	  GOOD),
	T("unknown, of the future", V4("\x0f", "\xff\x00\x00"), GOOD),
	T("ALPN", V4("\x11", "\x01\x00\x02h2"), GOOD),
	T("ALPN, empty", V4("\x0f", "\x01\x00\x00"), "ALPN"),
	T("ALPN, 256 bytes", V4L("\x01\x0f", "\x01\x01\x00" S256), "ALPN"),
	T("ALPN, twice", V4("\x16", "\x01\x00\x02h2\x01\x00\x02h2"), "ALPN"),
	T("AUTHORITY",
	  V4("\x12", "\x02\x00\x03"
		     "a.b"),
	  GOOD),
	T("AUTHORITY, UTF-8", V4("\x11", "\x02\x00\x02\xc3\xa9"), GOOD),
	T("AUTHORITY, empty", V4("\x0f", "\x02\x00\x00"), "AUTHORITY"),
	T("AUTHORITY, NUL",
	  V4("\x12", "\x02\x00\x03"
		     "a\0b"),
	  "AUTHORITY"),
	T("AUTHORITY, a line end",
	  V4("\x12", "\x02\x00\x03"
		     "a\nb"),
	  "AUTHORITY"),
	T("AUTHORITY, 256 bytes", V4L("\x01\x0f", "\x02\x01\x00" S256),
	  "AUTHORITY"),
	T("AUTHORITY, twice",
	  V4("\x14", "\x02\x00\x01z\x02\x00\x01z"
		     "\x04"),
	  "AUTHORITY"),
	T("CRC32C, not its", V4("\x13", "\x03\x00\x04\x01\x02\x03\x04"),
	  "match"),
	T("CRC32C, 3 bytes", V4("\x12", "\x03\x00\x03\x01\x02\x03"), "CRC32C"),
	T("CRC32C, 5 bytes", V4("\x14", "\x03\x00\x05\x01\x02\x03\x04\x05"),
	  "CRC32C"),
	T("CRC32C, empty", V4("\x0f", "\x03\x00\x00"), "CRC32C"),
	T("CRC32C, twice",
	  V4("\x1a", "\x03\x00\x04\0\0\0\0\x03\x00\x04\0\0\0\0"), "CRC32C"),
	T("UNIQUE_ID", V4("\x10", "\x05\x00\x01\x00"), GOOD),
	T("UNIQUE_ID, 128 bytes", V4("\x8f", "\x05\x00\x80" S128), GOOD),
	T("UNIQUE_ID, 129 bytes", V4("\x90", "\x05\x00\x81" S128 "x"),
	  "UNIQUE_ID"),
	T("UNIQUE_ID, empty", V4("\x0f", "\x05\x00\x00"), "UNIQUE_ID"),
	T("UNIQUE_ID, twice", V4("\x17", "\x05\x00\x01z\x05\x00\x01z\x04\0\0"),
	  "UNIQUE_ID"),
	T("NETNS",
	  V4("\x12", "\x30\x00\x03"
		     "red"),
	  GOOD),
	T("NETNS, empty", V4("\x0f", "\x30\x00\x00"), "NETNS"),
	T("NETNS, not ASCII", V4("\x10", "\x30\x00\x01\xe9"), "NETNS"),
	T("NETNS, 256 bytes", V4L("\x01\x0f", "\x30\x01\x00" S256), "NETNS"),
	T("NETNS, twice", V4("\x17", "\x30\x00\x01z\x30\x00\x01z\x04\0\0"),
	  "NETNS"),
	T("SSL", V4("\x14", "\x20\x00\x05\x01\0\0\0\x01"), GOOD),
	T("SSL, empty", V4("\x0f", "\x20\x00\x00"), "SSL is wrong"),
	T("SSL, 4 bytes", V4("\x13", "\x20\x00\x04\x01\0\0\0"), "SSL is wrong"),
	T("SSL, twice",
	  V4("\x1c", "\x20\x00\x05\x01\0\0\0\x01\x20\x00\x05\x01\0\0\0\x01"),
	  "SSL is wrong"),
	T("SSL, sub-TLV of one byte",
	  V4("\x15", "\x20\x00\x06\x01\0\0\0\0\x21"), "SSL is cut off"),
	T("SSL, sub-TLV longer than it",
	  V4("\x1a", "\x20\x00\x08\x01\0\0\0\0\x21\x00\x03TLS"),
	  "SSL is cut off"),
	T("SSL, unknown sub-TLV",
	  V4("\x18", "\x20\x00\x09\x01\0\0\0\0\x29\x00\x01z"), GOOD),
	T("SSL, ALPN inside is none of it",
	  V4("\x17", "\x20\x00\x08\x01\0\0\0\0\x01\x00\x00"), GOOD),
	T("a sub-TLV of SSL outside is none of it", V4("\x0f", "\x21\x00\x00"),
	  GOOD),
};

/* Each sub-TLV of SSL: its type and what is not allowed in it */
static const struct {
	const char *name;
	uint8_t type;
	bool utf8;
	size_t max;
} sub_tlvs[] = {
	{"SSL_VERSION", 0x21, false, 255}, {"SSL_CN", 0x22, true, 1024},
	{"SSL_CIPHER", 0x23, false, 255},  {"SSL_SIG_ALG", 0x24, false, 255},
	{"SSL_KEY_ALG", 0x25, false, 255},
};

static void judge(const char *kind, const struct test *t)
{
	struct proxy_header h;
	const char *why = NULL, *bad;
	int ret = proxy_parse((const uint8_t *)t->data, t->len, &h, &why);
	bool good = t->why == GOOD ? ret > 0
		    : !strcmp(t->why, "")
			    ? ret == -EAGAIN
			    : ret == -EINVAL && why && strstr(why, t->why);

	ok(good, "%s, %s: %d%s%s", kind, t->name, ret, why ? " " : "",
	   why ? why : "");
	bad = proxy_fuzz_run((const uint8_t *)t->data, t->len);
	if (bad)
		ok(0, "%s, %s: %s", kind, t->name, bad);
}

static void judge_sub(unsigned int i, const char *name, const char *value,
		      size_t len, unsigned int times, bool good)
{
	char data[PROXY_BYTES_MAX] = SIG "\x21\x11", *p = data + 28;
	char full[64];
	size_t ssl = 5 + times * (3 + len);
	struct test t = {full, data, 28 + 3 + ssl,
			 good ? GOOD : sub_tlvs[i].name};

	snprintf(full, sizeof(full), "%s, %s", sub_tlvs[i].name, name);
	data[14] = (char)((12 + 3 + ssl) >> 8);
	data[15] = (char)(12 + 3 + ssl);
	*p++ = 0x20;
	*p++ = (char)(ssl >> 8);
	*p++ = (char)ssl;
	for (p += 5; times--; p += len) {
		*p++ = (char)sub_tlvs[i].type;
		*p++ = (char)(len >> 8);
		*p++ = (char)len;
		memcpy(p, value, len);
	}
	judge("TLV", &t);
}

static void test_sub_tlvs(void)
{
	char large[1026];
	unsigned int i;

	memset(large, 'x', sizeof(large));
	for (i = 0; i < sizeof(sub_tlvs) / sizeof(sub_tlvs[0]); i++) {
		judge_sub(i, "good", "TLSv1.3", 7, 1, true);
		judge_sub(i, "empty", "", 0, 1, false);
		judge_sub(i, "NUL", "a\0b", 3, 1, false);
		judge_sub(i, "DEL", "\x7f", 1, 1, false);
		judge_sub(i, "not ASCII", "\xc3\xa9", 2, 1, sub_tlvs[i].utf8);
		judge_sub(i, "largest", large, sub_tlvs[i].max, 1, true);
		judge_sub(i, "too large", large, sub_tlvs[i].max + 1, 1, false);
		judge_sub(i, "twice", "x", 1, 2, false);
	}
}

static struct proxy_bytes text(const char *s)
{
	return (struct proxy_bytes){(const uint8_t *)s, strlen(s)};
}

static struct proxy_header full_header(void)
{
	struct proxy_header h = {
		.src.in = {.sin_family = AF_INET, .sin_port = htons(1024)},
		.dst.in = {.sin_family = AF_INET, .sin_port = htons(443)},
		.alpn = text("h2"),
		.authority = text("www.example"),
		.unique_id = text("42"),
		.netns = text("red"),
		.ssl = true,
		.client = 7,
		.verify = 0x01020304,
		.version = text("TLSv1.3"),
		.cn = text("alice"),
		.cipher = text("TLS_AES_256_GCM_SHA384"),
		.sig_alg = text("RSA-SHA256"),
		.key_alg = text("EC256"),
	};

	inet_pton(AF_INET, "192.0.2.1", &h.src.in.sin_addr);
	inet_pton(AF_INET, "192.0.2.2", &h.dst.in.sin_addr);
	return h;
}

static void test_fields(void)
{
	struct proxy_header h = full_header(), got;
	uint8_t out[PROXY_BYTES_MAX];
	const char *why = NULL;
	size_t n = proxy_write_v2(&h, out), i;
	unsigned int refused = 0;

	ok(proxy_parse(out, n, &got, &why) == (int)n && proxy_same(&h, &got) &&
		   got.crc,
	   "all of it is read as it was written, %zu bytes", n);
	for (i = 0; i < 8 * n; i++) {
		out[i / 8] ^= (uint8_t)(1 << i % 8);
		/* one that makes it LOCAL or UNSPEC, or the checksum
		 * something else, leaves nothing to check */
		refused +=
			proxy_parse(out, n, &got, &why) != (int)n || !got.crc;
		out[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	ok(refused == 8 * n, "no bit can change: %u of %zu", refused, 8 * n);
	inet_map(&h.src);
	inet_map(&h.dst);
	n = proxy_write_v2(&h, out);
	ok(proxy_parse(out, n, &got, &why) == (int)n && proxy_same(&h, &got),
	   "the same of IPv6");
	h = (struct proxy_header){0};
	ok(proxy_write_v2(&h, out) == 16 && out[12] == 0x20,
	   "no addresses: LOCAL");
	ok(proxy_write_v1(&h, out) == 15 &&
		   !memcmp(out, "PROXY UNKNOWN\r\n", 15),
	   "no addresses: UNKNOWN");
	h = full_header();
	n = proxy_write_v1(&h, out);
	ok(n == 41 && !memcmp(out,
			      "PROXY TCP4 192.0.2.1 192.0.2.2 1024 443\r\n", n),
	   "version 1 as a line, %zu bytes", n);
}

/* Known from another program, whose CRC32C of "123456789" is e3069283 */
static void test_checksum(void)
{
	static const uint8_t header[] = V4("\x13", "\x03\x00\x04\0\0\0\0");
	uint8_t copy[sizeof(header) - 1];
	struct proxy_header h = {
		.src.in = {.sin_family = AF_INET, .sin_port = htons(1024)},
		.dst.in = {.sin_family = AF_INET, .sin_port = htons(443)}};

	inet_pton(AF_INET, "192.0.2.1", &h.src.in.sin_addr);
	inet_pton(AF_INET, "192.0.2.2", &h.dst.in.sin_addr);
	proxy_write_v2(&h, copy);
	ok(!memcmp(copy, header, 31) &&
		   !memcmp(copy + 31, "\x90\xf8\xef\x82", 4),
	   "the checksum, %02x%02x%02x%02x", copy[31], copy[32], copy[33],
	   copy[34]);
}

/* ---- mutants of all of the above */

static uint32_t random_state = 1;

static uint32_t draw(uint32_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	random_state ^= random_state << 5;
	return random_state % n;
}

static const struct test *draw_seed(void)
{
	static const struct {
		const struct test *tests;
		size_t n;
	} all[] = {{v1, sizeof(v1) / sizeof(v1[0])},
		   {v2, sizeof(v2) / sizeof(v2[0])},
		   {tlvs, sizeof(tlvs) / sizeof(tlvs[0])}};
	uint32_t i = draw(3);

	return &all[i].tests[draw((uint32_t)all[i].n)];
}

static size_t mutate(uint8_t *data, size_t len, size_t max)
{
	size_t at = len ? draw((uint32_t)len) : 0, n;
	const struct test *other;

	switch (draw(6)) {
	case 0: /* cut */
		return at;
	case 1: /* take something out */
		n = len - at ? draw((uint32_t)(len - at)) : 0;
		memmove(data + at, data + at + n, len - at - n);
		return len - n;
	case 2: /* put a piece of another in */
		other = draw_seed();
		n = other->len < max - len ? other->len : max - len;
		memmove(data + at + n, data + at, len - at);
		memcpy(data + at, other->data, n);
		return len + n;
	case 3: /* the length of version 2 */
		if (len > 15)
			data[15] = (uint8_t)(data[15] + draw(5) - 2);
		return len;
	default:
		if (len)
			data[at] = (uint8_t)draw(256);
		return len;
	}
}

static void test_mutants(unsigned int n)
{
	uint8_t data[PROXY_BYTES_MAX + 64];
	struct proxy_header h;
	const struct test *seed;
	const char *bad = NULL, *why;
	unsigned int i, times, good = 0;
	size_t len;

	for (i = 0; !bad && i < n; i++) {
		seed = draw_seed();
		len = seed->len;
		memcpy(data, seed->data, len);
		for (times = draw(4); times; times--)
			len = mutate(data, len, sizeof(data));
		good += proxy_parse(data, len, &h, &why) > 0;
		bad = proxy_fuzz_run(data, len);
	}
	ok(!bad, "%u mutants, %u of them good%s%s", i, good, bad ? ": " : "",
	   bad ? bad : "");
	ok(good > n / 50 && good < n - n / 50, "both good and bad ones");
}

/* ---- lists of networks */

static void test_nets(void)
{
	static const struct {
		const char *list, *in, *out;
	} lists[] = {
		{"none", NULL, "192.0.2.1"},
		{"192.0.2.7", "192.0.2.7", "192.0.2.6"},
		{"10.0.0.0/8", "10.255.0.1", "11.0.0.1"},
		{"10.0.0.0/8,192.0.2.0/25", "192.0.2.127", "192.0.2.128"},
		{" 192.0.2.0/31 , 2001:db8::/32 ", "2001:db8:ff::1",
		 "2001:db9::1"},
		{"2001:db8::/33", "2001:db8:7fff::", "2001:db8:8000::"},
		{"0.0.0.0/0", "255.1.1.1", "::1"},
		{"::/0", "::1", "127.0.0.1"},
		{"192.0.2.1", "::ffff:192.0.2.1", "::ffff:192.0.2.2"},
		{"::1/128", "::1", "::"},
	};
	static const char *const bad[] = {
		"",
		",",
		"10.0.0.0/8,",
		"10.0.0.1/8",
		"10.0.0.1/33",
		"10.0.0.0/",
		"10.0.0.0/-1",
		"10.0.0.0/8x",
		"10.0.0.0/ 8",
		"10.0.0.0/0008",
		"10.0.0",
		"10.0.0.256",
		"localhost",
		"None",
		"none,10.0.0.0/8",
		"2001:db8::/129",
		"2001:db8::1/64",
		"::ffff:10.0.0.0/104",
		"[::1]",
		"fe80::1%lo",
		"10.0.0.1:80",
		"10.0.0.1 10.0.0.2",
		"10.0.0.0/8/8",
		"1111111111111111111111111111111111111111111111111111111111",
	};
	struct nets nets;
	union inet_addr a;
	char why[512];
	const char *text[2];
	unsigned int i, j;
	bool six;

	for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		ok(!nets_parse(&nets, lists[i].list, why, sizeof(why)),
		   "\"%s\" is a list", lists[i].list);
		text[0] = lists[i].in;
		text[1] = lists[i].out;
		for (j = 0; j < 2; j++) {
			if (!text[j])
				continue;
			six = strchr(text[j], ':');
			memset(&a, 0, sizeof(a));
			a.sa.sa_family = six ? AF_INET6 : AF_INET;
			inet_pton(a.sa.sa_family, text[j],
				  six ? (void *)&a.in6.sin6_addr
				      : (void *)&a.in.sin_addr);
			ok(nets_has(&nets, &a) == !j, "... %s is%s in it",
			   text[j], j ? " not" : "");
		}
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		*why = '\0';
		ok(nets_parse(&nets, bad[i], why, sizeof(why)) == -EINVAL &&
			   strstr(why, "want"),
		   "\"%s\": %s", bad[i], why);
	}
}

int main(void)
{
	size_t i;

	for (i = 0; i < sizeof(v1) / sizeof(v1[0]); i++)
		judge("version 1", &v1[i]);
	for (i = 0; i < sizeof(v2) / sizeof(v2[0]); i++)
		judge("version 2", &v2[i]);
	for (i = 0; i < sizeof(tlvs) / sizeof(tlvs[0]); i++)
		judge("TLV", &tlvs[i]);
	test_sub_tlvs();
	test_fields();
	test_checksum();
	test_mutants(100000);
	test_nets();
	return tap_done();
}
