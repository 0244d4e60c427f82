// SPDX-License-Identifier: MIT
/*
 * hooks_recv.c - the exported calls that receive
 *
 * The _chk twins are what read() and recv() compile to with _FORTIFY_SOURCE;
 * they check the buffer's size first, as glibc's do.
 */
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>

#include "hook.h"
#include "rights.h"

/* glibc's, declared in no header */
void __chk_fail(void) __attribute__((noreturn));
ssize_t __read(int, void *, size_t);
ssize_t __read_chk(int, void *, size_t, size_t);
ssize_t __recv_chk(int, void *, size_t, size_t, int);
ssize_t __recvfrom_chk(int, void *, size_t, size_t, int, struct sockaddr *,
		       socklen_t *);

static size_t iov_bytes(const struct iovec *iov, size_t n)
{
	size_t sum = 0, i;

	for (i = 0; i < n; i++)
		sum += iov[i].iov_len;
	return sum;
}

HOOKED(ssize_t, read, (int fd, void *buf, size_t len), (fd, buf, len))
{
	struct iovec iov = {buf, len};

	return HOOK_RECV(fd, LIBC(read)(fd, buf, len), &iov, 1, 0, len);
}

EXPORT ssize_t __read(int fd, void *buf, size_t len)
{
	return read(fd, buf, len);
}

HOOKED(ssize_t, readv, (int fd, const struct iovec *iov, int n), (fd, iov, n))
{
	if (n < 0 || n > 1024)
		return LIBC(readv)(fd, iov, n);
	return HOOK_RECV(fd, LIBC(readv)(fd, iov, n), iov, n, 0,
			 iov_bytes(iov, (size_t)n));
}

/* Of preadv2, only the form without an offset means anything on a socket. */
#define PREADV2(name)                                                          \
	EXPORT ssize_t name(int fd, const struct iovec *iov, int n, off_t off, \
			    int flags)                                         \
	{                                                                      \
		if (off != -1 || n < 0 || n > 1024)                            \
			return LIBC(name)(fd, iov, n, off, flags);             \
		return HOOK_RECV(fd, LIBC(name)(fd, iov, n, off, flags), iov,  \
				 n, flags & RWF_NOWAIT ? MSG_DONTWAIT : 0,     \
				 iov_bytes(iov, (size_t)n));                   \
	}
PREADV2(preadv2)
PREADV2(preadv64v2)

HOOKED(ssize_t, recv, (int fd, void *buf, size_t len, int flags),
       (fd, buf, len, flags))
{
	struct iovec iov = {buf, len};

	return HOOK_RECV(fd, LIBC(recv)(fd, buf, len, flags), &iov, 1, flags,
			 len);
}

HOOKED(ssize_t, recvfrom,
       (int fd, void *buf, size_t len, int flags, struct sockaddr *addr,
	socklen_t *addr_len),
       (fd, buf, len, flags, addr, addr_len))
{
	struct iovec iov = {buf, len};

	if (addr_len)
		*addr_len = 0; /* a connected TCP socket gives none */
	return HOOK_RECV(fd, LIBC(recvfrom)(fd, buf, len, flags, addr, addr_len),
			 &iov, 1, flags, len);
}

/* Descriptors that came in a message may be ours, or have numbers that were. */
static ssize_t note_rights(struct msghdr *msg, int flags, ssize_t ret)
{
	int saved = errno;

	if (ret >= 0 && msg->msg_controllen)
		rights_received(msg, flags & MSG_PEEK);
	errno = saved;
	return ret;
}

EXPORT ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
	ssize_t n;

	if (!fdtab_is_any(fd))
		return note_rights(msg, flags,
				   LIBC(recvmsg)(fd, msg, flags));
	msg->msg_namelen = 0;
	msg->msg_controllen = 0; /* nothing of ours gets through */
	msg->msg_flags = 0;
	n = HOOK_RECV(fd, LIBC(recvmsg)(fd, msg, flags), msg->msg_iov,
		      (int)msg->msg_iovlen, flags,
		      iov_bytes(msg->msg_iov, msg->msg_iovlen));
	msg->msg_flags &= ~MSG_CTRUNC; /* of the kernel's record type */
	return n;
}

/* On a stream a batch is one message after the other, while there are any. */
static int recv_each(int fd, struct mmsghdr *msgs, unsigned int n, int flags)
{
	int saved = errno;
	unsigned int i;
	ssize_t ret;

	for (i = 0; i < n; i++) {
		ret = recvmsg(fd, &msgs[i].msg_hdr,
			      i ? flags | MSG_DONTWAIT : flags & ~MSG_WAITFORONE);
		if (ret < 0 && !i)
			return -1;
		errno = saved;
		if (ret < 0)
			return (int)i;
		msgs[i].msg_len = (unsigned int)ret;
	}
	return (int)n;
}

EXPORT int recvmmsg(int fd, struct mmsghdr *msgs, unsigned int n, int flags,
		    struct timespec *timeout)
{
	int i, ret;

	if (fdtab_is_any(fd))
		return recv_each(fd, msgs, n, flags);
	ret = LIBC(recvmmsg)(fd, msgs, n, flags, timeout);
	for (i = 0; i < ret; i++)
		note_rights(&msgs[i].msg_hdr, flags, ret);
	return ret;
}

EXPORT ssize_t __read_chk(int fd, void *buf, size_t len, size_t size)
{
	if (len > size)
		__chk_fail();
	return read(fd, buf, len);
}

EXPORT ssize_t __recv_chk(int fd, void *buf, size_t len, size_t size, int flags)
{
	if (len > size)
		__chk_fail();
	return recv(fd, buf, len, flags);
}

EXPORT ssize_t __recvfrom_chk(int fd, void *buf, size_t len, size_t size,
			      int flags, struct sockaddr *addr,
			      socklen_t *addr_len)
{
	if (len > size)
		__chk_fail();
	return recvfrom(fd, buf, len, flags, addr, addr_len);
}

EXPORT int ioctl(int fd, unsigned long request, ...)
{
	struct entry *e;
	va_list ap;
	ssize_t n;
	void *arg;
	int saved = errno, unread;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	e = request == FIONREAD ? HOOK_ENTRY(fd) : NULL;
	if (!e || !arg) {
		if (e)
			fdtab_put(e);
		return LIBC(ioctl)(fd, request, arg);
	}
	n = LIBC(ioctl)(fd, request, arg) ? -1 : sock_unread(e, fd);
	fdtab_put(e);
	if (n < 0 && n != SOCK_NATIVE)
		return -1;
	errno = saved;
	if (n == SOCK_NATIVE)
		return 0;
	unread = n > INT32_MAX ? INT32_MAX : (int)n;
	memcpy(arg, &unread, sizeof(unread)); /* Python's is not aligned */
	return 0;
}
