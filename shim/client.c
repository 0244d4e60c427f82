// SPDX-License-Identifier: MIT
/*
 * client.c - the shim's conversation with the helper
 *
 * The control socket is shared by all processes of the daemon, so nothing is
 * ever read from it after the helper's first word: a request that wants an
 * answer carries one end of a fresh socket pair.
 */
#include "client.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

#include "fdtab.h"
#include "launch.h"
#include "libc.h"
#include "settings.h"
#include "share.h"
#include "sock.h"
#include "crypto.h"
#include "sys.h"

#define HELPER_NAME "ktlshim-helper"
#define START_TIMEOUT_S 30
#define ANSWER_TIMEOUT_S 10
#define GONE_TIMEOUT_S 1 /* it is no hurry, but the daemon waits */
#define CONTROL_SNDBUF (4 * 1024 * 1024) /* thousands of connections to part */
#define PART_WAIT_MS 200 /* for the helper to take one, before it is lost */

static atomic_int control = -1;
static _Atomic uint64_t control_cookie; /* what the number must still mean */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Beside the library, or where `make install` puts it. */
static int find_helper(const struct conf_env *conf, char *path)
{
	static const char *const places[] = {"", "../../libexec/ktlshim/",
					     "../libexec/ktlshim/"};
	const char *slash, *named = conf_env_get(conf, "helper");
	Dl_info info;
	size_t i;

	if (named) {
		snprintf(path, PATH_MAX, "%s", named);
		return 0;
	}
	if (!dladdr((void *)find_helper, &info) ||
	    !(slash = strrchr(info.dli_fname, '/')))
		return -ENOENT;
	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (snprintf(path, PATH_MAX, "%.*s/%s%s",
			     (int)(slash - info.dli_fname), info.dli_fname,
			     places[i], HELPER_NAME) < PATH_MAX &&
		    !access(path, X_OK))
			return 0;
	}
	snprintf(path, PATH_MAX, "%.*s/%s", (int)(slash - info.dli_fname),
		 info.dli_fname, HELPER_NAME);
	return 0; /* let execve() say what is wrong with it */
}

static void set_timeout(int fd, int seconds)
{
	struct timeval tv = {.tv_sec = seconds};

	sys_setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
}

/* One struct and its descriptors. */
static int send_msg(int fd, const struct control_msg *msg, const int *fds,
		    int n_fds)
{
	union {
		char buf[CMSG_SPACE(2 * sizeof(int))];
		struct cmsghdr align;
	} ctl = {0};
	struct iovec iov = {(void *)msg, sizeof(*msg)};
	struct msghdr header = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = ctl.buf,
		.msg_controllen = CMSG_SPACE((size_t)n_fds * sizeof(int)),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&header);
	int flags = MSG_NOSIGNAL;

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN((size_t)n_fds * sizeof(int));
	memcpy(CMSG_DATA(cmsg), fds, (size_t)n_fds * sizeof(int));
	if (msg->kind == CONTROL_PART || msg->kind == CONTROL_GONE)
		flags |= MSG_DONTWAIT; /* in close(), or not wanted that much */
	return sys_sendmsg(fd, &header, flags) < 0 ? -errno : 0;
}

/* The helper's first word: ready, or why not. */
static int await_ready(int fd)
{
	struct control_msg msg = {0};
	ssize_t n;

	set_timeout(fd, START_TIMEOUT_S);
	do
		n = LIBC(recv)(fd, &msg, sizeof(msg), 0);
	while (n < 0 && errno == EINTR);
	set_timeout(fd, 0);
	if (n == sizeof(msg) && msg.magic == PROTO_MAGIC &&
	    msg.kind == CONTROL_READY) {
		msg.value[sizeof(msg.value) - 1] = '\0';
		settings_log((const char *)msg.value);
		return msg.status; /* it has said why, if it refuses */
	}
	log_error("the helper did not start: %s",
		  n < 0 ? strerror(errno) : "it ended without a word");
	return -EIO;
}

/* Others send as soon as they see the number. */
static void use(int fd)
{
	control_cookie = fdtab_cookie(fd);
	control = fd;
}

