// SPDX-License-Identifier: MIT
/*
 * part.c - closing a direct connection whose socket is full
 *
 * The kernel would lose the end of what was written (ktls_make_room()). When
 * POLLOUT is reported nothing is partly sent and there is room for the alert;
 * then closing is safe. The daemon must not wait for that, so it passes the
 * socket here.
 */
#include "part.h"

#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "ktls.h"

#define LEVEL_WARNING 1

/* What the daemon has set would stop us and everybody. */
static void never_wait_in_close(int tcp)
{
	const struct linger none = {0};
	struct linger l = {0};
	socklen_t len = sizeof(l);

	if (!getsockopt(tcp, SOL_SOCKET, SO_LINGER, &l, &len) && l.l_onoff &&
	    l.l_linger)
		setsockopt(tcp, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
}

void part_begin(int tcp, int how)
{
	struct conn *c = conn_open(tcp, CONN_PARTING);

	if (!c)
		return;
	c->part_how = how;
	conn_is_read(c);
	conn_list_add(&conns_parting, c);
	never_wait_in_close(tcp);
	if (how != PART_LINGER)
		ktls_make_room(tcp);
	ring_poll(conn_tag(c, OP_PART), tcp,
		  how == PART_LINGER ? POLLIN : POLLOUT);
}

/* Unread at close, it would reset the end of the response. True at its end. */
static bool drain(const struct conn *c)
{
	char sink[4096];
	ssize_t n = 1;
	int i;

	for (i = 0; i < 256 && n > 0; i++)
		n = recv(c->tcp, sink, sizeof(sink), MSG_DONTWAIT);
	return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR &&
			  errno != EIO);
}

/* Has the client acknowledged everything? Then a reset can take nothing away. */
static bool is_delivered(const struct conn *c)
{
	int unsent = 0;

	return ioctl(c->tcp, SIOCOUTQ, &unsent) || !unsent;
}

static void linger(struct conn *c)
{
	if (drain(c) || is_delivered(c)) {
		conn_kill(c);
		return;
	}
	c->part_how = PART_LINGER;
	ring_poll(conn_tag(c, OP_PART), c->tcp, POLLIN);
}

void part_on_ready(struct conn *c, int res)
{
	if (res <= 0 || res & (POLLERR | POLLHUP) ||
	    c->part_how == PART_HOLD) {
		conn_kill(c);
	} else if (c->part_how == PART_LINGER) {
		linger(c);
	} else if (ktls_send_alert(c->tcp, LEVEL_WARNING,
				   ALERT_CLOSE_NOTIFY) == -EAGAIN) {
		ring_poll(conn_tag(c, OP_PART), c->tcp, POLLOUT);
	} else {
		shutdown(c->tcp, SHUT_WR);
		if (c->part_how == SHUT_RDWR)
			linger(c);
		else
			conn_kill(c);
	}
}

void part_expire(struct conn *c)
{
	if (c->part_how == PART_LINGER && is_delivered(c)) {
		conn_kill(c);
	} else if (!conn_is_read(c)) { /* not a byte in all that time */
		log_info("a client does not read the end of its response");
		conn_kill(c);
	} else {
		conn_list_add(&conns_parting, c);
	}
}
