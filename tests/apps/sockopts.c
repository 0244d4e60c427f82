// SPDX-License-Identifier: MIT
/*
 * sockopts.c - a server that asks a connection all that a socket can be asked
 *
 *   sockopts PORT ADDRESS HOW PART
 *   sockopts report FD PART             what HOW=exec executes
 *
 * HOW is the way to the number that is asked: here, dup, dup2, fork, exec. The
 * answers go to standard output, a line each, without anything that differs
 * from run to run, so that they can be compared with those of a plain
 * connection. PART:
 *
 *   names      addresses, against the client's first line
 *   options    getsockopt and setsockopt
 *   misuse     the same with arguments that are wrong
 *   calls      other calls, with nothing to read
 *   receive    calls that read; timeouts; the client's end
 *   ended      when both sides have shut down
 *   epipe      writes after shutdown
 *   reset      after the client's reset: a read first; resetw: writes only
 *   refused    what only a connection of ours refuses
 *   keepalive  sets the keepalive timer and waits
 *
 * The client does as it is told by lines (see sockopts.py).
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define IS(s, what) (!strcmp(s, what))
#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static int fd; /* the number that is asked */
static char buf[1 << 20];
static volatile sig_atomic_t n_sigpipe;
/* what is wrong on purpose; volatile, or the compiler would say so */
static volatile int negative = -1, too_many = 2000;
static void *volatile nowhere;

static void on_sigpipe(int sig)
{
	(void)sig;
	n_sigpipe = n_sigpipe + 1;
}

static void say(const char *what, long ret)
{
	if (ret < 0)
		printf("%s: %s\n", what, strerrorname_np(errno));
	else
		printf("%s: %ld\n", what, ret);
}

#define TRY(call) (errno = 0, say(#call, (long)(call)))

/* A line to the client. */
static void tell(const char *line)
{
	if (write(fd, line, strlen(line)) < 0)
		say("tell", -1);
}

static int wait_for(short events)
{
	struct pollfd p = {.fd = fd, .events = events};

	if (poll(&p, 1, 20000) != 1)
		printf("nothing comes\n");
	return p.revents;
}

/* Until @n bytes can be read, says FIONREAD; but not for ever. */
static void wait_for_bytes(int n)
{
	int have = 0, i;

	for (i = 0; i < 1000 && have < n; i++) {
		wait_for(POLLIN);
		if (ioctl(fd, FIONREAD, &have))
			break;
		if (have < n)
			usleep(10000);
	}
	printf("FIONREAD: %d\n", have);
}

/* ---- names */

static void say_address(const char *what, const struct sockaddr_storage *a,
			const char *host, int port)
{
	const struct sockaddr_in6 *six = (const void *)a;
	const struct sockaddr_in *four = (const void *)a;
	int v4 = a->ss_family == AF_INET;
	char text[64] = "?", *p = text;

	inet_ntop(a->ss_family,
		  v4 ? (const void *)&four->sin_addr : &six->sin6_addr, text,
		  sizeof(text));
	if (!strncmp(text, "::ffff:", 7))
		p += 7;
	printf("%s: family %d address %s, the client's %s, port %s\n", what,
	       a->ss_family, text, IS(p, host) ? "too" : host,
	       ntohs(v4 ? four->sin_port : six->sin6_port) == port ? "same"
								    : "other");
}

static void part_names(const char *line)
{
	char host[2][64] = {"", ""};
	struct sockaddr_storage a;
	socklen_t len = sizeof(a);
	int port[2] = {0, 0};

	sscanf(line, "%63s %d %63s %d", host[0], &port[0], host[1], &port[1]);
	TRY(getpeername(fd, (struct sockaddr *)&a, &len));
	printf("length %u\n", len);
	say_address("peer", &a, host[0], port[0]);
	len = sizeof(a);
	TRY(getsockname(fd, (struct sockaddr *)&a, &len));
	printf("length %u\n", len);
	say_address("local", &a, host[1], port[1]);
	len = 3; /* cut off, but the whole length is told */
	TRY(getpeername(fd, (struct sockaddr *)&a, &len));
	printf("length %u\n", len);
}

