// SPDX-License-Identifier: MIT
/*
 * log.c - one line per event, to standard error, a file, syslog or the journal
 *
 * A line is formatted on the stack and leaves in one system call, so lines of
 * several processes and threads do not mix and no lock is needed. libc's
 * syslog() is not used: inside a daemon its state is the daemon's.
 *
 * Inside a daemon the number that we write to may come to mean something else:
 * daemons close what they do not know, and accept hands the number to a client.
 * So the file is kept at a high number, and before every line it is compared
 * with what it was.
 */
#include "log.h"

#include "sys.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define LINE_BYTES 1024
#define FD_MIN 512 /* out of the way of the numbers that programs expect */

const char *const log_level_names[LOG_LEVEL_COUNT] = {"off", "error", "warn",
						      "info", "debug"};
static_assert(sizeof(log_level_names) / sizeof(log_level_names[0]) ==
		      LOG_LEVEL_COUNT,
	      "one name per level");

/*
 * Local datagram sockets: what their readers want before the text. RFC 3164
 * section 4.1.1, facility 3 is daemons; the time is the reader's. The journal:
 * systemd.io/JOURNAL_NATIVE_PROTOCOL.
 */
static const struct service {
	const char *name, *path, *prefix;
	unsigned int facility;
} services[] = {
	{"syslog", "/dev/log", "<%u>ktlshim[%d]: ", 3 << 3},
	{"journal", "/run/systemd/journal/socket",
	 "PRIORITY=%u\nSYSLOG_FACILITY=3\nSYSLOG_IDENTIFIER=ktlshim\n"
	 "SYSLOG_PID=%d\nMESSAGE=", 0},
};
static const uint8_t severities[LOG_LEVEL_COUNT] = {
	[LOG_ERROR] = 3, [LOG_WARN] = 4, [LOG_INFO] = 6, [LOG_DEBUG] = 7};

static enum log_level max_level = LOG_WARN;
static int out_fd = STDERR_FILENO;
static const struct service *service; /* NULL: out_fd is a file */

/* What out_fd was when it was chosen. */
static struct stat out_was;

/*
 * Is it still what it was? A daemon may also have put its own log in the place
 * of standard error, which is welcome; a socket there is not.
 */
static bool is_safe(void)
{
	struct stat now;

	if (fstat(out_fd, &now))
		return false;
	if (now.st_dev == out_was.st_dev && now.st_ino == out_was.st_ino)
		return true;
	return out_fd == STDERR_FILENO && !S_ISSOCK(now.st_mode);
}

/* At RLIMIT_FSIZE the log just ends; the process would, too: SIGXFSZ. */
static void write_quietly(const char *line, size_t len)
{
	const struct timespec now = {0};
	sigset_t before, xfsz, pending;

	sigemptyset(&xfsz);
	sigaddset(&xfsz, SIGXFSZ);
	pthread_sigmask(SIG_BLOCK, &xfsz, &before);
	sigpending(&pending);
	/* The raw call: inside a daemon, write() may be somebody's hook. */
	if (sys_call(SYS_write, out_fd, line, len) < 0 && errno == EFBIG &&
	    !sigismember(&pending, SIGXFSZ))
		sigtimedwait(&xfsz, NULL, &now);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static const struct service *service_of(const char *dest)
{
	size_t i;

	for (i = 0; i < sizeof(services) / sizeof(services[0]); i++)
		if (dest && !strcmp(dest, services[i].name))
			return &services[i];
	return NULL;
}

bool log_is_service(const char *dest)
{
	return service_of(dest);
}

/* Also a second time, when the reader was started anew. 0 or -1. */
static int connect_to(const struct service *s, int fd)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	strcpy(addr.sun_path, s->path);
	return (int)sys_call(SYS_connect, fd, &addr, sizeof(addr));
}

/* By number: in the shim, socket(), fcntl() and close() are hooks. -1: errno */
static int open_dest(const char *dest)
{
	const struct service *s = service_of(dest);
	int low, high;

	if (s)
		low = (int)sys_call(SYS_socket, AF_UNIX,
				    SOCK_DGRAM | SOCK_CLOEXEC, 0);
	else
		low = open(dest, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
			   0640);
	if (low < 0)
		return -1;
	if (s && connect_to(s, low)) {
		high = errno;
		sys_close(low);
		errno = high;
		return -1;
	}
	high = (int)sys_call(SYS_fcntl, low, F_DUPFD_CLOEXEC, FD_MIN);
	if (high < 0)
		return low;
	sys_close(low);
	return high;
}

int log_open(enum log_level level, const char *dest)
{
	int fd = dest ? open_dest(dest) : STDERR_FILENO;

	if (fd < 0)
		return -errno;
	if (out_fd != STDERR_FILENO && is_safe())
		sys_close(out_fd);
	out_fd = fd;
	service = service_of(dest);
	max_level = level;
	if (fstat(fd, &out_was))
		out_was.st_ino = 0;
	return 0;
}

int log_fd(void)
{
	return out_fd;
}

static void send_line(const char *line, size_t len)
{
	struct iovec iov = {(char *)line, len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	const int flags = MSG_DONTWAIT | MSG_NOSIGNAL; /* we never wait for it */

	if (sys_sendmsg(out_fd, &msg, flags) < 0 &&
	    (errno == ECONNREFUSED || errno == ENOTCONN) &&
	    !connect_to(service, out_fd))
		sys_sendmsg(out_fd, &msg, flags);
}

/* Names that clients send are in it: a line is a line. */
static void clean(char *p)
{
	for (; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
}

bool log_is_on(enum log_level level)
{
	return level <= max_level;
}

void log_line(enum log_level level, const char *fmt, ...)
{
	char line[LINE_BYTES];
	int saved = errno, n, m;
	va_list ap;

	if (!log_is_on(level) || !is_safe()) {
		errno = saved;
		return;
	}
	n = service ? snprintf(line, sizeof(line), service->prefix,
			       service->facility | severities[level],
			       (int)getpid())
		    : snprintf(line, sizeof(line), "ktlshim: ");
	va_start(ap, fmt);
	m = vsnprintf(line + n, sizeof(line) - n - 1, fmt, ap);
	va_end(ap);
	clean(line + n);
	n += m < 0 ? 0 : m;
	if (n > LINE_BYTES - 2)
		n = LINE_BYTES - 2;
	line[n++] = '\n';
	if (service)
		send_line(line, (size_t)n);
	else
		write_quietly(line, (size_t)n);
	errno = saved;
}
