/* SPDX-License-Identifier: MIT */
/*
 * proxy.h - the PROXY protocol's header: read it, write it
 *
 * Versions 1 (a line) and 2 (binary), as haproxy's proxy-protocol.txt has them.
 * Pure functions: bytes in, bytes out.
 */
#ifndef KTLSHIM_PROXY_H
#define KTLSHIM_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto.h"

#define PROXY_V1_BYTES 107 /* a line of version 1, CRLF included */
/* Version 2 could be 65,551. Nobody's are near this. */
#define PROXY_BYTES_MAX 4096

#define PROXY_CLIENT_SSL 1       /* the client speaks TLS */
#define PROXY_CLIENT_CERT_CONN 2 /* it has shown a certificate */
#define PROXY_CLIENT_CERT_SESS 4 /* ... or did when the session began */

struct proxy_bytes {
	const uint8_t *data;
	size_t len; /* 0: not there */
};

struct proxy_header {
	/* Both of one family, IPv4 or IPv6; sa_family 0: those of the socket
	 * hold (LOCAL, UNKNOWN, UNSPEC, UNIX) */
	union inet_addr src, dst;
	/* Version 2, what is there of it; parsed: in the header's own bytes */
	struct proxy_bytes alpn, authority, unique_id, netns;
	bool ssl, crc;   /* are there such TLVs? */
	uint8_t client;  /* ssl: PROXY_CLIENT_* */
	uint32_t verify; /* ssl: 0: its certificate is good */
	struct proxy_bytes version, cn, cipher, sig_alg, key_alg; /* ssl */
};

/**
 * proxy_parse() - read a header at the beginning of @data
 * @out: filled in when there is one
 * @why: what is wrong, static text
 *
 * Return: its length; -EAGAIN: so far it could be one, and all of @data is part
 * of it; -EINVAL: it is none, or a wrong one.
 */
int proxy_parse(const uint8_t *data, size_t len, struct proxy_header *out,
		const char **why);

/**
 * proxy_write_v1() - a line with the addresses
 * @out: PROXY_V1_BYTES
 *
 * Return: its length.
 */
size_t proxy_write_v1(const struct proxy_header *h, uint8_t *out);

/**
 * proxy_write_v2() - all that is there, with a checksum
 * @out: PROXY_BYTES_MAX; fields that do not fit are left out
 *
 * Return: its length.
 */
size_t proxy_write_v2(const struct proxy_header *h, uint8_t *out);

#endif
