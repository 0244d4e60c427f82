/* SPDX-License-Identifier: MIT */
/*
 * greeting.h - what a daemon says first, after the client has had a greeting
 * (helper)
 *
 * With STARTTLS a client was greeted in plaintext, by us, and expects no other
 * greeting inside TLS. The daemon, to which the connection is new, sends one.
 */
#ifndef KTLSHIM_GREETING_H
#define KTLSHIM_GREETING_H

#include <sys/types.h>

#include "conf.h"

#define GREETING_BYTES_MAX 65536

struct greeting {
	bool awaited; /* false: what comes is for the client */
	enum conf_starttls protocol;
	char line[4]; /* how the line under way begins */
	char code[3]; /* of a reply of several lines: how it began; or zero */
	size_t column;
	size_t bytes;
};

/** greeting_init() - awaited, if daemons that speak @protocol send one */
void greeting_init(struct greeting *g, enum conf_starttls protocol);

/**
 * greeting_take() - how much of what the daemon has sent is its greeting?
 * @back: set to what earlier calls have taken and the client has to get after
 *        all (in g): the daemon refuses the connection
 * @n_back: its length, most often 0
 *
 * Return: bytes to be taken away from the beginning; -EMSGSIZE: there is no
 * end.
 */
ssize_t greeting_take(struct greeting *g, const uint8_t *data, size_t len,
		      const char **back, size_t *n_back);

#endif
