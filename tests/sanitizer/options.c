// SPDX-License-Identifier: MIT
/*
 * options.c - what the runtime of a sanitizer is told
 *
 * Linked into each program of ours, and a library in front of a runtime that is
 * preloaded into somebody else's. Not in the environment: the helper gets none
 * of the daemon's, and daemons clean theirs.
 *
 * REPORTS is a directory that anybody may write to.
 */
#include <dlfcn.h>
#include <string.h>
#include <sys/socket.h>

#define COMMON "log_path=" REPORTS "/report:log_exe_name=1:exitcode=99"

#define CALLED_BY_RUNTIME __attribute__((visibility("default")))

#define OPTIONS(name, text)                                                    \
	CALLED_BY_RUNTIME const char *name(void);                              \
	const char *name(void)                                                 \
	{                                                                      \
		return text;                                                   \
	}

/* We come before the runtime ourselves. */
OPTIONS(__asan_default_options,
	COMMON ":verify_asan_link_order=0:detect_stack_use_after_return=1:"
	       "suppressions=" SUPPRESSIONS "/address")
OPTIONS(__lsan_default_options, "suppressions=" SUPPRESSIONS "/leak")
/* Beside ASan only the summary goes there, the rest to standard error. */
OPTIONS(__ubsan_default_options, COMMON ":print_stacktrace=1:print_summary=1")
OPTIONS(__tsan_default_options,
	COMMON ":second_deadlock_stack=1:die_after_fork=0:"
	       "atexit_sleep_ms=100:suppressions=" SUPPRESSIONS "/thread")

/*
 * In a daemon nobody looks for leaks: those of the program are not our
 * business, and the shim keeps its pointers in memory that is not searched
 * (fdtab.c).
 */
CALLED_BY_RUNTIME int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
	Dl_info info;

	return !dladdr((void *)listen, &info) ||
	       strstr(info.dli_fname, "libktlshim");
}
