// SPDX-License-Identifier: MIT
/*
 * conf_file.c - the configuration file and the environment, made one
 *
 * Three steps: each setting is checked by itself, where it stands; then each
 * listener gets what holds for it, from the environment, its own section,
 * [default], or the preset, in this order; then what they lack is told.
 */
#include "conf_file.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <openssl/conf.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "conf_text.h"

/* A setting as it was found */
struct setting {
	size_t site;   /* whose section; ENVIRONMENT */
	const struct conf_option *option;
	const char *base; /* its name without "2." */
	struct conf_value v;
};
#define ENVIRONMENT SIZE_MAX

struct loader {
	struct conf *conf;
	struct conf_text *text;
	struct conf_problems *problems;
	struct files *files;
	SSL_CONF_CTX *ssl; /* tries commands on a context of nobody's */
	SSL_CTX *ssl_ctx;
	struct setting *settings;
	size_t n_settings;
};

void conf_told(struct conf_problems *p, const char *sentence)
{
	if (!p->n++)
		snprintf(p->first, sizeof(p->first), "%s", sentence);
	if (p->tell)
		p->tell(sentence);
}

static void compose(char *sentence, const char *where, const char *fmt,
		    va_list ap)
{
	int n = snprintf(sentence, CONF_WHY_BYTES, "%.300s: ", where);

	vsnprintf(sentence + n, CONF_WHY_BYTES - (size_t)n, fmt, ap);
}

int conf_problem(struct conf_problems *p, const char *where, const char *fmt,
		 ...)
{
	char sentence[CONF_WHY_BYTES];
	va_list ap;

	va_start(ap, fmt);
	compose(sentence, where, fmt, ap);
	va_end(ap);
	conf_told(p, sentence);
	return -EINVAL;
}

void conf_warning(const struct conf_problems *p, const char *where,
		  const char *fmt, ...)
{
	char sentence[CONF_WHY_BYTES];
	va_list ap;

	if (!p->warn)
		return;
	va_start(ap, fmt);
	compose(sentence, where, fmt, ap);
	va_end(ap);
	p->warn(sentence);
}

/* ---- one setting */

/* Paths in a file are relative to it. */
static char *absolute(const struct loader *l, const char *value)
{
	const char *file = l->conf->file, *slash;
	char *path;

	slash = file ? strrchr(file, '/') : NULL;
	if (!conf_is_relative(value) || !slash)
		return strdup(value);
	return asprintf(&path, "%.*s/%s", (int)(slash - file), file, value) < 0
		       ? NULL
		       : path;
}

static bool is_file_type(int type)
{
	return type == SSL_CONF_TYPE_FILE || type == SSL_CONF_TYPE_DIR ||
	       type == SSL_CONF_TYPE_STORE;
}

static bool is_number(const char *value, unsigned int max)
{
	size_t n = strspn(value, "0123456789");

	return n && n < 9 && !value[n] && strtoul(value, NULL, 10) <= max;
}

/* The value as OpenSSL judges it; files are read when they are needed. */
static int check_ssl(struct loader *l, const struct setting *s)
{
	int type = SSL_CONF_cmd_value_type(l->ssl, s->base), ret;
	unsigned long err;
	const char *reason;

	if (type == SSL_CONF_TYPE_UNKNOWN)
		return conf_problem(l->problems, s->v.where, "this OpenSSL "
				    "knows no such setting");
	if (is_file_type(type))
		return 0;
	ERR_clear_error();
	ret = SSL_CONF_cmd(l->ssl, s->base, s->v.value);
	err = ERR_peek_error();
	ERR_clear_error();
	if (s->option && s->option->max && !is_number(s->v.value, s->option->max))
		ret = 0;
	if (ret > 0)
		return 0;
	reason = err && ERR_GET_REASON(err) != SSL_R_BAD_VALUE
			 ? ERR_reason_error_string(err) : NULL;
	return conf_problem(l->problems, s->v.where, "bad value \"%.100s\"%s%s"
			    "; want %s", s->v.value, reason ? ": " : "",
			    reason ? reason : "",
			    s->option ? s->option->help
				      : "what SSL_CONF_cmd(3) says");
}