/* ---- options */

#define OPTION(level, name) {level, name, #name}
static const struct option {
	int level, option;
	const char *name;
} options[] = {
	OPTION(SOL_SOCKET, SO_TYPE),
	OPTION(SOL_SOCKET, SO_DOMAIN),
	OPTION(SOL_SOCKET, SO_PROTOCOL),
	OPTION(SOL_SOCKET, SO_ACCEPTCONN),
	OPTION(SOL_SOCKET, SO_ERROR),
	OPTION(SOL_SOCKET, SO_KEEPALIVE),
	OPTION(SOL_SOCKET, SO_REUSEADDR),
	OPTION(SOL_SOCKET, SO_REUSEPORT),
	OPTION(SOL_SOCKET, SO_BROADCAST),
	OPTION(SOL_SOCKET, SO_OOBINLINE),
	OPTION(SOL_SOCKET, SO_DONTROUTE),
	OPTION(SOL_SOCKET, SO_PRIORITY),
	OPTION(SOL_SOCKET, SO_RCVLOWAT),
	OPTION(SOL_SOCKET, SO_TIMESTAMP),
	OPTION(SOL_SOCKET, SO_MARK),
	OPTION(IPPROTO_TCP, TCP_NODELAY),
	OPTION(IPPROTO_TCP, TCP_CORK),
	OPTION(IPPROTO_TCP, TCP_KEEPIDLE),
	OPTION(IPPROTO_TCP, TCP_KEEPINTVL),
	OPTION(IPPROTO_TCP, TCP_KEEPCNT),
	OPTION(IPPROTO_TCP, TCP_SYNCNT),
	OPTION(IPPROTO_TCP, TCP_LINGER2),
	OPTION(IPPROTO_TCP, TCP_DEFER_ACCEPT),
	OPTION(IPPROTO_TCP, TCP_USER_TIMEOUT),
	OPTION(IPPROTO_TCP, TCP_FASTOPEN),
	OPTION(IPPROTO_TCP, TCP_NOTSENT_LOWAT),
	OPTION(IPPROTO_IP, IP_TOS),
	OPTION(IPPROTO_IP, IP_TTL),
	OPTION(IPPROTO_IP, IP_MTU_DISCOVER),
	OPTION(IPPROTO_IP, IP_FREEBIND),
	OPTION(IPPROTO_IPV6, IPV6_V6ONLY),
	OPTION(IPPROTO_IPV6, IPV6_UNICAST_HOPS),
	OPTION(IPPROTO_IPV6, IPV6_TCLASS),
};

static void get_option(const struct option *o)
{
	socklen_t len = sizeof(int), one = 1;
	unsigned char byte = 0;
	int value = -1;

	if (getsockopt(fd, o->level, o->option, &value, &len)) {
		say(o->name, -1);
		return;
	}
	printf("%s: %d, length %u", o->name, value, len);
	if (getsockopt(fd, o->level, o->option, &byte, &one))
		printf("; as a byte: %s\n", strerrorname_np(errno));
	else
		printf("; as a byte: %d, length %u\n", byte, one);
}

/* Set it, read it back, and set it in ways that are wrong. */
static void set_option(const struct option *o, int value)
{
	socklen_t len = sizeof(int);
	int now = -1;

	printf("%s = %d", o->name, value);
	if (setsockopt(fd, o->level, o->option, &value, sizeof(value)))
		printf(": %s", strerrorname_np(errno));
	if (getsockopt(fd, o->level, o->option, &now, &len))
		printf(", then %s", strerrorname_np(errno));
	else
		printf(", then %d", now);
	if (setsockopt(fd, o->level, o->option, &value, 1))
		printf(", a byte: %s", strerrorname_np(errno));
	printf("\n");
}

