// SPDX-License-Identifier: MIT
/*
 * command_check.c - `ktlshim check`: would it work, and what holds for whom?
 *
 * Mistakes and warnings go to standard error, a line each; what the settings
 * come to goes to standard output.
 */
#include "command.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "conf_file.h"
#include "context.h"
#include "keylog.h"
#include "resume.h"

#define DAYS_LEFT 14 /* whoever renews has done so by then */

static unsigned int warnings;

/* What several listeners have inherited is told once. */
static void tell(const char *sentence)
{
	static char **told;
	static size_t n;
	char **more;
	size_t i;

	for (i = 0; i < n; i++)
		if (!strcmp(told[i], sentence))
			return;
	command_fail(0, "%s", sentence);
	more = reallocarray(told, n + 1, sizeof(*told));
	if (!more)
		return;
	told = more;
	told[n] = strdup(sentence);
	n += told[n] != NULL;
}

static void warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void warn(const char *fmt, ...)
{
	char text[2 * PATH_MAX];
	int n = snprintf(text, sizeof(text), "warning: ");
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text + n, sizeof(text) - (size_t)n, fmt, ap);
	va_end(ap);
	tell(text);
	warnings++;
}

static void warn_of(const char *sentence)
{
	warn("%s", sentence);
}

/* ---- certificates */

/* @secret: what is in it that others must not read, or NULL */
static void check_mode(const char *path, const char *secret)
{
	struct stat st;

	if (stat(path, &st))
		return;
	if (st.st_mode & S_IWOTH)
		warn("%s is writable by everybody; chmod o-w", path);
	if (secret && st.st_mode & S_IROTH)
		warn("%s %s is readable by everybody; chmod o-r", secret, path);
}

static void check_dates(const X509 *x509, const char *path)
{
	int e, days, seconds;
	char date[64];

	e = cert_expired(x509, date);
	if (e > 0)
		warn("certificate in %s expired on %s; clients will refuse it",
		     path, date);
	else if (e < 0)
		warn("certificate in %s is not valid before %s; clients will "
		     "refuse it", path, date);
	else if (ASN1_TIME_diff(&days, &seconds, NULL,
				X509_get0_notAfter(x509)) && days < DAYS_LEFT)
		warn("certificate in %s expires in %d days, on %s", path, days,
		     date);
}

/* Each certificate must be issued by the next (RFC 8446 section 4.4.2). */
static void check_chain(const struct cert *c)
{
	X509 *below = c->x509, *x509;
	int i;

	for (i = 0; i < sk_X509_num(c->chain); i++) {
		x509 = sk_X509_value(c->chain, i);
		check_dates(x509, c->path);
		if (X509_check_issued(x509, below) != X509_V_OK)
			warn("certificate %d in %s has not issued number %d; "
			     "the order is: the server's own, its issuer, the "
			     "issuer's issuer", i + 2, c->path, i + 1);
		below = x509;
	}
	ERR_clear_error();
}

static int print_name(void *arg, const char *name)
{
	bool *any = arg;

	printf("%s%s", *any ? ", " : "", name);
	*any = true;
	return 0;
}

struct checking {
	const struct names *names;
	const struct cert *cert;
};

static int check_name(void *arg, const char *host)
{
	const struct checking *c = arg;
	const struct name *name = names_find(c->names, host);
	const struct cert *used = name ? name->certs[cert_type(c->cert)] : NULL;

	if (used && used != c->cert)
		warn("%s is served with %s, not with %s, which has the same "
		     "type of key", host, used->path, c->cert->path);
	return 0;
}

/* Of two certificates for the same name and type of key one is never used. */
static void check_names(const struct context *ctx, const struct cert *cert)
{
	struct checking c = {context_names(ctx), cert};

	cert_names(cert, check_name, &c);
}

static void describe(const struct cert *c)
{
	bool any = false;
	char date[64], text[128];

	check_mode(c->path, strcmp(c->path, c->key_path) ? NULL : "key");
	if (strcmp(c->path, c->key_path))
		check_mode(c->key_path, "key");
	check_dates(c->x509, c->path);
	check_chain(c);
	cert_expired(c->x509, date);
	printf("  certificate %s\n    key %s\n    for ", c->path, c->key_path);
	cert_names(c, print_name, &any);
	puts(any ? "" : "no name");
	if (c->ocsp) {
		if (ocsp_problem(c->ocsp, text))
			warn("OCSP response %s %s", c->ocsp_path, text);
		ocsp_describe(c->ocsp, text);
		printf("    OCSP response %s: %s\n", c->ocsp_path, text);
	}
	printf("    %s, %d bits; until %s; %d more in the chain\n",
	       EVP_PKEY_get0_type_name(c->key), EVP_PKEY_get_bits(c->key), date,
	       sk_X509_num(c->chain));
}

/* ---- settings */

static void print_clean(const char *text)
{
	for (; *text; text++)
		putchar(iscntrl((unsigned char)*text) ? '?' : *text);
}