static int check_value(struct loader *l, const struct setting *s)
{
	const struct conf_option *o = s->option;
	char why[CONF_WHY_BYTES];
	union {
		struct conf conf;
		struct conf_site site;
	} scratch;

	if (!o || o->is_ssl)
		return check_ssl(l, s);
	if (!o->parse || !o->parse(o, (char *)&scratch + o->offset,
				   s->v.value, why))
		return 0;
	return conf_problem(l->problems, s->v.where, "%s", why);
}

/* Is it known, and may it stand here? */
static int check_name(struct loader *l, const struct setting *s)
{
	const struct conf_option *o = s->option, *near;
	char name[CONF_NAME_BYTES];

	if (o)
		conf_env_name(o, name);
	if (!o && SSL_CONF_cmd_value_type(l->ssl, s->base) !=
			  SSL_CONF_TYPE_UNKNOWN)
		return 0;
	if (!o) {
		near = conf_suggest(s->base);
		return conf_problem(l->problems, s->v.where, "there is no such "
				    "setting%s%s%s", near ? "; is " : "; see "
				    "ktlshim(1) for ours, SSL_CONF_cmd(3) for "
				    "OpenSSL's",
				    near ? near->name : "",
				    near ? " meant?" : "");
	}
	if (o->scope == CONF_ENV && s->site != ENVIRONMENT)
		return conf_problem(l->problems, s->v.where, "belongs in the "
				    "environment, as %s: it is wanted before "
				    "this file is read", name);
	if (o->scope == CONF_DAEMON && s->site && s->site != ENVIRONMENT)
		return conf_problem(l->problems, s->v.where, "belongs in "
				    "[default]: it holds for all listeners");
	if (o->scope == CONF_SECTION && !s->site)
		return conf_problem(l->problems, s->v.where, "belongs in a "
				    "listener's section, such as [8443]");
	return 0;
}

static bool is_pair(const struct conf_option *o)
{
	return o && (!strcmp(o->name, "cert") || !strcmp(o->name, "key") ||
		     !strcmp(o->name, "ocsp"));
}

/* "alpn =" in a section: what [default] says of it is not for this listener */
static bool may_be_empty(const struct setting *s)
{
	return s->site && s->site != ENVIRONMENT && !is_pair(s->option) &&
	       (!s->option || s->option->scope == CONF_SITE);
}

/* Takes a setting into the list, if it is right. */
static int add_setting(struct loader *l, size_t site, const char *name,
		       const char *value, const char *where)
{
	struct setting *more, s = {.site = site, .v.name = strdup(name)};
	bool is_path;

	more = reallocarray(l->settings, l->n_settings + 1, sizeof(s));
	if (more)
		l->settings = more;
	s.base = s.v.name ? conf_base_name(s.v.name) : "";
	s.option = s.v.option = conf_option(s.base);
	is_path = s.option ? s.option->is_path
			   : is_file_type(SSL_CONF_cmd_value_type(l->ssl,
								  s.base));
	s.v.value = is_path && *value ? absolute(l, value) : strdup(value);
	if (asprintf(&s.v.where, "%s%s%s", where,
		     site == ENVIRONMENT ? "" : ": ",
		     site == ENVIRONMENT ? "" : name) < 0)
		s.v.where = NULL;
	if (!more || !s.v.name || !s.v.value || !s.v.where) {
		conf_problem(l->problems, where, "out of memory");
	} else if (!*value && !may_be_empty(&s)) {
		conf_problem(l->problems, s.v.where, "has no value");
	} else if (!check_name(l, &s) && (!*value || !check_value(l, &s))) {
		l->settings[l->n_settings++] = s;
		return 0;
	}
	free(s.v.name);
	free(s.v.value);
	free(s.v.where);
	return -EINVAL;
}

static void read_environment(struct loader *l, const struct conf_env *env)
{
	char name[CONF_NAME_BYTES];
	const char *value;
	size_t i;

	for (i = 0; i < conf_options_count; i++) {
		value = conf_env_get(env, conf_options[i].name);
		conf_env_name(&conf_options[i], name);
		if (value)
			add_setting(l, ENVIRONMENT, conf_options[i].name,
				    value, name);
	}
}

/* ---- sections */

static struct conf_site *add_site(struct loader *l, const char *name,
				  const char *where)
{
	struct conf *conf = l->conf;
	struct conf_site *more;

	more = reallocarray(conf->sites, conf->n_sites + 1, sizeof(*more));
	if (!more)
		return NULL;
	conf->sites = more;
	more += conf->n_sites;
	*more = (struct conf_site){.name = strdup(name)};
	more->where = where ? strdup(where) : NULL;
	if (!more->name || (where && !more->where))
		return NULL;
	conf->n_sites++;
	return more;
}

