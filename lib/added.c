// SPDX-License-Identifier: MIT
/*
 * added.c - TLS on ports of our own: listen = 8443 -> 8080
 *
 * Such a port has the family of the daemon's listener, whatever address it has:
 * the daemon expects no other from accept. An IPv4 address is written as one of
 * IPv6 for it, where that is its family.
 */
#include "added.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "listener.h"

static bool is_v4(const union inet_addr *a)
{
	return a->sa.sa_family == AF_INET;
}

/* Return: false: the daemon's listener takes no clients from there. */
static bool find_address(union inet_addr *out, const struct conf_rule *rule,
			 const union inet_addr *daemon)
{
	*out = *daemon;
	out->in.sin_port = htons(rule->port); /* at the same place in both */
	if (!rule->addr.sa.sa_family)
		return true;
	if (is_v4(daemon)) {
		out->in.sin_addr = rule->addr.in.sin_addr;
		return is_v4(&rule->addr);
	}
	out->in6.sin6_scope_id = 0;
	if (!is_v4(&rule->addr)) {
		out->in6.sin6_addr = rule->addr.in6.sin6_addr;
		return true;
	}
	memset(&out->in6.sin6_addr, 0, 10);
	memset(&out->in6.sin6_addr.s6_addr[10], 0xff, 2);
	memcpy(&out->in6.sin6_addr.s6_addr[12], &rule->addr.in.sin_addr, 4);
	return true;
}

static bool is_for(const struct conf_rule *rule, const union inet_addr *daemon)
{
	return rule->daemon_port == ntohs(daemon->in.sin_port);
}

int added_ask(const union inet_addr *daemon)
{
	const struct conf_listen *listen = &helper.conf->listen;
	union inet_addr addr;
	struct site *site;
	unsigned int i;
	int ret, is_any = 0;

	for (i = 0; i < listen->n; i++) {
		if (!is_for(&listen->rule[i], daemon))
			continue;
		is_any = 1;
		if (!find_address(&addr, &listen->rule[i], daemon))
			continue;
		ret = site_find_added(&addr, &site);
		if (ret)
			return ret;
	}
	return is_any;
}

static int int_option(int fd, int level, int name)
{
	socklen_t len = sizeof(int);
	int value = 0;

	getsockopt(fd, level, name, &value, &len);
	return value;
}

/* What accepted sockets inherit, and who may listen. */
static void copy_options(int to, int from)
{
	static const struct {
		int level, name;
	} options[] = {
		{SOL_SOCKET, SO_REUSEPORT},   {SOL_SOCKET, SO_KEEPALIVE},
		{IPPROTO_TCP, TCP_NODELAY},   {IPPROTO_TCP, TCP_KEEPIDLE},
		{IPPROTO_TCP, TCP_KEEPINTVL}, {IPPROTO_TCP, TCP_KEEPCNT},
		{IPPROTO_TCP, TCP_USER_TIMEOUT}, {IPPROTO_IP, IP_FREEBIND},
		{IPPROTO_IPV6, IPV6_V6ONLY},
	};
	const int on = 1;
	size_t i;
	int value;

	setsockopt(to, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	for (i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		value = int_option(from, options[i].level, options[i].name);
		setsockopt(to, options[i].level, options[i].name, &value,
			   sizeof(value));
	}
}

/*
 * Another listener of the daemon's has it already: the address is named, and it
 * listens on several; or several of its processes listen on the same socket.
 * With SO_REUSEPORT each has its own, as in the daemon.
 */
static int open_again(int fd, const union inet_addr *addr)
{
	const struct listener *l = NULL;

	if (int_option(fd, SOL_SOCKET, SO_REUSEPORT))
		return -1;
	while ((l = listener_next((struct listener *)l)))
		if (l->of && conf_same_addr(&l->local, addr) &&
		    l->local.in.sin_port == addr->in.sin_port)
			return fcntl(l->fd, F_DUPFD_CLOEXEC, 0);
	return -1;
}

static int open_one(int fd, const union inet_addr *addr)
{
	int again = open_again(fd, addr), s;

	if (again >= 0)
		return again;
	s = socket(addr->sa.sa_family,
		   SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s < 0)
		return -errno;
	copy_options(s, fd);
	if (!bind(s, &addr->sa, is_v4(addr) ? sizeof(addr->in)
					    : sizeof(addr->in6)) &&
	    !listen(s, 1)) /* the listener's own raises that */
		return s;
	again = -errno;
	close(s);
	return again;
}

static const char *address_text(const union inet_addr *a)
{
	static char text[INET6_ADDRSTRLEN + 16];
	char ip[INET6_ADDRSTRLEN] = "?";

	inet_ntop(a->sa.sa_family,
		  is_v4(a) ? (void *)&a->in.sin_addr : (void *)&a->in6.sin6_addr,
		  ip, sizeof(ip));
	snprintf(text, sizeof(text), is_v4(a) ? "%s:%u" : "[%s]:%u", ip,
		 ntohs(a->in.sin_port));
	return text;
}

static int open_rule(int fd, const struct conf_rule *rule,
		     const union inet_addr *daemon, struct added *out)
{
	union inet_addr addr;
	int ret;

	if (!find_address(&addr, rule, daemon) ||
	    (is_v4(&rule->addr) && !is_v4(daemon) &&
	     int_option(fd, IPPROTO_IPV6, IPV6_V6ONLY))) {
		log_warn("listen: port %u: not for this listener of port %u, "
			 "which is for %s only", rule->port, rule->daemon_port,
			 is_v4(daemon) ? "IPv4" : "IPv6");
		return 0;
	}
	ret = site_find_added(&addr, &out->site);
	if (ret)
		return ret;
	out->fd = open_one(fd, &addr);
	if (out->fd >= 0)
		return 1;
	log_error("listen: cannot open %s for TLS: %s; so port %u is not "
		  "opened, either", address_text(&addr), strerror(-out->fd),
		  rule->daemon_port);
	return out->fd;
}

int added_open(int fd, const union inet_addr *daemon, struct added *out)
{
	const struct conf_listen *listen = &helper.conf->listen;
	int n = 0, ret = 0;
	unsigned int i;

	for (i = 0; ret >= 0 && i < listen->n; i++) {
		if (!is_for(&listen->rule[i], daemon))
			continue;
		ret = open_rule(fd, &listen->rule[i], daemon, &out[n]);
		n += ret > 0;
	}
	while (ret < 0 && n > 0)
		close(out[--n].fd);
	return ret < 0 ? ret : n;
}
