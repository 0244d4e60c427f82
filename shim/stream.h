/* SPDX-License-Identifier: MIT */
/*
 * stream.h - a direct connection: the client's own socket
 *
 * The kernel encrypts what is written (transmit.h). What arrives is decrypted
 * here (rx.h, receive.c) or, after a promotion (promote.h), by the kernel.
 *
 * Rule: the receive state is private to exactly one process, or it is in the
 * kernel. After fork both have a copy: whoever reads first goes on with it, and
 * the other's is stale from then on (rx_reads in the slot). A process without
 * valid state promotes the stream, or takes what the last reader has left for it.
 *
 * Locks: the slot's (share.h) is held while receiving, also while that waits.
 * Closing and shutting down never take it.
 */
#ifndef KTLSHIM_STREAM_H
#define KTLSHIM_STREAM_H

#include "fdtab.h"
#include "proto.h"
#include "rx.h"
#include "share.h"

struct stream {
	struct entry entry;
	/* Under the slot's lock */
	struct rx rx;	/* if has_rx */
	uint32_t reads; /* the slot's rx_reads that rx belongs to */
	bool has_rx;	/* valid while reads is the slot's */
	bool is_copy;	/* a parent may go on with it: promote when we can */
	bool eof_shown; /* SHUT_RD was done for the peer's close_notify */
};

/**
 * stream_add() - a direct connection has arrived under number @fd
 * @slot: its own, new
 *
 * Return: 0 or -errno; then @fd and @slot are still the caller's.
 */
int stream_add(int fd, struct share_slot *slot, const struct gate_msg *msg);

/**
 * stream_adopt() - number @fd means a stream of another process or program
 * @slot: with a holder that is ours from here on, if 0 is returned
 *
 * Return: 0 or -errno.
 */
int stream_adopt(int fd, struct share_slot *slot);

/**
 * stream_recv() - what recvmsg(2) does on a TCP socket
 *
 * Return: bytes, 0, -errno, or STREAM_NATIVE: do the system call and give its
 * result to stream_recv_done(). -ESTALE: the number means something else now.
 */
#define STREAM_NATIVE (-5000)
ssize_t stream_recv(struct stream *s, int fd, const struct iovec *iov,
		    int iovcnt, int flags);

/**
 * stream_recv_done() - after a native receive that gave nothing
 * @ret: 0 or -errno of the system call
 *
 * Return: what the daemon gets, or STREAM_NATIVE: once more.
 */
ssize_t stream_recv_done(struct stream *s, int fd, ssize_t ret);

/**
 * stream_recv_more() - after a native receive that gave something
 *
 * Since 6.14, when a KeyUpdate comes directly behind data, the kernel takes it
 * along and then tells no poll that anything is there, not even the KeyUpdate
 * itself (net/tls/tls_main.c, tls_sk_poll). So look; nothing on older kernels.
 */
void stream_recv_more(struct stream *s, int fd, int flags);

/** stream_unread() - FIONREAD: bytes that can be read now. Or -errno. */
ssize_t stream_unread(struct stream *s, int fd);

/** stream_has_input() - would a read return at once? Drains what has come. */
bool stream_has_input(struct stream *s, int fd);

/** stream_has_spill() - is there plaintext that no waiting shows? */
bool stream_has_spill(const struct stream *s);

/**
 * stream_splice() - put what is decrypted here into a pipe
 * @wait: the caller may wait
 *
 * Return: bytes, 0, -errno, or STREAM_NATIVE: the kernel receives and nothing
 * is held here.
 */
ssize_t stream_splice(struct stream *s, int fd, int pipe_fd, size_t len,
		      bool wait);

/** stream_user_count() - streams of this process received in user space */
int stream_user_count(void);

/** stream_is_reader() - has this process the receive state? The lock is held. */
static inline bool stream_is_reader(const struct stream *s)
{
	return s->has_rx && s->reads == s->entry.slot->stream.rx_reads;
}

/** stream_publish() - this process has read: write down for others how far. And
 * act on what was read: alerts, answers. The lock is held. */
void stream_publish(struct stream *s, int fd);

/** stream_begin_rx() - receive in user space from here on, with @key. The lock is
 * held. */
void stream_begin_rx(struct stream *s, const struct traffic_key *key);

/** stream_drop_rx() - this process receives no more in user space. The lock is
 * held. */
void stream_drop_rx(struct stream *s);

/** stream_shutdown() - shutdown(2). Return: 0 or -errno. */
int stream_shutdown(struct stream *s, int fd, int how);

/**
 * stream_leave() - number @fd will be closed next, by the caller
 *
 * The last holder says goodbye: close_notify, or the helper does it when the
 * socket is full. Then entry.last is set.
 */
void stream_leave(struct stream *s, int fd);

/** stream_atfork_*() - before and after fork, for each number of each stream */
void stream_atfork_prepare(struct stream *s, int fd);
void stream_atfork_child(struct stream *s);

#endif
