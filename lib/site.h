/* SPDX-License-Identifier: MIT */
/*
 * site.h - which settings and certificates has a listener? (helper)
 */
#ifndef KTLSHIM_SITE_H
#define KTLSHIM_SITE_H

#include "conf_file.h"

struct site {
	const struct conf_site *conf;
	struct context *ctx; /* NULL: not wanted so far */
};

/**
 * sites_open() - take the settings over
 * @conf: is the sites' from here on
 *
 * Return: 0 or -ENOMEM.
 */
int sites_open(struct conf *conf);

/**
 * site_find() - what holds for a listener on this address
 * @site: set; NULL: it stays plaintext
 *
 * Its certificates are loaded when it is asked for the first time: others may
 * be for daemons with other rights.
 *
 * Return: 0, or -errno; a line has said why.
 */
int site_find(const union inet_addr *addr, struct site **site);

#endif
