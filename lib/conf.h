/* SPDX-License-Identifier: MIT */
/*
 * conf.h - the settings, read from KTLSHIM_* in the environment
 *
 * The shim reads them once, when it is loaded (daemons change directory and
 * clear their environment later), and hands them to the helper as the
 * environment that conf_to_env() writes.
 */
#ifndef KTLSHIM_CONF_H
#define KTLSHIM_CONF_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log.h"

#define CONF_PORTS_MAX 64
#define CONF_WHY_BYTES 512

enum conf_ktls { CONF_KTLS_AUTO, CONF_KTLS_OFF, CONF_KTLS_REQUIRE,
		 CONF_KTLS_COUNT };

/* The helper's event loop; auto: io_uring, or epoll where it is forbidden */
enum conf_ring { CONF_RING_AUTO, CONF_RING_URING, CONF_RING_EPOLL,
		 CONF_RING_COUNT };

/* Who decrypts what a direct connection receives */
enum conf_rx { CONF_RX_USER, CONF_RX_KERNEL, CONF_RX_COUNT };

struct conf {
	char cert[PATH_MAX];   /* KTLSHIM_CERT: PEM, leaf first, then chain */
	char key[PATH_MAX];    /* KTLSHIM_KEY: PEM */
	char helper[PATH_MAX]; /* KTLSHIM_HELPER: "" is "beside the library" */
	char log_dest[PATH_MAX]; /* KTLSHIM_LOG: "" is standard error */
	enum log_level log_level;
	enum conf_ktls ktls; /* KTLSHIM_KTLS */
	enum conf_ring ring; /* KTLSHIM_RING */
	enum conf_rx rx;     /* KTLSHIM_RX */
	/* KTLSHIM_KEY_RECORDS: full-size records (16 KB) that a key may
	 * encrypt, RFC 8446 section 5.5 */
	unsigned int key_records;
	/* KTLSHIM_PORTS; none listed: every TCP port the program listens on */
	uint16_t ports[CONF_PORTS_MAX];
	unsigned int n_ports;
	unsigned int handshake_timeout_s; /* KTLSHIM_HANDSHAKE_TIMEOUT */
	unsigned int handshakes_max;	  /* KTLSHIM_HANDSHAKES_MAX */
};

/**
 * conf_from_env() - read the settings
 * @conf: filled in; usable only when 0 is returned
 * @get:  getenv or secure_getenv
 * @why:  CONF_WHY_BYTES for the reason, a whole sentence naming the variable,
 *        the bad value and what is allowed
 *
 * Paths become absolute, from the working directory of now. A missing
 * certificate or key is an error here, an unreadable one is not.
 *
 * Return: 0 or -EINVAL.
 */
int conf_from_env(struct conf *conf, char *(*get)(const char *), char *why);

/**
 * conf_to_env() - the settings as "NAME=value" strings
 * @conf: valid settings
 * @text: room for the strings, at least CONF_ENV_BYTES
 * @env:  CONF_ENV_MAX pointers into @text, NULL behind the last
 */
#define CONF_ENV_MAX 16
#define CONF_ENV_BYTES (4 * PATH_MAX + 1024)
void conf_to_env(const struct conf *conf, char *text, char **env);

/** conf_has_port() - is a TCP port (1 to 65535) to be upgraded? */
bool conf_has_port(const struct conf *conf, uint16_t port);

#endif