/* "FILE:12: ktls", without the name, and without the file that is meant. */
static void print_where(const char *where, const char *name, const char *file)
{
	size_t len = strlen(where), n = strlen(name);

	if (n && len > n + 2 && !strcmp(where + len - n, name))
		len -= n + 2;
	n = file ? strlen(file) : 0;
	if (n && !strncmp(where, file, n) && where[n] == ':')
		printf("    (line %.*s)", (int)(len - n - 1), where + n + 1);
	else if (len)
		printf("    (%.*s)", (int)len, where);
	putchar('\n');
}

static void print_values(const struct conf_value *v, size_t n, const char *file)
{
	const char *name;

	for (; n; n--, v++) {
		name = v->option ? v->option->name : "";
		if (!strcmp(name, "cert") || !strcmp(name, "key") ||
		    !strcmp(name, "ocsp") ||
		    !strcmp(name, "tls"))
			continue; /* told otherwise */
		printf("  %s = ", v->name);
		print_clean(v->value);
		print_where(v->where, v->name, file);
	}
}

/* Return: 0 or an exit code. */
static int check_site(const struct conf *conf, const struct conf_site *site)
{
	struct conf_problems problems = {.tell = tell, .warn = warn_of};
	const struct certset *served;
	struct certset certs = {0};
	struct context *ctx;
	size_t i;

	const char *off = NULL;
	int ret;

	if (site->port && conf->only_ports &&
	    !conf_has_port(&conf->ports, site->port) &&
	    !conf_is_added(&conf->listen, site->port))
		off = "KTLSHIM_PORTS";
	else if (site->tls == CONF_TLS_OFF && !conf->only_ports)
		off = site->where;
	if (off) {
		printf("%s: plaintext", conf_site_title(conf, site));
		print_where(off, "", conf->file);
		return 0;
	}
	if (!conf_get(site, "cert"))
		return 0;
	ret = context_open(&ctx, site, &certs, NULL, &problems);
	certset_fini(&certs);
	if (!ret)
		ret = keylog_check(site, &problems);
	if (ret) {
		context_drop(ctx);
		return COMMAND_EX_CONFIG;
	}
	printf("%s:\n", conf_site_title(conf, site));
	served = context_certs(ctx);
	for (i = 0; i < served->n; i++) {
		describe(served->list[i]);
		check_names(ctx, served->list[i]);
	}
	print_values(site->values, site->n_values, conf->file);
	if (site->plaintext == CONF_PLAINTEXT_ALLOW)
		warn("%s: plaintext is allowed: clients without TLS are served "
		     "as well", conf_site_title(conf, site));
	context_drop(ctx);
	return 0;
}

/* Return: 0 or an exit code. */
static int check_tickets(const struct conf *conf)
{
	const struct conf_value *v = conf_get_daemon(conf, "ticket_keys");
	struct conf_problems problems = {.tell = tell};
	struct files files = {0};
	struct ticket_keys *keys;
	int ret;

	ret = resume_keys(&keys, conf, &files, &problems);
	files_fini(&files);
	if (keys) {
		check_mode(v->value, "ticket keys");
		printf("  ticket keys in it: %zu\n", keys->n);
	}
	tickets_free(keys);
	return ret ? COMMAND_EX_CONFIG : 0;
}

static void print_rest(const struct conf *conf)
{
	const struct conf_rule *r = conf->listen.rule;

	for (; r < conf->listen.rule + conf->listen.n; r++)
		printf("port %u: plaintext; TLS for it on port %u\n",
		       r->daemon_port, r->port);
	if (conf->only_ports)
		puts("all others: plaintext    (KTLSHIM_PORTS)");
	else if (conf->ports.n || !conf_get(&conf->sites[0], "cert"))
		puts("all others: plaintext");
}

int command_check(int argc, char **argv)
{
	struct conf_problems problems = {.tell = tell};
	static struct conf_env env;
	struct files files = {0};
	char why[CONF_WHY_BYTES];
	struct conf_log log;
	struct conf *conf;
	int code = 0, ret;
	size_t i;

	if (argc > 2 || (argc == 2 && argv[1][0] == '-'))
		return command_fail(COMMAND_EX_USAGE,
				    "usage: ktlshim check [FILE]");
	if (argc == 2 && setenv("KTLSHIM_CONF", argv[1], 1))
		return command_fail(COMMAND_EX_CONFIG, "out of memory");
	if (conf_env_read(&env, getenv, why))
		return command_fail(COMMAND_EX_CONFIG, "%s", why);
	ret = conf_load(&conf, &env, &log, &files, &problems);
	files_fini(&files);
	if (ret)
		return COMMAND_EX_CONFIG;
	if (conf->file)
		printf("%s\n", conf->file);
	puts("the daemon:");
	print_values(conf->values, conf->n_values, conf->file);
	code = check_tickets(conf);
	for (i = 1; i <= conf->n_sites; i++) { /* [default] last */
		ret = check_site(conf, &conf->sites[i % conf->n_sites]);
		code = ret ? ret : code;
	}
	print_rest(conf);
	conf_free(conf);
	return code ? code : warnings ? COMMAND_EX_WARNING : 0;
}