/* "[::1]:80" and "[0::1]:80" */
static void check_same(struct loader *l, const struct conf_site *site)
{
	const struct conf_site *s;

	for (s = l->conf->sites + 1; site->port && s < site; s++)
		if (s->port == site->port && conf_same_addr(&s->addr, &site->addr))
			conf_problem(l->problems, site->where, "[%s] is the "
				     "same listener as [%s]", site->name,
				     s->name);
}

static void read_section(struct loader *l, const char *name)
{
	STACK_OF(CONF_VALUE) *values;
	char where[CONF_WHERE_BYTES];
	struct conf_site *site = &l->conf->sites[0];
	const CONF_VALUE *v;
	size_t index;
	int i;

	conf_text_where(l->text, name, NULL, where);
	if (strcmp(name, "default")) {
		site = add_site(l, name, where);
		if (site && !conf_parse_addr(name, strlen(name), &site->addr,
					     &site->port)) {
			conf_problem(l->problems, where, "[%.100s] is no "
				     "listener%s; want [default], a port as in "
				     "[8443], or an address and port as in "
				     "[192.0.2.1:8443] or [[2001:db8::1]:8443]",
				     name, conf_is_near(name, "default")
					     ? "; is [default] meant?" : "");
			return;
		}
	}
	if (!site) {
		conf_problem(l->problems, where, "out of memory");
		return;
	}
	check_same(l, site);
	index = (size_t)(site - l->conf->sites);
	values = NCONF_get_section(conf_text_nconf(l->text), name);
	for (i = 0; i < sk_CONF_VALUE_num(values); i++) {
		v = sk_CONF_VALUE_value(values, i);
		conf_text_where(l->text, name, v->name, where);
		add_setting(l, index, v->name, v->value, where);
	}
}

struct section {
	unsigned int line;
	const char *name;
};

static int by_line(const void *a, const void *b)
{
	const struct section *x = a, *y = b;

	return x->line < y->line ? -1 : x->line > y->line;
}

/* OpenSSL names the sections in no order; the file's is wanted. */
static void read_file(struct loader *l)
{
	STACK_OF(OPENSSL_CSTRING) *names =
		NCONF_get_section_names(conf_text_nconf(l->text));
	int n = sk_OPENSSL_CSTRING_num(names), i;
	struct section *sections = calloc((size_t)n + 1, sizeof(*sections));
	char where[CONF_WHERE_BYTES];

	if (!sections)
		conf_problem(l->problems, l->conf->file, "out of memory");
	for (i = 0; sections && i < n; i++) {
		sections[i].name = sk_OPENSSL_CSTRING_value(names, i);
		sections[i].line = conf_text_where(l->text, sections[i].name,
						   NULL, where);
	}
	if (sections)
		qsort(sections, (size_t)n, sizeof(*sections), by_line);
	for (i = 0; sections && i < n; i++)
		read_section(l, sections[i].name);
	free(sections);
	sk_OPENSSL_CSTRING_free(names);
}

/* ---- what holds for whom */

/* Does setting one replace the other? A key belongs to its certificate, so does
 * an OCSP response. */
static bool same_name(const struct setting *a, const struct setting *b)
{
	if (a->option || b->option)
		return a->option == b->option ||
		       (is_pair(a->option) && is_pair(b->option));
	return !strcasecmp(a->base, b->base);
}

static bool is_set(const struct loader *l, size_t site, const struct setting *s)
{
	size_t i;

	for (i = 0; i < l->n_settings; i++)
		if (l->settings[i].site == site &&
		    same_name(&l->settings[i], s))
			return true;
	return false;
}

static int add_value(struct conf_value **values, size_t *n,
		     const struct conf_option *o, const char *name,
		     const char *value, const char *where)
{
	struct conf_value *more, v = {.option = o};

	more = reallocarray(*values, *n + 1, sizeof(v));
	if (!more)
		return -ENOMEM;
	*values = more;
	v.name = strdup(name);
	v.value = strdup(value);
	v.where = strdup(where);
	more[(*n)++] = v;
	return v.name && v.value && v.where ? 0 : -ENOMEM;
}

