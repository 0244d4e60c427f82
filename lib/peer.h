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

/** peer_describe() - " client CN=alice: ok"; empty if nobody has asked it */
void peer_describe(const SSL *ssl, char *out, size_t bytes);

#endif
