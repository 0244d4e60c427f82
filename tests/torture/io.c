// SPDX-License-Identifier: MIT
/*
 * io.c - a connection of the torture server, read and written in all manners
 */
#define _GNU_SOURCE
#include "io.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define BUF 65536
#define PARTS 3

void io_bad(struct conn *c, const char *what)
{
	if (!c->st.bad[0])
		snprintf(c->st.bad, sizeof(c->st.bad), "%s@%llu/%llu", what,
			 (unsigned long long)c->st.up,
			 (unsigned long long)c->st.down);
}

/* There is nothing now, or a signal came: try again. */
static bool is_again(ssize_t ret)
{
	return ret == -EAGAIN || ret == -EINTR;
}

/* Perhaps called by two threads at once: either will do. */
static int over(struct conn *c, ssize_t ret)
{
	__atomic_store_n(&c->st.err, ret ? (int)ret : ENDED_EOF, __ATOMIC_RELAXED);
	return -1;
}

/* ---- waiting */

static void set_blocking(struct conn *c, bool no_block)
{
	int flags = fcntl(c->fd, F_GETFL);

	fcntl(c->fd, F_SETFL, no_block ? flags | O_NONBLOCK
				       : flags & ~O_NONBLOCK);
	c->no_block = no_block;
}

static void set_timeout(struct conn *c, int ms)
{
	struct timeval tv = {0, ms * 1000};

	if (setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)))
		io_bad(c, "SO_RCVTIMEO");
}

static void cork(struct conn *c, int on)
{
	if (setsockopt(c->fd, IPPROTO_TCP, TCP_CORK, &on, sizeof(on)))
		io_bad(c, "TCP_CORK");
}

void io_begin_round(struct conn *c, const struct round *r)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLRDHUP};

	c->epfd = -1;
	if (c->in)
		return;
	set_blocking(c, r->order == DUPLEX || r->wait == W_POLL_NB ||
			r->wait == W_SELECT_NB || r->wait == W_EPOLL ||
			r->wait == W_EPOLLET || r->wait == W_ONESHOT);
	if (r->wait == W_EPOLL || r->wait == W_EPOLLET ||
	    r->wait == W_ONESHOT) {
		c->epfd = epoll_create1(EPOLL_CLOEXEC);
		if (r->wait == W_EPOLLET)
			ev.events |= EPOLLET;
		if (epoll_ctl(c->epfd, EPOLL_CTL_ADD, c->fd, &ev))
			io_bad(c, "epoll_ctl");
	}
	if (r->wait == W_TIMEO)
		set_timeout(c, 30);
	if (r->cork)
		cork(c, 1);
}

void io_end_round(struct conn *c, const struct round *r)
{
	if (c->in || c->st.err)
		return;
	if (r->cork)
		cork(c, 0);
	if (r->wait == W_TIMEO)
		set_timeout(c, 0);
	if (c->epfd >= 0)
		close(c->epfd);
	c->epfd = -1;
}

static void wait_input(struct conn *c, int how)
{
	struct pollfd p = {.fd = c->fd, .events = POLLIN};
	struct epoll_event ev;
	fd_set set;

	if (how == W_ONESHOT && c->epfd >= 0) {
		ev = (struct epoll_event){.events = EPOLLIN | EPOLLONESHOT};
		epoll_ctl(c->epfd, EPOLL_CTL_MOD, c->fd, &ev);
	}
	if (c->epfd >= 0) {
		epoll_wait(c->epfd, &ev, 1, -1);
	} else if (how == W_SELECT || how == W_SELECT_NB) {
		FD_ZERO(&set);
		FD_SET(c->fd, &set);
		select(c->fd + 1, &set, NULL, NULL, NULL);
	} else {
		poll(&p, 1, -1);
	}
}

static void wait_output(const struct conn *c)
{
	struct pollfd p = {.fd = c->fd, .events = POLLOUT};

	poll(&p, 1, -1);
}

/* ---- one read */

static ssize_t result(ssize_t n)
{
	return n < 0 ? -errno : n;
}

/* Uneven parts of @buf. */
static void make_parts(struct iovec *iov, uint8_t *buf, size_t size)
{
	size_t len, i;

	for (i = 0; i < PARTS; i++) {
		len = i == PARTS - 1 ? size : size / (PARTS + 1 - i);
		iov[i] = (struct iovec){buf, len};
		buf += len;
		size -= len;
	}
}

