/* SPDX-License-Identifier: MIT */
/*
 * certs.h - certificate chains and their private keys
 *
 * Used by the helper, which serves with them, and by the command, which only
 * wants to know whether they would do. Never linked into the shim.
 */
#ifndef KTLSHIM_CERTS_H
#define KTLSHIM_CERTS_H

#include <stdatomic.h>

#include <openssl/ssl.h>

#include "conf_file.h"
#include "files.h"
#include "ocsp.h"
#include "reading.h"

struct cert {
	atomic_uint refs; /* contexts drop theirs in any thread */
	char *path, *key_path;
	struct file_id id, key_id;
	X509 *x509;
	unsigned char digest[32]; /* of x509, SHA-256 */
	STACK_OF(X509) *chain; /* what follows it in the file, maybe empty */
	EVP_PKEY *key;
	char *ocsp_path; /* where its OCSP response is or might be, or NULL */
	struct file_id ocsp_id;
	struct ocsp *ocsp; /* or NULL */
};

/* What to read, and which settings say so */
struct cert_source {
	const char *where; /* e.g. "FILE:12: cert" */
	const char *path;
	const char *key_where;
	const char *key_path; /* NULL: in the same file, or beside it */
	const char *ocsp_where;
	const char *ocsp_path; /* NULL: beside it, if at all */
	/* for a key that is encrypted: a file's first line, or a command's */
	const char *passphrase_file, *passphrase_command;
};

/**
 * cert_read() - read chain and key, check that they belong together
 * @out: with one reference
 * @why: CONF_WHY_BYTES for the reason of a failure: one sentence, naming the
 *       setting and the file, without line end
 *
 * Security: bytes of the files are neither printed nor logged. Nobody is ever
 * asked for a passphrase. The OpenSSL error queue is empty afterwards.
 *
 * Return: 0, or -errno: that of open(2) for a file that cannot be read,
 * -EISDIR for a directory, -EINVAL for contents that do not serve.
 */
int cert_read(struct cert **out, const struct cert_source *source, char *why);
struct cert *cert_hold(struct cert *c);
void cert_drop(struct cert *c);

/** cert_has_changed() - have its files, since they were read? */
bool cert_has_changed(const struct cert *c);

/** cert_ocsp_path() - where an OCSP response for it may be; to be freed, or NULL */
char *cert_ocsp_path(const struct cert_source *s);

/** cert_is_from() - do its files have the names that the settings say? */
bool cert_is_from(const struct cert *c, const struct cert_source *s);

/** cert_use() - let a connection serve with it. Return: 1 or 0, as OpenSSL. */
int cert_use(const struct cert *c, SSL *ssl);

/** cert_use_always() - the same for all connections of a context */
int cert_use_always(const struct cert *c, SSL_CTX *ctx);

/**
 * cert_type() - of its key: one certificate of each can serve a name
 *
 * Return: -1 for a type that TLS does not know.
 */
enum { CERT_RSA, CERT_RSA_PSS, CERT_EC, CERT_ED25519, CERT_ED448, CERT_TYPES };
int cert_type(const struct cert *c);

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

/** dates_expired() - the same for anything; @to: NULL if it has no end */
int dates_expired(const ASN1_TIME *from, const ASN1_TIME *to, char *date);

/**
 * cert_warn_dates() - log what clients will refuse
 *
 * No failure: whether to accept it is the client's decision.
 */
void cert_warn_dates(const struct cert *c);

/** cert_warn_ocsp() - and why its OCSP response is not sent; once */
void cert_warn_ocsp(const struct cert *c);

#endif
