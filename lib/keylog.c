// SPDX-License-Identifier: MIT
/*
 * keylog.c - TLS secrets in a file, for Wireshark (SSLKEYLOGFILE's format)
 */
#include "keylog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static int no_file(const struct conf_value *v, int err,
		   struct conf_problems *problems)
{
	return conf_problem(problems, v->where, "cannot open %.180s: %s; the "
			    "helper runs as uid %u", v->value, strerror(err),
			    (unsigned int)geteuid());
}

static int judge(const struct conf_value *v, const struct stat *st,
		 struct conf_problems *problems)
{
	if (S_ISREG(st->st_mode) && !(st->st_mode & 077))
		return 0;
	return conf_problem(problems, v->where, "%.180s would hold secrets, "
			    "and others may read it, or it is no file; want a "
			    "regular file with mode 0600, or none", v->value);
}

int keylog_check(const struct conf_site *site, struct conf_problems *problems)
{
	const struct conf_value *v = conf_get(site, "keylog");
	const char *slash = v ? strrchr(v->value, '/') : NULL;
	struct stat st;
	char *directory;
	int err = 0;

	if (!slash)
		return 0;
	if (!stat(v->value, &st))
		return judge(v, &st, problems);
	directory = strndup(v->value, (size_t)(slash - v->value) + 1);
	if (!directory || access(directory, W_OK | X_OK))
		err = errno;
	free(directory);
	return err ? no_file(v, err, problems) : 0;
}

int keylog_open(const struct conf_site *site, struct conf_problems *problems)
{
	const struct conf_value *v = conf_get(site, "keylog");
	struct stat st;
	int fd;

	if (!v)
		return -ENOENT;
	fd = open(v->value, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC |
				    O_NONBLOCK | O_NOCTTY, 0600);
	if (fd < 0 || fstat(fd, &st))
		return no_file(v, errno, problems);
	if (judge(v, &st, problems)) {
		close(fd);
		return -EINVAL;
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
