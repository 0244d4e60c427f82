// SPDX-License-Identifier: MIT
/*
 * reader.c - a server that reads the way the client asks for, and reports
 *
 *   reader PORT [ADDRESS]
 *
 * One connection after the other. A client's first line is "HOW SIZE"; "ok"
 * comes back, then everything up to the end of the stream is read in that
 * manner, SIZE bytes at a time:
 *
 *   block            read(2), blocking          zero     read of 0 bytes first
 *   lt, et           epoll, non-blocking; lt reads once per wake-up
 *   poll, select     wait, then a blocking read
 *   readv, recvmsg   several buffers            waitall  MSG_WAITALL
 *   dontwait         poll, MSG_DONTWAIT         peek     MSG_PEEK, then read
 *   trunc            MSG_TRUNC: thrown away     rcvtimeo SO_RCVTIMEO of 200 ms
 *   fionread         poll, FIONREAD, then exactly that many
 *   shutwr           1000 bytes and SHUT_WR first, then as block
 *   unread           reads nothing more: answers 1 MB and closes
 *   deaf             reads nothing more: writes, SIZE bytes at a time, to the end
 *
 * The report, one line, goes to standard output and to the client if it can
 * still be told:
 *
 *   how=lt size=100 bytes=N sum=ADLER32 wakeups=N empty=N timeouts=N
 *   longest_ms=N bad=WHAT end=eof|ERRNO again=eof|ERRNO|silent
 *
 * empty: wake-ups that brought neither data nor the end; again: the same once
 * more after the end, for an event loop must see it again.
 */
#define _GNU_SOURCE /* strerrorname_np */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define SIZE_MAX_BYTES 200000
#define PARTS 4

struct report {
	char how[16];
	size_t size;
	unsigned long bytes, wakeups, empty, timeouts, longest_ms;
	unsigned int a, b; /* the halves of Adler-32 */
	const char *bad;   /* what is not as on TCP, or NULL */
	const char *end, *again;
};

static unsigned char buf[SIZE_MAX_BYTES], other[SIZE_MAX_BYTES];

static unsigned long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (unsigned long)ts.tv_sec * 1000 +
	       (unsigned long)ts.tv_nsec / 1000000;
}

static void count(struct report *r, const unsigned char *data, size_t len)
{
	r->bytes += len;
	while (len--) {
		r->a = (r->a + *data++) % 65521;
		r->b = (r->b + r->a) % 65521;
	}
}

static const char *end_name(ssize_t n)
{
	return n == 0 ? "eof" : strerrorname_np(errno);
}

static ssize_t read_parts(struct report *r, int fd, int use_msg)
{
	struct iovec iov[PARTS];
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = PARTS};
	size_t off = 0, len, i;

	/* uneven parts, the second one empty */
	for (i = 0; i < PARTS; i++) {
		len = i == 1 ? 0 : (r->size - off) / (PARTS - i);
		iov[i] = (struct iovec){buf + off, len};
		off += len;
	}
	return use_msg ? recvmsg(fd, &msg, 0) : readv(fd, iov, PARTS);
}

static ssize_t read_peeked(struct report *r, int fd)
{
	ssize_t peeked = recv(fd, other, r->size, MSG_PEEK), n;

	if (peeked <= 0)
		return peeked;
	n = read(fd, buf, r->size);
	if (n < peeked || memcmp(buf, other, (size_t)peeked))
		r->bad = "peek";
	return n;
}

/* What FIONREAD promises must be there: a daemon may wait for all of it. */
static ssize_t read_promised(struct report *r, int fd)
{
	int n = 0;

	if (ioctl(fd, FIONREAD, &n))
		r->bad = "ioctl";
	if (n <= 0)
		return recv(fd, buf, r->size, MSG_DONTWAIT);
	if (n > SIZE_MAX_BYTES)
		n = SIZE_MAX_BYTES;
	if (recv(fd, buf, (size_t)n, MSG_DONTWAIT) != n) {
		r->bad = "fionread";
		return -1;
	}
	return n;
}

static ssize_t read_once(struct report *r, int fd)
{
	const char *how = r->how;
	ssize_t n;

	if (!strcmp(how, "readv") || !strcmp(how, "recvmsg"))
		return read_parts(r, fd, how[2] == 'c');
	if (!strcmp(how, "peek"))
		return read_peeked(r, fd);
	if (!strcmp(how, "fionread"))
		return read_promised(r, fd);
	if (!strcmp(how, "dontwait"))
		return recv(fd, buf, r->size, MSG_DONTWAIT);
	if (!strcmp(how, "trunc"))
		return recv(fd, buf, r->size, MSG_TRUNC);
	if (!strcmp(how, "zero") && read(fd, buf, 0) != 0)
		r->bad = "zero";
	if (strcmp(how, "waitall"))
		return read(fd, buf, r->size);
	n = recv(fd, buf, r->size, MSG_WAITALL);
	/* short only at the end, so once */
	if (n > 0 && (size_t)n < r->size) {
		if (r->timeouts++)
			r->bad = "waitall";
	}
	return n;
}

