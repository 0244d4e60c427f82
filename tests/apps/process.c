// SPDX-License-Identifier: MIT
/*
 * process.c - a server that hands its connections to other processes
 *
 *   process PORT SCENARIO [ARGUMENT...]
 *   process filter HOW [FD], receive FD, serve FD, resume LISTENER FD
 *                                               what the scenarios execute
 *
 * Most scenarios begin with K bytes that the accepting process itself sends
 * back, so that a connection is handed over fresh (0), in the middle of a
 * record, or between two. Whoever has it then sends back the rest, and behind
 * it how the client's stream has ended: "|eof" or "|" and an error's name.
 *
 *   fork HOW K M     child: M bytes, the parent the rest; HOW: fork, _Fork, clone
 *   kill HOW K M     the same, but the child ends by SIGKILL
 *   hand HOW K       child: the rest; the parent closes at once
 *   part K           the child's first read finds half a record
 *   exec DIGITS PROGRAM...    in a child, the connection as these numbers
 *   spawn, vfork DIGITS PROGRAM...         the same by posix_spawn, vfork
 *   inherit PROGRAM...        posix_spawn, the connection is number 7
 *   cloexec PROGRAM...        this process becomes it, without the connection
 *   enoent FLAG K             an exec that fails; FLAG: keep or cloexec
 *   system COMMAND, popen r|w COMMAND      the connection is number 7
 *   stdio HOW K      getc, fgets, write, twice, both, stdin
 *   pass HOW K       SCM_RIGHTS to another process: fork, exec, early, mmsg, gate
 *   listener HOW FD SWEEP     executes "serve" with an empty environment
 *   daemon listen|accept daemon|double
 *   reexec K, upgrade K       executes "resume", "serve"
 *   splice in|sendfile|out K  into a pipe and a file, or out of a pipe
 *   linger K                  SO_LINGER of 0 seconds, and close
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SELF "/proc/self/exe"
#define SLOW_BYTES 1000000
#define IS(s, what) (!strcmp(s, what))

static int listener, conn, channel = -1;
static char big[4 << 20]; /* for those who answer at the end only */

static void die(const char *what)
{
	perror(what);
	_exit(1);
}

static int write_all(int fd, const char *data, size_t len)
{
	ssize_t n;

	for (; len; data += n, len -= (size_t)n)
		if ((n = write(fd, data, len)) < 0)
			return -1;
	return 0;
}

/* Send back up to @want bytes. Return: NULL, or how the stream has ended. */
static const char *echo(int in, int out, size_t want)
{
	static char buf[20000];
	ssize_t n;

	while (want) {
		n = read(in, buf, want < sizeof(buf) ? want : sizeof(buf));
		if (n <= 0)
			return n ? strerrorname_np(errno) : "eof";
		if (write_all(out, buf, (size_t)n))
			return strerrorname_np(errno);
		want -= (size_t)n;
	}
	return NULL;
}

static void tell_end(int fd, const char *how)
{
	char text[64];

	write_all(fd, text, (size_t)snprintf(text, sizeof(text), "|%s", how));
}

static void echo_rest(int fd)
{
	tell_end(fd, echo(fd, fd, SIZE_MAX));
	close(fd);
}

static size_t read_to_end(int fd)
{
	size_t len = 0;
	ssize_t n;

	while ((n = read(fd, big + len, sizeof(big) - len)) > 0)
		len += (size_t)n;
	if (n < 0)
		die("process: read");
	return len;
}

/* ---- fork */

static pid_t new_process(const char *how)
{
	if (IS(how, "_Fork"))
		return _Fork();
	if (IS(how, "clone"))
		return (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0);
	return fork();
}