/*
 * The settings of @site that are not replaced by those of @above (a list of
 * sites that ends with itself).
 */
static int take(struct loader *l, struct conf_value **values, size_t *n,
		void *out, const size_t *above, size_t site, bool daemon)
{
	char why[CONF_WHY_BYTES];
	const struct setting *s;
	const size_t *a;
	int ret = 0;

	for (s = l->settings; !ret && s < l->settings + l->n_settings; s++) {
		if (s->site != site || !*s->v.value ||
		    daemon != (s->option && s->option->scope == CONF_DAEMON) ||
		    (s->option && s->option->scope == CONF_ENV))
			continue;
		for (a = above; *a != site && !is_set(l, *a, s); a++)
			;
		if (*a != site)
			continue;
		ret = add_value(values, n, s->option, s->v.name, s->v.value,
				s->v.where);
		if (!ret && s->option && s->option->parse)
			ret = s->option->parse(s->option,
					       (char *)out + s->option->offset,
					       s->v.value, why);
	}
	return ret;
}

static int take_presets(struct conf_value **values, size_t *n, void *out,
			bool daemon)
{
	const struct conf_option *o;
	char why[CONF_WHY_BYTES];
	size_t i, j;
	int ret = 0;

	for (i = 0; !ret && i < conf_options_count; i++) {
		o = &conf_options[i];
		if (!o->preset || daemon != (o->scope == CONF_DAEMON))
			continue;
		for (j = 0; j < *n && (*values)[j].option != o; j++)
			;
		if (j < *n)
			continue;
		ret = add_value(values, n, o, o->name, o->preset, "");
		if (!ret)
			ret = o->parse(o, (char *)out + o->offset, o->preset,
				       why);
	}
	return ret;
}

static bool is_from_file(const struct conf_value *v)
{
	return strncmp(v->where, "KTLSHIM_", 8);
}

static int settle(struct loader *l)
{
	struct conf *conf = l->conf;
	struct conf_site *s;
	size_t above[4], *a;
	size_t i;
	int ret = 0;

	for (i = 0; !ret && i < conf->n_sites; i++) {
		s = &conf->sites[i];
		above[0] = ENVIRONMENT;
		above[1] = i;
		above[2] = 0;
		/* [default] comes after itself only once */
		for (a = above; !ret; a++) {
			ret = take(l, &s->values, &s->n_values, s, above, *a,
				   false);
			if (*a == 0)
				break;
		}
		if (!ret)
			ret = take_presets(&s->values, &s->n_values, s, false);
	}
	above[0] = ENVIRONMENT;
	above[1] = 0;
	for (i = 0; !ret && i < 2; i++)
		ret = take(l, &conf->values, &conf->n_values, conf, above,
			   above[i], true);
	if (!ret)
		ret = take_presets(&conf->values, &conf->n_values, conf, true);
	/* KTLSHIM_PORTS is the last word on what the file says */
	if (conf->only_ports && conf->listen.n &&
	    is_from_file(conf_get_daemon(conf, "listen")))
		conf->listen.n = 0;
	return ret;
}

/* ---- what is missing */

static bool is_cert(const struct conf_value *v)
{
	return v->option && !strcmp(v->option->name, "cert");
}

static void check_pair(struct loader *l, const struct conf_site *s)
{
	const struct conf_value *cert = conf_get(s, "cert"), *c, *key;

	for (key = s->values; key < s->values + s->n_values; key++) {
		/* the environment's is [default]'s as well: told once */
		if (!is_pair(key->option) || is_cert(key) || (s->port && !is_from_file(key)))
			continue;
		for (c = s->values; c < s->values + s->n_values; c++)
			if (is_cert(c) && (conf_key_of(s, c) == key ||
					   conf_ocsp_of(s, c) == key))
				break;
		if (c < s->values + s->n_values)
			continue;
		if (is_from_file(key))
			conf_problem(l->problems, key->where, "its certificate "
				     "is not named: add %.*scert = FILE",
				     (int)(conf_base_name(key->name) - key->name),
				     key->name);
		else
			conf_problem(l->problems, "KTLSHIM_CERT is not set",
				     "name the PEM file with the certificate "
				     "and its chain");
	}
	if (!cert && s->port && s->tls == CONF_TLS_ON && !l->conf->only_ports &&
	    !conf_get(s, "key"))
		conf_problem(l->problems, s->where, "[%s] has no certificate: "
			     "add cert = FILE here or in [default], or "
			     "tls = off", s->name);
}

