// SPDX-License-Identifier: MIT
/*
 * libc.c - the calls behind the hooks
 *
 * All are looked up at once: one look-up at a time, on first use, could happen
 * in a signal handler or between fork and exec, where dlsym must not run.
 */
#include "libc.h"

#include <dlfcn.h>

struct libc libc;

void libc_bind(void)
{
#define X(ret, name, args)                                                     \
	if (!libc.name)                                                        \
		*(void **)&libc.name = dlsym(RTLD_NEXT, #name);
	LIBC_CALLS(X)
#undef X
}
