/* SPDX-License-Identifier: MIT */
/*
 * peer.h - what the log says of a client and its certificate
 *
 * All of it is the client's own word until it has been verified: what is not
 * printable is escaped.
 */
#ifndef KTLSHIM_PEER_H
#define KTLSHIM_PEER_H

#include <openssl/ssl.h>

/** peer_refused() - why its certificate is not good */
void peer_refused(X509_STORE_CTX *store, char *out, size_t bytes);

/** peer_no_protocol() - @names of a client (ALPN) with none that we have */
void peer_no_protocol(const unsigned char *names, unsigned int len, char *out,
		      size_t bytes);

/** peer_describe() - " alpn h2 client CN=alice: ok", as far as there is any */
void peer_describe(const SSL *ssl, char *out, size_t bytes);

#endif
