/* SPDX-License-Identifier: MIT */
/*
 * added.h - TLS on ports of our own: listen = 8443 -> 8080 (helper)
 */
#ifndef KTLSHIM_ADDED_H
#define KTLSHIM_ADDED_H

#include "site.h"

/**
 * added_ask() - does the daemon's listener here stay plaintext, with others for
 * TLS? Their certificates are loaded.
 *
 * Return: 1 yes, 0 no, or -errno; a line has said why.
 */
int added_ask(const union inet_addr *daemon);

/* A port that listens */
struct added {
	int fd;
	struct site *site;
};

/**
 * added_open() - open the ports for a listener of the daemon's
 * @fd: the daemon's socket, whose options they get
 * @daemon: its address
 * @out: CONF_LISTEN_MAX
 *
 * Return: how many, or -errno; a line has said why, and none is open.
 */
int added_open(int fd, const union inet_addr *daemon, struct added *out);

#endif
