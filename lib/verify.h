/* SPDX-License-Identifier: MIT */
/*
 * verify.h - client certificates: what SSL_CONF has no command for
 */
#ifndef KTLSHIM_VERIFY_H
#define KTLSHIM_VERIFY_H

#include <openssl/ssl.h>

#include "conf_file.h"

/**
 * verify_open() - after the SSL_CONF commands: revocation lists, depth, and
 * what has to be so that a client is really asked and really judged
 * @files:  gets all that was read
 * @digest: VERIFY_DIGEST_BYTES, of all that says who is let in; a session holds
 *          where it is the same
 *
 * Return: 0 or -errno; it has been told why.
 */
#define VERIFY_DIGEST_BYTES 32
int verify_open(SSL_CTX *ssl, const struct conf_site *site,
		struct files *files, unsigned char *digest,
		struct conf_problems *problems);

#endif
