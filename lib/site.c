// SPDX-License-Identifier: MIT
/*
 * site.c - which settings and certificates has a listener? (helper)
 */
#include "site.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "context.h"
#include "ktls.h"
#include "listener.h"
#include "reload.h"
#include "resume.h"
#include "tls.h"
#include "workers.h"

/* Settings and what was loaded for them; a reload makes another. */
struct sites {
	struct conf *conf;
	struct site *list; /* one for each of conf->sites */
	struct certset certs;
	struct files files;
	struct ticket_keys *keys;
	bool has_keys; /* or needs no file of them */
};

static struct conf_env env;
static struct sites now;

static void tell_error(const char *sentence)
{
	log_error("%s", sentence);
}

static void tell_warning(const char *sentence)
{
	log_warn("%s", sentence);
}

/* Does any listener want kTLS, and is there any? */
static void probe_kernel(const struct conf *conf)
{
	bool offload[AEAD_COUNT] = {false}, can_rekey;
	static bool probed;
	size_t i;
	int ret;

	for (i = 0; i < conf->n_sites; i++)
		if (conf->sites[i].ktls != CONF_KTLS_OFF)
			break;
	if (probed || i == conf->n_sites)
		return;
	ret = ktls_probe(offload, &can_rekey);
	workers_stop();
	memcpy(helper.offload, offload, sizeof(offload));
	helper.can_rekey = can_rekey;
	helper.ktls = ret;
	workers_go();
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

static void sites_fini(struct sites *s)
{
	size_t i;

	for (i = 0; s->list && i < s->conf->n_sites; i++)
		context_drop(s->list[i].ctx);
	free(s->list);
	tickets_free(s->keys);
	conf_free(s->conf);
	certset_fini(&s->certs);
	files_fini(&s->files);
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

/* With the first listener: who has plaintext only needs no rights to the file. */
static int need_keys(struct sites *s, struct conf_problems *problems)
{
	int ret = 0;

	if (!s->has_keys)
		ret = resume_keys(&s->keys, s->conf, &s->files, problems);
	s->has_keys = !ret;
	return ret;
}

static int load(struct sites *s, struct site *site, struct certset *old,
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
	ret = context_open(&site->ctx, site->conf, &s->certs, old, problems);
	files_move(&s->files, &s->certs.files);
	if (ret)
		return ret;
	ret = context_log_keys(site->ctx, site->conf, problems);
	if (ret) {
		context_drop(site->ctx);
		site->ctx = NULL;
		return ret;
	}
	tls_prepare(site->ctx);
	resume_serve(context_ssl(site->ctx), s->conf);
	for (i = before; i < s->certs.n; i++)
		cert_warn_dates(s->certs.list[i]);
	return 0;
}

static int prepare(const struct conf_site *found, struct site **site)
{
	struct conf_problems problems = {.tell = tell_error,
					.warn = tell_warning};
	int ret;

	*site = &now.list[found - now.conf->sites];
	if ((*site)->ctx)
		return 0;
	ret = need_keys(&now, &problems);
	if (!ret)
		ret = load(&now, *site, NULL, &problems);
	resume_use_keys(now.keys, now.conf->session_timeout_s);
	reload_watch();
	return ret;
}

int site_find(const union inet_addr *addr, struct site **site)
{
	const struct conf_site *found;
	char why[CONF_WHY_BYTES];
	int ret;

	*site = NULL;
	ret = conf_find(now.conf, addr, &found, why);
	if (ret)
		log_error("%s", why);
	if (ret || !found)
		return ret;
	return prepare(found, site);
}

int site_find_added(const union inet_addr *addr, struct site **site)
{
	return prepare(conf_find_added(now.conf, addr), site);
}

struct site *site_plain(void)
{
	return &now.list[0];
}

/* ---- reload */

/* What a listener has in other settings. NULL: it cannot have them. */
static struct site *find_new(struct sites *s, const struct listener *l,
			     struct conf_problems *problems)
{
	const struct conf_site *found = NULL;
	char why[CONF_WHY_BYTES];
	struct site *site;
	int ret;

	if (l->plain)
		return &s->list[0];
	ret = l->of ? 0 : conf_find(s->conf, &l->local, &found, why);
	if (l->of)
		found = conf_find_added(s->conf, &l->local);
	if (found && l->of &&
	    (found->tls == CONF_TLS_OFF || !conf_get(found, "cert")))
		found = NULL;
	if (ret)
		conf_told(problems, why);
	else if (!found)
		conf_problem(problems, s->conf->file ? s->conf->file
						     : "settings",
			     "port %u would be plaintext: restart the daemon",
			     l->port);
	if (!found)
		return NULL;
	site = &s->list[found - s->conf->sites];
	if (!site->ctx && load(s, site, &now.certs, problems))
		return NULL;
	return site;
}

/* All listeners, or none. */
static bool find_all(struct sites *s, struct conf_problems *problems)
{
	struct listener *l = NULL;
	bool well = !listener_next(NULL) || !need_keys(s, problems);

	while ((l = listener_next(l)))
		if (!find_new(s, l, problems))
			well = false;
	return well;
}

static void swap(struct sites *s)
{
	struct conf_problems none = {0};
	struct sites before = now;
	struct listener *l = NULL;
	unsigned int plaintext;

	while ((l = listener_next(l))) {
		plaintext = l->site->conf->plaintext;
		l->site = find_new(s, l, &none);
		if (l->site->conf->plaintext != plaintext)
			listener_warn(l);
	}
	now = *s;
	*s = before;
	resume_use_keys(now.keys, now.conf->session_timeout_s);
}

bool sites_reload(bool tell)
{
	struct conf_problems problems = {.tell = tell ? tell_error : NULL,
					.warn = tell_warning};
	const struct conf_listen listen = now.conf->listen;
	unsigned int ring = now.conf->ring, workers = now.conf->workers;
	struct conf_log log;
	struct sites s;

	files_refresh(&now.files);
	if (sites_init(&s, &log, &problems) || !find_all(&s, &problems)) {
		if (tell)
			log_error("not reloaded: settings and certificates "
				  "stay as they were");
		else
			log_debug("not reloaded yet: %s", problems.first);
		/* the new ones are watched as well, until they are right */
		files_move(&now.files, &s.files);
		sites_fini(&s);
		return false;
	}
	workers_stop();
	swap(&s);
	apply(&log);
	workers_go();
	sites_fini(&s);
	malloc_trim(0); /* thousands of certificates were there twice */
	if (now.conf->ring != ring)
		log_warn("ring: takes effect when the daemon is restarted");
	if (now.conf->workers != workers)
		log_warn("workers: takes effect when the daemon is restarted");
	if (memcmp(&now.conf->listen, &listen, sizeof(listen)))
		log_warn("listen: takes effect when the daemon is restarted");
	log_info("reloaded: %zu certificates, %zu of them read anew",
		 now.certs.n, now.certs.n_read);
	return !problems.n;
}

const struct files *sites_files(void)
{
	return &now.files;
}