static void set_options(void)
{
	static const struct {
		struct option option;
		int value;
	} to_set[] = {
		{OPTION(IPPROTO_TCP, TCP_NODELAY), 1},
		{OPTION(IPPROTO_TCP, TCP_NODELAY), 0},
		{OPTION(IPPROTO_TCP, TCP_CORK), 1},
		{OPTION(IPPROTO_TCP, TCP_CORK), 0},
		{OPTION(SOL_SOCKET, SO_KEEPALIVE), 1},
		{OPTION(IPPROTO_TCP, TCP_KEEPIDLE), 77},
		{OPTION(IPPROTO_TCP, TCP_KEEPIDLE), 0},
		{OPTION(IPPROTO_TCP, TCP_KEEPINTVL), 33},
		{OPTION(IPPROTO_TCP, TCP_KEEPCNT), 5},
		{OPTION(IPPROTO_TCP, TCP_KEEPCNT), 1000},
		{OPTION(SOL_SOCKET, SO_KEEPALIVE), 0},
		{OPTION(IPPROTO_TCP, TCP_USER_TIMEOUT), 5000},
		{OPTION(IPPROTO_TCP, TCP_USER_TIMEOUT), -1},
		{OPTION(IPPROTO_TCP, TCP_NOTSENT_LOWAT), 20000},
		{OPTION(IPPROTO_IP, IP_TOS), 0x10},
		{OPTION(IPPROTO_IP, IP_TTL), 33},
		{OPTION(IPPROTO_IPV6, IPV6_TCLASS), 8},
		{OPTION(IPPROTO_IPV6, IPV6_V6ONLY), 1},
		{OPTION(SOL_SOCKET, SO_PRIORITY), 3},
		{OPTION(SOL_SOCKET, SO_OOBINLINE), 1},
		{OPTION(SOL_SOCKET, SO_REUSEADDR), 0},
		{OPTION(SOL_SOCKET, SO_RCVLOWAT), 100},
		{OPTION(SOL_SOCKET, SO_RCVLOWAT), 1},
		{OPTION(SOL_SOCKET, SO_RCVBUF), 10000},
		{OPTION(SOL_SOCKET, SO_SNDBUF), 10000},
		{OPTION(SOL_SOCKET, SO_RCVBUF), 1},
		{OPTION(SOL_SOCKET, SO_TYPE), 1},
		{OPTION(SOL_SOCKET, SO_ERROR), 1},
	};
	size_t i;

	for (i = 0; i < COUNT(to_set); i++)
		set_option(&to_set[i].option, to_set[i].value);
}

static void ask_about_tcp(void)
{
	struct tcp_info info = {0};
	char name[16] = "";
	socklen_t len = sizeof(info);
	int mss = 0;

	TRY(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len));
	printf("TCP_INFO: length %u, state %d, rtt %s\n", len, info.tcpi_state,
	       info.tcpi_rtt > 0 && info.tcpi_rtt < 5000000 ? "plausible"
							     : "not");
	len = 4;
	TRY(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len));
	printf("TCP_INFO: length %u\n", len);
	len = sizeof(mss);
	TRY(getsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &mss, &len));
	printf("TCP_MAXSEG: %s\n", mss > 500 ? "plausible" : "not");
	len = sizeof(name);
	TRY(getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &len));
	printf("TCP_CONGESTION: %s, length %u\n", name, len);
	TRY(setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4));
	len = sizeof(name);
	TRY(getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &len));
	printf("TCP_CONGESTION: %s, length %u\n", name, len);
	TRY(setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "no such", 7));
}

