// SPDX-License-Identifier: MIT
/*
 * server.c - a plain TCP server that does to its connections what can be done
 *
 *   server PORT WORKERS VERDICTS
 *   server --continue FD VERDICTS STATE    (it executes itself)
 *
 * Knows nothing of TLS. A client's first bytes are a struct header; the plan
 * that follows from it says how to read and write, and what becomes of the
 * descriptor meanwhile: see schedule.h. Listens on PORTS ports from PORT on.
 *
 *   main ── fork ── keeper, early: serves what is passed to it, in threads
 *    │ listen
 *    ├───── fork ── keeper, late
 *    └───── fork ── workers: accept, on all ports
 *
 * For each connection a line is added to the file VERDICTS:
 *
 *   SEED server END UP UPSUM DOWN DOWNSUM BAD
 */
#define _GNU_SOURCE
#include "io.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EARLY, LATE };

static int listeners[PORTS];
static const int keepers[2] = {200, 201}; /* sockets to them, in all of us */
static bool disposable; /* this process is there for one connection only */
/*
 * It, or what it was forked from, serves several in threads. exit() would write
 * what others have in their stdio buffers, a second time.
 */
static bool is_keeper;
static const char *verdicts;

static void serve(struct conn *c);

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* Until nobody has the other end of a pipe. */
static void await_close(int fd)
{
	char byte;

	while (read(fd, &byte, 1) < 0 && errno == EINTR)
		;
}

/* ---- signals */

static void on_alarm(int sig)
{
	(void)sig;
}

/*
 * SIGALRM every few milliseconds. Off: ignored, which forgets one that is on its
 * way to another thread, too; it would kill what is executed next.
 */
static void interrupt_me(bool on)
{
	struct itimerval often = {0};
	struct sigaction action = {.sa_handler = on ? on_alarm : SIG_IGN};

	if (on)
		often.it_interval.tv_usec = often.it_value.tv_usec = 3000;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
}

/* ---- the end of a connection */

static void tell_verdict(const struct conn *c, const char *end)
{
	const struct state *st = &c->st;
	char line[300];
	int n, fd;

	n = snprintf(line, sizeof(line), "%016llx server %s %llu %llx %llu %llx %s\n",
		     (unsigned long long)st->header.seed, end,
		     (unsigned long long)st->up, (unsigned long long)st->up_sum,
		     (unsigned long long)st->down,
		     (unsigned long long)st->down_sum,
		     st->bad[0] ? st->bad : "-");
	fd = open(verdicts, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd < 0 || write(fd, line, (size_t)n) != n)
		perror(verdicts);
	close(fd);
}

/* Let go of it without another word. */
static void drop(struct conn *c)
{
	if (c->epfd >= 0)
		close(c->epfd);
	if (c->in) {
		fclose(c->in);
		fclose(c->out);
	} else if (c->fd >= 0) {
		close(c->fd);
	}
	if (c->hold_fd >= 0)
		close(c->hold_fd);
	c->fd = c->hold_fd = c->epfd = -1;
	c->in = c->out = NULL;
}

static void let_go(struct conn *c)
{
	struct linger linger = {1, 5};

	if (c->plan.let_go == GO_SHUT_CLOSE && !c->in)
		shutdown(c->fd, SHUT_WR);
	if (c->plan.let_go == GO_SHUT_BOTH && !c->in)
		shutdown(c->fd, SHUT_RDWR);
	if (c->plan.let_go == GO_LINGER)
		setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &linger,
			   sizeof(linger));
	if (c->plan.let_go == GO_EXIT && disposable && !is_keeper)
		exit(0);
	if (c->plan.let_go == GO__EXIT && disposable && !c->in)
		_exit(0);
	drop(c);
}

static const char *error_name(const struct conn *c)
{
	return c->st.err == ENDED_EOF ? "eof" : strerrorname_np(-c->st.err);
}

/* A size was chosen for another amount: no more than 5,000 calls. */
static uint32_t suit(uint32_t size, uint64_t amount)
{
	uint64_t least = amount / 5000;

	return size < least ? (uint32_t)least : size;
}

/* All rounds are done. */
static void finish(struct conn *c)
{
	struct round r = c->plan.round[c->plan.n - 1];

	r.read_size = suit(r.read_size, c->plan.final_up);
	r.write_size = suit(r.write_size, c->plan.final_down);
	r.down = c->plan.final_down;
	r.op = OP_NONE;
	io_begin_round(c, &r);
	if (c->plan.end == END_SERVER) {
		tell_verdict(c, "closed");
		let_go(c);
		return;
	}
	if (c->plan.end == END_SERVER_SHUT)
		shutdown(c->fd, SHUT_WR);
	if (!io_read_end(c, &r) && c->plan.final_down)
		if (io_write_to(c, &r, c->st.down + r.down))
			io_bad(c, error_name(c));
	tell_verdict(c, error_name(c));
	let_go(c);
}

