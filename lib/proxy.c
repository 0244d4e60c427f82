// SPDX-License-Identifier: MIT
/*
 * proxy.c - the PROXY protocol's header: read it, write it
 *
 * Section numbers are those of haproxy's proxy-protocol.txt.
 */
#include "proxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Section 2.2 */
static const uint8_t signature[12] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
				      0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};
#define V2_FIXED_BYTES 16
enum { V2_LOCAL = 0x20, V2_PROXY = 0x21 };

enum family { UNSPEC, INET, INET6, UNIX, FAMILY_COUNT };
enum transport { NONE, STREAM, DGRAM, TRANSPORT_COUNT };

/* of both addresses and ports */
static const unsigned int address_bytes[FAMILY_COUNT] = {
	[INET] = 12, [INET6] = 36, [UNIX] = 216};

enum type {
	TYPE_ALPN = 0x01,
	TYPE_AUTHORITY = 0x02,
	TYPE_CRC32C = 0x03,
	TYPE_NOOP = 0x04,
	TYPE_UNIQUE_ID = 0x05,
	TYPE_SSL = 0x20,
	TYPE_SSL_VERSION = 0x21,
	TYPE_SSL_CN = 0x22,
	TYPE_SSL_CIPHER = 0x23,
	TYPE_SSL_SIG_ALG = 0x24,
	TYPE_SSL_KEY_ALG = 0x25,
	TYPE_NETNS = 0x30,
};
#define TLV_BYTES 3 /* type and length */
#define SSL_BYTES 5 /* client and verify */
#define CRC_BYTES 4

enum what { ANYTHING, ASCII, UTF8 };

/* Those that are kept. Any other is passed over. */
struct field {
	uint8_t type;
	bool of_ssl;
	enum what what;
	size_t max, offset; /* of the bytes, in struct proxy_header */
	const char *wrong;
};
#define FIELD(m) offsetof(struct proxy_header, m)
static const struct field fields[] = {
	{TYPE_ALPN, false, ANYTHING, 255, FIELD(alpn),
	 "the PROXY header's ALPN is wrong"},
	{TYPE_AUTHORITY, false, UTF8, 255, FIELD(authority),
	 "the PROXY header's AUTHORITY is wrong"},
	{TYPE_UNIQUE_ID, false, ANYTHING, 128, FIELD(unique_id),
	 "the PROXY header's UNIQUE_ID is wrong"},
	{TYPE_NETNS, false, ASCII, 255, FIELD(netns),
	 "the PROXY header's NETNS is wrong"},
	{TYPE_SSL_VERSION, true, ASCII, 255, FIELD(version),
	 "the PROXY header's SSL_VERSION is wrong"},
	{TYPE_SSL_CN, true, UTF8, 1024, FIELD(cn),
	 "the PROXY header's SSL_CN is wrong"},
	{TYPE_SSL_CIPHER, true, ASCII, 255, FIELD(cipher),
	 "the PROXY header's SSL_CIPHER is wrong"},
	{TYPE_SSL_SIG_ALG, true, ASCII, 255, FIELD(sig_alg),
	 "the PROXY header's SSL_SIG_ALG is wrong"},
	{TYPE_SSL_KEY_ALG, true, ASCII, 255, FIELD(key_alg),
	 "the PROXY header's SSL_KEY_ALG is wrong"},
};
#define FIELDS (sizeof(fields) / sizeof(fields[0]))

static struct proxy_bytes *bytes_of(struct proxy_header *h,
				    const struct field *f)
{
	return (struct proxy_bytes *)((char *)h + f->offset);
}

