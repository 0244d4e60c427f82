/* SPDX-License-Identifier: MIT */
/*
 * context.h - what all connections of a listener share: settings, certificates
 *
 * For the helper, which serves with it, and the command, which only wants to
 * know whether it would do. Never linked into the shim.
 */
#ifndef KTLSHIM_CONTEXT_H
#define KTLSHIM_CONTEXT_H

#include "certset.h"
#include "names.h"

struct context;

/**
 * context_open() - load certificates, apply the SSL_CONF commands
 * @ctx: with one reference
 * @all: gets the certificates, and the files that were read; may be shared by
 *       several contexts, and end before they do
 * @old: see certset_load()
 *
 * Return: 0, or -errno: -EACCES or -ENOENT of a file, -EINVAL of its contents;
 * it has been told why.
 */
int context_open(struct context **ctx, const struct conf_site *site,
		 struct certset *all, struct certset *old,
		 struct conf_problems *problems);
struct context *context_hold(struct context *ctx);
void context_drop(struct context *ctx);

/** context_log_keys() - write the keys of its connections down, if @site says
 * so. Return: 0, or -errno, which was told. */
int context_log_keys(struct context *ctx, const struct conf_site *site,
		     struct conf_problems *problems);
int context_keylog(const struct context *ctx); /* descriptor; < 0: none */

/** context_certs() - its certificates, in the order of the settings */
const struct certset *context_certs(const struct context *ctx);

/** context_names() - the host names it serves */
const struct names *context_names(const struct context *ctx);

/** context_alpn() - what it speaks, see conf.h */
const struct conf_alpn *context_alpn(const struct context *ctx);

SSL_CTX *context_ssl(const struct context *ctx);

/** context_pads() - is RecordPadding set? The kernel does not pad. */
bool context_pads(const struct context *ctx);

#endif
