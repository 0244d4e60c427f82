/* SPDX-License-Identifier: MIT */
/*
 * peer.h - what is said of a client and its certificate
 *
 * All of it is the client's own word until it has been verified: what is not
 * printable is escaped.
 */
#ifndef KTLSHIM_PEER_H
#define KTLSHIM_PEER_H

#include <openssl/ssl.h>

#include "facts.h"

/** peer_refused() - why its certificate is not good */
void peer_refused(X509_STORE_CTX *store, char *out, size_t bytes);

/** peer_no_protocol() - @names of a client (ALPN) with none that we have */
void peer_no_protocol(const unsigned char *names, unsigned int len, char *out,
		      size_t bytes);

/**
 * peer_host() - a host name of a client's, for eyes: what is in no host's name
 * becomes '?'
 * @bytes: of @out; PEER_LOG_BYTES for a line of the log
 */
#define PEER_LOG_BYTES 101
void peer_host(const char *name, char *out, size_t bytes);

/** peer_facts() - all about its certificate; @facts has "" and 0 there */
void peer_facts(const SSL *ssl, struct facts *facts);

#endif
