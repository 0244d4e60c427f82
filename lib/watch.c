// SPDX-License-Identifier: MIT
/*
 * watch.c - be told when files change
 *
 * Directories are watched, not files: who replaces a file renames another to
 * its name, and certbot's and Kubernetes' names are links. What has happened in
 * a directory does not matter; files.c compares what was read with what is.
 */
#include "watch.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "log.h"

#define EVENTS (IN_CLOSE_WRITE | IN_MOVE | IN_CREATE | IN_DELETE | IN_ATTRIB | \
		IN_MOVE_SELF | IN_DELETE_SELF)
#define LINKS_MAX 16

/* The kernel's numbers for what is watched */
static int *watches;
static size_t n_watches;

int watch_open(void)
{
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	return fd < 0 ? -errno : fd;
}

/* A directory, or what there is of it. */
static void add(int fd, const char *directory)
{
	char path[PATH_MAX], *slash;
	int *more, number;

	snprintf(path, sizeof(path), "%s", *directory ? directory : "/");
	while ((number = inotify_add_watch(fd, path, EVENTS)) < 0 &&
	       errno == ENOENT && (slash = strrchr(path, '/')) && slash > path)
		*slash = '\0';
	if (number < 0) {
		log_warn("cannot watch %s: %s; use ktlshim reload after changes",
			 path, strerror(errno));
		return;
	}
	/* the same directory has the same number */
	if (n_watches && watches[n_watches - 1] == number)
		return;
	more = reallocarray(watches, n_watches + 1, sizeof(*more));
	if (!more)
		return;
	watches = more;
	watches[n_watches++] = number;
}

/* The target of the link at @path, whose last part begins at @name. */
static bool follow(char *out, const char *path, size_t len, const char *rest)
{
	char link[PATH_MAX], target[PATH_MAX];
	const char *slash;
	ssize_t n;

	snprintf(link, sizeof(link), "%.*s", (int)len, path);
	n = readlink(link, target, sizeof(target) - 1);
	if (n <= 0)
		return false;
	target[n] = '\0';
	slash = strrchr(link, '/');
	n = snprintf(out, PATH_MAX, "%.*s%s%s",
		     *target == '/' ? 0 : (int)(slash + 1 - link), link,
		     target, rest);
	return n < PATH_MAX;
}

static void watch_path(int fd, const char *path, int links)
{
	char next[PATH_MAX], dir[PATH_MAX];
	const char *slash, *end;

	if (*path != '/' || strlen(path) >= sizeof(dir) || links > LINKS_MAX)
		return;
	for (slash = path; slash; slash = *end ? end : NULL) {
		end = strchrnul(slash + 1, '/');
		if (!follow(next, path, (size_t)(end - path), end))
			continue;
		snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path);
		add(fd, dir);
		watch_path(fd, next, links + 1);
		return;
	}
	slash = strrchr(path, '/');
	snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path);
	add(fd, dir);
}

void watch_set(int fd, const struct files *files)
{
	struct stat st;
	size_t i;

	if (fd < 0)
		return;
	while (n_watches)
		inotify_rm_watch(fd, watches[--n_watches]);
	for (i = 0; i < files->n; i++) {
		watch_path(fd, files->list[i].path, 0);
		if (!stat(files->list[i].path, &st) && S_ISDIR(st.st_mode))
			add(fd, files->list[i].path);
	}
}

bool watch_read(int fd)
{
	union {
		struct inotify_event event;
		char bytes[16 * 1024];
	} buf;
	const struct inotify_event *e;
	bool look = false;
	ssize_t n;
	char *p;

	while ((n = read(fd, &buf, sizeof(buf))) > 0)
		for (p = buf.bytes; p < buf.bytes + n;
		     p += sizeof(*e) + e->len) {
			e = (const struct inotify_event *)p;
			/* the end of a watch, mostly by watch_set() */
			look = look || e->mask != IN_IGNORED;
		}
	return look;
}
