// SPDX-License-Identifier: MIT
/*
 * proxied.c - the PROXY protocol: clients behind a balancer, daemons that want
 * to be told
 */
#include "proxied.h"

#include <errno.h>
#include <string.h>

#include "conn.h"
#include "facts.h"
#include "listener.h"
#include "nets.h"
#include "proxy.h"

bool proxied_wanted(const struct conn *c)
{
	return nets_has(&c->listener->site->conf->proxy_from, &c->peer);
}

/* From here on c->peer is the client. */
enum prologue_verdict proxied_look(struct conn *c, uint32_t *state,
				   const uint8_t *data, size_t len,
				   struct prologue_answer *out)
{
	struct proxy_header h;
	int n = proxy_parse(data, len, &h, &out->why);

	(void)state;
	if (n == -EAGAIN)
		return PROLOGUE_MORE;
	if (n < 0)
		return PROLOGUE_END;
	out->used = (size_t)n;
	if (h.src.sa.sa_family == AF_UNSPEC)
		return PROLOGUE_DONE;
	c->via = c->peer;
	c->peer = h.src;
	c->meant = h.dst;
	inet_unmap(&c->peer);
	return PROLOGUE_DONE;
}

union inet_addr proxied_peer(const struct conn *c)
{
	union inet_addr peer = c->peer;

	if (c->local.sa.sa_family == AF_INET6) {
		inet_map(&peer);
	} else if (peer.sa.sa_family == AF_INET6) {
		peer = (union inet_addr){
			.in = {
				.sin_family = AF_INET,
				.sin_port = peer.in6.sin6_port,
				.sin_addr.s_addr =
					htonl(0xc0000008), /* 192.0.0.8 */
			}};
	}
	return peer;
}

/* Both addresses of one family, and of IPv4 if both can be */
static void pair_addresses(struct proxy_header *h)
{
	inet_unmap(&h->src);
	inet_unmap(&h->dst);
	if (h->src.sa.sa_family != h->dst.sa.sa_family) {
		inet_map(&h->src);
		inet_map(&h->dst);
	}
}

static struct proxy_bytes text(const char *s)
{
	return (struct proxy_bytes){(const uint8_t *)s, strlen(s)};
}

static void put_facts(const struct facts *facts, struct proxy_header *h)
{
	h->ssl = true;
	h->client = PROXY_CLIENT_SSL;
	if (facts->has_client)
		h->client |= PROXY_CLIENT_CERT_SESS;
	if (facts->has_client && !facts->resumed)
		h->client |= PROXY_CLIENT_CERT_CONN;
	/* zero is for certificates that are good */
	h->verify = facts->has_client ? (uint32_t)facts->verify : 1;
	h->version = text(facts->version);
	h->cipher = text(facts->cipher);
	h->cn = text(facts->common_name);
	h->sig_alg = text(facts->sig_alg);
	h->key_alg = text(facts->key_alg);
	h->alpn = text(facts->alpn);
	/* what was no host's name is not the client's word any more */
	if (!strchr(facts->sni, '?'))
		h->authority = text(facts->sni);
}

size_t proxied_header(const struct conn *c, const struct facts *facts,
		      uint8_t *out)
{
	const bool told = c->meant.sa.sa_family != AF_UNSPEC;
	struct proxy_header h = {.src = c->peer,
				 .dst = told ? c->meant : c->local};

	pair_addresses(&h);
	switch (c->listener->site->conf->proxy) {
	case CONF_PROXY_V1:
		return proxy_write_v1(&h, out);
	case CONF_PROXY_V2:
		put_facts(facts, &h);
		return proxy_write_v2(&h, out);
	default:
		return 0;
	}
}
