// SPDX-License-Identifier: MIT
/*
 * proxied.c - the PROXY protocol: clients behind a balancer
 */
#include "proxied.h"

#include <errno.h>

#include "conn.h"
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
