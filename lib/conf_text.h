/* SPDX-License-Identifier: MIT */
/*
 * conf_text.h - the text of a configuration file: OpenSSL parses, we know where
 */
#ifndef KTLSHIM_CONF_TEXT_H
#define KTLSHIM_CONF_TEXT_H

#include <openssl/types.h>

#include "conf_file.h"

struct conf_text;

/**
 * conf_text_open() - read and parse a file and what it includes
 * @files: gets those that were read
 *
 * Return: 0, or -errno of open(2), or -EINVAL; all have been told.
 */
int conf_text_open(struct conf_text **text, const char *path,
		   struct files *files, struct conf_problems *problems);
void conf_text_close(struct conf_text *text);

CONF *conf_text_nconf(const struct conf_text *text);

/**
 * conf_text_where() - "FILE:12" of a name in a section, or of the section
 * @name: NULL: where the section begins
 * @out:  CONF_WHERE_BYTES
 *
 * Return: the number of its line in the whole text, for the order of sections.
 */
#define CONF_WHERE_BYTES 256
unsigned int conf_text_where(const struct conf_text *text, const char *section,
			     const char *name, char *out);

#endif