static int start(void)
{
	const struct conf_env *conf = settings();
	char path[PATH_MAX];
	const int sndbuf = CONTROL_SNDBUF;
	int fds[2], ret;

	if (!conf) {
		log_error("%s", settings_why());
		return -EINVAL;
	}
	if (crypto_open()) {
		log_error("cannot open libcrypto.so.3 in this program; install "
			  "OpenSSL 3 (Debian: libssl3)");
		return -ENOSYS;
	}
	ret = share_open();
	if (ret)
		return ret;
	ret = find_helper(conf, path);
	if (ret)
		return ret;
	if (LIBC(socketpair)(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
		return -errno;
	ret = launch_helper(path, conf->vars, fds[1]);
	sys_close(fds[1]);
	if (ret)
		log_error("cannot start the helper %s: %s", path,
			  strerror(-ret));
	else
		ret = await_ready(fds[0]);
	if (ret) {
		sys_close(fds[0]);
		return ret;
	}
	sys_setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &sndbuf, sizeof(sndbuf));
	fds[0] = fdtab_move_up(fds[0]);
	use(fds[0]);
	return fdtab_own(fds[0]);
}

/* Make sure that the helper runs. */
static int client_start(void)
{
	int ret = 0;

	pthread_mutex_lock(&lock);
	if (control < 0)
		ret = start();
	pthread_mutex_unlock(&lock);
	return ret;
}

void client_forget(void)
{
	struct entry *e;
	int fd;

	pthread_mutex_lock(&lock);
	fd = atomic_exchange(&control, -1);
	if (fd >= 0) {
		e = fdtab_del(fd);
		if (e)
			fdtab_put(e);
		sys_close(fd);
	}
	pthread_mutex_unlock(&lock);
}

static int request(struct control_msg *msg, const int *fds, int n_fds)
{
	int fd = control, ret;

	msg->magic = PROTO_MAGIC;
	if (fd >= 0 && fdtab_cookie(fd) != control_cookie) {
		/* closed past our hooks; the number is somebody else's */
		sock_forget(fd);
		atomic_compare_exchange_strong(&control, &fd, -1);
		fd = -1;
	}
	if (fd < 0)
		return -ENOTCONN;
	ret = send_msg(fd, msg, fds, n_fds);
	if (ret == -EPIPE || ret == -ECONNRESET || ret == -EBADF)
		client_forget();
	return ret;
}

static int start_and_request(struct control_msg *msg, const int *fds,
			     int n_fds)
{
	int ret = client_start();

	if (ret)
		return ret;
	ret = request(msg, fds, n_fds);
	if (ret && control < 0) { /* it had died: start another */
		ret = client_start();
		if (!ret)
			ret = request(msg, fds, n_fds);
	}
	return ret;
}

int client_listen(int fd, int gate, bool own)
{
	struct control_msg msg = {.kind = CONTROL_LISTEN, .status = own};
	const int fds[2] = {fd, gate};

	return start_and_request(&msg, fds, 2);
}

/* A request that wants an answer, which takes its place. */
static int ask(int (*send_request)(struct control_msg *, const int *, int),
	       struct control_msg *msg, int seconds)
{
	int fds[2], ret;
	ssize_t n;

	if (LIBC(socketpair)(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
		return -errno;
	ret = send_request(msg, &fds[1], 1);
	sys_close(fds[1]);
	if (!ret) {
		set_timeout(fds[0], seconds);
		do
			n = LIBC(recv)(fds[0], msg, sizeof(*msg), 0);
		while (n < 0 && errno == EINTR);
		ret = n == sizeof(*msg) ? msg->status
		      : n == 0		 ? -EPIPE
					 : -ETIMEDOUT;
	}
	sys_close(fds[0]);
	return ret;
}

int client_ask(const union inet_addr *addr)
{
	struct control_msg msg = {.kind = CONTROL_ASK};
	int ret, tries;

	for (tries = 0; tries < 2; tries++) {
		memcpy(msg.value, addr, sizeof(*addr));
		ret = ask(start_and_request, &msg, START_TIMEOUT_S);
		if (ret != -EPIPE)
			break;
		client_forget(); /* it died before it heard us */
	}
	if (ret == -EPIPE || ret == -ETIMEDOUT)
		log_error("the helper gives no answer about port %u",
			  ntohs(addr->in.sin_port));
	return ret == -EPIPE ? -EIO : ret;
}

static int sockopt(struct control_msg *msg, void *value, socklen_t *len)
{
	bool set = msg->set;
	int ret;

	msg->len = *len;
	if (*len > sizeof(msg->value)) {
		if (set)
			return -EINVAL;
		msg->len = sizeof(msg->value);
	}
	if (set)
		memcpy(msg->value, value, *len);
	ret = ask(request, msg, ANSWER_TIMEOUT_S);
	if (!ret && !set && msg->len <= sizeof(msg->value)) {
		memcpy(value, msg->value, msg->len < *len ? msg->len : *len);
		*len = msg->len < *len ? msg->len : *len;
	}
	return ret;
}

int client_sockopt(uint32_t listener, bool set, int level, int name,
		   void *value, socklen_t *len)
{
	struct control_msg msg = {
		.kind = CONTROL_SOCKOPT,
		.id = listener,
		.set = set,
		.level = level,
		.name = name,
	};

	return sockopt(&msg, value, len);
}

int client_conn_sockopt(uint32_t id, uint32_t generation, bool set, int level,
			int name, void *value, socklen_t *len)
{
	struct control_msg msg = {
		.kind = CONTROL_CONN_SOCKOPT,
		.id = id,
		.generation = generation,
		.set = set,
		.level = level,
		.name = name,
	};

	return sockopt(&msg, value, len);
}

uint64_t client_gone(const uint64_t *cookies, unsigned int n, uint32_t *gone)
{
	struct control_msg msg = {.kind = CONTROL_GONE};

	msg.len = n * (uint32_t)sizeof(*cookies);
	memcpy(msg.value, cookies, msg.len);
	if (ask(request, &msg, GONE_TIMEOUT_S))
		return 0;
	*gone = msg.gone;
	return msg.watcher;
}

int client_fd(void)
{
	return control;
}

int client_attach(int fd)
{
	if (control >= 0)
		return -EEXIST;
	use(fd);
	return fdtab_own(fd);
}

int client_part(int fd, int how)
{
	struct control_msg msg = {.kind = CONTROL_PART, .status = how};
	struct pollfd p = {.fd = control, .events = POLLOUT};
	int ret;

	ret = request(&msg, &fd, 1);
	if (ret != -EAGAIN && ret != -ETOOMANYREFS)
		return ret;
	/* a burst of them: rather wait a moment than lose a record */
	LIBC(poll)(&p, 1, PART_WAIT_MS);
	return request(&msg, &fd, 1);
}

void client_atfork_child(void)
{
	pthread_mutex_init(&lock, NULL);
}
