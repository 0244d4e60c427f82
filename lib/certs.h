/* SPDX-License-Identifier: MIT */
/*
 * certs.h - the certificate chain and the private key of a server
 *
 * Used by the helper, which serves with them, and by the command, which only
 * wants to know whether they would do. Never linked into the shim.
 */
#ifndef KTLSHIM_CERTS_H
#define KTLSHIM_CERTS_H

#include <openssl/types.h>

/**
 * certs_load() - load chain and key, check that they belong together
 * @ctx:  a new context; to be freed, not used, when this fails
 * @cert: path of the PEM file with the certificate, then its chain
 * @key:  path of the PEM file with the private key, without a passphrase
 * @why:  CONF_WHY_BYTES (conf.h) for the reason of a failure: one sentence
 *        naming the file, without line end
 *
 * A certificate that has expired or is not yet valid is a warning in the log,
 * not a failure: whether to accept it is the client's decision.
 *
 * Security: bytes of the files are neither printed nor logged. Nobody is ever
 * asked for a passphrase. The OpenSSL error queue is empty afterwards.
 *
 * Return: 0, or -errno: that of open(2) for a file that cannot be read,
 * -EISDIR for a directory, -EINVAL for contents that do not serve.
 */
int certs_load(SSL_CTX *ctx, const char *cert, const char *key, char *why);

#endif
