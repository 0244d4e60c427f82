/* SPDX-License-Identifier: MIT */
/*
 * schedule.h - what happens on a torture connection, drawn from its seed
 *
 * Client and server make the same plan from the same seed, so that each knows
 * what the other will do. The bytes of both directions follow from seed and
 * position.
 */
#ifndef SCHEDULE_H
#define SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define ROUNDS_MAX 6
#define GREETING "hello\r\n"

/* What may be left out, by the name in X_NAMES at the same place. */
enum feature {
	X_DUP, X_THREAD, X_FORK, X_FORKREAD, X_EXEC, X_SCM, X_STDIO,
	X_KEYUPDATE, X_KUREQUEST, X_ABRUPT, X_KILL, X_MORE, X_SPLICE, X_MMSG,
	X_TLS12, X_HALFCLOSE, X_SLOW, X_SPLIT, X_DUPLEX, X_FIONREAD, X_SPLICEIN,
	X_TWOTHREADS, X_SIGNAL, X_COUNT
};
#define X_NAMES                                                                \
	"dup", "thread", "fork", "forkread", "exec", "scm", "stdio",           \
	"keyupdate", "kurequest", "abrupt", "kill", "more", "splice", "mmsg",  \
	"tls12", "halfclose", "slow", "split", "duplex", "fionread",           \
	"splicein", "twothreads", "signal"

/* Who serves, decided before a byte is read: each has a port of its own. */
enum model { BY_WORKER, BY_THREAD, BY_FORK, BY_EXEC, BY_SCM, MODEL_COUNT };
#define PORTS (2 * MODEL_COUNT) /* the second half: the server greets first */

/* What the server does with the connection before a round. */
enum op {
	OP_NONE, OP_DUP, OP_DUP2, OP_DUPFD,
	OP_THREAD,
	OP_FORK_HOLD, /* a child has it too, and ends after us */
	OP_FORK_DROP, /* ... and drops it at once */
	OP_FORK_CHILD, /* a child goes on with it */
	OP_FORK_TURN, /* a child does this round, we the rest */
	OP_EXEC, OP_EXEC_STDIN, /* another program, with it as N or as 0 and 1 */
	OP_SCM_EARLY, OP_SCM_LATE, /* a process from before or after listen() */
	OP_STDIO
};
enum order { READ_FIRST, WRITE_FIRST, DUPLEX, TWO_THREADS };
enum wait { W_NONE, W_POLL, W_SELECT, W_POLL_NB, W_SELECT_NB, W_EPOLL,
	    W_EPOLLET, W_DONTWAIT, W_TIMEO, W_ONESHOT, W_COUNT };
enum reads { R_READ, R_READV, R_RECV, R_RECVFROM, R_RECVMSG, R_PEEK, R_WAITALL,
	     R_ZERO, R_FIONREAD, R_RECVMMSG, R_SPLICE, R_COUNT };
enum writes { S_WRITE, S_WRITEV, S_SEND, S_SENDTO, S_SENDMSG, S_SENDFILE,
	      S_MORE, S_SPLICE, S_SENDMMSG, S_COUNT };
enum end {
	END_SERVER, /* closes when all is done */
	END_SERVER_SHUT, /* SHUT_WR; then the client's rest and end are read */
	END_CLIENT, /* close_notify and FIN; then the server's rest */
	END_CLIENT_NOFIN,
	END_ORDERLY = END_CLIENT_NOFIN,
	END_VANISH, /* the client's FIN without close_notify */
	END_RESET,
	END_GARBAGE, /* a bit of a record is wrong */
	END_EARLY, /* the server closes in the middle */
	END_ABORT, /* ... with SO_LINGER of 0: a reset */
	END_KILL
};
enum let_go { GO_CLOSE, GO_SHUT_CLOSE, GO_SHUT_BOTH, GO_LINGER, GO_EXIT,
	      GO__EXIT, GO_COUNT };

struct round {
	uint32_t up, down; /* bytes */
	uint32_t read_size, write_size, record_size, segment;
	uint8_t op, order, wait, reads, writes;
	uint8_t lockstep, slow, keyupdate, pause_ms;
	uint8_t cork, more_last;
};

struct plan {
	uint64_t seed;
	uint32_t n;
	uint8_t model, greet, tls12, cipher, end, let_go, v6;
	uint8_t signals; /* the server's calls are interrupted all the time */
	uint8_t partial; /* abrupt client: a part of a record is sent, too */
	uint32_t cut; /* abrupt client: after so many bytes, ... */
	uint32_t cut_round; /* abrupt server: in this round */
	uint32_t final_up, final_down;
	uint64_t up, down; /* all that is sent when nothing is cut */
	struct round round[ROUNDS_MAX];
};

/* The client's first bytes. */
struct header {
	uint64_t seed;
	uint32_t without; /* bits by enum feature */
	uint32_t most; /* bytes in a direction of a round */
};

/* splitmix64 */
static inline uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

static inline uint32_t below(uint64_t *state, uint32_t n)
{
	*state += 0x9e3779b97f4a7c15u;
	return (uint32_t)((mix(*state) >> 32) * n >> 32);
}

/* The bytes of a direction from @pos on. */
static inline void data_fill(uint64_t seed, bool up, uint64_t pos, uint8_t *buf,
			     size_t len)
{
	uint64_t key = mix(seed * 2 + up), word;
	size_t n;

	for (; len; pos += n, buf += n, len -= n) {
		word = mix(key + pos / 8 * 0x9e3779b97f4a7c15u);
		n = 8 - pos % 8 < len ? 8 - pos % 8 : len;
		memcpy(buf, (uint8_t *)&word + pos % 8, n);
	}
}

static inline uint64_t checksum(uint64_t sum, const uint8_t *buf, size_t len)
{
	while (len--)
		sum = (sum ^ *buf++) * 0x100000001b3u;
	return sum;
}

void plan_make(struct plan *p, const struct header *h);

#endif
