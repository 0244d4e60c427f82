/* SPDX-License-Identifier: MIT */
/*
 * conf_file.h - the configuration file and the environment, made one
 *
 * The file has OpenSSL's syntax (config(5)): a section [default] and one for
 * each listener, [8443], [192.0.2.1:8443] or [[2001:db8::1]:8443]. A listener's
 * section inherits from [default]; the environment overrides both.
 *
 * For the helper and the command; the shim asks the helper.
 */
#ifndef KTLSHIM_CONF_FILE_H
#define KTLSHIM_CONF_FILE_H

#include "conf.h"
#include "files.h"
#include "nets.h"
#include "proto.h"

/* An option as it holds for a listener */
struct conf_value {
	const struct conf_option *option; /* NULL: OpenSSL knows it, we do not */
	char *name;  /* as written, e.g. "2.Options" */
	char *value; /* paths are absolute */
	char *where; /* "FILE:12: ktls" or "KTLSHIM_KTLS"; "": the preset */
};

/* [default], or a listener's section */
struct conf_site {
	char *name;	       /* "default", "8443", "127.0.0.1:8443" */
	char *where;	       /* "FILE:12", or NULL: not in a file */
	union inet_addr addr;  /* sa_family 0: any address */
	uint16_t port;	       /* 0: this is [default] */
	unsigned int tls;      /* enum conf_tls */
	unsigned int plaintext; /* enum conf_plaintext */
	struct nets proxy_from;
	unsigned int proxy; /* enum conf_proxy */
	unsigned int starttls; /* enum conf_starttls */
	unsigned int ktls;     /* enum conf_ktls */
	unsigned int rx;       /* enum conf_rx */
	unsigned int sni;      /* enum conf_sni */
	struct conf_alpn alpn;
	unsigned int verify_depth; /* if there is a value for it */
	unsigned int log_probes; /* enum conf_probes */
	/* full-size records (16 KB) that a key may encrypt, RFC 8446
	 * section 5.5 */
	unsigned int key_records;
	struct conf_value *values;
	size_t n_values;
};

struct conf {
	char *file; /* NULL: there is none */
	struct conf_log log;
	struct conf_ports ports; /* that [default] speaks for; none: all */
	struct conf_listen listen;
	bool only_ports;	 /* KTLSHIM_PORTS: sections add none */
	unsigned int ring;	 /* enum conf_ring */
	unsigned int workers;	 /* 0: auto */
	unsigned int handshake_timeout_s, handshakes_max;
	unsigned int session_timeout_s;
	unsigned int log_failures; /* lines per second */
	struct conf_value *values; /* of options for the whole daemon */
	size_t n_values;
	struct conf_site *sites; /* [0] is [default] */
	size_t n_sites;
};

/* What is wrong: each mistake is told in one sentence. */
struct conf_problems {
	void (*tell)(const char *sentence); /* NULL: the first is kept */
	void (*warn)(const char *sentence); /* of what is no mistake; or NULL */
	unsigned int n;
	char first[CONF_WHY_BYTES];
};

/**
 * conf_problem() - tell of a mistake
 * @where: what the sentence begins with, e.g. the name of an option
 *
 * Return: -EINVAL.
 */
int conf_problem(struct conf_problems *p, const char *where, const char *fmt,
		 ...) __attribute__((format(printf, 3, 4)));

/** conf_warning() - tell of what works, but maybe not as it is meant */
void conf_warning(const struct conf_problems *p, const char *where,
		  const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/** conf_told() - the same, a whole sentence */
void conf_told(struct conf_problems *p, const char *sentence);

/**
 * conf_load() - read the file and check all of it
 * @conf:  to be freed with conf_free(), unless this fails
 * @files: gets those that were read
 *
 * The first mistake does not end it; all are told. The log's settings are in
 * @log even then, if they are right: the reason should be logged there.
 *
 * Return: 0 or -errno.
 */
int conf_load(struct conf **conf, const struct conf_env *env,
	      struct conf_log *log, struct files *files,
	      struct conf_problems *problems);
void conf_free(struct conf *conf);

/**
 * conf_find() - which settings has a listener on this address?
 * @site: set; NULL: it stays plaintext
 *
 * Return: 0, or -EINVAL with @why: the file does not say.
 */
int conf_find(const struct conf *conf, const union inet_addr *addr,
	      const struct conf_site **site, char *why);

/** conf_find_added() - what holds for a port that `listen` adds */
const struct conf_site *conf_find_added(const struct conf *conf,
					const union inet_addr *addr);

/** conf_base_name() - "2.Options" means Options (config(5), "1.cmd") */
const char *conf_base_name(const char *name);

/** conf_same_addr() - ports are not looked at; "any" is any's only */
bool conf_same_addr(const union inet_addr *a, const union inet_addr *b);

/** conf_get() - the value of an option of ours; NULL: it has none */
const struct conf_value *conf_get(const struct conf_site *site,
				  const char *name);

/** conf_get_daemon() - the same of an option for the whole daemon */
const struct conf_value *conf_get_daemon(const struct conf *conf,
					 const char *name);

/** conf_key_of() - the key that is named for a cert; NULL: none is */
const struct conf_value *conf_key_of(const struct conf_site *site,
				     const struct conf_value *cert);

/** conf_ocsp_of() - the same for its OCSP response */
const struct conf_value *conf_ocsp_of(const struct conf_site *site,
				      const struct conf_value *cert);

/** conf_site_title() - "port 8443", "192.0.2.1:8443" or "every port"; static */
const char *conf_site_title(const struct conf *conf,
			    const struct conf_site *site);

#endif
