// SPDX-License-Identifier: MIT
/*
 * conf_find.c - what do the settings say about a listener?
 */
#include "conf_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const char *conf_base_name(const char *name)
{
	const char *dot = strchr(name, '.');

	return dot ? dot + 1 : name;
}

/* "2." of "2.cert" */
static bool same_prefix(const char *a, const char *b)
{
	size_t n = (size_t)(conf_base_name(a) - a);
	size_t m = (size_t)(conf_base_name(b) - b);

	return n == m && !strncmp(a, b, n);
}

static const struct conf_value *find(const struct conf_value *values, size_t n,
				     const char *name)
{
	const struct conf_value *v;

	for (v = values; v < values + n; v++)
		if (v->option && !strcmp(v->option->name, name))
			return v;
	return NULL;
}

const struct conf_value *conf_get(const struct conf_site *site,
				  const char *name)
{
	return find(site->values, site->n_values, name);
}

const struct conf_value *conf_get_daemon(const struct conf *conf,
					 const char *name)
{
	return find(conf->values, conf->n_values, name);
}

static const struct conf_value *find_of(const struct conf_site *site,
					const struct conf_value *cert,
					const char *name)
{
	const struct conf_value *v;

	for (v = site->values; v < site->values + site->n_values; v++)
		if (v->option && !strcmp(v->option->name, name) &&
		    same_prefix(v->name, cert->name))
			return v;
	return NULL;
}

const struct conf_value *conf_key_of(const struct conf_site *site,
				     const struct conf_value *cert)
{
	return find_of(site, cert, "key");
}

const struct conf_value *conf_ocsp_of(const struct conf_site *site,
				      const struct conf_value *cert)
{
	return find_of(site, cert, "ocsp");
}

bool conf_same_addr(const union inet_addr *a, const union inet_addr *b)
{
	if (a->sa.sa_family != b->sa.sa_family)
		return false;
	if (!a->sa.sa_family)
		return true;
	return a->sa.sa_family == AF_INET6
		       ? IN6_ARE_ADDR_EQUAL(&a->in6.sin6_addr,
					    &b->in6.sin6_addr)
		       : a->in.sin_addr.s_addr == b->in.sin_addr.s_addr;
}

/* An IPv4 address in IPv6's clothes is one of IPv4. */
static void plain_addr(union inet_addr *out, const union inet_addr *in)
{
	*out = *in;
	if (in->sa.sa_family != AF_INET6 ||
	    !IN6_IS_ADDR_V4MAPPED(&in->in6.sin6_addr))
		return;
	out->in.sin_family = AF_INET;
	memcpy(&out->in.sin_addr, &in->in6.sin6_addr.s6_addr[12], 4);
}

static bool is_any_addr(const union inet_addr *a)
{
	return a->sa.sa_family == AF_INET6
		       ? IN6_IS_ADDR_UNSPECIFIED(&a->in6.sin6_addr)
		       : a->in.sin_addr.s_addr == INADDR_ANY;
}

/* The section for a listener: for its address, or for its port, or NULL. */
static const struct conf_site *find_section(const struct conf *conf,
					    const union inet_addr *addr,
					    uint16_t port)
{
	const struct conf_site *s, *found = NULL;

	for (s = conf->sites + 1; s < conf->sites + conf->n_sites; s++) {
		if (s->port != port)
			continue;
		if (s->addr.sa.sa_family && conf_same_addr(&s->addr, addr))
			return s;
		if (!s->addr.sa.sa_family)
			found = s;
	}
	return found;
}

int conf_find(const struct conf *conf, const union inet_addr *addr,
	      const struct conf_site **site, char *why)
{
	const uint16_t port = ntohs(addr->in.sin_port);
	const struct conf_site *s, *d = &conf->sites[0];
	union inet_addr plain;

	*site = NULL;
	plain_addr(&plain, addr);
	s = find_section(conf, &plain, port);
	if (conf->only_ports ? !conf_has_port(&conf->ports, port)
			     : s && s->tls == CONF_TLS_OFF)
		return 0;
	*site = s;
	if (!s && conf_get(d, "cert") &&
	    (!conf->ports.n || conf_has_port(&conf->ports, port)))
		*site = d;
	if (*site && conf_get(*site, "cert"))
		return 0;
	if (*site || conf->only_ports) {
		snprintf(why, CONF_WHY_BYTES, "port %u: no certificate is "
			 "named for it", port);
		return -EINVAL;
	}
	/* "every address" includes one that must not be plaintext */
	for (s = conf->sites + 1; s < conf->sites + conf->n_sites; s++)
		if (s->port == port && s->tls == CONF_TLS_ON &&
		    is_any_addr(&plain)) {
			snprintf(why, CONF_WHY_BYTES, "%.200s: [%s] is for one "
				 "address, but the program listens on all of "
				 "port %u; write [%u]", s->where, s->name, port,
				 port);
			return -EINVAL;
		}
	return 0;
}

const struct conf_site *conf_find_added(const struct conf *conf,
					const union inet_addr *addr)
{
	const struct conf_site *s;
	union inet_addr plain;

	plain_addr(&plain, addr);
	s = find_section(conf, &plain, ntohs(addr->in.sin_port));
	return s ? s : &conf->sites[0];
}

const char *conf_site_title(const struct conf *conf,
			    const struct conf_site *site)
{
	static char title[128];
	int n;
	unsigned int i;

	if (site->port) {
		snprintf(title, sizeof(title), "%s%s",
			 site->addr.sa.sa_family ? "" : "port ", site->name);
		return title;
	}
	n = snprintf(title, sizeof(title), "%s",
		     conf->ports.n ? "ports " : "every port");
	for (i = 0; i < conf->ports.n && n < (int)sizeof(title) - 8; i++)
		n += snprintf(title + n, sizeof(title) - (size_t)n, "%s%u",
			      i ? "," : "", conf->ports.port[i]);
	return title;
}
