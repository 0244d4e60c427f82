// SPDX-License-Identifier: MIT
/*
 * prologue.c - what is said in plaintext before the handshake
 *
 * The client's bytes are peeked at. Those that a step calls its own are then
 * taken: when it needs more all of them, so that poll() waits for news.
 */
#include "prologue.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "conn.h"
#include "handshake.h"
#include "http.h"
#include "plaintext.h"
#include "proxied.h"
#include "ring.h"
#include "starttls.h"

struct prologue {
	size_t step; /* STEPS: the last; INSTEAD of the handshake */
	bool silent; /* the client, for as long as it may be */
	uint32_t state; /* the step's own, 0 at its beginning */
	size_t have; /* bytes in buf; they are taken from the socket */
	uint8_t buf[PROLOGUE_BYTES];
};

/*
 * A step is called for the first time even if nothing has come (len 0), so that
 * it can speak first. A client that says more than fits is refused.
 */
static const struct {
	bool (*wanted)(const struct conn *c);
	enum prologue_verdict (*look)(struct conn *c, uint32_t *state,
				      const uint8_t *data, size_t len,
				      struct prologue_answer *out);
} steps[] = {
	{proxied_wanted, proxied_look},
	{starttls_wanted, starttls_look},
	{plaintext_wanted, plaintext_look},
};
#define STEPS (sizeof(steps) / sizeof(steps[0]))
#define INSTEAD (STEPS + 1)

static size_t next_step(const struct conn *c, size_t step)
{
	while (step < STEPS && !steps[step].wanted(c))
		step++;
	return step;
}

void prologue_free(struct conn *c)
{
	free(c->prologue);
	c->prologue = NULL;
}

/* Take what has been looked at up to @n out of the socket. */
static bool take(struct conn *c, size_t n)
{
	struct prologue *p = c->prologue;
	size_t more = n - p->have;

	if (n < p->have) /* a step gives back what it has called its own */
		abort();
	p->have = n;
	c->handshake_bytes += (unsigned int)more;
	return !more || recv(c->tcp, p->buf + n - more, more, MSG_DONTWAIT) ==
				(ssize_t)more;
}

/*
 * A reply is small and the first that goes out, or the next after the client
 * has answered: who leaves no room for it does not read.
 */
static bool reply(struct conn *c, const struct prologue_answer *a)
{
	return !a->reply_len ||
	       send(c->tcp, a->reply, a->reply_len,
		    MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)a->reply_len;
}

/* Return: is the same or another step to be asked again at once? */
static bool obey(struct conn *c, enum prologue_verdict verdict, size_t len,
		 const struct prologue_answer *a)
{
	struct prologue *p = c->prologue;
	bool all = verdict == PROLOGUE_MORE || verdict == PROLOGUE_END;

	if (!take(c, all ? len : a->used) || !reply(c, a)) {
		handshake_fail(c, "the client has gone");
		return false;
	}
	switch (verdict) {
	case PROLOGUE_MORE:
		if (len == PROLOGUE_BYTES)
			handshake_fail(c, "too much was said before TLS");
		else
			ring_poll(conn_tag(c, OP_PROLOGUE), c->tcp, POLLIN);
		return false;
	case PROLOGUE_AGAIN:
		p->have = 0;
		return true;
	case PROLOGUE_DONE:
		p->have = p->state = 0;
		p->step = next_step(c, p->step + 1);
		return true;
	case PROLOGUE_PLAIN:
		prologue_free(c);
		handshake_plain(c);
		return false;
	case PROLOGUE_END:
		break;
	}
	handshake_refuse(c, a->why);
	return false;
}

static enum prologue_verdict look(struct conn *c, size_t len,
				  struct prologue_answer *out)
{
	struct prologue *p = c->prologue;

	if (p->silent && !len)
		return PROLOGUE_PLAIN;
	if (p->step == INSTEAD)
		return plaintext_refuse(c, &p->state, p->buf, len, out);
	return steps[p->step].look(c, &p->state, p->buf, len, out);
}

static void advance(struct conn *c)
{
	struct prologue *p = c->prologue;
	struct prologue_answer answer;
	enum prologue_verdict verdict;
	ssize_t n;

	do {
		if (p->step == STEPS) {
			prologue_free(c);
			handshake_start(c);
			return;
		}
		n = recv(c->tcp, p->buf + p->have, PROLOGUE_BYTES - p->have,
			 MSG_PEEK | MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno != EAGAIN)) {
			handshake_fail(c, n ? strerror(errno)
					    : "the client has gone");
			return;
		}
		n = n < 0 ? 0 : n;
		memset(&answer, 0, offsetof(struct prologue_answer, reply));
		verdict = look(c, p->have + (size_t)n, &answer);
	} while (obey(c, verdict, p->have + (size_t)n, &answer));
}

void prologue_on_in(struct conn *c, int res)
{
	if (res < 0 && !(c->prologue->silent && res == -ECANCELED))
		handshake_fail(c, strerror(-res));
	else if (c->handshake_bytes > HANDSHAKE_BYTES_MAX)
		handshake_fail(c, "too much was said before TLS");
	else
		advance(c);
}

/* The poll under way has to end first. */
void prologue_expire(struct conn *c)
{
	c->prologue->silent = true;
	conn_list_add(&conns_handshaking, c);
	ring_cancel(RING_TAG(OP_PROLOGUE, c->index, c->generation));
}

void prologue_instead(struct conn *c, const uint8_t *data, size_t len)
{
	struct prologue *p = NULL;

	if (!c->starttls && http_may_begin((const char *)data, len))
		p = calloc(1, sizeof(*p));
	if (!p) {
		handshake_fail(c, "the client does not speak TLS");
		return;
	}
	p->step = INSTEAD;
	p->have = len;
	memcpy(p->buf, data, len);
	c->prologue = p;
	advance(c);
}

int prologue_begin(struct conn *c)
{
	size_t step = next_step(c, 0);

	if (step == STEPS)
		return 0;
	c->prologue = calloc(1, sizeof(*c->prologue));
	if (!c->prologue)
		return -ENOMEM;
	c->prologue->step = step;
	advance(c);
	return 1;
}
