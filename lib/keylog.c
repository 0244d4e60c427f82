// SPDX-License-Identifier: MIT
/*
 * keylog.c - TLS secrets in a file, for Wireshark (SSLKEYLOGFILE's format)
 */
#include "keylog.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

int keylog_open(const struct conf_site *site, struct conf_problems *problems)
{
	const struct conf_value *v = conf_get(site, "keylog");
	struct stat st;
	int fd, err;

	if (!v)
		return -ENOENT;
	fd = open(v->value, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC |
				    O_NONBLOCK | O_NOCTTY, 0600);
	if (fd < 0) {
		err = errno;
		return conf_problem(problems, v->where, "cannot open %.180s: "
				    "%s; the helper runs as uid %u", v->value,
				    strerror(err), (unsigned int)geteuid());
	}
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_mode & 077) {
		close(fd);
		return conf_problem(problems, v->where, "%.180s would hold "
				    "secrets, and others may read it, or it is "
				    "no file; want a regular file with mode "
				    "0600, or none", v->value);
	}
	log_warn("the secrets of all connections go to %s: who reads it can "
		 "decrypt them (keylog)", v->value);
	return fd;
}

void keylog_write(int fd, const char *line)
{
	struct iovec iov[] = {{(char *)line, strlen(line)}, {(char *)"\n", 1}};

	if (writev(fd, iov, 2) < 0)
		log_warn("keylog: %s", strerror(errno));
}
