// SPDX-License-Identifier: MIT
/*
 * client.c - the load that no common tool makes: a fixed rate, idle
 * connections, and requests apart from the handshakes before them
 *
 * client PORT tls|plain: commands on standard input, a line as answer to each
 *
 *   open N               N connections, on which get, put and rate work
 *   get PATH N           N requests, one on each connection at a time
 *   put PATH BYTES N     N uploads on the first connection
 *   rate PATH N SECONDS  N requests a second, sent evenly whatever comes back
 *   idle N               N more connections that have made one request
 *   connect N full|resumed
 *                        N connections with a request until the server closes;
 *                        the first THREADS have nothing to resume yet
 *
 * An answer is two numbers. get and rate: microseconds that half of the
 * requests took at most, and that 99 of 100 did. The others: seconds, and 0.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define THREADS 16
#define OPEN_MAX_CONNS 64
#define COUNT_MAX 10000000

struct conn {
	int fd;
	SSL *ssl;
	double since_us;
	long left; /* of the body; below zero: the head is not complete */
	size_t head_len;
	char head[2048];
};

struct share { /* of a thread */
	long count;
	int idle, resumed;
	SSL_SESSION **session;
};

static int port;
static SSL_CTX *ctx; /* none: plaintext */
static struct conn conns[OPEN_MAX_CONNS];
static int open_conns;
static SSL_SESSION *sessions[THREADS];

static void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "client: ");
	vfprintf(stderr, format, args);
	fprintf(stderr, "\n");
	va_end(args);
	ERR_print_errors_fp(stderr);
	exit(1);
}

static double now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static void conn_open(struct conn *c, SSL_SESSION *session)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons((unsigned short)port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct timeval limit = {.tv_sec = 30}; /* whatever hangs is told of */
	int on = 1;

	c->head_len = 0;
	c->left = -1;
	c->ssl = NULL;
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof(to)))
		die("no connection: %s", strerror(errno));
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (!ctx)
		return;
	c->ssl = SSL_new(ctx);
	if (!c->ssl || !SSL_set_fd(c->ssl, c->fd) ||
	    (session && !SSL_set_session(c->ssl, session)) ||
	    SSL_connect(c->ssl) != 1)
		die("the handshake has failed");
}

/* Return: bytes, 0 at the end of the stream, -1 if nothing has come in time. */
static long conn_read(struct conn *c, char *to, size_t size)
{
	long n = c->ssl ? SSL_read(c->ssl, to, (int)size)
			: read(c->fd, to, size);

	if (n > 0)
		return n;
	if (c->ssl) {
		int error = SSL_get_error(c->ssl, (int)n);

		if (error == SSL_ERROR_ZERO_RETURN)
			return 0;
		if (error == SSL_ERROR_WANT_READ)
			return -1;
		die("reading fails: %s", strerror(errno));
	}
	if (n < 0 && errno != EAGAIN)
		die("reading fails: %s", strerror(errno));
	return n;
}

static void conn_write(struct conn *c, const char *from, size_t size)
{
	while (size > 0) {
		long n = c->ssl ? SSL_write(c->ssl, from, (int)size)
				: write(c->fd, from, size);

		if (n <= 0)
			die("writing fails: %s", strerror(errno));
		from += n;
		size -= (size_t)n;
	}
}

/* Return: 1 if the response is complete, 0 if more must come. */
static int conn_answer(struct conn *c)
{
	static _Thread_local char body[65536];
	const char *field;
	char *end;
	long n;

	while (c->left != 0) {
		int in_head = c->left < 0;

		n = in_head ? conn_read(c, c->head + c->head_len,
					sizeof(c->head) - 1 - c->head_len)
			    : conn_read(c, body, sizeof(body));
		if (n < 0)
			return 0;
		if (n == 0)
			die("the server has closed the connection too early");
		if (!in_head) {
			c->left -= n;
			continue;
		}
		c->head_len += (size_t)n;
		c->head[c->head_len] = '\0';
		end = strstr(c->head, "\r\n\r\n");
		if (!end)
			continue;
		if (strncmp(c->head, "HTTP/1.1 2", 10))
			die("answered: %.60s", c->head);
		field = strcasestr(c->head, "\r\nContent-Length:");
		c->left = field && field < end ? atol(field + 17) : 0;
		c->left -= c->head + c->head_len - (end + 4);
	}
	c->left = -1;
	c->head_len = 0;
	return 1;
}

static void ask(struct conn *c, const char *path, const char *more)
{
	char text[256];
	int n = snprintf(text, sizeof(text),
			 "GET /%s HTTP/1.1\r\nHost: x\r\n%s\r\n", path, more);

	conn_write(c, text, (size_t)n);
}