static void check_rule(struct loader *l, const struct conf_rule *rule,
		       const char *where)
{
	const struct conf *conf = l->conf;
	union inet_addr addr = rule->addr;
	const struct conf_site *s;

	addr.in.sin_port = htons(rule->port);
	s = conf_find_added(conf, &addr);
	if (s->tls == CONF_TLS_OFF)
		conf_problem(l->problems, s->where, "[%s] says tls = off, but "
			     "by %s it is a port for TLS", s->name, where);
	else if (!conf_get(s, "cert"))
		conf_problem(l->problems, where, "port %u has no certificate: "
			     "add cert = FILE to [default] or to [%u]",
			     rule->port, rule->port);
	if (s->proxy != CONF_PROXY_OFF)
		conf_problem(l->problems, conf_get(s, "proxy")->where,
			     "not together with %s: a client of port %u could "
			     "write the header itself", where,
			     rule->daemon_port);
	if (conf_has_port(&conf->ports, rule->daemon_port))
		conf_problem(l->problems, where, "port %u is to stay "
			     "plaintext, but ports names it",
			     rule->daemon_port);
	for (s = conf->sites + 1; s < conf->sites + conf->n_sites; s++)
		if (s->port == rule->daemon_port && s->tls == CONF_TLS_ON)
			conf_problem(l->problems, s->where, "by %s port %u "
				     "stays plaintext, so [%s] must say "
				     "tls = off, or go", where, s->port,
				     s->name);
}

static bool same_place(const struct conf_value *a, const struct conf_value *b)
{
	return a && b && !strcmp(a->where, b->where);
}

/* Two settings that exclude each other: told where the first one stands */
static void exclude(struct loader *l, const struct conf_site *s,
		    const char *name, const char *other, const char *why)
{
	const struct conf_site *d = &l->conf->sites[0];
	const struct conf_value *v = conf_get(s, name), *o = conf_get(s, other);

	/* what a section has from [default] was told there */
	if (s == d || !same_place(v, conf_get(d, name)) ||
	    !same_place(o, conf_get(d, other)))
		conf_problem(l->problems, v->where, "not together with %s = "
			     "%s: %s", other, o->value, why);
}

static void check_proxy(struct loader *l, const struct conf_site *s)
{
	if (s->proxy_from.n && s->plaintext == CONF_PLAINTEXT_ALLOW)
		exclude(l, s, "proxy_from", "plaintext", "a plaintext client's "
			"socket could name nobody but the balancer");
	if (s->proxy != CONF_PROXY_OFF && s->plaintext == CONF_PLAINTEXT_ALLOW)
		exclude(l, s, "proxy", "plaintext", "a plaintext client could "
			"write the header itself");
	if (s->proxy != CONF_PROXY_OFF && s->ktls == CONF_KTLS_REQUIRE)
		exclude(l, s, "proxy", "ktls", "connections with a header are "
			"relayed");
}

static void check_starttls(struct loader *l, const struct conf_site *s)
{
	if (CONF_STARTTLS_GREETS(s->starttls) && s->ktls == CONF_KTLS_REQUIRE)
		exclude(l, s, "starttls", "ktls", "connections are relayed");
}

static void check_all(struct loader *l)
{
	const struct conf *conf = l->conf;
	size_t i;

	for (i = 0; i < conf->listen.n; i++)
		check_rule(l, &conf->listen.rule[i],
			   conf_get_daemon(conf, "listen")->where);
	for (i = 0; i < conf->n_sites; i++)
		check_pair(l, &conf->sites[i]);
	for (i = 0; i < conf->n_sites; i++) {
		check_proxy(l, &conf->sites[i]);
		check_starttls(l, &conf->sites[i]);
	}
	for (i = 0; i < conf->n_sites; i++)
		if (conf_get(&conf->sites[i], "cert"))
			return;
	if (l->problems->n)
		return;
	if (conf->file)
		conf_problem(l->problems, conf->file, "no certificate is named:"
			     " add cert = FILE to [default] or to a listener's "
			     "section");
	else
		conf_problem(l->problems, "KTLSHIM_CERT is not set", "name the "
			     "PEM file with the certificate and its chain, or "
			     "write " CONF_FILE);
}

