/* SPDX-License-Identifier: MIT */
/*
 * certset.h - the certificates that the settings of a listener name
 */
#ifndef KTLSHIM_CERTSET_H
#define KTLSHIM_CERTSET_H

#include "certs.h"

struct certset {
	struct cert **list; /* each held once */
	size_t n;
	size_t cursor;	    /* where to look first */
	size_t n_read;	    /* of them: not taken over from before */
	struct files files; /* what was read for it */
};

/**
 * certset_load() - read the certificates of a listener
 * @out:  gets them, in the order of the settings
 * @all:  gets them as well; what is in it already is not read again
 * @old:  NULL, or those of before: what has not changed is not read again, and
 *        what cannot be read stays as it was
 * @trial: a connection with the listener's settings, to see whether each would do
 *
 * With @old a problem may be told and 0 be returned.
 *
 * Return: 0 or -errno.
 */
int certset_load(struct certset *out, struct certset *all, struct certset *old,
		 const struct conf_site *site, SSL *trial,
		 struct conf_problems *problems);

void certset_fini(struct certset *set);

#endif