/* RFC 4960 appendix B: Castagnoli's polynomial, bits in reverse */
static uint32_t crc32c(uint32_t crc, const uint8_t *data, size_t len)
{
	int bit;

	while (len--) {
		crc ^= *data++;
		for (bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
	}
	return crc;
}

/* Of a header, with zeros for the checksum at @at */
static uint32_t checksum(const uint8_t *data, size_t len, size_t at)
{
	static const uint8_t zeros[CRC_BYTES];
	uint32_t crc = crc32c(~0u, data, at);

	crc = crc32c(crc, zeros, CRC_BYTES);
	return ~crc32c(crc, data + at + CRC_BYTES, len - at - CRC_BYTES);
}

static unsigned int get16(const uint8_t *p)
{
	return (unsigned int)p[0] << 8 | p[1];
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

/* ---- version 1 */

/* Does a word of [@p, @end) come, with the one space or the end behind it? */
static bool word(const char **p, const char *end, char *out, size_t bytes)
{
	const char *space = memchr(*p, ' ', (size_t)(end - *p));
	size_t n = (size_t)((space ? space : end) - *p);

	if (!n || n >= bytes || memchr(*p, '\0', n))
		return false;
	memcpy(out, *p, n);
	out[n] = '\0';
	*p = space ? space + 1 : end;
	return true;
}

static bool v1_port(const char *text, in_port_t *port)
{
	size_t n = strspn(text, "0123456789"), i;
	unsigned int v = 0;

	if (!n || n > 5 || text[n] || (n > 1 && *text == '0'))
		return false;
	for (i = 0; i < n; i++)
		v = 10 * v + (unsigned int)(text[i] - '0');
	*port = htons((uint16_t)v);
	return v <= 65535;
}

static bool v1_address(const char *text, int family, union inet_addr *a)
{
	a->sa.sa_family = (sa_family_t)family;
	return inet_pton(family, text,
			 family == AF_INET6 ? (void *)&a->in6.sin6_addr
					    : (void *)&a->in.sin_addr) == 1;
}

static int wrong(const char **why, const char *what)
{
	*why = what;
	return -EINVAL;
}

/* The line behind "PROXY ", without CRLF */
static int v1_line(const char *p, const char *end, struct proxy_header *out,
		   const char **why)
{
	char text[4][INET6_ADDRSTRLEN], protocol[8];
	bool last;
	int family, i;

	last = !memchr(p, ' ', (size_t)(end - p));
	if (!word(&p, end, protocol, sizeof(protocol)))
		return wrong(why, "the PROXY header names no protocol");
	/* what follows is to be ignored */
	if (!strcmp(protocol, "UNKNOWN"))
		return 0;
	family = !strcmp(protocol, "TCP4")   ? AF_INET
		 : !strcmp(protocol, "TCP6") ? AF_INET6
					     : AF_UNSPEC;
	if (family == AF_UNSPEC)
		return wrong(why, "the PROXY header's protocol is not TCP4, "
				  "TCP6 or UNKNOWN");
	for (i = 0; i < 4; i++) {
		if (last || !word(&p, end, text[i], sizeof(text[i])))
			return wrong(why, "the PROXY header is not two "
					  "addresses and two ports");
		last = p == end && end[-1] != ' ';
	}
	if (!last)
		return wrong(why, "the PROXY header goes on behind its ports");
	if (!v1_address(text[0], family, &out->src) ||
	    !v1_address(text[1], family, &out->dst))
		return wrong(why, "the PROXY header has a wrong address");
	if (!v1_port(text[2], &out->src.in.sin_port) ||
	    !v1_port(text[3], &out->dst.in.sin_port))
		return wrong(why, "the PROXY header has a wrong port");
	return 0;
}

#define V1_BEGIN "PROXY "
#define V1_BEGIN_BYTES (sizeof(V1_BEGIN) - 1)

static int v1_parse(const char *data, size_t len, struct proxy_header *out,
		    const char **why)
{
	size_t n = V1_BEGIN_BYTES;
	int ret;

	while (n < len && n < PROXY_V1_BYTES - 1 && data[n] != '\r' &&
	       data[n] != '\n')
		n++;
	if (n == PROXY_V1_BYTES - 1)
		return wrong(why, "the PROXY header is longer than 107 bytes");
	if (n < len && data[n] == '\n')
		return wrong(why, "the PROXY header ends without CR");
	if (n + 1 >= len)
		return -EAGAIN;
	if (data[n + 1] != '\n')
		return wrong(why, "the PROXY header ends without LF");
	ret = v1_line(data + V1_BEGIN_BYTES, data + n, out, why);
	return ret ? ret : (int)n + 2;
}

/* ---- version 2 */

static bool is_text(const uint8_t *p, size_t len, enum what what)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (p[i] < ' ' || p[i] == 0x7f ||
		    (what == ASCII && p[i] > 0x7f))
			return false;
	return true;
}

static int v2_field(uint8_t type, bool of_ssl, const uint8_t *value, size_t n,
		    struct proxy_header *out, const char **why)
{
	const struct field *f;
	struct proxy_bytes *b;

	for (f = fields; f < fields + FIELDS; f++)
		if (f->type == type && f->of_ssl == of_ssl)
			break;
	if (f == fields + FIELDS)
		return 0;
	b = bytes_of(out, f);
	if (b->len || !n || n > f->max ||
	    (f->what != ANYTHING && !is_text(value, n, f->what)))
		return wrong(why, f->wrong);
	*b = (struct proxy_bytes){value, n};
	return 0;
}

/* The length of the TLV at @p, or 0: it does not fit */
static size_t tlv_bytes(const uint8_t *p, const uint8_t *end)
{
	size_t n = end - p >= TLV_BYTES ? TLV_BYTES + get16(p + 1) : 0;

	return n <= (size_t)(end - p) ? n : 0;
}

/* Section 2.2.6 */
static int v2_ssl(const uint8_t *p, size_t len, struct proxy_header *out,
		  const char **why)
{
	const uint8_t *end = p + len;
	size_t n;
	int ret = 0;

	if (out->ssl || len < SSL_BYTES)
		return wrong(why, "the PROXY header's SSL is wrong");
	out->ssl = true;
	out->client = p[0];
	out->verify = get32(p + 1);
	for (p += SSL_BYTES; !ret && p < end; p += n) {
		n = tlv_bytes(p, end);
		if (!n)
			return wrong(why, "a field of the PROXY header's SSL "
					  "is cut off");
		ret = v2_field(p[0], true, p + TLV_BYTES, n - TLV_BYTES, out,
			       why);
	}
	return ret;
}

static int v2_tlvs(const uint8_t *data, size_t off, size_t len,
		   struct proxy_header *out, const char **why)
{
	const uint8_t *p = data + off, *end = data + len, *value;
	size_t n, crc_at = 0;
	int ret = 0;

	for (; !ret && p < end; p += n) {
		n = tlv_bytes(p, end);
		if (!n)
			return wrong(why, "a field of the PROXY header is cut "
					  "off");
		value = p + TLV_BYTES;
		switch (p[0]) {
		case TYPE_CRC32C:
			if (crc_at || n != TLV_BYTES + CRC_BYTES)
				return wrong(why, "the PROXY header's CRC32C "
						  "is wrong");
			crc_at = (size_t)(value - data);
			break;
		case TYPE_SSL:
			ret = v2_ssl(value, n - TLV_BYTES, out, why);
			break;
		default:
			ret = v2_field(p[0], false, value, n - TLV_BYTES, out,
				       why);
		}
	}
	if (ret || !crc_at)
		return ret;
	out->crc = true;
	return get32(data + crc_at) == checksum(data, len, crc_at)
		       ? 0
		       : wrong(why, "the PROXY header does not match its "
				    "CRC32C");
}

static void v2_addresses(enum family family, const uint8_t *p,
			 struct proxy_header *out)
{
	if (family == INET) {
		out->src.in.sin_family = out->dst.in.sin_family = AF_INET;
		memcpy(&out->src.in.sin_addr, p, 4);
		memcpy(&out->dst.in.sin_addr, p + 4, 4);
		memcpy(&out->src.in.sin_port, p + 8, 2);
		memcpy(&out->dst.in.sin_port, p + 10, 2);
	} else if (family == INET6) {
		out->src.in6.sin6_family = out->dst.in6.sin6_family = AF_INET6;
		memcpy(&out->src.in6.sin6_addr, p, 16);
		memcpy(&out->dst.in6.sin6_addr, p + 16, 16);
		memcpy(&out->src.in6.sin6_port, p + 32, 2);
		memcpy(&out->dst.in6.sin6_port, p + 34, 2);
	}
}

/*
 * What is a datagram to the balancer (QUIC) is a stream when it comes here: the
 * client's address is right. Without addresses of known length nobody knows
 * where the TLVs begin.
 */
static int v2_parse(const uint8_t *data, size_t len, struct proxy_header *out,
		    const char **why)
{
	size_t total;
	unsigned int family, transport;

	if (len > 12 && data[12] >> 4 != 2)
		return wrong(why, "the PROXY header's version is not 2");
	if (len > 12 && data[12] != V2_LOCAL && data[12] != V2_PROXY)
		return wrong(why, "the PROXY header's command is neither LOCAL "
				  "nor PROXY");
	if (len < V2_FIXED_BYTES)
		return -EAGAIN;
	family = data[13] >> 4;
	transport = data[13] & 15;
	total = V2_FIXED_BYTES + get16(data + 14);
	if (total > PROXY_BYTES_MAX)
		return wrong(why, "the PROXY header is longer than 4096 bytes");
	if (data[12] == V2_LOCAL)
		return len < total ? -EAGAIN : (int)total;
	if (family >= FAMILY_COUNT)
		return wrong(why, "the PROXY header's address family is wrong");
	if (transport >= TRANSPORT_COUNT)
		return wrong(why, "the PROXY header's transport is wrong");
	if (family == UNSPEC || transport == NONE)
		return len < total ? -EAGAIN : (int)total;
	if (total < V2_FIXED_BYTES + address_bytes[family])
		return wrong(why, "the PROXY header is too short for its "
				  "addresses");
	if (len < total)
		return -EAGAIN;
	v2_addresses(family, data + V2_FIXED_BYTES, out);
	return v2_tlvs(data, V2_FIXED_BYTES + address_bytes[family], total, out,
		       why)
		       ? -EINVAL
		       : (int)total;
}

static bool begins(const uint8_t *data, size_t len, const void *with, size_t n)
{
	return !memcmp(data, with, len < n ? len : n);
}

int proxy_parse(const uint8_t *data, size_t len, struct proxy_header *out,
		const char **why)
{
	memset(out, 0, sizeof(*out));
	if (!len)
		return -EAGAIN;
	if (begins(data, len, V1_BEGIN, V1_BEGIN_BYTES))
		return len < V1_BEGIN_BYTES
			       ? -EAGAIN
			       : v1_parse((const char *)data, len, out, why);
	if (begins(data, len, signature, sizeof(signature)))
		return v2_parse(data, len, out, why);
	return wrong(why, "no PROXY header");
}

/* ---- writing */

size_t proxy_write_v1(const struct proxy_header *h, uint8_t *out)
{
	char src[INET6_ADDRSTRLEN], dst[INET6_ADDRSTRLEN];
	char line[PROXY_V1_BYTES + 1];
	int family = h->src.sa.sa_family, n;

	if (family == AF_INET6) {
		inet_ntop(family, &h->src.in6.sin6_addr, src, sizeof(src));
		inet_ntop(family, &h->dst.in6.sin6_addr, dst, sizeof(dst));
	} else if (family == AF_INET) {
		inet_ntop(family, &h->src.in.sin_addr, src, sizeof(src));
		inet_ntop(family, &h->dst.in.sin_addr, dst, sizeof(dst));
	} else {
		memcpy(out, "PROXY UNKNOWN\r\n", 15);
		return 15;
	}
	n = snprintf(line, sizeof(line), "PROXY TCP%c %s %s %u %u\r\n",
		     family == AF_INET6 ? '6' : '4', src, dst,
		     ntohs(h->src.in.sin_port), ntohs(h->dst.in.sin_port));
	memcpy(out, line, (size_t)n);
	return (size_t)n;
}

static void put16(uint8_t *p, size_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

static size_t put_tlv(uint8_t *out, size_t n, uint8_t type, const void *value,
		      size_t len)
{
	if (!len || n + TLV_BYTES + len > PROXY_BYTES_MAX)
		return n;
	out[n] = type;
	put16(out + n + 1, len);
	memcpy(out + n + TLV_BYTES, value, len);
	return n + TLV_BYTES + len;
}

static size_t put_fields(uint8_t *out, size_t n, const struct proxy_header *h,
			 bool of_ssl)
{
	const struct field *f;
	const struct proxy_bytes *b;

	for (f = fields; f < fields + FIELDS; f++) {
		b = (const struct proxy_bytes *)((const char *)h + f->offset);
		if (f->of_ssl == of_ssl && b->len <= f->max)
			n = put_tlv(out, n, f->type, b->data, b->len);
	}
	return n;
}

static size_t put_addresses(uint8_t *out, const struct proxy_header *h)
{
	if (h->src.sa.sa_family == AF_INET6) {
		out[13] = INET6 << 4 | STREAM;
		memcpy(out + 16, &h->src.in6.sin6_addr, 16);
		memcpy(out + 32, &h->dst.in6.sin6_addr, 16);
		memcpy(out + 48, &h->src.in6.sin6_port, 2);
		memcpy(out + 50, &h->dst.in6.sin6_port, 2);
		return V2_FIXED_BYTES + address_bytes[INET6];
	}
	out[13] = INET << 4 | STREAM;
	memcpy(out + 16, &h->src.in.sin_addr, 4);
	memcpy(out + 20, &h->dst.in.sin_addr, 4);
	memcpy(out + 24, &h->src.in.sin_port, 2);
	memcpy(out + 26, &h->dst.in.sin_port, 2);
	return V2_FIXED_BYTES + address_bytes[INET];
}

size_t proxy_write_v2(const struct proxy_header *h, uint8_t *out)
{
	uint8_t ssl[SSL_BYTES];
	size_t n = V2_FIXED_BYTES, crc_at, ssl_at;

	memset(out, 0, V2_FIXED_BYTES);
	memcpy(out, signature, sizeof(signature));
	out[12] = V2_LOCAL;
	if (h->src.sa.sa_family == AF_UNSPEC)
		return n;
	out[12] = V2_PROXY;
	n = put_addresses(out, h);
	crc_at = n + TLV_BYTES;
	n = put_tlv(out, n, TYPE_CRC32C, "\0\0\0", CRC_BYTES);
	if (h->ssl) {
		ssl_at = n;
		ssl[0] = h->client;
		put32(ssl + 1, h->verify);
		n = put_tlv(out, n, TYPE_SSL, ssl, sizeof(ssl));
		n = put_fields(out, n, h, true);
		put16(out + ssl_at + 1, n - ssl_at - TLV_BYTES);
	}
	n = put_fields(out, n, h, false);
	put16(out + 14, n - V2_FIXED_BYTES);
	put32(out + crc_at, checksum(out, n, crc_at));
	return n;
}
