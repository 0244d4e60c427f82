// SPDX-License-Identifier: MIT
/*
 * client.c - a TLS client that does to its connections what can be done
 *
 *   client [option...] PORT VERDICTS
 *
 *   --connections N  --seed S  --parallel P    N of them, P at a time
 *   --replay SEED    only the connection of this seed
 *   --show SEED      print its plan, connect nowhere
 *   --without A,B    leave out: see X_NAMES in schedule.h
 *   --most BYTES     in a direction of a round
 *   --ca FILE        the server's certificate; without it no TLS is spoken, to
 *                    see what plain TCP does
 *
 * For each connection a line is added to the file VERDICTS, as the server does:
 *
 *   SEED client END UP UPSUM DOWN DOWNSUM BAD PLANNED-END PLANNED-UP PLANNED-DOWN
 *
 * wire.c has the connection, this file what happens on it.
 */
#define _GNU_SOURCE
#include "wire.h"

#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const feature_names[] = {X_NAMES};
static const char *const end_names[] = {
	"server", "server-shut", "client", "client-nofin", "vanish", "reset",
	"garbage", "early", "abort", "kill"};
static const char *verdicts;
static int port;
static struct header base;

/* ---- sending by the plan */

/* Is the client's stream cut here? Then that is done; the rest is not sent. */
static bool cut_now(struct wire *w, const struct plan *p)
{
	if (p->end < END_VANISH || p->end > END_GARBAGE || w->up < p->cut)
		return false;
	wire_flush(w);
	if (p->end == END_GARBAGE) {
		wire_send_damaged(w, 100);
	} else {
		if (p->partial)
			wire_send_partial(w, 3000);
		wire_end_tcp(w, p->end == END_RESET);
	}
	return true;
}

/* Return: false when there is nothing more to be done on the connection. */
static bool send_up(struct wire *w, const struct plan *p, uint64_t target,
		    uint32_t record)
{
	uint64_t n;

	while (w->up < target) {
		if (cut_now(w, p))
			return false;
		if (w->small_left)
			w->small_left--;
		else
			record = 16384; /* RFC 8446 section 5.1 */
		n = target - w->up < record ? target - w->up : record;
		if (p->end >= END_VANISH && p->end <= END_GARBAGE &&
		    n > p->cut - w->up)
			n = p->cut - w->up;
		if (wire_send(w, n))
			return false;
	}
	return !cut_now(w, p);
}

static bool do_round(struct wire *w, const struct plan *p, uint32_t n,
		     uint64_t up, uint64_t down)
{
	const struct round *r = &p->round[n];

	w->segment = r->segment;
	w->slow = r->slow;
	if (r->pause_ms)
		wire_pause(w, r->pause_ms);
	if (r->keyupdate && wire_key_update(w, r->keyupdate == 2))
		return false;
	if (r->lockstep && r->order == WRITE_FIRST && wire_await(w, down))
		return false;
	if (!send_up(w, p, up, r->record_size))
		return false;
	return !r->lockstep || !wire_await(w, down);
}

static void end_orderly(struct wire *w, const struct plan *p)
{
	switch (p->end) {
	case END_SERVER_SHUT:
		/* the server's end comes first */
		if (wire_await_end(w) ||
		    !send_up(w, p, p->up, p->round[0].record_size))
			return;
		wire_close_notify(w);
		wire_end_tcp(w, false);
		break;
	case END_CLIENT:
	case END_CLIENT_NOFIN:
		wire_close_notify(w);
		if (p->end == END_CLIENT)
			wire_end_tcp(w, false);
		break;
	}
	wire_await_end(w);
	wire_await_fin(w);
}

static void do_plan(struct wire *w, const struct plan *p)
{
	uint64_t up = 0, down = 0;
	uint32_t i;

	if (wire_send_header(w))
		return;
	for (i = 0; i < p->n; i++) {
		up += p->round[i].up;
		down += p->round[i].down;
		if (!do_round(w, p, i, up, down))
			break;
	}
	if (i == p->n && p->end <= END_ORDERLY)
		end_orderly(w, p);
	else
		wire_await_end(w);
}

static void tell_verdict(const struct wire *w, const struct plan *p)
{
	char line[300];
	int n, fd;

	n = snprintf(line, sizeof(line),
		     "%016llx client %s %llu %llx %llu %llx %s %s %llu %llu\n",
		     (unsigned long long)p->seed, w->end,
		     (unsigned long long)w->up, (unsigned long long)w->up_sum,
		     (unsigned long long)w->down,
		     (unsigned long long)w->down_sum, w->bad[0] ? w->bad : "-",
		     end_names[p->end], (unsigned long long)p->up,
		     (unsigned long long)p->down);
	fd = open(verdicts, O_WRONLY | O_APPEND);
	if (fd < 0 || write(fd, line, (size_t)n) != n)
		perror(verdicts);
	close(fd);
}