static void ask_structures(void)
{
	struct timeval tv = {.tv_sec = -1}, set = {.tv_sec = 3};
	struct linger l = {.l_onoff = -1}, on = {1, 5}, off = {0, 0};
	socklen_t len = sizeof(l);

	TRY(getsockopt(fd, SOL_SOCKET, SO_LINGER, &l, &len));
	TRY(setsockopt(fd, SOL_SOCKET, SO_LINGER, &on, sizeof(on)));
	TRY(getsockopt(fd, SOL_SOCKET, SO_LINGER, &l, &len));
	printf("linger: %d %d, length %u\n", l.l_onoff, l.l_linger, len);
	TRY(setsockopt(fd, SOL_SOCKET, SO_LINGER, &off, sizeof(off)));
	TRY(setsockopt(fd, SOL_SOCKET, SO_LINGER, &on, 4));
	len = sizeof(tv);
	TRY(getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, &len));
	printf("SO_RCVTIMEO: %ld, length %u\n", (long)tv.tv_sec, len);
	TRY(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &set, sizeof(set)));
	TRY(getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, &len));
	printf("SO_SNDTIMEO: %ld, length %u\n", (long)tv.tv_sec, len);
	TRY(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &set, 4));
}

static void part_options(const char *line)
{
	size_t i;

	(void)line;
	for (i = 0; i < COUNT(options); i++)
		get_option(&options[i]);
	ask_about_tcp();
	ask_structures();
	set_options();
}

/* Pointers to nothing and lengths that cannot be. */
static void part_misuse(const char *line)
{
	static const struct option some[] = {
		OPTION(SOL_SOCKET, SO_TYPE),	   OPTION(SOL_SOCKET, SO_DOMAIN),
		OPTION(SOL_SOCKET, SO_LINGER),	   OPTION(SOL_SOCKET, SO_ERROR),
		OPTION(IPPROTO_TCP, TCP_NODELAY),  OPTION(IPPROTO_TCP, TCP_INFO),
		OPTION(IPPROTO_TCP, TCP_KEEPIDLE), OPTION(IPPROTO_IP, IP_TOS),
		OPTION(SOL_SOCKET, 9999),	   OPTION(IPPROTO_TCP, 9999),
		OPTION(IPPROTO_IP, 9999),	   OPTION(IPPROTO_UDP, 1),
		OPTION(9999, 1),
	};
	struct sockaddr_storage a;
	socklen_t len;
	size_t i;

	(void)line;
	for (i = 0; i < COUNT(some); i++) {
		const struct option *o = &some[i];

		get_option(o);
		set_option(o, 1);
		len = sizeof(int);
		TRY(getsockopt(fd, o->level, o->option, nowhere, &len));
		TRY(getsockopt(fd, o->level, o->option, &a, nowhere));
		len = (socklen_t)negative;
		TRY(getsockopt(fd, o->level, o->option, &a, &len));
		len = 0;
		TRY(getsockopt(fd, o->level, o->option, &a, &len));
		TRY(setsockopt(fd, o->level, o->option, nowhere, 8));
		TRY(setsockopt(fd, o->level, o->option, &a,
			       (socklen_t)negative));
	}
	len = (socklen_t)negative;
	TRY(getpeername(fd, (struct sockaddr *)&a, &len));
	TRY(getpeername(fd, (struct sockaddr *)&a, nowhere));
	len = sizeof(a);
	TRY(getpeername(fd, nowhere, &len));
	TRY(getsockname(fd, nowhere, &len));
	TRY(ioctl(fd, FIONREAD, nowhere));
	TRY(write(fd, nowhere, 1));
	TRY(send(fd, nowhere, 1, 0));
	tell("send 10\n");
	wait_for_bytes(10);
	TRY(recv(fd, nowhere, 10, 0));
	TRY(recv(fd, buf, 10, MSG_WAITALL));
}

/* ---- other calls */

