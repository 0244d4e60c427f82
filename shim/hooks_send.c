// SPDX-License-Identifier: MIT
/*
 * hooks_send.c - the exported calls that send
 *
 * On a direct connection they are the plain system calls but for what differs
 * between TCP and kTLS (transmit.h): flags, ancillary data, and EPIPE.
 */
#include <fcntl.h>
#include <sys/sendfile.h>

#include "hook.h"
#include "rights.h"

/* glibc's, declared in no header */
ssize_t __write(int, const void *, size_t);
ssize_t __send(int, const void *, size_t, int);

HOOKED(ssize_t, write, (int fd, const void *buf, size_t len), (fd, buf, len))
{
	return HOOK_WRITE(fd, LIBC(write)(fd, buf, len), 0);
}

EXPORT ssize_t __write(int fd, const void *buf, size_t len)
{
	return write(fd, buf, len);
}

HOOKED(ssize_t, writev, (int fd, const struct iovec *iov, int n), (fd, iov, n))
{
	return HOOK_WRITE(fd, LIBC(writev)(fd, iov, n), 0);
}

#define PWRITEV2(name)                                                         \
	EXPORT ssize_t name(int fd, const struct iovec *iov, int n, off_t off, \
			    int flags)                                         \
	{                                                                      \
		return HOOK_WRITE(fd, LIBC(name)(fd, iov, n, off, flags), 0);  \
	}
PWRITEV2(pwritev2)
PWRITEV2(pwritev64v2)

/* With the flags that are safe on a connection of ours. */
static ssize_t send_safely(int fd, const struct msghdr *from, int flags)
{
	struct msghdr msg = *from;

	if (flags & MSG_OOB) {
		errno = EOPNOTSUPP;
		return -1;
	}
	msg.msg_name = NULL; /* TCP ignores it, a local socket would not */
	msg.msg_namelen = 0;
	msg.msg_control = NULL;
	msg.msg_controllen = 0;
	/* kTLS refuses all others, and loses MSG_MORE data at close */
	return LIBC(sendmsg)(fd, &msg, flags & (MSG_DONTWAIT | MSG_NOSIGNAL));
}

/* Of others' sockets: it may carry one of ours. */
static ssize_t send_foreign(int fd, const struct msghdr *msg, int flags)
{
	int saved = errno, carries = 0;
	ssize_t ret;

	if (msg->msg_controllen && fdtab_high())
		carries = rights_sending(msg);
	errno = saved;
	ret = LIBC(sendmsg)(fd, msg, flags);
	saved = errno;
	if (ret < 0 && carries)
		rights_not_sent(msg);
	errno = saved;
	return ret;
}

EXPORT ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	if (!fdtab_is_any(fd))
		return send_foreign(fd, msg, flags);
	return HOOK_WRITE(fd, send_safely(fd, msg, flags), flags);
}

HOOKED(ssize_t, sendto,
       (int fd, const void *buf, size_t len, int flags,
	const struct sockaddr *addr, socklen_t addr_len),
       (fd, buf, len, flags, addr, addr_len))
{
	struct iovec iov = {(void *)buf, len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	(void)addr, (void)addr_len;
	return HOOK_WRITE(fd, send_safely(fd, &msg, flags), flags);
}

HOOKED(ssize_t, send, (int fd, const void *buf, size_t len, int flags),
       (fd, buf, len, flags))
{
	struct iovec iov = {(void *)buf, len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	return HOOK_WRITE(fd, send_safely(fd, &msg, flags), flags);
}

EXPORT ssize_t __send(int fd, const void *buf, size_t len, int flags)
{
	return send(fd, buf, len, flags);
}

/* kTLS refuses a batch: the kernel marks all but the last with MSG_BATCH. */
static int send_each(int fd, struct mmsghdr *msgs, unsigned int n, int flags)
{
	int saved = errno;
	unsigned int i;
	ssize_t ret;

	for (i = 0; i < n; i++) {
		ret = sendmsg(fd, &msgs[i].msg_hdr, flags);
		if (ret < 0 && !i)
			return -1;
		errno = saved;
		if (ret < 0)
			return (int)i;
		msgs[i].msg_len = (unsigned int)ret;
	}
	return (int)n;
}

EXPORT int sendmmsg(int fd, struct mmsghdr *msgs, unsigned int n, int flags)
{
	unsigned int i;

	if (fdtab_is_any(fd))
		return send_each(fd, msgs, n, flags);
	for (i = 0; i < n; i++)
		if (msgs[i].msg_hdr.msg_controllen)
			return send_each(fd, msgs, n, flags); /* one at a time */
	return LIBC(sendmmsg)(fd, msgs, n, flags);
}

/* From a socket sendfile is splice, and into a pipe only (5.12). */
EXPORT ssize_t sendfile(int fd, int in, off_t *off, size_t len)
{
	if (fdtab_is_any(in) && !off)
		return splice(in, NULL, fd, NULL, len, 0);
	return HOOK_WRITE(fd, LIBC(sendfile)(fd, in, off, len), 0);
}

EXPORT ssize_t sendfile64(int fd, int in, off64_t *off, size_t len)
{
	if (fdtab_is_any(in) && !off)
		return splice(in, NULL, fd, NULL, len, 0);
	return HOOK_WRITE(fd, LIBC(sendfile64)(fd, in, off, len), 0);
}

/* What waits in our memory goes into the pipe by hand; the rest by splice. */
static ssize_t splice_from(struct entry *e, int in, int out, size_t len,
			   unsigned int flags)
{
	ssize_t ret = sock_splice_held(e, in, out, len, flags);

	while (ret == SOCK_NATIVE) {
		ret = LIBC(splice)(in, NULL, out, NULL, len, flags);
		if (ret > 0)
			break;
		ret = sock_splice_done(e, in, ret < 0 ? -errno : ret, len);
	}
	return ret;
}

EXPORT ssize_t splice(int in, off64_t *in_off, int out, off64_t *out_off,
		      size_t len, unsigned int flags)
{
	int saved = errno;
	struct entry *e = in_off ? NULL : HOOK_ENTRY(in);

	if (e)
		return hook_result(e, splice_from(e, in, out, len, flags),
				   saved);
	if (!fdtab_is_any(out))
		return LIBC(splice)(in, in_off, out, out_off, len, flags);
	/* held back by the kernel, it would be lost at close */
	flags &= ~(unsigned int)SPLICE_F_MORE;
	return HOOK_WRITE(out, LIBC(splice)(in, in_off, out, out_off, len,
					    flags), 0);
}
