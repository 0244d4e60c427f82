// SPDX-License-Identifier: MIT
/*
 * site.c - which settings and certificates has a listener? (helper)
 */
#include "site.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "certs.h"
#include "context.h"
#include "listener.h"
#include "tls.h"

static struct site *sites; /* one for each of conf->sites */

int sites_open(struct conf *conf)
{
	size_t i;

	sites = calloc(conf->n_sites, sizeof(*sites));
	if (!sites)
		return -ENOMEM;
	for (i = 0; i < conf->n_sites; i++)
		sites[i].conf = &conf->sites[i];
	helper.conf = conf;
	return 0;
}

static void tell(const char *sentence)
{
	log_error("%s", sentence);
}

static int load(struct site *site)
{
	struct conf_problems problems = {.tell = tell};
	struct cert *const *c;
	int ret;

	if (site->conf->ktls == CONF_KTLS_REQUIRE && helper.ktls) {
		log_error("%s: require, but this kernel has no kTLS (%s); load "
			  "the module: modprobe tls",
			  conf_get(site->conf, "ktls")->where,
			  strerror(-helper.ktls));
		return -EOPNOTSUPP;
	}
	ret = context_open(&site->ctx, site->conf, &problems);
	if (ret)
		return ret;
	tls_prepare(site->ctx);
	for (c = context_certs(site->ctx); *c; c++)
		cert_warn_dates(*c);
	return 0;
}

int site_find(const union inet_addr *addr, struct site **site)
{
	const struct conf_site *found;
	char why[CONF_WHY_BYTES];
	int ret;

	*site = NULL;
	ret = conf_find(helper.conf, addr, &found, why);
	if (ret)
		log_error("%s", why);
	if (ret || !found)
		return ret;
	*site = &sites[found - helper.conf->sites];
	return (*site)->ctx ? 0 : load(*site);
}