/* Copies of other threads' connections would be cut off, too. */
static void close_others(const struct conn *c)
{
	int fd;

	for (fd = 3; fd < 1024; fd++)
		if (fd != c->fd && fd != c->hold_fd)
			close(fd);
}

/* In the middle of a round. */
static void end_early(struct conn *c, const struct round *r, uint64_t down)
{
	struct linger abort = {1, 0};
	int gone[2];

	if (io_write_to(c, r, c->st.down + (down - c->st.down) / 2)) {
		tell_verdict(c, error_name(c));
		drop(c);
		return;
	}
	if (c->plan.end == END_EARLY) {
		tell_verdict(c, "early");
		let_go(c);
		return;
	}
	if (c->plan.end == END_ABORT) {
		setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &abort, sizeof(abort));
		tell_verdict(c, "abort");
		drop(c);
		return;
	}
	if (pipe2(gone, O_CLOEXEC))
		die("pipe");
	if (disposable || !fork()) {
		close(gone[1]); /* the parent's closes after its copy of fd */
		await_close(gone[0]);
		close_others(c);
		tell_verdict(c, "kill");
		raise(SIGKILL);
	}
	drop(c);
	close(gone[0]);
	close(gone[1]);
}

/* ---- what becomes of the descriptor */

static void change_number(struct conn *c, int op)
{
	int null, to = -1;

	if (op == OP_DUP) {
		to = dup(c->fd);
	} else if (op == OP_DUPFD) {
		to = fcntl(c->fd, F_DUPFD_CLOEXEC, 300);
	} else { /* over a number that nobody else has */
		null = open("/dev/null", O_RDONLY | O_CLOEXEC);
		to = fcntl(null, F_DUPFD, 300);
		close(null);
		dup2(c->fd, to);
	}
	if (to < 0)
		io_bad(c, "dup");
	close(c->fd);
	c->fd = to;
	fcntl(to, F_SETFD, FD_CLOEXEC);
}

static void *thread_main(void *arg)
{
	serve(arg);
	if (disposable && is_keeper) /* perhaps a child that has gone on */
		_exit(0);
	if (disposable)
		exit(0);
	return NULL;
}

static void in_thread(struct conn *c)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, thread_main, c))
		die("pthread_create");
	pthread_join(thread, NULL);
}

/* A child that has it, too: until we are done with it, or not at all. */
static void fork_idle(struct conn *c, bool hold)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		die("pipe");
	if (!fork()) {
		close(ends[1]);
		if (c->hold_fd >= 0)
			close(c->hold_fd);
		if (!hold)
			close(c->fd);
		else
			await_close(ends[0]);
		_exit(0);
	}
	close(ends[0]);
	if (c->hold_fd < 0 && hold)
		c->hold_fd = ends[1];
	else
		close(ends[1]);
}

static void do_round(struct conn *c);

/* Return: this process is not the one that goes on. */
static bool fork_child(struct conn *c)
{
	if (!fork()) {
		disposable = true;
		return false;
	}
	drop(c);
	return true;
}

/* A child does a round and says how far it came. */
static void fork_turn(struct conn *c)
{
	struct state after;
	int ends[2];
	ssize_t n;

	if (pipe2(ends, O_CLOEXEC))
		die("pipe");
	if (!fork()) {
		do_round(c);
		after = c->st;
		if (write(ends[1], &after, sizeof(after)) != sizeof(after))
			perror("pipe");
		_exit(0);
	}
	close(ends[1]);
	do
		n = read(ends[0], &after, sizeof(after));
	while (n < 0 && errno == EINTR);
	if (n == sizeof(after)) {
		c->st = after;
	} else {
		io_bad(c, "child-died");
		c->st.err = -ECHILD;
	}
	close(ends[0]);
	c->st.round++;
}

static void to_hex(char *hex, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (; len--; p++, hex += 2)
		sprintf(hex, "%02x", *p);
}

/* Does not return. */
static void exec_self(struct conn *c, bool as_stdin)
{
	char hex[2 * sizeof(c->st) + 1], number[16];

	if (as_stdin && c->fd > 1) {
		dup2(c->fd, 0);
		dup2(c->fd, 1);
		close(c->fd);
		c->fd = 0;
	} else {
		fcntl(c->fd, F_SETFD, 0);
	}
	interrupt_me(false);
	to_hex(hex, &c->st, sizeof(c->st));
	sprintf(number, "%d", c->fd);
	execl("/proc/self/exe", "server", "--continue", number, verdicts, hex,
	      NULL);
	die("exec");
}

