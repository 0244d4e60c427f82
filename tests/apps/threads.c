// SPDX-License-Identifier: MIT
/*
 * threads.c - a server whose threads and signal handlers share a connection
 *
 *   threads PORT SCENARIO
 *
 *   shutdown, close, fork   done by one thread while another waits in read
 *   dontwait         MSG_DONTWAIT and MSG_PEEK while another waits in read
 *   turns, at_once   two threads read; the client is sent how often each of
 *                    the 256 bytes has come
 *   handler_read, handler_write, handler_exit
 *                    a signal handler closes what the program reads, or
 *                    writes; handler_exit: and calls _exit
 *   streams          one makes stdio streams of it, another children that do it, too
 *   many             four threads accept and send back what comes, another gets
 *                    descriptors in messages meanwhile, of nobody's
 *   jump             its timeouts jump out of read, three times; then it reads
 *                    without waiting, and sends back what comes
 *
 * What a thread gets that waits in a read is told on standard output, and what
 * was written before a handler closed it.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define IS(s, what) (!strcmp(s, what))

static int listener, conn, taking_turns;
static bool stop;
static const char *scenario;
static pid_t waiting_tid;
static unsigned int counts[256];
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

static void die(const char *what)
{
	perror(what);
	_exit(1);
}

static void say(const char *text)
{
	if (write(conn, text, strlen(text)) < 0)
		die("threads: write");
}

static const char *end_name(ssize_t n)
{
	return n ? strerrorname_np(errno) : "eof";
}

/* Sends back what it reads, as long as something comes. */
static void *echo(void *unused)
{
	char buf[20000];
	ssize_t n;

	__atomic_store_n(&waiting_tid, (pid_t)syscall(SYS_gettid),
			 __ATOMIC_RELEASE);
	while ((n = read(conn, buf, sizeof(buf))) > 0)
		if (write(conn, buf, (size_t)n) != n)
			die("threads: write");
	printf("read: %s\n", end_name(n));
	fflush(stdout);
	return unused;
}

/* Until the other thread sleeps in its read. */
static void wait_for_waiting(void)
{
	char name[64], stat[200] = "", *state;
	FILE *f;

	do {
		usleep(1000);
		snprintf(name, sizeof(name), "/proc/self/task/%d/stat",
			 (int)__atomic_load_n(&waiting_tid, __ATOMIC_ACQUIRE));
		f = fopen(name, "r");
		if (!f)
			continue;
		if (!fgets(stat, sizeof(stat), f))
			stat[0] = '\0';
		fclose(f);
		state = strrchr(stat, ')');
	} while (!f || !state || state[2] != 'S');
}

/* None of these may wait for the thread that does. */
static void ask_without_waiting(void)
{
	char c;
	int i;

	for (i = 0; i < 100; i++) {
		if (recv(conn, &c, 1, MSG_DONTWAIT) != -1 || errno != EAGAIN ||
		    recv(conn, &c, 1, MSG_DONTWAIT | MSG_PEEK) != -1 ||
		    errno != EAGAIN)
			die("threads: MSG_DONTWAIT");
	}
	say("asked");
}

static void beside_a_reader(void)
{
	pthread_t thread;

	waiting_tid = 0;
	pthread_create(&thread, NULL, echo, NULL);
	wait_for_waiting();
	if (IS(scenario, "shutdown")) {
		shutdown(conn, SHUT_RDWR);
	} else if (IS(scenario, "close")) {
		say("closing");
		close(conn);
	} else if (IS(scenario, "dontwait")) {
		ask_without_waiting();
	} else if (!fork()) {
		say("child");
		_exit(0);
	}
	pthread_join(thread, NULL);
	if (!IS(scenario, "close"))
		close(conn);
}

static bool make_stream(void)
{
	FILE *f = fdopen(dup(conn), "r");

	return f && !fclose(f);
}

static void *make_streams(void *unused)
{
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		if (!make_stream())
			die("threads: fdopen");
	return unused;
}