static void send_variants(void)
{
	static const int flags[] = {0, MSG_DONTWAIT, MSG_NOSIGNAL, MSG_MORE,
				    MSG_EOR, MSG_CONFIRM, MSG_DONTROUTE,
				    MSG_WAITALL, MSG_PEEK};
	struct sockaddr_in to = {.sin_family = AF_INET};
	struct iovec iov[2] = {{"#", 1}, {"#", 1}};
	struct mmsghdr m[2] = {{.msg_hdr = {.msg_iov = iov, .msg_iovlen = 2}},
			       {.msg_hdr = {.msg_iov = iov, .msg_iovlen = 1}}};
	size_t i;

	for (i = 0; i < COUNT(flags); i++) {
		printf("flags 0x%x, ", flags[i]);
		TRY(send(fd, "#", 1, flags[i]));
	}
	TRY(write(fd, "", 0));
	TRY(send(fd, "", 0, 0));
	TRY(sendto(fd, "#", 1, 0, (struct sockaddr *)&to, sizeof(to)));
	TRY(writev(fd, iov, 2));
	TRY(writev(fd, iov, negative));
	TRY(writev(fd, iov, too_many));
	TRY(pwritev2(fd, iov, 2, -1, 0));
	TRY(pwritev2(fd, iov, 2, 0, 0));
	TRY(sendmsg(fd, &m[0].msg_hdr, 0));
	TRY(sendmmsg(fd, m, 2, 0));
	printf("lengths %u %u\n", m[0].msg_len, m[1].msg_len);
}

/* As a mail server's user would not, but a fuzzer. */
static void send_rights(void)
{
	char control[CMSG_SPACE(sizeof(int))] = "";
	struct iovec iov = {"#", 1};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *c;
	int zero = 0;

	m.msg_control = control;
	m.msg_controllen = sizeof(control);
	c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &zero, sizeof(zero));
	TRY(sendmsg(fd, &m, 0));
}

static void part_calls(const char *line)
{
	struct sockaddr_in to = {.sin_family = AF_INET};
	struct iovec iov = {buf, 1};
	struct termios term;
	struct stat st;
	int n = -1, p[2];

	(void)line;
	TRY(isatty(fd));
	TRY(tcgetattr(fd, &term));
	TRY(fstat(fd, &st));
	printf("socket: %d, size %ld\n", !!S_ISSOCK(st.st_mode),
	       (long)st.st_size);
	TRY(lseek(fd, 0, SEEK_CUR));
	TRY(pread(fd, buf, 1, 0));
	TRY(pwrite(fd, buf, 1, 0));
	TRY(preadv(fd, &iov, 1, 0));
	TRY(ftruncate(fd, 0));
	TRY(fsync(fd));
	TRY(posix_fadvise(fd, 0, 0, POSIX_FADV_NORMAL));
	TRY(accept(fd, NULL, NULL));
	TRY(listen(fd, 5));
	TRY(bind(fd, (struct sockaddr *)&to, sizeof(to)));
	TRY(connect(fd, (struct sockaddr *)&to, sizeof(to)));
	TRY(shutdown(fd, 99));
	TRY(fcntl(fd, F_GETFL));
	TRY(fcntl(fd, F_GETFD));
	TRY(ioctl(fd, FIONREAD, &n));
	printf("FIONREAD: %d\n", n);
	TRY(ioctl(fd, SIOCOUTQ, &n));
	TRY(ioctl(fd, SIOCATMARK, &n));
	printf("SIOCATMARK: %d\n", n);
	TRY(sockatmark(fd));
	TRY(recv(fd, buf, 1, MSG_DONTWAIT));
	TRY(recv(fd, buf, 1, MSG_DONTWAIT | MSG_PEEK));
	TRY(recv(fd, buf, 1, MSG_OOB));
	TRY(read(fd, buf, 0));
	n = 1;
	TRY(ioctl(fd, FIONBIO, &n));
	TRY(read(fd, buf, 1));
	TRY(fcntl(fd, F_GETFL));
	if (!pipe(p)) {
		TRY(splice(fd, NULL, p[1], NULL, 1, SPLICE_F_NONBLOCK));
		TRY(copy_file_range(fd, NULL, p[1], NULL, 1, 0));
	}
	n = 0;
	TRY(ioctl(fd, FIONBIO, &n));
	send_variants();
	send_rights();
}

