/* SPDX-License-Identifier: MIT */
/*
 * io.h - a connection of the torture server, read and written in all manners
 */
#ifndef IO_H
#define IO_H

#include <stdio.h>

#include "schedule.h"

/* What one process of the server tells another about a connection. */
struct state {
	struct header header;
	uint32_t round, op_round; /* the ops before op_round are done */
	bool greet, begun; /* begun: header is known */
	int err; /* why it is over, a negative errno, or 0; -1 was eof */
	char bad[48]; /* what is not as on TCP, or "" */
	uint64_t up, down, up_sum, down_sum; /* read, written */
};

#define ENDED_EOF (-100000) /* in state.err */

struct conn {
	int fd;
	int epfd; /* of this round, or -1 */
	int hold_fd; /* its close ends the child that holds the connection */
	bool no_block;
	FILE *in, *out; /* when it is stdio's */
	struct plan plan;
	struct state st;
};

void io_begin_round(struct conn *c, const struct round *r);
void io_end_round(struct conn *c, const struct round *r);
/* Return, all of them: 0, or -1 when the connection is over: see state.err. */
int io_read_to(struct conn *c, const struct round *r, uint64_t target);
int io_read_end(struct conn *c, const struct round *r); /* 0: an orderly end */
int io_write_to(struct conn *c, const struct round *r, uint64_t target);
int io_duplex(struct conn *c, const struct round *r, uint64_t up,
	      uint64_t down);
int io_two_threads(struct conn *c, const struct round *r, uint64_t up,
		   uint64_t down);
int io_read_exactly(struct conn *c, void *buf, size_t len);
void io_stdio(struct conn *c); /* from now on */
void io_bad(struct conn *c, const char *what);

#endif