static void pass_on(struct conn *c, int keeper)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct iovec iov = {&c->st, sizeof(c->st)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1,
			     .msg_control = control.buf,
			     .msg_controllen = sizeof(control.buf)};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &c->fd, sizeof(int));
	interrupt_me(false);
	if (sendmsg(keepers[keeper], &msg, 0) != sizeof(c->st))
		die("sendmsg");
	drop(c);
}

/* Return: somebody else goes on. */
static bool do_op(struct conn *c, int op)
{
	switch (op) {
	case OP_DUP:
	case OP_DUP2:
	case OP_DUPFD:
		change_number(c, op);
		return false;
	case OP_THREAD:
		in_thread(c);
		return true;
	case OP_FORK_HOLD:
	case OP_FORK_DROP:
		fork_idle(c, op == OP_FORK_HOLD);
		return false;
	case OP_FORK_CHILD:
		return fork_child(c);
	case OP_FORK_TURN:
		fork_turn(c);
		return false;
	case OP_EXEC:
	case OP_EXEC_STDIN:
		if (disposable || !fork())
			exec_self(c, op == OP_EXEC_STDIN);
		drop(c);
		return true;
	case OP_SCM_EARLY:
	case OP_SCM_LATE:
		pass_on(c, op == OP_SCM_EARLY ? EARLY : LATE);
		return true;
	case OP_STDIO:
		io_stdio(c);
		return false;
	default:
		return false;
	}
}

/* ---- the plan */

/* What is to be read and written when round @n is over. */
static void targets(const struct conn *c, uint32_t n, uint64_t *up,
		    uint64_t *down)
{
	*up = *down = 0;
	do {
		*up += c->plan.round[n].up;
		*down += c->plan.round[n].down;
	} while (n--);
}

static void do_round(struct conn *c)
{
	const struct round *r = &c->plan.round[c->st.round];
	uint64_t up, down;

	targets(c, c->st.round, &up, &down);
	io_begin_round(c, r);
	if (r->order == DUPLEX)
		io_duplex(c, r, up, down);
	else if (r->order == TWO_THREADS)
		io_two_threads(c, r, up, down);
	else if (r->order == WRITE_FIRST)
		io_write_to(c, r, down);
	if (!c->st.err)
		io_read_to(c, r, up);
	if (!c->st.err)
		io_write_to(c, r, down);
	io_end_round(c, r);
}

/* The header; the plan follows from it. Return: -1 when it does not come. */
static int begin(struct conn *c)
{
	struct state *st = &c->st;

	fcntl(c->fd, F_SETFL, 0); /* accept may have made it non-blocking */
	if (!st->begun && st->greet &&
	    write(c->fd, GREETING, sizeof(GREETING) - 1) < 0)
		perror("greeting");
	if (!st->begun && io_read_exactly(c, &st->header, sizeof(st->header)))
		return -1;
	st->begun = true;
	plan_make(&c->plan, &st->header);
	interrupt_me(disposable && c->plan.signals);
	return 0;
}

/* Until the connection is over, or somebody else's. */
static void serve(struct conn *c)
{
	struct state *st = &c->st;
	uint64_t up, down;

	if (begin(c)) {
		tell_verdict(c, "no-header");
		drop(c);
		return;
	}
	while (st->round < c->plan.n && !st->err) {
		if (st->op_round <= st->round) {
			st->op_round = st->round + 1;
			if (do_op(c, c->plan.round[st->round].op))
				return;
			continue; /* the round may be done */
		}
		if (c->plan.end >= END_EARLY && st->round == c->plan.cut_round) {
			targets(c, st->round, &up, &down);
			io_begin_round(c, &c->plan.round[st->round]);
			end_early(c, &c->plan.round[st->round], down);
			return;
		}
		do_round(c);
		st->round += !st->err;
	}
	if (!st->err) {
		finish(c);
		return;
	}
	tell_verdict(c, error_name(c));
	let_go(c);
}

/* ---- processes */

static void *kept_main(void *arg)
{
	struct conn *c = arg;

	thread_main(c);
	free(c);
	return NULL;
}

/* Serves, in threads, connections that others have accepted. */
static void keep(int from)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov;
	struct msghdr msg;
	struct cmsghdr *cmsg;
	pthread_t thread;
	struct conn *c;

	is_keeper = true;
	for (;;) {
		c = calloc(1, sizeof(*c));
		iov = (struct iovec){&c->st, sizeof(c->st)};
		msg = (struct msghdr){.msg_iov = &iov, .msg_iovlen = 1,
				      .msg_control = control.buf,
				      .msg_controllen = sizeof(control.buf)};
		if (recvmsg(from, &msg, MSG_CMSG_CLOEXEC) != sizeof(c->st)) {
			free(c);
			exit(0);
		}
		cmsg = CMSG_FIRSTHDR(&msg);
		if (!cmsg || cmsg->cmsg_type != SCM_RIGHTS) {
			fprintf(stderr, "keeper: no descriptor came\n");
			continue;
		}
		memcpy(&c->fd, CMSG_DATA(cmsg), sizeof(int));
		c->epfd = c->hold_fd = -1;
		if (pthread_create(&thread, NULL, kept_main, c))
			die("pthread_create");
		pthread_detach(thread);
	}
}