/* ---- receiving */

static long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* The client's bytes count up, so one tells where a read began. */
#define READ(call) (errno = 0, buf[0] = 0, say(#call, (long)(call)),           \
		    printf("first byte %d\n", (unsigned char)buf[0]))

static void receive_parts(void)
{
	struct iovec iov[2] = {{buf, 5}, {buf + 5, 5}};
	struct sockaddr_storage from;
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2};
	struct mmsghdr mm[2] = {{.msg_hdr = {.msg_iov = iov, .msg_iovlen = 1}},
				{.msg_hdr = {.msg_iov = iov, .msg_iovlen = 1}}};
	socklen_t len = sizeof(from);
	char control[64];

	tell("send 100\n");
	wait_for_bytes(100);
	READ(recv(fd, buf, 10, MSG_ERRQUEUE));
	READ(recv(fd, buf, 10, MSG_PEEK));
	READ(recv(fd, nowhere, 5, MSG_TRUNC)); /* to be thrown away */
	READ(recv(fd, buf, 5, MSG_TRUNC));
	READ(recv(fd, buf, 10, MSG_TRUNC | MSG_PEEK));
	wait_for_bytes(90);
	READ(recv(fd, buf, 7, 0));
	READ(readv(fd, iov, 2));
	READ(preadv2(fd, iov, 2, -1, 0));
	READ(preadv2(fd, iov, 2, -1, RWF_NOWAIT));
	m.msg_name = &from;
	m.msg_namelen = sizeof(from);
	m.msg_control = control;
	m.msg_controllen = sizeof(control);
	m.msg_flags = -1;
	READ(recvmsg(fd, &m, 0));
	printf("msg_namelen %u, controllen %zu, flags 0x%x\n", m.msg_namelen,
	       m.msg_controllen, m.msg_flags);
	READ(recvfrom(fd, buf, 3, 0, (struct sockaddr *)&from, &len));
	printf("length %u\n", len);
	READ(recvmmsg(fd, mm, 2, 0, NULL));
	printf("lengths %u %u\n", mm[0].msg_len, mm[1].msg_len);
	READ(recv(fd, buf, 1000, MSG_DONTWAIT));
	tell("send 30000\n");
	READ(recv(fd, buf, 30000, MSG_WAITALL));
}

static const char *in_time(long since)
{
	return now_ms() - since >= 150 && now_ms() - since < 3000 ? "in time"
								   : "not";
}

static void time_out(void)
{
	struct timeval tv = {.tv_usec = 200000};
	long since = now_ms();
	ssize_t n;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	TRY(read(fd, buf, 1));
	printf("%s\n", in_time(since));
	since = now_ms();
	TRY(recv(fd, buf, 10, MSG_WAITALL));
	printf("%s\n", in_time(since));
	tell("pause\n"); /* until the line below is there */
	memset(buf, 'x', sizeof(buf));
	do {
		since = now_ms();
		n = write(fd, buf, sizeof(buf));
	} while (n == sizeof(buf));
	printf("a full socket: %s, %s\n",
	       n > 0 ? "short" : strerrorname_np(errno), in_time(since));
	printf("the pause ends\n");
	fflush(stdout);
	wait_for(POLLOUT);
	tv.tv_sec = 20;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
}

static void part_receive(const char *line)
{
	socklen_t len = sizeof(int);
	int error = -1;

	(void)line;
	receive_parts();
	time_out();
	tell("end\n");
	TRY(read(fd, buf, 10));
	TRY(read(fd, buf, 10));
	printf("poll: 0x%x\n", wait_for(POLLIN | POLLOUT | POLLRDHUP | POLLPRI));
	TRY(ioctl(fd, FIONREAD, &error));
	printf("FIONREAD: %d\n", error);
	TRY(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len));
	printf("SO_ERROR: %d\n", error);
	TRY(write(fd, "#", 1));
	TRY(shutdown(fd, SHUT_RD));
	TRY(read(fd, buf, 10));
	TRY(shutdown(fd, SHUT_WR));
}

