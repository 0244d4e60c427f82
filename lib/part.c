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
#include <poll.h>
#include <sys/socket.h>

#include "ktls.h"

#define LEVEL_WARNING 1

void part_begin(int tcp, int how)
{
	struct conn *c = conn_open(tcp, CONN_PARTING);

	if (!c)
		return;
	c->part_how = how;
	conn_is_read(c);
	ktls_make_room(tcp);
	conn_list_add(&conns_parting, c);
	ring_poll(conn_tag(c, OP_PART), tcp, POLLOUT);
}

/* Unread at close, it would reset the end of the response. */
static void drain(const struct conn *c)
{
	char sink[4096];
	int i;

	for (i = 0; i < 256; i++)
		if (recv(c->tcp, sink, sizeof(sink), MSG_DONTWAIT) <= 0)
			break;
}

void part_on_ready(struct conn *c, int res)
{
	if (c->part_how != PART_HOLD && res > 0 &&
	    !(res & (POLLERR | POLLHUP))) {
		if (ktls_send_alert(c->tcp, LEVEL_WARNING,
				    ALERT_CLOSE_NOTIFY) == -EAGAIN) {
			ring_poll(conn_tag(c, OP_PART), c->tcp, POLLOUT);
			return;
		}
		shutdown(c->tcp, SHUT_WR);
		if (c->part_how == SHUT_RDWR)
			drain(c);
	}
	conn_kill(c);
}

void part_expire(struct conn *c)
{
	if (!conn_is_read(c)) { /* not a byte in all that time */
		log_info("a client does not read the end of its response");
		conn_kill(c);
		return;
	}
	conn_list_add(&conns_parting, c);
}
