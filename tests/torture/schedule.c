// SPDX-License-Identifier: MIT
/*
 * schedule.c - draws the plan of a connection
 */
#include "schedule.h"

#define CALLS_MAX 300 /* of a kind in a round: time is limited */

struct draw {
	uint64_t state;
	uint32_t without, most;
};

static bool may(const struct draw *d, enum feature f)
{
	return !(d->without >> f & 1);
}

static bool one_in(struct draw *d, uint32_t n)
{
	return !below(&d->state, n);
}

/* Mostly little, at times much. */
static uint32_t amount(struct draw *d)
{
	static const uint32_t most[] = {1, 200, 200, 200, 200, 5000, 5000, 5000,
					40000, 70000};
	uint32_t n = most[below(&d->state, 10)];

	if (one_in(d, 40))
		n = 1 << 20;
	n = below(&d->state, n + 1);
	return n < d->most ? n : d->most;
}

/* How much at a time: often too little, or around a record's size. */
static uint32_t piece(struct draw *d, uint32_t total, uint32_t most)
{
	static const uint32_t edges[] = {1, 2, 5, 100, 1000, 4096, 16383, 16384,
					 16385, 32768, 65536};
	uint32_t n = edges[below(&d->state, 11)];

	if (one_in(d, 2))
		n = 1 + below(&d->state, n);
	if (n < total / CALLS_MAX)
		n = total / CALLS_MAX;
	return n < most ? n : most;
}

/* An op that is allowed, or OP_NONE. */
static uint8_t draw_op(struct draw *d)
{
	static const struct {
		uint8_t op, feature;
	} ops[] = {
		{OP_DUP, X_DUP}, {OP_DUP2, X_DUP}, {OP_DUPFD, X_DUP},
		{OP_THREAD, X_THREAD}, {OP_FORK_HOLD, X_FORK},
		{OP_FORK_DROP, X_FORK}, {OP_FORK_CHILD, X_FORKREAD},
		{OP_FORK_TURN, X_FORKREAD}, {OP_EXEC, X_EXEC},
		{OP_EXEC_STDIN, X_EXEC}, {OP_SCM_EARLY, X_SCM},
		{OP_SCM_LATE, X_SCM}, {OP_STDIO, X_STDIO},
	};
	uint32_t i = below(&d->state, sizeof(ops) / sizeof(ops[0]));

	if (!one_in(d, 3) || !may(d, ops[i].feature))
		return OP_NONE;
	return ops[i].op;
}

static void draw_reads(struct draw *d, struct round *r)
{
	r->wait = (uint8_t)below(&d->state, W_COUNT);
	r->reads = (uint8_t)below(&d->state, R_COUNT);
	if ((r->reads == R_FIONREAD && !may(d, X_FIONREAD)) ||
	    (r->reads == R_RECVMMSG && !may(d, X_MMSG)) ||
	    (r->reads == R_SPLICE && !may(d, X_SPLICEIN)))
		r->reads = R_READ;
	r->read_size = piece(d, r->up, 65536);
}

static void draw_writes(struct draw *d, struct round *r)
{
	r->writes = (uint8_t)below(&d->state, S_COUNT);
	if ((r->writes == S_MORE && !may(d, X_MORE)) ||
	    (r->writes == S_SPLICE && !may(d, X_SPLICE)) ||
	    (r->writes == S_SENDMMSG && !may(d, X_MMSG)))
		r->writes = S_WRITE;
	r->write_size = piece(d, r->down, 65536);
	r->cork = one_in(d, 10);
	r->more_last = one_in(d, 10) && may(d, X_MORE);
}

static void draw_round(struct draw *d, struct round *r)
{
	r->up = amount(d);
	r->down = amount(d);
	r->op = draw_op(d);
	r->order = (uint8_t)below(&d->state, 4);
	if ((r->order == DUPLEX && !may(d, X_DUPLEX)) ||
	    (r->order == TWO_THREADS && !may(d, X_TWOTHREADS)))
		r->order = READ_FIRST;
	draw_reads(d, r);
	draw_writes(d, r);
	r->lockstep = one_in(d, 2);
	r->record_size = piece(d, r->up, 16384);
	r->segment = 1 << 20;
	if (one_in(d, 3) && may(d, X_SPLIT))
		r->segment = 1 + below(&d->state, one_in(d, 2) ? 3 : 3000);
	r->slow = one_in(d, 8) && may(d, X_SLOW);
	if (one_in(d, 6) && may(d, X_KEYUPDATE))
		r->keyupdate = one_in(d, 2) && may(d, X_KUREQUEST) ? 2 : 1;
	r->pause_ms = one_in(d, 5) ? (uint8_t)below(&d->state, 20) : 0;
}

static void draw_end(struct draw *d, struct plan *p)
{
	p->end = END_SERVER;
	if (may(d, X_HALFCLOSE))
		p->end = (uint8_t)below(&d->state, END_ORDERLY + 1);
	if (one_in(d, 5) && may(d, X_ABRUPT))
		p->end = (uint8_t)(END_VANISH + below(&d->state, 6));
	if (p->end == END_KILL && !may(d, X_KILL))
		p->end = END_EARLY;
	p->let_go = (uint8_t)below(&d->state, GO_COUNT);
	p->final_up = one_in(d, 2) ? amount(d) : 0;
	p->final_down = one_in(d, 2) ? amount(d) : 0;
	if (p->end != END_SERVER_SHUT)
		p->final_up = 0;
	if (p->end != END_CLIENT && p->end != END_CLIENT_NOFIN)
		p->final_down = 0;
	p->cut_round = below(&d->state, p->n);
	p->partial = one_in(d, 2);
	/* that round is not a child's to do */
	if (p->end >= END_EARLY && p->round[p->cut_round].op == OP_FORK_TURN)
		p->round[p->cut_round].op = OP_FORK_DROP;
}

void plan_make(struct plan *p, const struct header *h)
{
	static const uint8_t model_feature[MODEL_COUNT] = {
		0, X_THREAD, X_FORK, X_EXEC, X_SCM};
	struct draw d = {h->seed, h->without, h->most};
	uint32_t i;

	memset(p, 0, sizeof(*p));
	p->seed = h->seed;
	p->model = (uint8_t)below(&d.state, MODEL_COUNT);
	if (p->model != BY_WORKER && !may(&d, model_feature[p->model]))
		p->model = BY_WORKER;
	p->greet = one_in(&d, 4);
	p->v6 = one_in(&d, 2);
	p->tls12 = one_in(&d, 4) && may(&d, X_TLS12);
	p->cipher = (uint8_t)below(&d.state, 4);
	p->n = 1 + below(&d.state, ROUNDS_MAX);
	for (i = 0; i < p->n; i++) {
		draw_round(&d, &p->round[i]);
		p->up += p->round[i].up;
		p->down += p->round[i].down;
	}
	draw_end(&d, p);
	p->up += p->final_up;
	p->down += p->final_down;
	p->cut = below(&d.state, (uint32_t)p->up + 1);
	p->signals = one_in(&d, 6) && may(&d, X_SIGNAL);
	/* stdio reads ahead: it stays with the process that has begun */
	for (i = 0; i < p->n && p->round[i].op != OP_STDIO; i++)
		;
	if (i < p->n)
		p->signals = 0; /* it loses bytes then, with TCP as well */
	for (i++; i < p->n; i++)
		p->round[i].op = OP_NONE;
}
