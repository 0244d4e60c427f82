// SPDX-License-Identifier: MIT
/*
 * log.c - one line per event, to standard error or a file
 *
 * A line is formatted on the stack and leaves in one write(2), so lines of
 * several processes and threads do not mix and no lock is needed.
 */
#include "log.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LINE_BYTES 1024

const char *const log_level_names[LOG_LEVEL_COUNT] = {"off", "error", "warn",
						      "info", "debug"};
static_assert(sizeof(log_level_names) / sizeof(log_level_names[0]) ==
		      LOG_LEVEL_COUNT,
	      "one name per level");

static enum log_level max_level = LOG_WARN;
static int out_fd = STDERR_FILENO;

int log_open(enum log_level level, const char *dest)
{
	int fd = STDERR_FILENO;

	if (dest) {
		fd = open(dest, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
			  0640);
		if (fd < 0)
			return -errno;
	}
	out_fd = fd;
	max_level = level;
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

	if (level > max_level)
		return;
	n = snprintf(line, sizeof(line), "ktlshim: ");
	va_start(ap, fmt);
	m = vsnprintf(line + n, sizeof(line) - n - 1, fmt, ap);
	va_end(ap);
	n += m < 0 ? 0 : m;
	if (n > LINE_BYTES - 2)
		n = LINE_BYTES - 2;
	line[n++] = '\n';
	/* The raw call: inside a daemon, write() may be somebody's hook. */
	if (syscall(SYS_write, out_fd, line, n) < 0)
		(void)0;
	errno = saved;
}