/* Shut down both ways by both: nothing is left of it. */
static void part_ended(const char *line)
{
	socklen_t len = sizeof(int);
	struct sockaddr_storage a;
	int error = -1;

	(void)line;
	tell("end\n");
	TRY(read(fd, buf, 10));
	TRY(shutdown(fd, SHUT_WR));
	printf("poll: 0x%x\n", wait_for(POLLIN | POLLOUT | POLLRDHUP));
	TRY(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len));
	printf("SO_ERROR: %d\n", error);
	len = sizeof(a);
	TRY(getsockname(fd, (struct sockaddr *)&a, &len));
}

/* ---- EPIPE */

#define SIGPIPE_TRY(call)                                                      \
	(n_sigpipe = 0, TRY(call), printf("SIGPIPE %d\n", (int)n_sigpipe))

static void write_in_vain(void)
{
	struct iovec iov = {"##", 2};
	struct mmsghdr m = {.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}};
	int file = open("/proc/self/exe", O_RDONLY), p[2];
	FILE *f = fdopen(dup(fd), "w");

	SIGPIPE_TRY(write(fd, "##", 2));
	SIGPIPE_TRY(write(fd, "", 0));
	SIGPIPE_TRY(writev(fd, &iov, 1));
	SIGPIPE_TRY(pwritev2(fd, &iov, 1, -1, 0));
	SIGPIPE_TRY(send(fd, "##", 2, 0));
	SIGPIPE_TRY(send(fd, "##", 2, MSG_NOSIGNAL));
	SIGPIPE_TRY(sendto(fd, "##", 2, 0, NULL, 0));
	SIGPIPE_TRY(sendmsg(fd, &m.msg_hdr, 0));
	SIGPIPE_TRY(sendmsg(fd, &m.msg_hdr, MSG_NOSIGNAL));
	SIGPIPE_TRY(sendmmsg(fd, &m, 1, 0));
	SIGPIPE_TRY(sendfile(fd, file, NULL, 100));
	if (!pipe(p) && write(p[1], "##", 2) == 2)
		SIGPIPE_TRY(splice(p[0], NULL, fd, NULL, 2, 0));
	fputs("##", f);
	SIGPIPE_TRY(fflush(f));
	fclose(f);
	close(file);
}

static void part_epipe(const char *line)
{
	(void)line;
	TRY(shutdown(fd, SHUT_WR));
	write_in_vain();
	wait_for(POLLIN);
	TRY(recv(fd, buf, 5, MSG_WAITALL)); /* it still sends */
	TRY(read(fd, buf, 10));
	printf("poll: 0x%x\n", wait_for(POLLIN | POLLOUT | POLLRDHUP));
}

static void part_reset(const char *line)
{
	socklen_t len = sizeof(int);
	int error = -1, i;

	(void)line;
	tell("reset\n");
	printf("poll: 0x%x\n", wait_for(POLLIN | POLLRDHUP));
	SIGPIPE_TRY(read(fd, buf, 10));
	for (i = 0; i < 2; i++)
		SIGPIPE_TRY(write(fd, "##", 2));
	write_in_vain();
	TRY(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len));
	printf("SO_ERROR: %d\n", error);
}

static void part_resetw(const char *line)
{
	ssize_t n = 0;
	int i;

	(void)line;
	tell("reset\n");
	wait_for(POLLIN | POLLRDHUP);
	/* the first may have another error, the second may not */
	for (i = 0; i < 3; i++)
		n = send(fd, "##", 2, MSG_NOSIGNAL);
	say("the third write", n);
	SIGPIPE_TRY(write(fd, "##", 2));
}

