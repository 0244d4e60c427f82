/* SPDX-License-Identifier: MIT */
/*
 * libc.h - the calls behind the hooks
 *
 * LIBC(read)(fd, buf, n) is the read that the program would have had without
 * us: the next one in the loader's order, so other preloaded libraries keep
 * working. Right before any constructor has run.
 */
#ifndef KTLSHIM_LIBC_H
#define KTLSHIM_LIBC_H

#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

/* result, name, parameters: every exported name, plus what hooks need */
#define LIBC_CALLS(X)                                                          \
	X(int, socket, (int, int, int))                                        \
	X(int, socketpair, (int, int, int, int *))                             \
	X(int, bind, (int, const struct sockaddr *, socklen_t))                \
	X(int, connect, (int, const struct sockaddr *, socklen_t))             \
	X(int, listen, (int, int))                                             \
	X(int, accept, (int, struct sockaddr *, socklen_t *))                  \
	X(int, accept4, (int, struct sockaddr *, socklen_t *, int))            \
	X(int, prctl, (int, ...))                                              \
	X(long, syscall, (long, ...))                                          \
	X(int, close, (int))                                                   \
	X(pid_t, _Fork, (void))                                                \
	X(pid_t, fork, (void))                                                 \
	X(int, clone, (int (*)(void *), void *, int, void *, ...))             \
	X(int, execve, (const char *, char *const *, char *const *))           \
	X(int, execvpe, (const char *, char *const *, char *const *))          \
	X(int, fexecve, (int, char *const *, char *const *))                   \
	X(int, execveat,                                                       \
	  (int, const char *, char *const *, char *const *, int))              \
	X(int, posix_spawn,                                                    \
	  (pid_t *, const char *, const posix_spawn_file_actions_t *,          \
	   const posix_spawnattr_t *, char *const *, char *const *))           \
	X(int, posix_spawnp,                                                   \
	  (pid_t *, const char *, const posix_spawn_file_actions_t *,          \
	   const posix_spawnattr_t *, char *const *, char *const *))           \
	X(int, posix_spawn_file_actions_init, (posix_spawn_file_actions_t *))  \
	X(int, posix_spawn_file_actions_destroy,                               \
	  (posix_spawn_file_actions_t *))                                      \
	X(int, posix_spawn_file_actions_adddup2,                               \
	  (posix_spawn_file_actions_t *, int, int))                            \
	X(int, system, (const char *))                                         \
	X(FILE *, popen, (const char *, const char *))                         \
	X(FILE *, fdopen, (int, const char *))                                 \
	X(int, fclose, (FILE *))                                               \
	X(int, shutdown, (int, int))                                           \
	X(int, getsockname, (int, struct sockaddr *, socklen_t *))             \
	X(int, getpeername, (int, struct sockaddr *, socklen_t *))             \
	X(int, getsockopt, (int, int, int, void *, socklen_t *))               \
	X(int, setsockopt, (int, int, int, const void *, socklen_t))           \
	X(ssize_t, read, (int, void *, size_t))                                \
	X(ssize_t, readv, (int, const struct iovec *, int))                    \
	X(ssize_t, recv, (int, void *, size_t, int))                           \
	X(ssize_t, recvfrom,                                                   \
	  (int, void *, size_t, int, struct sockaddr *, socklen_t *))          \
	X(ssize_t, recvmsg, (int, struct msghdr *, int))                       \
	X(int, recvmmsg,                                                       \
	  (int, struct mmsghdr *, unsigned int, int, struct timespec *))       \
	X(ssize_t, __read_chk, (int, void *, size_t, size_t))                  \
	X(ssize_t, __recv_chk, (int, void *, size_t, size_t, int))             \
	X(ssize_t, __recvfrom_chk,                                             \
	  (int, void *, size_t, size_t, int, struct sockaddr *, socklen_t *))  \
	X(ssize_t, preadv2, (int, const struct iovec *, int, off_t, int))      \
	X(ssize_t, preadv64v2, (int, const struct iovec *, int, off_t, int))   \
	X(ssize_t, write, (int, const void *, size_t))                         \
	X(ssize_t, writev, (int, const struct iovec *, int))                   \
	X(ssize_t, pwritev2, (int, const struct iovec *, int, off_t, int))     \
	X(ssize_t, pwritev64v2, (int, const struct iovec *, int, off_t, int))  \
	X(ssize_t, sendfile, (int, int, off_t *, size_t))                      \
	X(ssize_t, sendfile64, (int, int, off64_t *, size_t))                  \
	X(ssize_t, splice,                                                     \
	  (int, off64_t *, int, off64_t *, size_t, unsigned int))              \
	X(ssize_t, send, (int, const void *, size_t, int))                     \
	X(ssize_t, sendto,                                                     \
	  (int, const void *, size_t, int, const struct sockaddr *,            \
	   socklen_t))                                                         \
	X(ssize_t, sendmsg, (int, const struct msghdr *, int))                 \
	X(int, sendmmsg, (int, struct mmsghdr *, unsigned int, int))           \
	X(int, ioctl, (int, unsigned long, ...))                               \
	X(int, poll, (struct pollfd *, nfds_t, int))                           \
	X(int, ppoll,                                                          \
	  (struct pollfd *, nfds_t, const struct timespec *,                   \
	   const sigset_t *))                                                  \
	X(int, __poll_chk, (struct pollfd *, nfds_t, int, size_t))             \
	X(int, __ppoll_chk,                                                    \
	  (struct pollfd *, nfds_t, const struct timespec *, const sigset_t *, \
	   size_t))                                                            \
	X(int, select, (int, fd_set *, fd_set *, fd_set *, struct timeval *))  \
	X(int, pselect,                                                        \
	  (int, fd_set *, fd_set *, fd_set *, const struct timespec *,         \
	   const sigset_t *))                                                  \
	X(int, dup, (int))                                                     \
	X(int, dup2, (int, int))                                               \
	X(int, dup3, (int, int, int))                                          \
	X(int, fcntl, (int, int, ...))                                         \
	X(int, close_range, (unsigned int, unsigned int, int))                 \
	X(void, _exit, (int))                                                  \
	X(void, _Exit, (int))

struct libc {
#define X(ret, name, args) ret(*name) args;
	LIBC_CALLS(X)
#undef X
};

extern struct libc libc;

/** libc_bind() - look all of them up; cheap when it is done already */
void libc_bind(void) __attribute__((cold));

#define LIBC(name) (*(libc.name ? 0 : (libc_bind(), 0), libc.name))

#endif