static void complete(struct conn *c)
{
	if (!conn_answer(c))
		die("no answer for too long");
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void print_times(double *times, long n)
{
	qsort(times, (size_t)n, sizeof(*times), compare);
	printf("%.1f %.1f\n", times[n / 2], times[n * 99 / 100]);
}

static double *times_for(long n)
{
	double *times = calloc((size_t)n, sizeof(*times));

	if (!times || !open_conns)
		die("%s", times ? "get without open" : "no memory");
	return times;
}

static void do_get(const char *path, long n)
{
	double *times = times_for(n);
	long done = 0;

	while (done < n) {
		int i, batch = n - done < open_conns ? (int)(n - done)
						     : open_conns;

		for (i = 0; i < batch; i++) {
			conns[i].since_us = now_us();
			ask(&conns[i], path, "");
		}
		for (i = 0; i < batch; i++) {
			complete(&conns[i]);
			times[done++] = now_us() - conns[i].since_us;
		}
	}
	print_times(times, n);
	free(times);
}

/*
 * A request counts from when it should have been sent: if all connections still
 * wait for an answer then, that is the server's doing. This spins; a core that
 * sleeps would add the time of its waking up.
 */
static void do_rate(const char *path, long rate, double seconds)
{
	long total = (long)((double)rate * seconds), sent = 0, done = 0;
	double *times = times_for(total), begin;
	struct conn *ready[OPEN_MAX_CONNS];
	int i, n, n_ready = 0, ep = epoll_create1(EPOLL_CLOEXEC);

	for (i = 0; i < open_conns; i++) {
		struct epoll_event event = {.events = EPOLLIN,
					    .data.ptr = &conns[i]};

		fcntl(conns[i].fd, F_SETFL, O_NONBLOCK);
		if (epoll_ctl(ep, EPOLL_CTL_ADD, conns[i].fd, &event))
			die("epoll_ctl: %s", strerror(errno));
		ready[n_ready++] = &conns[i];
	}
	begin = now_us();
	while (done < total) {
		struct epoll_event events[OPEN_MAX_CONNS];
		double now = now_us();

		if (now - begin > seconds * 5e6 + 30e6)
			die("cannot bear %ld requests/s", rate);
		while (n_ready && sent < total &&
		       begin + (double)sent * 1e6 / (double)rate <= now) {
			struct conn *c = ready[--n_ready];

			c->since_us =
				begin + (double)sent++ * 1e6 / (double)rate;
			ask(c, path, "");
		}
		n = epoll_wait(ep, events, OPEN_MAX_CONNS, 0);
		for (i = 0; i < n; i++) {
			struct conn *c = events[i].data.ptr;

			if (!conn_answer(c))
				continue;
			times[done++] = now_us() - c->since_us;
			ready[n_ready++] = c;
		}
	}
	close(ep);
	for (i = 0; i < open_conns; i++)
		fcntl(conns[i].fd, F_SETFL, 0);
	print_times(times, total);
	free(times);
}

static void do_put(const char *path, long size, long n)
{
	static const char zeros[65536];
	double begin = now_us();
	char head[256];

	if (!open_conns)
		die("put without open");
	while (n-- > 0) {
		long left = size;

		snprintf(head, sizeof(head),
			 "PUT /%s HTTP/1.1\r\nHost: x\r\nContent-Length: "
			 "%ld\r\n\r\n",
			 path, size);
		conn_write(&conns[0], head, strlen(head));
		for (; left > 0; left -= (long)sizeof(zeros))
			conn_write(&conns[0], zeros,
				   left < (long)sizeof(zeros) ? (size_t)left
							      : sizeof(zeros));
		complete(&conns[0]);
	}
	printf("%.6f 0\n", (now_us() - begin) / 1e6);
}

static void one_connection(const struct share *s)
{
	struct conn c;
	char rest;

	conn_open(&c, s->resumed ? *s->session : NULL);
	if (s->resumed && *s->session && !SSL_session_reused(c.ssl))
		die("the session was not resumed");
	ask(&c, "100", s->idle ? "" : "Connection: close\r\n");
	complete(&c);
	if (!s->idle && conn_read(&c, &rest, 1) != 0)
		die("the server goes on after its response");
	if (s->resumed) {
		SSL_SESSION_free(*s->session);
		*s->session = SSL_get1_session(c.ssl);
	}
	if (!s->idle && c.ssl)
		SSL_shutdown(c.ssl);
	SSL_free(c.ssl); /* an idle one stays open for the server */
	if (!s->idle)
		close(c.fd);
}

static void *connect_thread(void *arg)
{
	const struct share *s = arg;
	long i;

	for (i = 0; i < s->count; i++)
		one_connection(s);
	return NULL;
}

static void do_connect(long n, int idle, int resumed)
{
	pthread_t threads[THREADS];
	struct share shares[THREADS];
	double begin = now_us();
	int i;

	if (resumed && !ctx)
		die("no sessions in plaintext");
	for (i = 0; i < THREADS; i++) {
		shares[i] = (struct share){n / THREADS + (i < n % THREADS),
					   idle, resumed, &sessions[i]};
		if (pthread_create(&threads[i], NULL, connect_thread,
				   &shares[i]))
			die("no thread");
	}
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	printf("%.6f 0\n", (now_us() - begin) / 1e6);
}

static void command(const char *line)
{
	char path[64], kind[16];
	long n, size;
	double seconds;

	if (sscanf(line, "open %ld", &n) == 1 && n > 0 &&
	    n <= OPEN_MAX_CONNS - open_conns) {
		while (n-- > 0)
			conn_open(&conns[open_conns++], NULL);
		printf("0 0\n");
	} else if (sscanf(line, "get %63s %ld", path, &n) == 2 && n > 0 &&
		   n < COUNT_MAX) {
		do_get(path, n);
	} else if (sscanf(line, "rate %63s %ld %lf", path, &n, &seconds) == 3 &&
		   n > 0 && seconds > 0 && (double)n * seconds < COUNT_MAX) {
		do_rate(path, n, seconds);
	} else if (sscanf(line, "put %63s %ld %ld", path, &size, &n) == 3 &&
		   size > 0) {
		do_put(path, size, n);
	} else if (sscanf(line, "idle %ld", &n) == 1) {
		do_connect(n, 1, 0);
	} else if (sscanf(line, "connect %ld %15s", &n, kind) == 2) {
		do_connect(n, 0, !strcmp(kind, "resumed"));
	} else {
		die("what is '%s'?", line);
	}
	fflush(stdout);
}

int main(int argc, char **argv)
{
	char line[256];

	if (argc != 3)
		return 64;
	port = atoi(argv[1]);
	if (!strcmp(argv[2], "tls")) {
		ctx = SSL_CTX_new(TLS_client_method());
		if (!ctx)
			die("no context");
	}
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		command(line);
	}
	return 0;
}
