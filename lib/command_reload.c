// SPDX-License-Identifier: MIT
/*
 * command_reload.c - `ktlshim reload`: tell helpers to read everything again
 *
 * A helper has no name but that of its program, and nobody but its user and root
 * may signal it: so all that may be told are told, or those that are named.
 */
#include "command.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

/* What /proc/PID/comm has of it: 15 letters at most */
#define HELPER_COMM "ktlshim-helper"

static bool is_helper(const char *pid)
{
	char path[64], comm[32] = "";
	FILE *in;

	snprintf(path, sizeof(path), "/proc/%.20s/comm", pid);
	in = fopen(path, "re");
	if (!in)
		return false;
	if (fgets(comm, sizeof(comm), in))
		comm[strcspn(comm, "\n")] = '\0';
	fclose(in);
	return !strcmp(comm, HELPER_COMM);
}

/* Return: 0 or an errno. */
static int tell(const char *pid)
{
	if (kill((pid_t)strtol(pid, NULL, 10), SIGHUP))
		return errno;
	printf("helper %s reloads\n", pid);
	return 0;
}

static int tell_all(void)
{
	unsigned int told = 0, others = 0;
	const struct dirent *entry;
	DIR *proc = opendir("/proc");

	while (proc && (entry = readdir(proc))) {
		if (!isdigit((unsigned char)entry->d_name[0]) ||
		    !is_helper(entry->d_name))
			continue;
		if (tell(entry->d_name))
			others++;
		else
			told++;
	}
	if (proc)
		closedir(proc);
	if (told)
		return 0;
	return command_fail(COMMAND_EX_WARNING, "no helper is running that "
			    "this user may tell%s", others
			    ? "; others' are: try as root" : "");
}

int command_reload(int argc, char **argv)
{
	int code = 0, err, i;

	if (argc == 1)
		return tell_all();
	for (i = 1; i < argc; i++) {
		if (!argv[i][0] || strlen(argv[i]) > 10 ||
		    strspn(argv[i], "0123456789") != strlen(argv[i]))
			return command_fail(COMMAND_EX_USAGE,
					    "usage: ktlshim reload [PID]...");
		err = is_helper(argv[i]) ? tell(argv[i]) : ESRCH;
		if (err)
			code = command_fail(COMMAND_EX_WARNING, "%s: %s",
					    argv[i], err == ESRCH
					    ? "this is no helper's number; see "
					      "pgrep ktlshim-helper"
					    : strerror(err));
	}
	return code;
}
