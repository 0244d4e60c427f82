// SPDX-License-Identifier: MIT
/*
 * hooks_io.c - the exported calls that receive and send
 *
 * The _chk twins are what read() and recv() compile to with _FORTIFY_SOURCE;
 * they check the buffer's size first, as glibc's do.
 */
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>

#include "hook.h"

/* glibc's, declared in no header */
void __chk_fail(void) __attribute__((noreturn));
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

EXPORT ssize_t read(int fd, void *buf, size_t len)
{
	struct iovec iov = {buf, len};

	return HOOK_RECV(fd, LIBC(read)(fd, buf, len), &iov, 1, 0, len);
}

EXPORT ssize_t readv(int fd, const struct iovec *iov, int n)
{
	if (n < 0 || n > 1024)
		return LIBC(readv)(fd, iov, n);
	return HOOK_RECV(fd, LIBC(readv)(fd, iov, n), iov, n, 0,
			 iov_bytes(iov, (size_t)n));
}

EXPORT ssize_t recv(int fd, void *buf, size_t len, int flags)
{
	struct iovec iov = {buf, len};

	return HOOK_RECV(fd, LIBC(recv)(fd, buf, len, flags), &iov, 1, flags,
			 len);
}

EXPORT ssize_t recvfrom(int fd, void *buf, size_t len, int flags,
			struct sockaddr *addr, socklen_t *addr_len)
{
	struct iovec iov = {buf, len};

	if (fdtab_is_any(fd) && addr_len)
		*addr_len = 0; /* a connected TCP socket gives none */
	return HOOK_RECV(fd, LIBC(recvfrom)(fd, buf, len, flags, addr, addr_len),
			 &iov, 1, flags, len);
}

/* Descriptors that came in a message may have numbers that were ours. */
static ssize_t note_rights(struct msghdr *msg, ssize_t ret)
{
	struct cmsghdr *c;
	size_t i, n;
	int fd;

	if (ret < 0 || !msg->msg_controllen)
		return ret;
	for (c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			sock_forget(fd);
		}
	}
	return ret;
}

EXPORT ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
	if (!fdtab_is_any(fd))
		return note_rights(msg, LIBC(recvmsg)(fd, msg, flags));
	msg->msg_namelen = 0;
	msg->msg_controllen = 0; /* nothing of ours gets through */
	msg->msg_flags = 0;
	return HOOK_RECV(fd, LIBC(recvmsg)(fd, msg, flags), msg->msg_iov,
			 (int)msg->msg_iovlen, flags,
			 iov_bytes(msg->msg_iov, msg->msg_iovlen));
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
	if (fdtab_is_any(fd))
		return recv_each(fd, msgs, n, flags);
	return LIBC(recvmmsg)(fd, msgs, n, flags, timeout);
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

/* With the flags that are safe on a connection of ours. */
static ssize_t send_safely(struct entry *e, int fd, const struct msghdr *from,
			   int flags)
{
	struct msghdr msg = *from;
	ssize_t n;

	flags = sock_send_flags(e, flags);
	if (flags < 0)
		return flags;
	msg.msg_name = NULL; /* TCP ignores it, a local socket would not */
	msg.msg_namelen = 0;
	msg.msg_control = NULL;
	msg.msg_controllen = 0;
	n = LIBC(sendmsg)(fd, &msg, flags);
	return n < 0 ? -errno : n;
}

EXPORT ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	return HOOK_SEND(fd, LIBC(sendmsg)(fd, msg, flags),
		    send_safely(entry, fd, msg, flags));
}

EXPORT ssize_t sendto(int fd, const void *buf, size_t len, int flags,
		      const struct sockaddr *addr, socklen_t addr_len)
{
	struct iovec iov = {(void *)buf, len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	return HOOK_SEND(fd, LIBC(sendto)(fd, buf, len, flags, addr, addr_len),
		    send_safely(entry, fd, &msg, flags));
}

EXPORT ssize_t send(int fd, const void *buf, size_t len, int flags)
{
	struct iovec iov = {(void *)buf, len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	return HOOK_SEND(fd, LIBC(send)(fd, buf, len, flags),
		    send_safely(entry, fd, &msg, flags));
}

/* kTLS refuses a batch: the kernel marks all but the last with MSG_BATCH. */
static ssize_t send_each(struct entry *e, int fd, struct mmsghdr *msgs,
			 unsigned int n, int flags)
{
	unsigned int i;
	ssize_t ret;

	for (i = 0; i < n; i++) {
		ret = send_safely(e, fd, &msgs[i].msg_hdr, flags);
		if (ret < 0)
			return i ? (ssize_t)i : ret;
		msgs[i].msg_len = (unsigned int)ret;
	}
	return (ssize_t)n;
}

EXPORT int sendmmsg(int fd, struct mmsghdr *msgs, unsigned int n, int flags)
{
	return (int)HOOK_SEND(fd, LIBC(sendmmsg)(fd, msgs, n, flags),
			 send_each(entry, fd, msgs, n, flags));
}

EXPORT int ioctl(int fd, unsigned long request, ...)
{
	struct entry *e;
	va_list ap;
	ssize_t n;
	void *arg;
	int saved = errno;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	e = request == FIONREAD ? HOOK_ENTRY(fd) : NULL;
	if (!e)
		return LIBC(ioctl)(fd, request, arg);
	n = sock_unread(e, fd);
	fdtab_put(e);
	errno = saved;
	if (n < 0)
		return LIBC(ioctl)(fd, request, arg);
	*(int *)arg = n > INT32_MAX ? INT32_MAX : (int)n;
	return 0;
}
