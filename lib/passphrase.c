// SPDX-License-Identifier: MIT
/*
 * passphrase.c - the passphrase of a key, from a file or a command
 */
#include "passphrase.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <openssl/crypto.h>

#define COMMAND_S 10

static int left_ms(const struct timespec *end)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int)((end->tv_sec - now.tv_sec) * 1000 +
		     (end->tv_nsec - now.tv_nsec) / 1000000);
}

static void set_end(struct timespec *end)
{
	clock_gettime(CLOCK_MONOTONIC, end);
	end->tv_sec += COMMAND_S;
}

/* The first line of @fd. Return: its length, or -1. */
static int read_line(int fd, char *buf, int size, const struct timespec *end)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int have = 0, left;
	ssize_t n = 1;
	char *line_end;

	while (n > 0 && have < size && !memchr(buf, '\n', (size_t)have)) {
		left = left_ms(end);
		if (left <= 0 || poll(&p, 1, left) <= 0)
			return -1;
		n = read(fd, buf + have, (size_t)(size - have));
		have += n > 0 ? (int)n : 0;
	}
	line_end = memchr(buf, '\n', (size_t)have);
	if (n < 0 || (have == size && !line_end))
		return -1;
	return line_end ? (int)(line_end - buf) : have;
}

static int from_file(struct passphrase *p, char *buf, int size)
{
	int fd = open(p->file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct timespec end;
	int n;

	set_end(&end);
	n = fd < 0 ? -1 : read_line(fd, buf, size, &end);
	if (fd < 0)
		p->failed = strerror(errno);
	else if (n <= 0)
		p->failed = "it holds none";
	if (fd >= 0)
		close(fd);
	return n;
}

/* The command gets nothing of ours but standard error. 0 or an errno. */
static int start(pid_t *pid, const struct passphrase *p, int out)
{
	char *const argv[] = {"sh", "-c", (char *)p->command, "ktlshim",
			      (char *)p->key, NULL};
	static char *const env[] = {"PATH=/usr/local/sbin:/usr/local/bin:"
				    "/usr/sbin:/usr/bin:/sbin:/bin", NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t all, none;
	int ret;

	sigfillset(&all);
	sigemptyset(&none);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null",
					 O_RDONLY, 0);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setpgroup(&attr, 0); /* it and its children */
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF |
						POSIX_SPAWN_SETSIGMASK |
						POSIX_SPAWN_SETPGROUP);
	ret = posix_spawn(pid, "/bin/sh", &actions, &attr, argv, env);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	return ret;
}

/* Kills it when its time is over. */
static bool has_ended(pid_t pid, int *status, const struct timespec *end)
{
	const struct timespec pause = {.tv_nsec = 5 * 1000000};
	pid_t got;

	while ((got = waitpid(pid, status, WNOHANG)) == 0 && left_ms(end) > 0)
		nanosleep(&pause, NULL);
	if (got)
		return got == pid;
	kill(-pid, SIGKILL);
	waitpid(pid, status, 0);
	return false;
}

static int from_command(struct passphrase *p, char *buf, int size)
{
	int fds[2], n, status = 0, err;
	struct timespec end;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC)) {
		p->failed = strerror(errno);
		return -1;
	}
	set_end(&end);
	err = start(&pid, p, fds[1]);
	close(fds[1]);
	n = err ? -1 : read_line(fds[0], buf, size, &end);
	close(fds[0]);
	if (err) {
		p->failed = strerror(err);
		return -1;
	}
	if (n < 0) /* it has no more time */
		end = (struct timespec){0};
	if (!has_ended(pid, &status, &end) || n < 0)
		p->failed = "it gave no line, or did not end, in 10 seconds";
	else if (!WIFEXITED(status) || WEXITSTATUS(status))
		p->failed = "it failed";
	else if (!n)
		p->failed = "it printed nothing";
	return p->failed ? -1 : n;
}

int passphrase_get(char *buf, int size, int rwflag, void *arg)
{
	struct passphrase *p = arg;
	int n = -1;

	(void)rwflag;
	if (p->asked++ || size <= 0)
		return -1; /* once: it is not going to be another */
	if (p->file)
		n = from_file(p, buf, size);
	else if (p->command)
		n = from_command(p, buf, size);
	if (n > 0 && !p->failed)
		return n;
	OPENSSL_cleanse(buf, (size_t)size);
	return -1;
}
