/* SPDX-License-Identifier: MIT */
/*
 * conf.h - the options, their names and values; KTLSHIM_* in the environment
 *
 * An option has one name: `ring` in the configuration file, KTLSHIM_RING in the
 * environment, --ring for `ktlshim run`. conf_options[] is the list of them.
 *
 * The shim reads the environment once, when it is loaded (daemons change
 * directory and clear their environment later), and hands it to the helper,
 * which alone knows the file (conf_file.h).
 */
#ifndef KTLSHIM_CONF_H
#define KTLSHIM_CONF_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log.h"
#include "proto.h"

/* Read when KTLSHIM_CONF is not set, if it exists */
#define CONF_FILE "/etc/ktlshim/ktlshim.conf"

#define CONF_PORTS_MAX 64
#define CONF_WHY_BYTES 512

enum conf_ktls { CONF_KTLS_AUTO, CONF_KTLS_OFF, CONF_KTLS_REQUIRE,
		 CONF_KTLS_COUNT };

/* The helper's event loop; auto: io_uring, or epoll where it is forbidden */
enum conf_ring { CONF_RING_AUTO, CONF_RING_URING, CONF_RING_EPOLL,
		 CONF_RING_COUNT };

/* Who decrypts what a direct connection receives */
enum conf_rx { CONF_RX_USER, CONF_RX_KERNEL, CONF_RX_COUNT };

/* What a client gets that asks for a name we have no certificate for */
enum conf_sni { CONF_SNI_DEFAULT, CONF_SNI_STRICT, CONF_SNI_COUNT };

/* Log connections that end before a ClientHello? */
enum conf_probes { CONF_PROBES_ON, CONF_PROBES_OFF, CONF_PROBES_COUNT };

/* What becomes of clients that speak no TLS */
enum conf_plaintext { CONF_PLAINTEXT_REJECT, CONF_PLAINTEXT_REDIRECT,
		      CONF_PLAINTEXT_ALLOW, CONF_PLAINTEXT_COUNT };

/* The PROXY header that the daemon is to read, see proxied.h */
enum conf_proxy { CONF_PROXY_OFF, CONF_PROXY_V1, CONF_PROXY_V2,
		  CONF_PROXY_COUNT };
/* The protocol that begins in plaintext and changes to TLS; the first four by a
 * greeting of the server's */
enum conf_starttls { CONF_STARTTLS_OFF, CONF_STARTTLS_SMTP, CONF_STARTTLS_IMAP,
		     CONF_STARTTLS_POP3, CONF_STARTTLS_FTP,
		     CONF_STARTTLS_POSTGRES, CONF_STARTTLS_LDAP,
		     CONF_STARTTLS_XMPP, CONF_STARTTLS_COUNT };
#define CONF_STARTTLS_GREETS(p) ((p) && (p) <= CONF_STARTTLS_FTP)

enum conf_tls { CONF_TLS_ON, CONF_TLS_OFF, CONF_TLS_COUNT };

struct conf_log {
	enum log_level level;
	char dest[PATH_MAX]; /* see log_open(); "" is standard error */
};

struct conf_ports {
	unsigned int n;
	uint16_t port[CONF_PORTS_MAX];
};

/* TLS on a port of our own, for one of the daemon's, which stays plaintext */
#define CONF_LISTEN_MAX 16
struct conf_rule {
	union inet_addr addr; /* sa_family 0: the daemon's */
	uint16_t port, daemon_port;
};
struct conf_listen {
	unsigned int n;
	struct conf_rule rule[CONF_LISTEN_MAX];
};

/* Application protocols (ALPN), the preferred one first */
struct conf_alpn {
	unsigned int bytes; /* 0: none */
	unsigned char names[1024]; /* as on the wire: each behind its length */
};

#define CONF_WORKERS_MAX 32

/* Where an option may stand */
enum conf_scope {
	CONF_ENV,     /* in the environment: wanted before the file is read */
	CONF_DAEMON,  /* and in [default]: one value for all listeners */
	CONF_SITE,    /* and in a listener's section */
	CONF_SECTION, /* in a listener's section and nowhere else */
};

struct conf_option {
	const char *name, *operand, *help;
	const char *preset; /* as it would be written; NULL: none */
	enum conf_scope scope;
	bool is_path;
	bool is_ssl; /* a command of SSL_CONF_cmd(3), which checks its value */
	/*
	 * Into @out; @why gets what is wrong and what is allowed. NULL: the
	 * value is kept as text. Return: 0 or -EINVAL.
	 */
	int (*parse)(const struct conf_option *o, void *out, const char *value,
		     char *why);
	size_t offset; /* of @out in struct conf (DAEMON) or conf_site */
	const char *const *words;
	unsigned int n_words;
	bool zero; /* may be 0 */
	unsigned int max; /* SSL_CONF_cmd itself takes any text for 0 */
};

extern const struct conf_option conf_options[];
extern const size_t conf_options_count;

/**
 * conf_option() - by its name in the file, in any case
 *
 * Return: NULL when there is none.
 */
const struct conf_option *conf_option(const char *name);

/** conf_suggest() - the option whose name is nearly @name; NULL: none */
const struct conf_option *conf_suggest(const char *name);

/** conf_is_near() - could @word be a slip of the pen for @name? */
bool conf_is_near(const char *word, const char *name);

/** conf_env_name() - "KTLSHIM_RING"; @out has CONF_NAME_BYTES */
#define CONF_NAME_BYTES 64
void conf_env_name(const struct conf_option *o, char *out);

/* What the environment says. */
#define CONF_ENV_MAX 64
#define CONF_ENV_BYTES (32 * 1024)
struct conf_env {
	char *vars[CONF_ENV_MAX]; /* "NAME=value", NULL behind the last */
	char text[CONF_ENV_BYTES];
	struct conf_log log;
	struct conf_ports ports; /* none: not set */
	struct conf_listen listen;
};

/**
 * conf_env_read() - read the environment
 * @env: filled in; usable only when 0 is returned
 * @get: getenv or secure_getenv
 * @why: CONF_WHY_BYTES for the reason, a whole sentence naming the variable,
 *       the bad value and what is allowed
 *
 * Paths become absolute, from the working directory of now. KTLSHIM_CONF is set
 * if CONF_FILE exists. Only what the shim itself uses is checked here.
 *
 * Return: 0 or -EINVAL.
 */
int conf_env_read(struct conf_env *env, char *(*get)(const char *), char *why);

/** conf_env_get() - the value of an option, NULL: not set */
const char *conf_env_get(const struct conf_env *env, const char *name);

/** conf_is_relative() - a file name, neither absolute nor a URI */
bool conf_is_relative(const char *path);

/** conf_log_parse() - "LEVEL[:DEST]" as in KTLSHIM_LOG. 0 or -EINVAL. */
int conf_log_parse(struct conf_log *log, const char *value, char *why);

/** conf_log_text() - the same the other way round; empty if it does not fit */
void conf_log_text(const struct conf_log *log, char *out, size_t bytes);

/**
 * conf_parse_addr() - "8443", "192.0.2.1:8443", "[2001:db8::1]:8443"
 * @addr: 0 before
 */
bool conf_parse_addr(const char *text, size_t len, union inet_addr *addr,
		     uint16_t *port);

/** conf_is_plain() - a port of the daemon's that has another one for TLS */
bool conf_is_plain(const struct conf_listen *listen, uint16_t port);

/** conf_is_added() - is it such another one? */
bool conf_is_added(const struct conf_listen *listen, uint16_t port);

/** conf_has_port() - is it in the list? */
bool conf_has_port(const struct conf_ports *ports, uint16_t port);

#endif