static void free_values(struct conf_value *values, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		free(values[i].name);
		free(values[i].value);
		free(values[i].where);
	}
	free(values);
}

static void loader_fini(struct loader *l)
{
	size_t i;

	for (i = 0; i < l->n_settings; i++) {
		free(l->settings[i].v.name);
		free(l->settings[i].v.value);
		free(l->settings[i].v.where);
	}
	free(l->settings);
	conf_text_close(l->text);
	SSL_CONF_CTX_free(l->ssl);
	SSL_CTX_free(l->ssl_ctx);
}

/* OpenSSL itself, with the configuration that is named for it */
static int start_openssl(struct loader *l, const char *path)
{
	OPENSSL_INIT_SETTINGS *settings = OPENSSL_INIT_new();
	int ok;

	if (!settings)
		return -ENOMEM;
	if (path) {
		OPENSSL_INIT_set_config_filename(settings, path);
		/* by default it would pass over all mistakes */
		OPENSSL_INIT_set_config_file_flags(settings,
						   CONF_MFLAGS_DEFAULT_SECTION);
	}
	ok = OPENSSL_init_ssl(OPENSSL_INIT_LOAD_CONFIG, settings);
	OPENSSL_INIT_free(settings);
	if (ok)
		return 0;
	return conf_problem(l->problems, path ? "KTLSHIM_OPENSSL_CONF"
					      : "OpenSSL", "cannot start with "
			    "%.180s: it is missing or wrong",
			    path ? path : "its configuration");
}

static int open_all(struct loader *l, const struct conf_env *env)
{
	const char *path = conf_env_get(env, "conf");
	int ret = start_openssl(l, conf_env_get(env, "openssl_conf"));

	if (ret)
		return ret;
	l->conf = calloc(1, sizeof(*l->conf));
	l->ssl = SSL_CONF_CTX_new();
	l->ssl_ctx = SSL_CTX_new(TLS_server_method());
	if (!l->conf || !l->ssl || !l->ssl_ctx || !add_site(l, "default", NULL))
		return -ENOMEM;
	SSL_CONF_CTX_set_flags(l->ssl, SSL_CONF_FLAG_FILE |
					       SSL_CONF_FLAG_SERVER |
					       SSL_CONF_FLAG_CERTIFICATE |
					       SSL_CONF_FLAG_SHOW_ERRORS);
	SSL_CONF_CTX_set_ssl_ctx(l->ssl, l->ssl_ctx);
	l->conf->only_ports = conf_env_get(env, "ports") != NULL;
	if (!path)
		return 0;
	l->conf->file = strdup(path);
	return l->conf->file ? conf_text_open(&l->text, path, l->files,
					      l->problems)
			     : -ENOMEM;
}

static int loader_init(struct loader *l, const struct conf_env *env)
{
	char **before = environ;
	int ret;

	/* the helper has no more than this: no OPENSSL_CONF, no $ENV::HOME */
	environ = (char **)env->vars;
	ret = open_all(l, env);
	environ = before;
	return ret;
}

int conf_load(struct conf **conf, const struct conf_env *env,
	      struct conf_log *log, struct files *files,
	      struct conf_problems *problems)
{
	struct loader l = {.problems = problems, .files = files};
	int ret = loader_init(&l, env);

	*log = env->log;
	if (!ret) {
		read_environment(&l, env);
		if (l.text)
			read_file(&l);
		ret = settle(&l);
	}
	if (!ret) {
		*log = l.conf->log;
		/* what is wrong is not missing as well */
		if (!problems->n)
			check_all(&l);
		ret = problems->n ? -EINVAL : 0;
	}
	if (ret && !problems->n)
		conf_problem(problems, "settings", "out of memory");
	if (ret) {
		conf_free(l.conf);
		l.conf = NULL;
	}
	*conf = l.conf;
	loader_fini(&l);
	return ret;
}

void conf_free(struct conf *conf)
{
	size_t i;

	if (!conf)
		return;
	for (i = 0; i < conf->n_sites; i++) {
		free(conf->sites[i].name);
		free(conf->sites[i].where);
		free_values(conf->sites[i].values, conf->sites[i].n_values);
	}
	free_values(conf->values, conf->n_values);
	free(conf->sites);
	free(conf->file);
	free(conf);
}