/* Wait as asked for. Return: 0, or -1 when @timeout_ms passed. */
static int wait_for(struct report *r, int fd, int epfd, int timeout_ms)
{
	struct timeval tv = {timeout_ms / 1000, timeout_ms % 1000 * 1000};
	struct pollfd p = {.fd = fd, .events = POLLIN};
	struct epoll_event ev;
	fd_set set;
	int n = 1;

	if (epfd >= 0) {
		n = epoll_wait(epfd, &ev, 1, timeout_ms);
	} else if (!strcmp(r->how, "select")) {
		FD_ZERO(&set);
		FD_SET(fd, &set);
		n = select(fd + 1, &set, NULL, NULL,
			   timeout_ms < 0 ? NULL : &tv);
	} else if (!strcmp(r->how, "poll") || !strcmp(r->how, "dontwait") ||
		   !strcmp(r->how, "fionread")) {
		n = poll(&p, 1, timeout_ms);
	}
	r->wakeups += n > 0;
	return n > 0 ? 0 : -1;
}

static ssize_t timed_read(struct report *r, int fd)
{
	unsigned long start = now_ms(), took;
	ssize_t n = read_once(r, fd);

	took = now_ms() - start;
	if (took > r->longest_ms)
		r->longest_ms = took;
	if (n > 0)
		count(r, buf, (size_t)n);
	return n;
}

static void read_all(struct report *r, int fd, int epfd)
{
	int et = !strcmp(r->how, "et"), again, got;
	ssize_t n;

	for (;;) {
		wait_for(r, fd, epfd, -1);
		got = 0;
		do {
			n = timed_read(r, fd);
			got |= n > 0;
		} while (et && n > 0);
		again = n < 0 && errno == EAGAIN;
		if (again && !strcmp(r->how, "rcvtimeo"))
			r->timeouts++;
		else if (again && !got)
			r->empty++;
		if (n <= 0 && !again)
			break;
	}
	r->end = end_name(n);
	/* an edge is not repeated, so that loop looks without one */
	if (!et && wait_for(r, fd, epfd, 1000))
		r->again = "silent";
	else
		r->again = end_name(read(fd, buf, sizeof(buf)));
}

static void say(const struct report *r, int fd)
{
	char line[400];
	int n = snprintf(line, sizeof(line),
			 "how=%s size=%zu bytes=%lu sum=%lu wakeups=%lu "
			 "empty=%lu timeouts=%lu longest_ms=%lu bad=%s end=%s "
			 "again=%s\n",
			 r->how, r->size, r->bytes,
			 (unsigned long)r->b << 16 | r->a, r->wakeups,
			 r->empty, r->timeouts, r->longest_ms,
			 r->bad ? r->bad : "no", r->end, r->again);

	fputs(line, stdout);
	fflush(stdout);
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
	if (strcmp(r->how, "shutwr") && write(fd, line, (size_t)n) != n)
		printf("the client cannot be told\n");
}

/* The client's first line. */
static int ask(struct report *r, int fd)
{
	char line[64] = "";
	size_t i;

	for (i = 0; i < sizeof(line) - 1; i++)
		if (read(fd, line + i, 1) != 1 || line[i] == '\n')
			break;
	if (sscanf(line, "%15s %zu", r->how, &r->size) != 2 ||
	    r->size > SIZE_MAX_BYTES)
		return -1;
	return write(fd, "ok\n", 3) == 3 ? 0 : -1;
}

static void answer_unread(int fd)
{
	size_t done = 0;
	ssize_t n;

	memset(buf, 'u', sizeof(buf));
	while (done < 1000000) {
		n = write(fd, buf, 100000);
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	printf("how=unread bytes=%zu\n", done);
	fflush(stdout);
}

static void write_only(const struct report *r, int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	ssize_t n;

	usleep(100000);
	do {
		poll(&p, 1, -1);
		n = write(fd, buf, r->size);
	} while (n > 0);
	printf("how=deaf end=%s\n", end_name(n));
	fflush(stdout);
}

static void serve(int fd)
{
	struct report r = {.a = 1};
	struct timeval tv = {.tv_usec = 200000};
	struct epoll_event ev = {.events = EPOLLIN};
	int epfd = -1;

	if (ask(&r, fd)) {
		printf("no first line: %s\n", strerror(errno));
		fflush(stdout);
		return;
	}
	if (!strcmp(r.how, "unread")) {
		answer_unread(fd);
		return;
	}
	if (!strcmp(r.how, "deaf")) {
		write_only(&r, fd);
		return;
	}
	if (!strcmp(r.how, "shutwr")) {
		memset(buf, 's', 1000);
		if (write(fd, buf, 1000) != 1000 || shutdown(fd, SHUT_WR))
			r.bad = "shutwr";
	}
	if (!strcmp(r.how, "rcvtimeo"))
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	if (!strcmp(r.how, "lt") || !strcmp(r.how, "et")) {
		fcntl(fd, F_SETFL, O_NONBLOCK);
		epfd = epoll_create1(0);
		if (r.how[0] == 'e')
			ev.events |= EPOLLET | EPOLLRDHUP;
		epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &ev);
	}
	read_all(&r, fd, epfd);
	say(&r, fd);
	if (epfd >= 0)
		close(epfd);
}

int main(int argc, char **argv)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1, fd;

	a.sin_port = htons((unsigned short)(argc > 1 ? atoi(argv[1]) : 7));
	inet_pton(AF_INET, argc > 2 ? argv[2] : "127.0.0.1", &a.sin_addr);
	signal(SIGPIPE, SIG_IGN);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listener, (void *)&a, sizeof(a)) || listen(listener, 64)) {
		perror("reader");
		return 1;
	}
	for (;;) {
		fd = accept(listener, NULL, NULL);
		if (fd < 0) {
			printf("accept: %s\n", strerrorname_np(errno));
			fflush(stdout);
			continue;
		}
		serve(fd);
		close(fd);
	}
}
