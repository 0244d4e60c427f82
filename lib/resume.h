/* SPDX-License-Identifier: MIT */
/*
 * resume.h - sessions that clients resume: with which tickets, and where
 *
 * Stateless only (RFC 5077, RFC 8446 section 4.6.1): the helper keeps nothing
 * of a session but the keys of tickets.h.
 */
#ifndef KTLSHIM_RESUME_H
#define KTLSHIM_RESUME_H

#include "conf_file.h"
#include "names.h"
#include "tickets.h"

/* What a session is bound to, for a context's connections */
struct resume {
	unsigned char settings[32]; /* a digest */
	const struct names *names;
	const struct name *preset;
};

/**
 * resume_open() - bind a context's sessions to its settings and certificates
 * @r:      lives as long as @ssl
 * @names:  its certificates by name; this and
 * @preset: those for other names may still change, until connections come
 * @who:    the digest of verify_open()
 *
 * A session is resumed where the certificates, the name that the client asks for
 * and OpenSSL's settings (client certificates and ciphers are among them) are those
 * of its first handshake, be it by another listener or another helper.
 *
 * Return: 0 or -EINVAL, it has been told why.
 */
int resume_open(struct resume *r, SSL_CTX *ssl, const struct conf_site *site,
		const struct names *names, const struct name *preset,
		const unsigned char *who, struct conf_problems *problems);

/** resume_use_keys() - tickets_use(), while other threads make tickets */
void resume_use_keys(const struct ticket_keys *keys, unsigned int lifetime_s);

/** resume_host() - the host name that the client asks for, or NULL */
const char *resume_host(const SSL *ssl);

/** resume_serve() - let a context encrypt and decrypt tickets (helper) */
void resume_serve(SSL_CTX *ssl, const struct conf *conf);

/**
 * resume_keys() - read the file of ticket keys, if there is one
 * @files: gets it
 *
 * Return: 0 with @keys, or NULL for our own; or -errno, it has been told why.
 */
int resume_keys(struct ticket_keys **keys, const struct conf *conf,
		struct files *files, struct conf_problems *problems);

/** resume_tick() - cleanse what has had its time. Return: ms until it is wanted
 * again; -1: it is not. */
int resume_tick(void);

#endif
