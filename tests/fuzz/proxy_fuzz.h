/* SPDX-License-Identifier: MIT */
/*
 * proxy_fuzz.h - what must hold of proxy_parse() whatever it is given
 *
 * For the fuzzer (proxy_fuzz.c) and for tests/unit/proxy_test.c.
 */
#ifndef PROXY_FUZZ_H
#define PROXY_FUZZ_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proxy.h"

static int proxy_same_bytes(struct proxy_bytes a, struct proxy_bytes b)
{
	return a.len == b.len && (!a.len || !memcmp(a.data, b.data, a.len));
}

static int proxy_same(const struct proxy_header *a,
		      const struct proxy_header *b)
{
	return !memcmp(&a->src, &b->src, sizeof(a->src)) &&
	       !memcmp(&a->dst, &b->dst, sizeof(a->dst)) && a->ssl == b->ssl &&
	       a->client == b->client && a->verify == b->verify &&
	       proxy_same_bytes(a->alpn, b->alpn) &&
	       proxy_same_bytes(a->authority, b->authority) &&
	       proxy_same_bytes(a->unique_id, b->unique_id) &&
	       proxy_same_bytes(a->netns, b->netns) &&
	       proxy_same_bytes(a->version, b->version) &&
	       proxy_same_bytes(a->cn, b->cn) &&
	       proxy_same_bytes(a->cipher, b->cipher) &&
	       proxy_same_bytes(a->sig_alg, b->sig_alg) &&
	       proxy_same_bytes(a->key_alg, b->key_alg);
}

/* A copy that ends where its memory does, for AddressSanitizer */
static int proxy_try(const uint8_t *data, size_t len, struct proxy_header *h,
		     const char **why, uint8_t **copy)
{
	*copy = malloc(len ? len : 1);
	if (!*copy)
		abort();
	if (len)
		memcpy(*copy, data, len);
	*why = NULL;
	return proxy_parse(*copy, len, h, why);
}

/* Of a good header: any part of it is the beginning of one; it can be written
 * and read again. */
static const char *proxy_fuzz_good(const uint8_t *data, size_t len,
				   const struct proxy_header *h)
{
	uint8_t out[PROXY_BYTES_MAX], *copy;
	struct proxy_header again;
	const char *why;
	size_t n;

	for (n = 0; n < len; n++) {
		if (proxy_try(data, n, &again, &why, &copy) != -EAGAIN)
			return "a part of a good header is refused";
		free(copy);
	}
	n = proxy_write_v2(h, out);
	if (proxy_parse(out, n, &again, &why) != (int)n ||
	    /* without addresses it is LOCAL, and has no fields */
	    (h->src.sa.sa_family && !proxy_same(&again, h)))
		return "version 2 is not read as it was written";
	n = proxy_write_v1(h, out);
	if (n > PROXY_V1_BYTES || proxy_parse(out, n, &again, &why) != (int)n ||
	    memcmp(&again.src, &h->src, sizeof(h->src)) ||
	    memcmp(&again.dst, &h->dst, sizeof(h->dst)))
		return "version 1 is not read as it was written";
	return NULL;
}

/* Return: what does not hold, or NULL */
static const char *proxy_fuzz_run(const uint8_t *data, size_t len)
{
	struct proxy_header h;
	const char *why, *bad = NULL;
	uint8_t *copy;
	int ret = proxy_try(data, len, &h, &why, &copy);

	if (ret == -EINVAL ? !why : ret != -EAGAIN && ret <= 0)
		bad = "no reason is given";
	else if (ret > 0 && ((size_t)ret > len || ret > PROXY_BYTES_MAX))
		bad = "it is longer than it can be";
	else if (ret == -EAGAIN && len >= PROXY_BYTES_MAX)
		bad = "it waits for more than is allowed";
	else if (ret > 0)
		bad = proxy_fuzz_good(copy, (size_t)ret, &h);
	free(copy);
	return bad;
}

#endif
