// SPDX-License-Identifier: MIT
/*
 * site.c - which settings and certificates has a listener? (helper)
 */
#include "site.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conn.h"
#include "context.h"
#include "ktls.h"
#include "listener.h"
#include "tls.h"

/* Settings and what was loaded for them */
struct sites {
	struct conf *conf;
	struct site *list; /* one for each of conf->sites */
	struct certset certs;
	struct files files;
};

static struct conf_env env;
static struct sites now;

static void tell_error(const char *sentence)
{
	log_error("%s", sentence);
}

/* Does any listener want kTLS, and is there any? */
static void probe_kernel(const struct conf *conf)
{
	static bool probed;
	size_t i;

	for (i = 0; i < conf->n_sites; i++)
		if (conf->sites[i].ktls != CONF_KTLS_OFF)
			break;
	if (!probed)
		helper.ktls = -EOPNOTSUPP;
	if (probed || i == conf->n_sites)
		return;
	helper.ktls = ktls_probe(helper.offload, &helper.can_rekey);
	probed = true;
}

static int sites_init(struct sites *s, struct conf_log *log,
		      struct conf_problems *problems)
{
	size_t i;
	int ret;

	*s = (struct sites){0};
	ret = conf_load(&s->conf, &env, log, &s->files, problems);
	if (ret)
		return ret;
	s->list = calloc(s->conf->n_sites, sizeof(*s->list));
	if (!s->list)
		return -ENOMEM;
	for (i = 0; i < s->conf->n_sites; i++)
		s->list[i].conf = &s->conf->sites[i];
	probe_kernel(s->conf);
	return 0;
}

static void open_log(const struct conf_log *log)
{
	if (log_open(log->level, log->dest[0] ? log->dest : NULL))
		log_warn("cannot open %s: %s", log->dest, strerror(errno));
}

/* What all listeners share */
static void apply(const struct conf_log *log)
{
	helper.conf = now.conf;
	open_log(log);
	conns_handshaking.limit_ms =
		(uint64_t)helper.conf->handshake_timeout_s * 1000;
}

int sites_open(char *why)
{
	struct conf_problems problems = {0};
	struct conf_log log;
	int ret;

	if (conf_env_read(&env, getenv, why))
		return -EINVAL;
	ret = sites_init(&now, &log, &problems);
	if (!ret) {
		apply(&log);
		return 0;
	}
	open_log(&log);
	if (problems.n > 1)
		snprintf(why, CONF_WHY_BYTES, "%.400s (and %u more; ktlshim "
			 "check shows them)", problems.first, problems.n - 1);
	else
		snprintf(why, CONF_WHY_BYTES, "%s", problems.n ? problems.first
							       : "out of memory");
	return ret;
}

static int load(struct sites *s, struct site *site,
		struct conf_problems *problems)
{
	size_t before = s->certs.n, i;
	int ret;

	if (site->conf->ktls == CONF_KTLS_REQUIRE && helper.ktls) {
		conf_problem(problems, conf_get(site->conf, "ktls")->where,
			     "require, but this kernel has no kTLS (%s); load "
			     "the module: modprobe tls",
			     strerror(-helper.ktls));
		return -EOPNOTSUPP;
	}
	ret = context_open(&site->ctx, site->conf, &s->certs, NULL, problems);
	files_move(&s->files, &s->certs.files);
	if (ret)
		return ret;
	tls_prepare(site->ctx);
	for (i = before; i < s->certs.n; i++)
		cert_warn_dates(s->certs.list[i]);
	return 0;
}

int site_find(const union inet_addr *addr, struct site **site)
{
	struct conf_problems problems = {.tell = tell_error};
	const struct conf_site *found;
	char why[CONF_WHY_BYTES];
	int ret;

	*site = NULL;
	ret = conf_find(now.conf, addr, &found, why);
	if (ret)
		log_error("%s", why);
	if (ret || !found)
		return ret;
	*site = &now.list[found - now.conf->sites];
	if ((*site)->ctx)
		return 0;
	return load(&now, *site, &problems);
}
