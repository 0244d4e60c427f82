/* SPDX-License-Identifier: MIT */
/*
 * hkdf.h - TLS 1.3's key schedule for OpenSSL, in two thirds of the time
 *
 * OpenSSL 3.0 derives 27 secrets and keys in a handshake and looks up the hash and
 * makes half a dozen contexts for each. This is the same KDF, TLS13-KDF (RFC 8446
 * section 7.1, RFC 5869), on OpenSSL's own SHA-256 and SHA-384. It stands
 * beside OpenSSL's, in a provider of its own (provider(7)), and is preferred by whoever
 * asks with HKDF_PROPERTIES. TLS 1.3 has no suite with another hash (RFC 8446 B.4).
 */
#ifndef KTLSHIM_HKDF_H
#define KTLSHIM_HKDF_H

/* Not required: what a configuration demands (FIPS) goes before. */
#define HKDF_PROPERTIES "?provider=ktlshim"

/** hkdf_open() - once, before the first SSL_CTX; failing costs speed only */
void hkdf_open(void);

/** hkdf_close() - at the end; there are no handshakes any more */
void hkdf_close(void);

#endif
