/* SPDX-License-Identifier: MIT */
/*
 * hook.h - how every hook begins and ends
 *
 * A hook looks the number up once. Not ours: the next library's call, with the
 * arguments untouched. Ours: an answer from sock.h, with errno set on failure
 * only.
 */
#ifndef KTLSHIM_HOOK_H
#define KTLSHIM_HOOK_H

#include <errno.h>

#include "fdtab.h"
#include "libc.h"
#include "sock.h"

#define EXPORT __attribute__((visibility("default")))

/*
 * HOOKED(type, name, (parameters), (arguments)) { on a number of ours }
 *
 * On any other number fd the hook is a look-up and a jump. So the body is a
 * function of its own: its frame would cost more than all that.
 */
#define HOOKED(type, name, parameters, arguments)                              \
	static __attribute__((noinline)) type our_##name parameters;           \
	EXPORT type name parameters                                            \
	{                                                                      \
		if (fdtab_is_any(fd))                                          \
			return our_##name arguments;                           \
		return LIBC(name) arguments;                                   \
	}                                                                      \
	static type our_##name parameters

/* -errno to -1 and errno; errno as it was before when it is a success. */
static inline ssize_t hook_result(struct entry *e, ssize_t ret, int saved)
{
	fdtab_put(e);
	errno = ret < 0 ? (int)-ret : saved;
	return ret < 0 ? -1 : ret;
}

#define HOOK_ENTRY(fd) (fdtab_is_any(fd) ? fdtab_get(fd) : NULL)

/*
 * HOOK(fd, native, ours): ours is an expression with `entry` in it, giving 0, a
 * count, -errno or SOCK_NATIVE.
 */
#define HOOK(fd, native, ours)                                                 \
	HOOK_OF(fdtab_is_any(fd) ? sock_entry(fd) : NULL, native, ours)

/* The same with an expression for the entry, or NULL: not ours */
#define HOOK_OF(find, native, ours)                                            \
	({                                                                     \
		int saved_errno = errno;                                       \
		struct entry *entry = (find);                                  \
		ssize_t result;                                                \
		if (!entry) {                                                  \
			result = (native);                                     \
		} else if ((result = (ours)) == SOCK_NATIVE) {                 \
			fdtab_put(entry);                                      \
			errno = saved_errno;                                   \
			result = (native);                                     \
		} else {                                                       \
			result = hook_result(entry, result, saved_errno);      \
		}                                                              \
		result;                                                        \
	})

/* For the read family: a native result is looked at, maybe done again. */
#define HOOK_RECV(fd, native, iov, iovcnt, flags, len)                         \
	({                                                                     \
		struct entry *entry = HOOK_ENTRY(fd);                          \
		int saved_errno = errno;                                       \
		ssize_t result;                                                \
		if (!entry) {                                                  \
			result = (native);                                     \
		} else {                                                       \
			result = sock_recv(entry, fd, iov, iovcnt, flags);     \
			while (result == SOCK_NATIVE) {                        \
				result = sock_recv_apart(entry, fd, iov,       \
							 iovcnt, flags, len);  \
				if (result == SOCK_NATIVE)                     \
					result = (native);                     \
				if (result > 0) {                              \
					sock_recv_more(entry, fd, flags);      \
					break;                                 \
				}                                              \
				result = sock_recv_done(                       \
					entry, fd,                             \
					result < 0 ? -errno : result, len);    \
			}                                                      \
			result = hook_result(entry, result, saved_errno);      \
		}                                                              \
		result;                                                        \
	})

/* For the write family. @call gives a count, or -1 and errno; @flags of send(2) */
#define HOOK_WRITE(fd, call, flags)                                            \
	({                                                                     \
		struct entry *entry = HOOK_ENTRY(fd);                          \
		int saved_errno = errno;                                       \
		ssize_t result;                                                \
		if (!entry) {                                                  \
			result = (call);                                       \
		} else {                                                       \
			result = sock_write_begin(entry, fd, flags);           \
			if (!result) {                                         \
				result = (call);                               \
				result = result < 0 ? -errno : result;         \
				sock_write_end(entry, fd, result);             \
			}                                                      \
			result = hook_result(entry, result, saved_errno);      \
		}                                                              \
		result;                                                        \
	})

#endif