static void do_connection(uint64_t seed)
{
	struct header h = base;
	struct plan p;
	struct wire w;

	h.seed = seed;
	plan_make(&p, &h);
	wire_open(&w, port + p.model + (p.greet ? MODEL_COUNT : 0), &p, &h);
	if (!w.end)
		do_plan(&w, &p);
	tell_verdict(&w, &p);
	wire_close(&w);
}

/* ---- what a plan says */

static void show(uint64_t seed)
{
	static const char *const models[] = {"worker", "thread", "fork", "exec",
					     "scm"};
	static const char *const ops[] = {
		"-", "dup", "dup2", "dupfd", "thread", "fork-hold", "fork-drop",
		"fork-child", "fork-turn", "exec", "exec-stdin", "scm-early",
		"scm-late", "stdio"};
	static const char *const orders[] = {"read-write", "write-read",
					     "duplex", "two-threads"};
	static const char *const waits[] = {
		"-", "poll", "select", "poll-nb", "select-nb", "epoll",
		"epollet", "dontwait", "timeo", "oneshot"};
	static const char *const reads[] = {
		"read", "readv", "recv", "recvfrom", "recvmsg", "peek",
		"waitall", "zero", "fionread", "recvmmsg", "splice"};
	static const char *const writes[] = {
		"write", "writev", "send", "sendto", "sendmsg", "sendfile",
		"more", "splice", "sendmmsg"};
	struct header h = base;
	struct plan p;
	uint32_t i;

	h.seed = seed;
	plan_make(&p, &h);
	printf("seed %016llx: by %s%s%s, TLS 1.%d cipher %d, %u rounds, end: %s, let go %d, "
	       "final %u up %u down, cut at %u, round %u%s\n",
	       (unsigned long long)seed, models[p.model],
	       p.greet ? ", greets" : "", p.signals ? ", signals" : "", p.tls12 ? 2 : 3, p.cipher, p.n,
	       end_names[p.end], p.let_go, p.final_up, p.final_down, p.cut,
	       p.cut_round, p.partial ? " partial" : "");
	for (i = 0; i < p.n; i++) {
		const struct round *r = &p.round[i];

		printf("  %u: %s; up %u by %u in records of %u, segments of %u; "
		       "down %u by %u; %s %s %s %s%s%s%s%s key update %u, "
		       "pause %u\n", i, ops[r->op], r->up, r->read_size,
		       r->record_size, r->segment, r->down, r->write_size,
		       orders[r->order], waits[r->wait], reads[r->reads],
		       writes[r->writes], r->more_last ? " MORE" : "",
		       r->cork ? " cork" : "", r->lockstep ? " lockstep" : "",
		       r->slow ? " slow" : "", r->keyupdate, r->pause_ms);
	}
}

/* ---- options */

static void leave_out(char *list)
{
	char *name;
	size_t i;

	for (name = strtok(list, ","); name; name = strtok(NULL, ",")) {
		for (i = 0; i < X_COUNT && strcmp(name, feature_names[i]); i++)
			;
		if (i == X_COUNT) {
			fprintf(stderr, "client: nothing is called %s\n", name);
			exit(64);
		}
		base.without |= 1u << i;
	}
}

static uint64_t seed_of(uint64_t seed, unsigned long i)
{
	return mix(mix(seed) + i);
}

static void run(uint64_t seed, unsigned long n, unsigned long parallel)
{
	unsigned long i, j;

	for (i = 0; i < parallel; i++) {
		if (fork())
			continue;
		for (j = i; j < n; j += parallel)
			do_connection(seed_of(seed, j));
		_exit(0);
	}
	while (wait(NULL) > 0)
		;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"connections", 1, NULL, 'n'}, {"seed", 1, NULL, 's'},
		{"parallel", 1, NULL, 'p'}, {"replay", 1, NULL, 'r'},
		{"show", 1, NULL, 'w'}, {"without", 1, NULL, 'o'},
		{"most", 1, NULL, 'm'}, {"ca", 1, NULL, 'c'}, {0}};
	unsigned long n = 100, parallel = 4;
	uint64_t seed = 1, replay = 0, shown = 0;
	const char *ca = NULL;
	int c;

	base.most = 1 << 20;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'n': n = strtoul(optarg, NULL, 0); break;
		case 's': seed = strtoull(optarg, NULL, 16); break;
		case 'p': parallel = strtoul(optarg, NULL, 0); break;
		case 'r': replay = strtoull(optarg, NULL, 16); break;
		case 'w': shown = strtoull(optarg, NULL, 16); break;
		case 'o': leave_out(optarg); break;
		case 'm': base.most = (uint32_t)strtoul(optarg, NULL, 0); break;
		case 'c': ca = optarg; break;
		default: return 64;
		}
	}
	if (shown) {
		show(shown);
		return 0;
	}
	if (argc - optind != 2)
		return 64;
	port = atoi(argv[optind]);
	verdicts = argv[optind + 1];
	signal(SIGPIPE, SIG_IGN);
	wire_init(ca);
	if (replay)
		do_connection(replay);
	else
		run(seed, n, parallel);
	return 0;
}
