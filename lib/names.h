/* SPDX-License-Identifier: MIT */
/*
 * names.h - which certificates serve a host name?
 */
#ifndef KTLSHIM_NAMES_H
#define KTLSHIM_NAMES_H

#include "certset.h"

/* A name, and its certificates, one for each type of key at most */
struct name {
	char *host; /* lower case; "*.example.com" for a wildcard */
	size_t order; /* in the settings */
	struct cert *certs[CERT_TYPES];
};

struct names {
	struct name *list; /* sorted */
	size_t n;
};

/**
 * names_open() - of all certificates; of two with the same name and type the
 * first counts
 *
 * The certificates are not held. Return: 0 or -ENOMEM.
 */
int names_open(struct names *names, const struct certset *certs);
void names_close(struct names *names);

/**
 * names_find() - for a name that a client has sent (RFC 6066 section 3)
 *
 * The name itself is stronger than a wildcard, which stands for one label at the
 * left (RFC 6125 section 6.4.3). Return: NULL when there is none.
 */
const struct name *names_find(const struct names *names, const char *host);

#endif
