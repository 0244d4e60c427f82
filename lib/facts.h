/* SPDX-License-Identifier: MIT */
/*
 * facts.h - what is known of a connection once its handshake is done
 *
 * The helper gathers it, once, for the log and for the daemon. Text is always
 * ended, and never has a control character; all but common_name and alpn is
 * ASCII. "" where there is nothing.
 */
#ifndef KTLSHIM_FACTS_H
#define KTLSHIM_FACTS_H

#include <stdbool.h>
#include <stddef.h>

/* What ends a name that is too long: no name in RFC 2253's form can have it. */
#define FACTS_CUT ",..."

struct facts {
	char version[12]; /* "TLSv1.3" */
	char cipher[48];  /* OpenSSL's name */
	/* The host that the client asked for. '?' stands for what is in no host's
	 * name, so what is hostile is none, and can be logged. */
	char sni[256];
	char alpn[256]; /* the protocol agreed on: one of our setting's */
	/* Of our certificate: "RSA2048", "EC256"; "RSA-SHA256" */
	char key_alg[24], sig_alg[48];
	bool resumed;
	bool asked;	 /* was the client asked for a certificate? */
	bool has_client; /* and has one; also when it comes back */
	int verify;	 /* X509_V_OK (0), or why it is not good */
	char verify_text[96];	/* the same in OpenSSL's words */
	char subject[1024];	/* RFC 2253, or cut, see above */
	char issuer[1024];
	char common_name[256]; /* UTF-8; the subject's first; not cut but left out */
	char fingerprint[65];  /* SHA-256 of the certificate, hex in lower case */
};

/**
 * facts_pack() - as text with NULs in it, as short as can be
 * @out: FACTS_PACKED_MAX
 *
 * Return: bytes.
 */
#define FACTS_PACKED_MAX (sizeof(struct facts) + 16)
size_t facts_pack(const struct facts *facts, char *out);

/** facts_unpack() - @in may be anything. Return: is it what facts_pack() made? */
bool facts_unpack(const char *in, size_t bytes, struct facts *facts);

/** facts_is_host() - has the client asked for what can be a host? */
static inline bool facts_is_host(const struct facts *facts)
{
	const char *p = facts->sni;

	while (*p && *p != '?')
		p++;
	return *facts->sni && !*p;
}

#endif