/* ---- what TLS cannot do */

static void part_refused(const char *line)
{
	int on = 1;

	(void)line;
	TRY(setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof(on)));
	TRY(send(fd, "#", 1, MSG_OOB));
	TRY(send(fd, "#", 1, MSG_ZEROCOPY));
	TRY(setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", 3));
}

static void part_keepalive(const char *line)
{
	int on = 1, idle = 5000;

	(void)line;
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4);
	printf("waiting\n");
	fflush(stdout);
	TRY(read(fd, buf, 1));
}

/* The number is somebody else's now, and nobody has told the library. */
static void part_reused(const char *line)
{
	int cork = 1, i;
	socklen_t len = sizeof(cork);

	(void)line;
	setsockopt(fd, IPPROTO_TCP, TCP_CORK, &cork, len);
	syscall(SYS_close, fd);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	for (i = 0; i < 3; i++) {
		cork = i % 2;
		TRY(setsockopt(fd, IPPROTO_TCP, TCP_CORK, &cork, len));
		TRY(getsockopt(fd, IPPROTO_TCP, TCP_CORK, &cork, &len));
		TRY(cork);
	}
}

static int report(int number, const char *part)
{
	static const struct {
		const char *name;
		void (*run)(const char *line);
	} parts[] = {
		{"names", part_names},	     {"options", part_options},
		{"misuse", part_misuse},
		{"calls", part_calls},	     {"receive", part_receive},
		{"epipe", part_epipe},	     {"reset", part_reset},
		{"resetw", part_resetw},     {"refused", part_refused},
		{"ended", part_ended},
		{"keepalive", part_keepalive}, {"reused", part_reused},
	};
	char line[200] = "";
	size_t i, n = 0;

	fd = number;
	while (n < sizeof(line) - 1 && read(fd, line + n, 1) == 1)
		if (line[n++] == '\n')
			break;
	for (i = 0; i < COUNT(parts); i++)
		if (IS(part, parts[i].name))
			parts[i].run(line);
	printf("done\n");
	fflush(stdout);
	close(fd);
	return 0;
}

static int accept_one(const char *port, const char *address)
{
	struct sockaddr_in6 a6 = {.sin6_family = AF_INET6};
	struct sockaddr_in a4 = {.sin_family = AF_INET};
	int six = inet_pton(AF_INET6, address, &a6.sin6_addr) == 1, on = 1;
	int s = socket(six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET, address, &a4.sin_addr);
	a4.sin_port = a6.sin6_port = htons((unsigned short)atoi(port));
	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(s, six ? (void *)&a6 : (void *)&a4,
		 six ? sizeof(a6) : sizeof(a4)) ||
	    listen(s, 16)) {
		perror("sockopts");
		exit(1);
	}
	return accept(s, NULL, NULL);
}

int main(int argc, char **argv)
{
	char number[12];
	int conn;

	alarm(100);
	setvbuf(stdout, NULL, _IOLBF, 0); /* what was said before a crash */
	signal(SIGPIPE, on_sigpipe);
	if (argc == 4 && IS(argv[1], "report"))
		return report(atoi(argv[2]), argv[3]);
	if (argc != 5)
		return 64;
	conn = accept_one(argv[1], argv[2]);
	if (IS(argv[3], "dup")) {
		int other = dup(conn);

		close(conn);
		conn = other;
	} else if (IS(argv[3], "dup2")) {
		dup2(conn, 50);
		close(conn);
		conn = 50;
	} else if (IS(argv[3], "fork") && fork() > 0) {
		close(conn);
		wait(NULL);
		return 0;
	} else if (IS(argv[3], "exec")) {
		snprintf(number, sizeof(number), "%d", conn);
		execl("/proc/self/exe", argv[0], "report", number, argv[4],
		      NULL);
	}
	return report(conn, argv[4]);
}
