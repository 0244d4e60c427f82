// SPDX-License-Identifier: MIT
/*
 * log.c - one line per event, to standard error or a file
 *
 * A line is formatted on the stack and leaves in one write(2), so lines of
 * several processes and threads do not mix and no lock is needed.
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
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define LINE_BYTES 1024
#define FD_MIN 512 /* out of the way of the numbers that programs expect */

const char *const log_level_names[LOG_LEVEL_COUNT] = {"off", "error", "warn",
						      "info", "debug"};
static_assert(sizeof(log_level_names) / sizeof(log_level_names[0]) ==
		      LOG_LEVEL_COUNT,
	      "one name per level");

static enum log_level max_level = LOG_WARN;
static int out_fd = STDERR_FILENO;

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

int log_open(enum log_level level, const char *dest)
{
	int fd = STDERR_FILENO, low;

	if (dest) {
		low = open(dest, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
			   0640);
		if (low < 0)
			return -errno;
		/* by number: in the shim, fcntl() and close() are hooks */
		fd = (int)sys_call(SYS_fcntl, low, F_DUPFD_CLOEXEC, FD_MIN);
		if (fd < 0)
			fd = low;
		else
			sys_call(SYS_close, low);
	}
	if (out_fd != STDERR_FILENO && is_safe())
		sys_call(SYS_close, out_fd);
	out_fd = fd;
	max_level = level;
	if (fstat(fd, &out_was))
		out_was.st_ino = 0;
	return 0;
}

int log_fd(void)
{
	return out_fd;
}

void log_line(enum log_level level, const char *fmt, ...)
{
	char line[LINE_BYTES];
	int saved = errno, n, m;
	va_list ap;

	if (level > max_level || !is_safe()) {
		errno = saved;
		return;
	}
	n = snprintf(line, sizeof(line), "ktlshim: ");
	va_start(ap, fmt);
	m = vsnprintf(line + n, sizeof(line) - n - 1, fmt, ap);
	va_end(ap);
	n += m < 0 ? 0 : m;
	if (n > LINE_BYTES - 2)
		n = LINE_BYTES - 2;
	line[n++] = '\n';
	write_quietly(line, (size_t)n);
	errno = saved;
}
