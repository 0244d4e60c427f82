// SPDX-License-Identifier: MIT
/*
 * acceptor.c - a server that accepts the way it is told, and tells of trouble
 *
 *   acceptor PORT HOW
 *
 *   block, poll, select, epoll, epollet   how it waits for connections
 *   threads    three threads, each in a blocking accept
 *   fork       the parent ends once a child accepts
 *
 * Each connection gets "hi\n" and is closed. Standard output says, line by
 * line: the error of bind or listen (then it waits to be killed, so that the
 * test can look for an open port); "children: ERRNO sigchld: N" of wait(-1)
 * after listen; "listening"; "accept: ERRNO" of each failed accept. PORT 0 is
 * any port. SIGUSR1 closes the listener and goes on without it.
 */
#define _GNU_SOURCE /* strerrorname_np */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int listener, epfd = -1;
static const char *how;
static volatile sig_atomic_t n_sigchld;

static void on_sigchld(int sig)
{
	(void)sig;
	n_sigchld = n_sigchld + 1;
}

static void on_usr1(int sig)
{
	(void)sig;
	close(listener);
	for (;;)
		pause();
}

static void tell(const char *what)
{
	printf("%s: %s\n", what, strerrorname_np(errno));
	fflush(stdout);
}

static void hold(const char *what)
{
	tell(what);
	for (;;)
		pause();
}

static void wait_for(void)
{
	struct pollfd p = {.fd = listener, .events = POLLIN};
	struct epoll_event ev;
	fd_set set;

	if (!strcmp(how, "poll")) {
		poll(&p, 1, -1);
	} else if (!strcmp(how, "select")) {
		FD_ZERO(&set);
		FD_SET(listener, &set);
		select(listener + 1, &set, NULL, NULL, NULL);
	} else if (epfd >= 0) {
		epoll_wait(epfd, &ev, 1, -1);
	}
}

static void *accept_loop(void *unused)
{
	int et = !strcmp(how, "epollet"), fd;

	for (;;) {
		wait_for();
		do {
			fd = accept(listener, NULL, NULL);
			if (fd < 0)
				break;
			if (write(fd, "hi\n", 3) != 3)
				tell("write");
			close(fd);
		} while (et);
		if (fd < 0 && errno != EAGAIN)
			tell("accept");
	}
	return unused;
}

static void use_epoll(void)
{
	struct epoll_event ev = {.events = EPOLLIN};

	if (!strcmp(how, "epollet"))
		ev.events |= EPOLLET;
	epfd = epoll_create1(0);
	epoll_ctl(epfd, EPOLL_CTL_ADD, listener, &ev);
}

static void look_for_children(void)
{
	pid_t pid = waitpid(-1, NULL, WNOHANG | __WALL);

	printf("children: %s sigchld: %d\n",
	       pid < 0 ? strerrorname_np(errno) : "some", (int)n_sigchld);
}

int main(int argc, char **argv)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	pthread_t thread;
	int on = 1, i;

	if (argc != 3)
		return 64;
	how = argv[2];
	a.sin_port = htons((unsigned short)atoi(argv[1]));
	inet_pton(AF_INET, "127.0.0.1", &a.sin_addr);
	signal(SIGCHLD, on_sigchld);
	signal(SIGUSR1, on_usr1);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listener, (void *)&a, sizeof(a)))
		hold("bind");
	if (listen(listener, 64))
		hold("listen");
	look_for_children();
	printf("listening\n");
	fflush(stdout);
	if (strcmp(how, "block") && strcmp(how, "threads") &&
	    strcmp(how, "fork"))
		fcntl(listener, F_SETFL, O_NONBLOCK);
	if (!strncmp(how, "epoll", 5))
		use_epoll();
	for (i = 0; i < 2 && !strcmp(how, "threads"); i++)
		pthread_create(&thread, NULL, accept_loop, NULL);
	if (!strcmp(how, "fork")) {
		if (fork() > 0)
			_exit(0);
		printf("worker: %d\n", (int)getpid());
		fflush(stdout);
	}
	accept_loop(NULL);
}
