// SPDX-License-Identifier: MIT
/*
 * libc.c - the calls behind the hooks
 *
 * All are looked up at once: one look-up at a time, on first use, could happen
 * in a signal handler or between fork and exec, where dlsym must not run.
 */
#include "libc.h"

#include <dlfcn.h>
#include <stdarg.h>

#include "sys.h"

struct libc libc;

/* Until libc_bind() has run */
static long first_call(long number, ...)
{
	va_list ap;
	long a[6];
	int i;

	va_start(ap, number);
	for (i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	libc_bind();
	return sys_call(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

long (*sys_call)(long number, ...) = first_call;

void libc_bind(void)
{
#define X(ret, name, args)                                                     \
	if (!libc.name)                                                        \
		*(void **)&libc.name = dlsym(RTLD_NEXT, #name);
	LIBC_CALLS(X)
#undef X
	sys_call = libc.syscall;
}
