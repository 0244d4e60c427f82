/* SPDX-License-Identifier: MIT */
/*
 * certs.h - the certificate chain and the private key of a server
 *
 * Used by the helper, which serves with them, and by the command, which only
 * wants to know whether they would do. Never linked into the shim.
 */
#ifndef KTLSHIM_CERTS_H
#define KTLSHIM_CERTS_H

#include <openssl/ssl.h>

#include "conf_file.h"

struct cert {
	char *path, *key_path;
	X509 *x509;
	STACK_OF(X509) *chain; /* what follows it in the file, maybe empty */
	EVP_PKEY *key;
};

/**
 * cert_read() - read chain and key, check that they belong together
 * @cert: names the PEM file with the certificate, then its chain
 * @key:  names the PEM file with the private key, without a passphrase
 * @why:  CONF_WHY_BYTES for the reason of a failure: one sentence, naming the
 *        setting and the file, without line end
 *
 * Security: bytes of the files are neither printed nor logged. Nobody is ever
 * asked for a passphrase. The OpenSSL error queue is empty afterwards.
 *
 * Return: 0, or -errno: that of open(2) for a file that cannot be read,
 * -EISDIR for a directory, -EINVAL for contents that do not serve.
 */
int cert_read(struct cert **out, const struct conf_value *cert,
	      const struct conf_value *key, char *why);
void cert_free(struct cert *c);

/** cert_use() - let a context serve with it; as cert_read() */
int cert_use(const struct cert *c, const struct conf_value *v, SSL_CTX *ctx,
	     char *why);

/**
 * cert_names() - call @each with every host name, until it returns non-zero
 *
 * DNS names of subjectAltName; without any, the common name (RFC 6125 section
 * 6.4.4). Return: what @each has returned last, or 0.
 */
int cert_names(const struct cert *c, int (*each)(void *arg, const char *name),
	       void *arg);

/**
 * cert_expired() - is it out of its time?
 * @date: 64 bytes for the date that matters
 *
 * Return: 1 it has expired, -1 it is not valid yet, 0 neither.
 */
int cert_expired(const X509 *x509, char *date);

/**
 * cert_warn_dates() - log what clients will refuse
 *
 * No failure: whether to accept it is the client's decision.
 */
void cert_warn_dates(const struct cert *c);

#endif
