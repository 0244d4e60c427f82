/* SPDX-License-Identifier: MIT */
/*
 * ocsp.h - an OCSP response that is sent along with a certificate (stapling)
 */
#ifndef KTLSHIM_OCSP_H
#define KTLSHIM_OCSP_H

#include <openssl/ssl.h>
#include <time.h>

#include "reading.h"

struct ocsp;

/**
 * ocsp_read() - read a response, look whether it is for this certificate
 * @r:     the file
 * @chain: where the certificate's issuer may be
 *
 * One that is out of its time, or for another certificate, is none the less taken:
 * see ocsp_problem().
 *
 * Return: 0, or -errno; the sentence is in r->why.
 */
int ocsp_read(struct ocsp **out, const struct reading *r, X509 *x509,
	      STACK_OF(X509) *chain);
void ocsp_free(struct ocsp *o);

/**
 * ocsp_problem() - what clients would not like about it
 * @out: 128 bytes for e.g. "expired on 2026-01-01; it is not sent"
 *
 * Return: is there anything?
 */
bool ocsp_problem(const struct ocsp *o, char *out);

/** ocsp_describe() - "good, until 2026-01-01"; @out has 128 bytes */
void ocsp_describe(const struct ocsp *o, char *out);

/** ocsp_is_told() - has this been asked before? */
bool ocsp_is_told(struct ocsp *o);

/** ocsp_staple() - send it with the handshake, if it is in its time.
 * Return: is it? */
bool ocsp_staple(const struct ocsp *o, SSL *ssl);

#endif