static ssize_t read_messages(int fd, uint8_t *buf, size_t size, int flags)
{
	struct mmsghdr msgs[PARTS] = {0};
	struct iovec iov[PARTS];
	ssize_t sum = 0;
	int i, n, empty = 0;

	if (size < PARTS)
		return recv(fd, buf, size, flags);
	make_parts(iov, buf, size);
	/* a first message without room gives 0, which looks like the end */
	while (!iov[empty].iov_len)
		empty++;
	for (i = 0; i < PARTS; i++)
		msgs[i].msg_hdr = (struct msghdr){.msg_iov = iov + i,
						  .msg_iovlen = 1};
	n = recvmmsg(fd, msgs + empty, PARTS - (unsigned int)empty,
		     flags | MSG_WAITFORONE, NULL);
	for (i = empty; i < n + empty; i++) {
		memmove(buf + sum, iov[i].iov_base, msgs[i].msg_len);
		sum += msgs[i].msg_len;
	}
	return n < 0 ? n : sum;
}

static ssize_t read_msg(int fd, uint8_t *buf, size_t size, int flags)
{
	char control[64];
	struct iovec iov[PARTS];
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = PARTS,
			     .msg_control = control,
			     .msg_controllen = sizeof(control)};

	make_parts(iov, buf, size);
	return recvmsg(fd, &msg, flags);
}

static ssize_t read_peeked(struct conn *c, uint8_t *buf, size_t size, int flags)
{
	static __thread uint8_t first[BUF];
	ssize_t peeked = recv(c->fd, first, size, flags | MSG_PEEK), n;

	if (peeked <= 0)
		return peeked;
	n = read(c->fd, buf, size);
	if (n < peeked || memcmp(buf, first, (size_t)peeked))
		io_bad(c, "peek");
	return n;
}

static ssize_t read_promised(struct conn *c, uint8_t *buf, size_t size,
			     int flags)
{
	size_t want;
	ssize_t n;
	int there;

	if (ioctl(c->fd, FIONREAD, &there))
		io_bad(c, "FIONREAD");
	if (there <= 0)
		return recv(c->fd, buf, size, flags);
	want = (size_t)there < size ? (size_t)there : size;
	n = recv(c->fd, buf, want, flags | MSG_DONTWAIT);
	if (n != (ssize_t)want)
		io_bad(c, "FIONREAD");
	return n;
}

static ssize_t read_splice(struct conn *c, uint8_t *buf, size_t size, int flags)
{
	int ends[2], saved;
	ssize_t n;

	if (pipe2(ends, O_CLOEXEC))
		return -1;
	n = splice(c->fd, NULL, ends[1], NULL, size < 32768 ? size : 32768,
		   flags & MSG_DONTWAIT ? SPLICE_F_NONBLOCK : 0);
	saved = errno;
	if (n > 0 && read(ends[0], buf, (size_t)n) != n)
		io_bad(c, "splice");
	close(ends[0]);
	close(ends[1]);
	errno = saved;
	return n;
}

/* @need: what is sure to come; for reads that wait until all is there */
static ssize_t read_once(struct conn *c, const struct round *r, uint8_t *buf,
			 size_t size, uint64_t need)
{
	int flags = r->wait == W_DONTWAIT ? MSG_DONTWAIT : 0;
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);
	struct iovec iov[PARTS];
	ssize_t n;

	switch (r->reads) {
	case R_READV:
		make_parts(iov, buf, size);
		return result(readv(c->fd, iov, PARTS));
	case R_RECV:
		return result(recv(c->fd, buf, size, flags));
	case R_RECVFROM:
		return result(recvfrom(c->fd, buf, size, flags,
				       (struct sockaddr *)&from, &len));
	case R_RECVMSG:
		return result(read_msg(c->fd, buf, size, flags));
	case R_RECVMMSG:
		return result(read_messages(c->fd, buf, size, flags));
	case R_PEEK:
		return result(read_peeked(c, buf, size, flags));
	case R_FIONREAD:
		return result(read_promised(c, buf, size, flags));
	case R_SPLICE:
		return result(read_splice(c, buf, size, flags));
	case R_WAITALL:
		if (size > need && need)
			size = need;
		n = recv(c->fd, buf, size, flags | MSG_WAITALL);
		if (n > 0 && (size_t)n < size && need && !c->no_block &&
		    !flags && r->wait != W_TIMEO && !c->plan.signals &&
		    recv(c->fd, buf + n, 1, MSG_PEEK | MSG_DONTWAIT) > 0)
			io_bad(c, "WAITALL");
		return result(n);
	case R_ZERO:
		if (read(c->fd, buf, 0) != 0)
			io_bad(c, "zero");
		/* fall through */
	default:
		return result(read(c->fd, buf, size));
	}
}

