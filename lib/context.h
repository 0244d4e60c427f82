/* SPDX-License-Identifier: MIT */
/*
 * context.h - what all connections of a listener share: settings, certificates
 *
 * For the helper, which serves with it, and the command, which only wants to
 * know whether it would do. Never linked into the shim.
 */
#ifndef KTLSHIM_CONTEXT_H
#define KTLSHIM_CONTEXT_H

#include <openssl/types.h>

#include "conf_file.h"

struct context;

/**
 * context_open() - load certificates, apply the SSL_CONF commands
 *
 * Return: 0, or -errno: -EACCES or -ENOENT of a file, -EINVAL of its contents;
 * it has been told why.
 */
int context_open(struct context **ctx, const struct conf_site *site,
		 struct conf_problems *problems);
void context_close(struct context *ctx);

/** context_certs() - its certificates, NULL behind the last */
struct cert;
struct cert *const *context_certs(const struct context *ctx);

SSL_CTX *context_ssl(const struct context *ctx);

/** context_pads() - is RecordPadding set? The kernel does not pad. */
bool context_pads(const struct context *ctx);

#endif
