/* SPDX-License-Identifier: MIT */
/*
 * keylog.h - TLS secrets in a file, for Wireshark (SSLKEYLOGFILE's format)
 *
 * Security: whoever reads it reads the connections. So only where the settings
 * name a file; the variable SSLKEYLOGFILE is not looked at.
 */
#ifndef KTLSHIM_KEYLOG_H
#define KTLSHIM_KEYLOG_H

#include "conf_file.h"

/**
 * keylog_open() - the file that @site names
 *
 * Made for the helper's user only; one that others may read is refused.
 *
 * Return: a descriptor, the caller's; -ENOENT: none is named; or -errno, which
 * was told.
 */
int keylog_open(const struct conf_site *site, struct conf_problems *problems);

/** keylog_check() - could it be opened? Makes no file. 0 or -EINVAL. */
int keylog_check(const struct conf_site *site, struct conf_problems *problems);

/** keylog_write() - add "LABEL client_random secret" */
void keylog_write(int fd, const char *line);

#endif