static void children_with_streams(void)
{
	pthread_t thread;
	int i, status = 0;

	stop = false;
	pthread_create(&thread, NULL, make_streams, NULL);
	for (i = 0; i < 50 && !status; i++) {
		if (!fork()) {
			alarm(5);
			_exit(!make_stream());
		}
		if (wait(&status) < 0)
			die("threads: wait");
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	printf("child %d: status %#x\n", i, status);
	fflush(stdout);
	say(status ? "a child hung" : "all well");
	close(conn);
}

static void *count(void *unused)
{
	unsigned char buf[777];
	ssize_t n, i;

	do {
		if (taking_turns)
			pthread_mutex_lock(&turn);
		n = read(conn, buf, sizeof(buf));
		if (taking_turns)
			pthread_mutex_unlock(&turn);
		for (i = 0; i < n; i++)
			__atomic_add_fetch(&counts[buf[i]], 1, __ATOMIC_RELAXED);
	} while (n > 0);
	printf("read: %s\n", end_name(n));
	fflush(stdout);
	return unused;
}

static void two_readers(void)
{
	char text[256 * 12], *p = text;
	pthread_t threads[2];
	int i;

	memset(counts, 0, sizeof(counts));
	taking_turns = IS(scenario, "turns");
	for (i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, count, NULL);
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	for (i = 0; i < 256; i++)
		p += sprintf(p, "%u ", counts[i]);
	say(text);
	close(conn);
}

static void *serve(void *unused)
{
	char buf[20000];
	int c, copy;
	ssize_t n;

	while ((c = accept(listener, NULL, NULL)) >= 0) {
		copy = dup(c);
		while ((n = read(c, buf, sizeof(buf))) > 0)
			if (write(copy, buf, (size_t)n) != n)
				die("threads: write");
		close(c);
		close(copy);
	}
	return unused;
}

static void *receive(void *unused)
{
	int pair[2], fd = socket(AF_INET, SOCK_DGRAM, 0);
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr header;
	} control = {.header = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
	char byte = 0;
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if (fd < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		die("threads: socketpair");
	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	for (;;) {
		msg.msg_control = control.buf;
		msg.msg_controllen = sizeof(control);
		if (sendmsg(pair[0], &msg, 0) != 1 ||
		    recvmsg(pair[1], &msg, 0) != 1)
			die("threads: message");
		close(fd);
		memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
	}
	return unused;
}

static void many_servers(void)
{
	pthread_t threads[5];
	int i;

	for (i = 0; i < 5; i++)
		pthread_create(&threads[i], NULL, i ? serve : receive, NULL);
	for (i = 0; i < 5; i++)
		pthread_join(threads[i], NULL);
}

static void on_alarm(int sig)
{
	int saved = errno;

	(void)sig;
	if (!IS(scenario, "handler_write"))
		say("bye");
	close(conn);
	if (IS(scenario, "handler_exit"))
		_exit(0);
	errno = saved;
}

/* No SA_RESTART: what is under way ends with EINTR, or short. */
static void with_a_handler(void)
{
	static const struct itimerval soon = {.it_value = {.tv_usec = 300000}};
	struct sigaction action = {.sa_handler = on_alarm};
	static char full[4 << 20];
	long total = 0;
	ssize_t n;

	sigaction(SIGALRM, &action, NULL);
	memset(full, 'f', sizeof(full));
	setitimer(ITIMER_REAL, &soon, NULL);
	do {
		if (IS(scenario, "handler_write"))
			n = write(conn, full, sizeof(full));
		else
			n = read(conn, full, sizeof(full));
		total += n > 0 ? n : 0;
	} while (n == sizeof(full));
	printf("total: %ld then %s\n", total, n < 0 ? end_name(n) : "short");
	fflush(stdout);
}

static sigjmp_buf before_read;

static void on_timeout(int sig)
{
	siglongjmp(before_read, sig);
}

static void jump_out(void)
{
	static const struct itimerval soon = {.it_value = {.tv_usec = 100000}};
	struct pollfd p = {.fd = conn, .events = POLLIN};
	volatile int i;
	char c;

	signal(SIGALRM, on_timeout);
	for (i = 0; i < 3; i++) {
		if (sigsetjmp(before_read, 1))
			continue;
		setitimer(ITIMER_REAL, &soon, NULL);
		if (read(conn, &c, 1) != 0x100)
			die("threads: read without a timeout");
	}
	say("late");
	while (recv(conn, &c, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN)
		poll(&p, 1, -1);
	if (write(conn, &c, 1) == 1)
		echo(NULL);
	close(conn);
}

int main(int argc, char **argv)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	int on = 1;

	if (argc != 3)
		return 64;
	scenario = argv[2];
	a.sin_port = htons((unsigned short)atoi(argv[1]));
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listener, (struct sockaddr *)&a, sizeof(a)) ||
	    listen(listener, 16))
		die("threads: listen");
	if (IS(scenario, "many"))
		many_servers();
	while ((conn = accept(listener, NULL, NULL)) >= 0) {
		if (!strncmp(scenario, "handler", 7))
			with_a_handler();
		else if (IS(scenario, "turns") || IS(scenario, "at_once"))
			two_readers();
		else if (IS(scenario, "jump"))
			jump_out();
		else if (IS(scenario, "streams"))
			children_with_streams();
		else
			beside_a_reader();
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
	die("threads: accept");
}
