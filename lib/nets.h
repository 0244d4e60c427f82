/* SPDX-License-Identifier: MIT */
/*
 * nets.h - lists of addresses and networks
 *
 * Linked into the shim as well: no allocation.
 */
#ifndef KTLSHIM_NETS_H
#define KTLSHIM_NETS_H

#include <stdbool.h>
#include <stddef.h>

#include "proto.h"

#define NETS_MAX 64

struct nets {
	unsigned int n;
	struct {
		union inet_addr addr;
		unsigned int bits; /* of the prefix */
	} net[NETS_MAX];
};

/**
 * nets_parse() - "10.0.0.0/8, 192.0.2.7, 2001:db8::/32", or "none"
 * @why: @bytes for what is wrong and what is allowed
 *
 * Return: 0 or -EINVAL.
 */
int nets_parse(struct nets *nets, const char *list, char *why, size_t bytes);

/** nets_has() - is @addr in one of them? */
bool nets_has(const struct nets *nets, const union inet_addr *addr);

/** inet_unmap() - an IPv4 address in IPv6's clothes is one of IPv4 */
void inet_unmap(union inet_addr *addr);

/** inet_map() - an IPv4 address as one of IPv6 */
void inet_map(union inet_addr *addr);

#endif
