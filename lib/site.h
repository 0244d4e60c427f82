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
 * sites_open() - read the settings
 * @why: CONF_WHY_BYTES for one sentence
 *
 * The log is open afterwards, as far as its settings are right.
 *
 * Return: 0 or -errno.
 */
int sites_open(char *why);

/**
 * site_find() - what holds for a listener on this address
 * @site: set; NULL: it stays plaintext. Valid until sites_reload().
 *
 * Its certificates are loaded when it is asked for the first time: others may
 * be for daemons with other rights.
 *
 * Return: 0, or -errno; a line has said why.
 */
int site_find(const union inet_addr *addr, struct site **site);

/** site_find_added() - the same for a port that `listen` adds; never NULL */
int site_find_added(const union inet_addr *addr, struct site **site);

/** site_plain() - for listeners that stay plaintext: without certificates */
struct site *site_plain(void);

/**
 * sites_reload() - read settings and certificates again
 * @tell: log what is wrong
 *
 * All listeners get theirs anew, or, if that cannot be, keep what they have.
 * Connections keep theirs in any case.
 *
 * Return: was all well?
 */
bool sites_reload(bool tell);

/** sites_files() - what was read, to be watched */
const struct files *sites_files(void);

#endif