static ssize_t read_stdio(struct conn *c, uint8_t *buf, size_t size,
			  uint64_t need)
{
	size_t n;

	if (size > need)
		size = need ? need : 1; /* a byte, or the end */
	n = fread(buf, 1, size, c->in);
	if (!n && ferror(c->in))
		return errno ? -errno : -EIO;
	return (ssize_t)n;
}

static void took(struct conn *c, const uint8_t *buf, size_t n)
{
	static __thread uint8_t want[BUF];

	data_fill(c->plan.seed, true, c->st.up, want, n);
	if (memcmp(buf, want, n))
		io_bad(c, "wrong-bytes");
	c->st.up += n;
	c->st.up_sum = checksum(c->st.up_sum, buf, n);
}

/* Return: bytes, 0 end, -EAGAIN nothing there, or another -errno. */
static ssize_t read_some(struct conn *c, const struct round *r, uint64_t need)
{
	static __thread uint8_t buf[BUF];
	ssize_t n;

	errno = 0;
	n = c->in ? read_stdio(c, buf, r->read_size, need)
		  : read_once(c, r, buf, r->read_size, need);
	if (n > 0)
		took(c, buf, (size_t)n);
	return n;
}

static bool waits_first(const struct round *r)
{
	return r->wait != W_NONE && r->wait != W_TIMEO;
}

int io_read_to(struct conn *c, const struct round *r, uint64_t target)
{
	bool edge = r->wait == W_EPOLLET, wait = waits_first(r);
	ssize_t n;

	while (c->st.up < target) {
		if (wait && !c->in)
			wait_input(c, r->wait);
		n = read_some(c, r, target - c->st.up);
		if (n <= 0 && !is_again(n))
			return over(c, n);
		/* an edge-triggered loop reads until there is nothing */
		wait = edge ? n == -EAGAIN : waits_first(r) || c->no_block;
	}
	return 0;
}

int io_read_end(struct conn *c, const struct round *r)
{
	uint8_t byte;
	ssize_t n;

	for (;;) {
		if (!c->in && (waits_first(r) || c->no_block) &&
		    r->wait != W_EPOLLET)
			wait_input(c, r->wait);
		n = read_some(c, r, 0);
		if (n == -EAGAIN && r->wait == W_EPOLLET)
			wait_input(c, r->wait);
		if (n <= 0 && !is_again(n))
			break;
	}
	over(c, n);
	if (n == 0 && !c->in && read(c->fd, &byte, 1) != 0)
		io_bad(c, "no-second-end");
	return n == 0 ? 0 : -1;
}

int io_read_exactly(struct conn *c, void *buf, size_t len)
{
	uint8_t *p = buf;
	ssize_t n;

	for (; len; p += n, len -= (size_t)n) {
		n = read(c->fd, p, len);
		if (n < 0 && errno == EINTR)
			n = 0;
		else if (n <= 0)
			return over(c, n < 0 ? -errno : 0);
	}
	return 0;
}

/* ---- one write */

static ssize_t write_messages(int fd, uint8_t *buf, size_t len)
{
	struct mmsghdr msgs[PARTS] = {0};
	struct iovec iov[PARTS];
	ssize_t sum = 0;
	int i, n;

	make_parts(iov, buf, len);
	for (i = 0; i < PARTS; i++)
		msgs[i].msg_hdr = (struct msghdr){.msg_iov = iov + i,
						  .msg_iovlen = 1};
	n = sendmmsg(fd, msgs, PARTS, 0);
	for (i = 0; i < n; i++)
		sum += msgs[i].msg_len;
	return n < 0 ? n : sum;
}

static ssize_t write_file(int fd, const uint8_t *buf, size_t len)
{
	int file = memfd_create("torture", MFD_CLOEXEC), saved;
	off_t off = 0;
	ssize_t n = -1;

	if (write(file, buf, len) == (ssize_t)len)
		n = sendfile(fd, file, &off, len);
	saved = errno;
	close(file);
	errno = saved;
	return n;
}

/* All of it: what is in a pipe must go before anything else. */
static ssize_t write_pipe(struct conn *c, const uint8_t *buf, size_t len,
			  bool more)
{
	size_t left;
	int ends[2], saved;
	ssize_t n = 0;

	if (pipe2(ends, O_CLOEXEC))
		return -1;
	if (len > 32768)
		len = 32768;
	left = len;
	if (write(ends[1], buf, len) != (ssize_t)len)
		io_bad(c, "pipe");
	while (left) {
		n = splice(ends[0], NULL, c->fd, NULL, left,
			   more ? SPLICE_F_MORE : 0);
		if (n > 0)
			left -= (size_t)n;
		else if (n < 0 && is_again(-errno))
			wait_output(c);
		else
			break;
	}
	saved = errno;
	close(ends[0]);
	close(ends[1]);
	errno = saved;
	return left == len ? n : (ssize_t)(len - left);
}