/* With the main process all that wait for more will end. */
static pid_t fork_lasting(void)
{
	pid_t pid = fork();

	if (!pid)
		prctl(PR_SET_PDEATHSIG, SIGTERM);
	return pid;
}

static void open_keepers(int *ends)
{
	int pair[2], i;

	for (i = 0; i < 2; i++) {
		if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) ||
		    dup2(pair[0], keepers[i]) < 0)
			die("socketpair");
		close(pair[0]);
		ends[i] = fcntl(pair[1], F_DUPFD_CLOEXEC, 210);
		close(pair[1]);
	}
}

static void start_keeper(int end)
{
	if (!fork_lasting())
		keep(end);
}

static void dispatch(int fd, int port)
{
	struct conn c = {.fd = fd, .epfd = -1, .hold_fd = -1};

	c.st.greet = port >= MODEL_COUNT;
	switch (port % MODEL_COUNT) {
	case BY_THREAD:
		in_thread(&c);
		break;
	case BY_FORK:
	case BY_EXEC:
		if (fork_child(&c))
			break;
		if (port % MODEL_COUNT == BY_EXEC)
			exec_self(&c, port == BY_EXEC);
		serve(&c);
		exit(0);
	case BY_SCM:
		pass_on(&c, port == BY_SCM ? EARLY : LATE);
		break;
	default:
		serve(&c);
	}
	if (disposable) /* a child that has gone on */
		_exit(0);
}

static int accept_as(int i)
{
	struct sockaddr_storage a;
	socklen_t len = sizeof(a);
	int fd;

	if (i % 3 == 0)
		return accept4(listeners[i], NULL, NULL, SOCK_CLOEXEC);
	if (i % 3 == 1)
		return accept4(listeners[i], (struct sockaddr *)&a, &len,
			       SOCK_CLOEXEC | SOCK_NONBLOCK);
	fd = accept(listeners[i], (struct sockaddr *)&a, &len);
	if (fd >= 0)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	return fd;
}

static void work(void)
{
	struct pollfd p[PORTS];
	int i, fd;

	for (i = 0; i < PORTS; i++)
		p[i] = (struct pollfd){.fd = listeners[i], .events = POLLIN};
	for (;;) {
		poll(p, PORTS, -1);
		for (i = 0; i < PORTS; i++) {
			if (!p[i].revents)
				continue;
			fd = accept_as(i);
			if (fd >= 0)
				dispatch(fd, i);
			else if (errno != EAGAIN)
				perror("accept");
		}
	}
}

static void listen_all(int port)
{
	struct sockaddr_in6 a = {.sin6_family = AF_INET6};
	int i, on = 1, s;

	for (i = 0; i < PORTS; i++) {
		s = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			   0);
		setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		/* the first one last: it says that all are there */
		a.sin6_port = htons((unsigned short)(port + PORTS - 1 - i));
		if (bind(s, (struct sockaddr *)&a, sizeof(a)) || listen(s, 128))
			die("listen");
		listeners[PORTS - 1 - i] = s;
	}
}

static int continue_after_exec(char **argv)
{
	struct conn c = {.fd = atoi(argv[2]), .epfd = -1, .hold_fd = -1};
	uint8_t *p = (uint8_t *)&c.st;
	unsigned int byte, i;

	verdicts = argv[3];
	disposable = true;
	for (i = 0; i < sizeof(c.st) && sscanf(argv[4] + 2 * i, "%2x", &byte) == 1;
	     i++)
		p[i] = (uint8_t)byte;
	fcntl(c.fd, F_SETFD, FD_CLOEXEC);
	serve(&c);
	return 0;
}

int main(int argc, char **argv)
{
	int i, ends[2];

	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_IGN);
	if (argc == 5 && !strcmp(argv[1], "--continue"))
		return continue_after_exec(argv);
	if (argc != 4)
		return 64;
	verdicts = argv[3];
	open_keepers(ends);
	start_keeper(ends[EARLY]);
	listen_all(atoi(argv[1]));
	start_keeper(ends[LATE]);
	for (i = 1; i < atoi(argv[2]); i++)
		if (!fork_lasting())
			work();
	work();
}
