// SPDX-License-Identifier: MIT
/*
 * nets.c - lists of addresses and networks
 */
#include "nets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void inet_unmap(union inet_addr *a)
{
	union inet_addr in = {.in.sin_family = AF_INET};

	if (a->sa.sa_family != AF_INET6 ||
	    !IN6_IS_ADDR_V4MAPPED(&a->in6.sin6_addr))
		return;
	in.in.sin_port = a->in6.sin6_port;
	memcpy(&in.in.sin_addr, &a->in6.sin6_addr.s6_addr[12], 4);
	*a = in;
}

void inet_map(union inet_addr *a)
{
	union inet_addr in6 = {.in6.sin6_family = AF_INET6};

	if (a->sa.sa_family != AF_INET)
		return;
	in6.in6.sin6_port = a->in.sin_port;
	memset(&in6.in6.sin6_addr.s6_addr[10], 0xff, 2);
	memcpy(&in6.in6.sin6_addr.s6_addr[12], &a->in.sin_addr, 4);
	*a = in6;
}

static const uint8_t *bytes_of(const union inet_addr *a)
{
	return a->sa.sa_family == AF_INET6 ? a->in6.sin6_addr.s6_addr
					   : (const void *)&a->in.sin_addr;
}

/* Are @a and @b the same in their first bits? @b NULL: is @a zero behind them?
 */
static bool has_prefix(const uint8_t *a, const uint8_t *b, unsigned int bits,
		       unsigned int all)
{
	unsigned int i, left;

	for (i = 0; i < all / 8; i++) {
		left = bits > 8 * i ? bits - 8 * i : 0;
		left = left > 8 ? 8 : left;
		if (b ? (a[i] ^ b[i]) >> (8 - left) : (a[i] & (0xff >> left)))
			return false;
	}
	return true;
}

/* One entry, without spaces around it. NULL: it is right; else what is wrong.
 */
static const char *parse_net(union inet_addr *addr, unsigned int *bits,
			     char *text)
{
	char *slash = strchr(text, '/'), *prefix = slash ? slash + 1 : NULL;
	bool six = strchr(text, ':');
	unsigned int all = six ? 128 : 32;
	size_t digits;

	memset(addr, 0, sizeof(*addr));
	addr->sa.sa_family = six ? AF_INET6 : AF_INET;
	if (slash)
		*slash = '\0';
	if (inet_pton(addr->sa.sa_family, text,
		      six ? (void *)&addr->in6.sin6_addr
			  : (void *)&addr->in.sin_addr) != 1)
		return "is no address";
	*bits = all;
	if (prefix) {
		digits = strspn(prefix, "0123456789");
		*bits = (unsigned int)strtoul(prefix, NULL, 10);
		if (!digits || digits > 3 || prefix[digits] || *bits > all)
			return six ? "has no prefix from 0 to 128"
				   : "has no prefix from 0 to 32";
	}
	if (six && IN6_IS_ADDR_V4MAPPED(&addr->in6.sin6_addr))
		return "is IPv4's: write it so";
	if (!has_prefix(bytes_of(addr), NULL, *bits, all))
		return "has bits behind its prefix";
	return NULL;
}

static int add_net(struct nets *nets, const char *item, size_t len, char *why,
		   size_t bytes)
{
	char text[INET6_ADDRSTRLEN + 8] = "";
	const char *wrong = "is no address";
	unsigned int i = nets->n;

	if (i == NETS_MAX) {
		snprintf(why, bytes, "more than %d addresses and networks",
			 NETS_MAX);
		return -EINVAL;
	}
	if (len < sizeof(text)) {
		memcpy(text, item, len);
		wrong = parse_net(&nets->net[i].addr, &nets->net[i].bits, text);
	}
	if (!wrong) {
		nets->n++;
		return 0;
	}
	snprintf(why, bytes,
		 "bad value \"%.*s\": %s; want addresses and "
		 "networks separated by commas, as in 10.0.0.0/8, 192.0.2.7, "
		 "2001:db8::/32; or none",
		 len < 100 ? (int)len : 100, item, wrong);
	return -EINVAL;
}

int nets_parse(struct nets *nets, const char *list, char *why, size_t bytes)
{
	const char *p = list;
	size_t len;

	nets->n = 0;
	if (!strcmp(list, "none"))
		return 0;
	for (;; p++) {
		p += strspn(p, " ");
		len = strcspn(p, ",");
		while (len && p[len - 1] == ' ')
			len--;
		if (add_net(nets, p, len, why, bytes))
			return -EINVAL;
		p += strcspn(p, ",");
		if (!*p)
			return 0;
	}
}

bool nets_has(const struct nets *nets, const union inet_addr *addr)
{
	union inet_addr a = *addr;
	unsigned int i;

	inet_unmap(&a);
	for (i = 0; i < nets->n; i++)
		if (nets->net[i].addr.sa.sa_family == a.sa.sa_family &&
		    has_prefix(bytes_of(&nets->net[i].addr), bytes_of(&a),
			       nets->net[i].bits,
			       a.sa.sa_family == AF_INET6 ? 128 : 32))
			return true;
	return false;
}
