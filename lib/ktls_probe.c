// SPDX-License-Identifier: MIT
/*
 * ktls_probe.c - find out what this kernel can do, by doing it
 *
 * /proc/sys/net/ipv4/tcp_available_ulp tells nothing in a container and loads
 * no module; a real connection does both.
 */
#include "ktls.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/* A connected pair of loopback sockets; -errno or 0. */
static int loopback_pair(int fds[2])
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(addr);
	int listener, ret = 0;

	fds[0] = fds[1] = -1;
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0)
		return -errno;
	fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fds[0] < 0 || bind(listener, (struct sockaddr *)&addr, len) ||
	    listen(listener, 1) ||
	    getsockname(listener, (struct sockaddr *)&addr, &len) ||
	    connect(fds[0], (struct sockaddr *)&addr, len) ||
	    (fds[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) < 0)
		ret = -errno;
	close(listener);
	return ret;
}

int ktls_probe(bool offload[AEAD_COUNT], bool *can_rekey)
{
	struct traffic_key key = {.version = TLS13};
	int i, fds[2], ret = 0;

	*can_rekey = false;
	for (i = 0; i < AEAD_COUNT; i++) {
		offload[i] = false;
		ret = loopback_pair(fds);
		if (!ret)
			ret = ktls_attach(fds[1]);
		key.aead = (uint8_t)i;
		if (!ret)
			offload[i] = !ktls_install(fds[1], KTLS_TX, &key);
		if (!ret && offload[i] && !*can_rekey)
			*can_rekey = !ktls_install(fds[1], KTLS_TX, &key);
		if (fds[0] >= 0)
			close(fds[0]);
		if (fds[1] >= 0)
			close(fds[1]);
		if (ret)
			break;
	}
	return ret;
}