static ssize_t write_once(struct conn *c, const struct round *r, uint8_t *buf,
			  size_t len, bool last)
{
	struct sockaddr_in to = {.sin_family = AF_INET};
	bool more = !last || r->more_last;
	struct iovec iov[PARTS];
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = PARTS};

	make_parts(iov, buf, len);
	switch (r->writes) {
	case S_WRITEV:
		return writev(c->fd, iov, PARTS);
	case S_SEND:
		return send(c->fd, buf, len, MSG_NOSIGNAL);
	case S_SENDTO: /* TCP ignores the address */
		return sendto(c->fd, buf, len, 0, (struct sockaddr *)&to,
			      sizeof(to));
	case S_SENDMSG:
		return sendmsg(c->fd, &msg, 0);
	case S_SENDFILE:
		return write_file(c->fd, buf, len);
	case S_MORE:
		return send(c->fd, buf, len, more ? MSG_MORE : 0);
	case S_SPLICE:
		return write_pipe(c, buf, len, r->more_last);
	case S_SENDMMSG:
		return write_messages(c->fd, buf, len);
	default:
		return write(c->fd, buf, len);
	}
}

/* Return: as read_some(). */
static ssize_t write_some(struct conn *c, const struct round *r, uint64_t left)
{
	static __thread uint8_t buf[BUF];
	size_t len = r->write_size < left ? r->write_size : (size_t)left;
	ssize_t n;

	data_fill(c->plan.seed, false, c->st.down, buf, len);
	errno = 0;
	if (c->out)
		n = fwrite(buf, 1, len, c->out) == len ? (ssize_t)len : -1;
	else
		n = write_once(c, r, buf, len, len == left);
	if (n < 0)
		return errno ? -errno : -EIO;
	if (n == 0) /* of several messages only the empty one */
		return -EAGAIN;
	c->st.down += (size_t)n;
	c->st.down_sum = checksum(c->st.down_sum, buf, (size_t)n);
	return n;
}

int io_write_to(struct conn *c, const struct round *r, uint64_t target)
{
	ssize_t n;

	while (c->st.down < target) {
		n = write_some(c, r, target - c->st.down);
		if (is_again(n))
			wait_output(c);
		else if (n < 0)
			return over(c, n);
	}
	if (c->out && fflush(c->out))
		return over(c, -errno);
	return 0;
}

int io_duplex(struct conn *c, const struct round *r, uint64_t up, uint64_t down)
{
	struct pollfd p = {.fd = c->fd};
	ssize_t n;

	if (c->in)
		return io_write_to(c, r, down) ? -1 : io_read_to(c, r, up);
	while (c->st.up < up || c->st.down < down) {
		p.events = (short)((c->st.up < up ? POLLIN : 0) |
				   (c->st.down < down ? POLLOUT : 0));
		poll(&p, 1, -1);
		if (c->st.up < up && p.revents & ~POLLOUT) {
			n = read_some(c, r, up - c->st.up);
			if (n <= 0 && !is_again(n))
				return over(c, n);
		}
		if (c->st.down < down && p.revents & POLLOUT) {
			n = write_some(c, r, down - c->st.down);
			if (n < 0 && !is_again(n))
				return over(c, n);
		}
	}
	return 0;
}

struct writing {
	struct conn *c;
	const struct round *r;
	uint64_t down;
};

static void *write_main(void *arg)
{
	struct writing *w = arg;

	io_write_to(w->c, w->r, w->down);
	return NULL;
}

/* At the same time, by two threads. */
int io_two_threads(struct conn *c, const struct round *r, uint64_t up,
		   uint64_t down)
{
	struct writing w = {c, r, down};
	pthread_t thread;

	if (c->in)
		return io_write_to(c, r, down) ? -1 : io_read_to(c, r, up);
	if (pthread_create(&thread, NULL, write_main, &w))
		io_bad(c, "pthread_create");
	io_read_to(c, r, up);
	pthread_join(thread, NULL);
	return c->st.err ? -1 : 0;
}

void io_stdio(struct conn *c)
{
	set_blocking(c, false);
	c->in = fdopen(c->fd, "r");
	c->out = fdopen(dup(c->fd), "w");
	if (!c->in || !c->out)
		io_bad(c, "fdopen");
}
