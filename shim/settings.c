// SPDX-License-Identifier: MIT
/*
 * settings.c - what the user has asked for, read once
 *
 * By the constructor, or by the first hook that needs them if that comes
 * sooner. Daemons clear their environment later.
 */
#include "settings.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fdtab.h"
#include "sys.h"

static struct conf_env conf;
static bool valid;
static char why[CONF_WHY_BYTES];
static pthread_once_t once = PTHREAD_ONCE_INIT;

/*
 * The environment as the kernel has it, for a hook that is called before libc
 * has set up its own (by a library with -z initfirst).
 */
static char early[16 * 1024];
static size_t early_bytes;

static void read_early(void)
{
	int fd = (int)sys_call(SYS_openat, AT_FDCWD, "/proc/self/environ",
			      O_RDONLY | O_CLOEXEC);
	long n;

	while (fd >= 0 && early_bytes < sizeof(early) - 1 &&
	       (n = sys_call(SYS_read, fd, early + early_bytes,
			    sizeof(early) - 1 - early_bytes)) > 0)
		early_bytes += (size_t)n;
	if (fd >= 0)
		sys_close(fd);
}

static char *get_early(const char *name)
{
	size_t len = strlen(name);
	char *p;

	for (p = early; p < early + early_bytes; p += strlen(p) + 1)
		if (!strncmp(p, name, len) && p[len] == '=')
			return p + len + 1;
	return NULL;
}

static void open_log(const struct conf_log *log)
{
	if (log_open(log->level, log->dest[0] ? log->dest : NULL))
		log_open(log->level, NULL);
	if (log_fd() != STDERR_FILENO)
		fdtab_own(log_fd());
}

static void load(void)
{
	bool is_early = !environ && !getauxval(AT_SECURE);

	if (is_early)
		read_early();
	valid = !conf_env_read(&conf, is_early ? get_early : secure_getenv,
			       why);
	if (valid)
		open_log(&conf.log);
}

const struct conf_env *settings(void)
{
	pthread_once(&once, load);
	return valid ? &conf : NULL;
}

const char *settings_why(void)
{
	return why;
}

bool settings_may_have(uint16_t port)
{
	const struct conf_env *c = settings();

	return !c || !c->ports.n || conf_has_port(&c->ports, port) ||
	       conf_is_plain(&c->listen, port);
}

void settings_log(const char *value)
{
	struct conf_log log;
	char ignored[CONF_WHY_BYTES];

	if (!conf_env_get(&conf, "log") && *value &&
	    !conf_log_parse(&log, value, ignored))
		open_log(&log);
}