static void fork_and_back(char **a, int sig)
{
	pid_t pid;

	echo(conn, conn, strtoul(a[1], NULL, 10));
	pid = new_process(a[0]);
	if (!pid) {
		echo(conn, conn, strtoul(a[2], NULL, 10));
		if (sig)
			kill((pid_t)syscall(SYS_getpid), sig);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	echo_rest(conn);
}

static void do_fork(char **a)
{
	fork_and_back(a, 0);
}

static void do_kill(char **a)
{
	fork_and_back(a, SIGKILL);
}

static void do_hand(char **a)
{
	echo(conn, conn, strtoul(a[1], NULL, 10));
	if (!new_process(a[0])) {
		close(listener);
		echo_rest(conn);
		_exit(0);
	}
	close(conn);
}

static void do_part(char **a)
{
	char c;

	echo(conn, conn, strtoul(a[0], NULL, 10));
	while (recv(conn, &c, 1, MSG_DONTWAIT) == 1)
		write_all(conn, &c, 1);
	if (!fork()) {
		write_all(conn, "+", 1); /* now the other half may come */
		echo_rest(conn);
		_exit(0);
	}
	close(conn);
}

/* ---- exec */

static void take_numbers(const char *digits)
{
	const char *d;

	for (d = digits; *d; d++)
		dup2(conn, *d - '0');
	if (conn > 9 || !strchr(digits, '0' + conn))
		close(conn);
}

static void do_exec(char **a)
{
	if (!fork()) {
		take_numbers(a[0]);
		execvp(a[1], a + 1);
		die("process: exec");
	}
	close(conn);
}

static void do_vfork(char **a)
{
	pid_t pid = vfork();

	if (!pid) {
		const char *d;

		for (d = a[0]; *d; d++)
			dup2(conn, *d - '0');
		execvp(a[1], a + 1);
		_exit(127);
	}
	close(conn);
}

static void do_spawn(char **a)
{
	posix_spawn_file_actions_t actions;
	const char *d;
	pid_t pid;

	fcntl(conn, F_SETFD, FD_CLOEXEC);
	posix_spawn_file_actions_init(&actions);
	for (d = a[0]; *d; d++)
		posix_spawn_file_actions_adddup2(&actions, conn, *d - '0');
	if (posix_spawnp(&pid, a[1], &actions, NULL, a + 1, environ))
		die("process: posix_spawn");
	posix_spawn_file_actions_destroy(&actions);
	close(conn);
}

static void move_to_7(void)
{
	if (conn != 7) {
		dup2(conn, 7);
		close(conn);
	}
}

static void do_inherit(char **a)
{
	pid_t pid;

	move_to_7();
	if (posix_spawnp(&pid, a[0], NULL, NULL, a, environ))
		die("process: posix_spawn");
	close(7);
}

static void do_cloexec(char **a)
{
	write_all(conn, "hello", 5);
	fcntl(conn, F_SETFD, FD_CLOEXEC);
	execvp(a[0], a);
}

static void do_enoent(char **a)
{
	echo(conn, conn, strtoul(a[1], NULL, 10));
	if (IS(a[0], "cloexec"))
		fcntl(conn, F_SETFD, FD_CLOEXEC);
	execl("/nonexistent/program", "program", NULL);
	echo_rest(conn);
}

static void do_system(char **a)
{
	move_to_7();
	if (system(a[0]))
		die("process: system");
	write_all(7, "|done", 5);
	close(7);
}

static void do_popen(char **a)
{
	size_t len;
	FILE *f;

	move_to_7();
	if (IS(a[0], "r")) {
		f = popen(a[1], "r");
		len = fread(big, 1, sizeof(big), f);
		pclose(f);
		write_all(7, big, len);
	} else {
		len = read_to_end(7);
		f = popen(a[1], "w");
		fwrite(big, 1, len, f);
		pclose(f);
	}
	write_all(7, "|done", 5);
	close(7);
}

/* ---- stdio in this process */

static const char *end_of(FILE *f)
{
	return ferror(f) ? strerrorname_np(errno) : "eof";
}

/* Everything is read by stdio, and sent back by write(2). */
static void read_stdio(int lines)
{
	FILE *f = fdopen(conn, "r");
	size_t len = 0;
	int c;

	if (lines)
		while (fgets(big + len, 1000, f))
			len += strlen(big + len);
	else
		while ((c = getc(f)) != EOF)
			big[len++] = (char)c;
	write_all(conn, big, len);
	tell_end(conn, end_of(f));
	fclose(f);
}

static void write_stdio(void)
{
	size_t len = read_to_end(conn), off;
	FILE *f = fdopen(conn, "w");

	setvbuf(f, NULL, _IOFBF, 1 << 20);
	for (off = 0; off < len; off += 999)
		fprintf(f, "%.*s", len - off < 999 ? (int)(len - off) : 999,
			big + off);
	fputs("|eof", f);
	fclose(f);
}

/* Line by line: by one stream, or by one for each direction. */
static void lines_stdio(const char *mode)
{
	FILE *in = fdopen(conn, mode);
	FILE *out = IS(mode, "r") ? fdopen(dup(conn), "w") : in;
	char line[1000];

	while (fgets(line, sizeof(line), in)) {
		fputs(line, out);
		fflush(out);
	}
	fprintf(out, "|%s", end_of(in));
	if (out != in)
		fclose(out);
	fclose(in);
}

static void copy_stdin(void)
{
	int c;

	while ((c = getchar()) != EOF)
		putchar(c);
	printf("|%s", end_of(stdin));
	fflush(stdout);
}

static void do_stdio(char **a)
{
	echo(conn, conn, strtoul(a[1], NULL, 10));
	if (IS(a[0], "getc") || IS(a[0], "fgets")) {
		read_stdio(IS(a[0], "fgets"));
	} else if (IS(a[0], "write")) {
		write_stdio();
	} else if (IS(a[0], "twice") || IS(a[0], "both")) {
		lines_stdio(IS(a[0], "twice") ? "r" : "r+");
	} else if (!fork()) {
		dup2(conn, 0);
		dup2(conn, 1);
		close(conn);
		copy_stdin();
		exit(0);
	} else {
		close(conn);
	}
}

/* ---- descriptors in messages */

struct fd_msg {
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	char byte;
	struct iovec iov;
	struct mmsghdr m;
};

static struct fd_msg *prepare(void)
{
	static struct fd_msg f;

	memset(&f, 0, sizeof(f));
	f.iov = (struct iovec){&f.byte, 1};
	f.m.msg_hdr = (struct msghdr){.msg_iov = &f.iov,
				      .msg_iovlen = 1,
				      .msg_control = f.control,
				      .msg_controllen = sizeof(f.control)};
	return &f;
}

static void send_fd(int fd, int batch)
{
	struct fd_msg *f = prepare();
	struct cmsghdr *c = CMSG_FIRSTHDR(&f->m.msg_hdr);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	f->byte = batch ? 'b' : 's';
	if (batch ? sendmmsg(channel, &f->m, 1, 0) != 1
		  : sendmsg(channel, &f->m.msg_hdr, 0) != 1)
		die("process: sendmsg");
}

static int recv_fd(int batch)
{
	struct fd_msg *f = prepare();
	struct cmsghdr *c;
	int fd = -1;

	if (batch ? recvmmsg(channel, &f->m, 1, 0, NULL) != 1
		  : recvmsg(channel, &f->m.msg_hdr, 0) != 1)
		return -1;
	c = CMSG_FIRSTHDR(&f->m.msg_hdr);
	if (c) /* to recvmmsg the end is a message, too */
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

static void serve(int fd)
{
	int c;

	while ((c = accept(fd, NULL, NULL)) >= 0)
		echo_rest(c);
	die("process: accept");
}

static void receive(int batch)
{
	socklen_t len = sizeof(int);
	int fd, accepts = 0;

	while ((fd = recv_fd(batch)) >= 0) {
		getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &len);
		if (accepts)
			serve(fd);
		echo_rest(fd);
	}
	_exit(0);
}

/* The other process; what it inherits is the channel only. */
static void start_receiver(const char *how)
{
	int pair[2], batch = IS(how, "mmsg");
	char number[12];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		die("process: socketpair");
	if (!fork()) {
		close(pair[0]);
		channel = pair[1];
		if (listener > 0)
			close(listener);
		if (conn > 0)
			close(conn);
		if (IS(how, "fork") || batch)
			receive(batch);
		snprintf(number, sizeof(number), "%d", channel);
		execl(SELF, "process", "receive", number, NULL);
		die("process: exec");
	}
	channel = pair[0];
	close(pair[1]);
	fcntl(channel, F_SETFD, FD_CLOEXEC);
}

static void do_pass(char **a)
{
	echo(conn, conn, strtoul(a[1], NULL, 10));
	if (channel < 0)
		start_receiver(a[0]);
	send_fd(IS(a[0], "gate") ? listener : conn, IS(a[0], "mmsg"));
	if (IS(a[0], "gate")) {
		close(listener);
		echo_rest(conn);
		waitpid(-1, NULL, 0);
		exit(0);
	}
	close(conn);
}

/* ---- listeners */

static void sweep(const char *how, int from)
{
	int fd;

	if (IS(how, "loop"))
		for (fd = from; fd < 1024; fd++)
			close(fd);
	else if (IS(how, "range"))
		close_range((unsigned int)from, ~0u, 0);
	else if (IS(how, "from"))
		closefrom(from);
	else if (IS(how, "cloexec"))
		close_range((unsigned int)from, ~0u, CLOSE_RANGE_CLOEXEC);
}

static void exec_scrubbed(const char *how, char **argv)
{
	char *empty[] = {NULL};
	pid_t pid;

	if (IS(how, "execve"))
		execve(SELF, argv, empty);
	else if (IS(how, "execle"))
		execle(SELF, argv[0], argv[1], argv[2], NULL, empty);
	else if (IS(how, "execvpe"))
		execvpe(SELF, argv, empty);
	else if (IS(how, "fexecve"))
		fexecve(open(SELF, O_RDONLY | O_CLOEXEC), argv, empty);
	else if (IS(how, "execveat"))
		execveat(AT_FDCWD, SELF, argv, empty, 0);
	else if (IS(how, "execv") && !clearenv())
		execv(SELF, argv);
	else if (!posix_spawn(&pid, SELF, NULL, NULL, argv, empty))
		waitpid(pid, NULL, 0);
	die("process: exec");
}

static void do_listener(char **a)
{
	char *argv[] = {"process", "serve", a[1], NULL};
	int fd = atoi(a[1]);

	if (fd != listener) {
		dup2(listener, fd);
		close(listener);
	}
	sweep(a[2], fd < 3 ? 3 : fd + 1);
	if (IS(a[0], "here"))
		serve(fd);
	exec_scrubbed(a[0], argv);
}

static void become_daemon(const char *how)
{
	if (IS(how, "daemon")) {
		if (daemon(1, 0))
			die("process: daemon");
		return;
	}
	if (fork())
		_exit(0);
	setsid();
	if (fork())
		_exit(0);
}

static void do_daemon(char **a)
{
	if (IS(a[0], "listen"))
		become_daemon(a[1]);
	conn = accept(listener, NULL, NULL);
	if (IS(a[0], "accept"))
		become_daemon(a[1]);
	close(listener);
	echo_rest(conn);
	exit(0);
}

static void do_reexec(char **a)
{
	char number[2][12], *argv[] = {"process", "resume", number[0],
				       number[1], NULL};

	echo(conn, conn, strtoul(a[0], NULL, 10));
	snprintf(number[0], sizeof(number[0]), "%d", listener);
	snprintf(number[1], sizeof(number[1]), "%d", conn);
	execv(SELF, argv);
	die("process: exec");
}

/* The next generation takes the listener, this one ends its connection. */
static void do_upgrade(char **a)
{
	char number[12], *argv[] = {"process", "serve", number, NULL};

	echo(conn, conn, strtoul(a[0], NULL, 10));
	snprintf(number, sizeof(number), "%d", listener);
	if (!fork()) {
		close(conn);
		execv(SELF, argv);
		die("process: exec");
	}
	close(listener);
	echo_rest(conn);
	waitpid(-1, NULL, 0);
	exit(0);
}

/* ---- the kernel as the other process */

/* By splice, or by sendfile, which reads from a socket into a pipe, too. */
static void splice_in(int sendfile_too)
{
	FILE *file = tmpfile();
	off_t off = 0;
	ssize_t n;
	int p[2];

	if (!file || pipe(p))
		die("process: pipe");
	while ((n = sendfile_too ? sendfile(p[1], conn, NULL, 65536)
				 : splice(conn, NULL, p[1], NULL, 65536, 0)) > 0)
		while (n > 0)
			n -= splice(p[0], NULL, fileno(file), NULL, (size_t)n, 0);
	n = n ? errno : 0;
	while (sendfile(conn, fileno(file), &off, sizeof(big)) > 0)
		;
	tell_end(conn, n ? strerrorname_np((int)n) : "eof");
	fclose(file);
	close(p[0]);
	close(p[1]);
}

/* Held back by SPLICE_F_MORE to the very end. */
static void splice_out(void)
{
	size_t len = read_to_end(conn), off = 0;
	ssize_t n, m;
	int p[2];

	if (pipe(p))
		die("process: pipe");
	while (off < len) {
		n = write(p[1], big + off, len - off < 4000 ? len - off : 4000);
		off += (size_t)n;
		for (; n > 0; n -= m) {
			m = splice(p[0], NULL, conn, NULL, (size_t)n,
				   SPLICE_F_MORE);
			if (m < 0)
				die("process: splice");
		}
	}
	close(p[0]);
	close(p[1]);
}

static void do_splice(char **a)
{
	echo(conn, conn, strtoul(a[1], NULL, 10));
	if (IS(a[0], "out"))
		splice_out();
	else
		splice_in(IS(a[0], "sendfile"));
	close(conn);
}

static void do_linger(char **a)
{
	struct linger now = {.l_onoff = 1};

	echo(conn, conn, strtoul(a[0], NULL, 10));
	setsockopt(conn, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(conn);
}

/* ---- what the others execute */

static void filter(char **a)
{
	int fd = a[1] ? atoi(a[1]) : 0, i;

	if (IS(a[0], "getc")) {
		copy_stdin();
	} else if (IS(a[0], "fd")) {
		echo_rest(fd);
	} else if (IS(a[0], "slow")) {
		memset(big, 's', SLOW_BYTES);
		for (i = 0; i < 20; i++) {
			usleep(20000);
			write_all(1, big, SLOW_BYTES / 20);
		}
	}
}

static int other_program(char **a)
{
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (IS(a[0], "filter")) {
		filter(a + 1);
	} else if (IS(a[0], "serve")) {
		serve(atoi(a[1]));
	} else if (IS(a[0], "receive")) {
		channel = atoi(a[1]);
		receive(0);
	} else if (IS(a[0], "resume")) {
		echo_rest(atoi(a[2]));
		serve(atoi(a[1]));
	}
	return 0;
}

static const struct {
	const char *name;
	void (*run)(char **arguments);
	int before_accept;
} scenarios[] = {
	{"fork", do_fork, 0},	      {"kill", do_kill, 0},
	{"hand", do_hand, 0},	      {"part", do_part, 0},
	{"exec", do_exec, 0},	      {"vfork", do_vfork, 0},
	{"spawn", do_spawn, 0},	      {"inherit", do_inherit, 0},
	{"cloexec", do_cloexec, 0},   {"enoent", do_enoent, 0},
	{"system", do_system, 0},     {"popen", do_popen, 0},
	{"stdio", do_stdio, 0},	      {"pass", do_pass, 0},
	{"listener", do_listener, 1}, {"daemon", do_daemon, 1},
	{"reexec", do_reexec, 0},     {"upgrade", do_upgrade, 0},
	{"splice", do_splice, 0},     {"linger", do_linger, 0},
};

static void listen_on(int port)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_port = htons((unsigned short)port)};
	int on = 1;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listener, (struct sockaddr *)&a, sizeof(a)) ||
	    listen(listener, 16))
		die("process: listen");
}

int main(int argc, char **argv)
{
	size_t i, n = sizeof(scenarios) / sizeof(*scenarios);

	alarm(100); /* nothing is left behind */
	if (argc > 2 && atoi(argv[1]) == 0)
		return other_program(argv + 1);
	for (i = 0; argc > 2 && i < n && !IS(argv[2], scenarios[i].name); i++)
		;
	if (argc < 3 || i == n)
		return 64;
	if (argc > 3 && IS(argv[3], "early"))
		start_receiver("exec");
	listen_on(atoi(argv[1]));
	if (scenarios[i].before_accept)
		scenarios[i].run(argv + 3);
	while ((conn = accept(listener, NULL, NULL)) >= 0) {
		scenarios[i].run(argv + 3);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
	die("process: accept");
}
