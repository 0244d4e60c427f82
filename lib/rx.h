/* SPDX-License-Identifier: MIT */
/*
 * rx.h - receiving on a direct connection in user space
 *
 * Nothing about waiting is emulated. The readiness of the real socket is made
 * to mean "there is plaintext, or the end of it" (doc/decisions.md, receive):
 *
 *  - never take more from the socket than the caller's buffer can hold once
 *    it is decrypted, unless it is an incomplete record;
 *  - an incomplete record is drained into a buffer of the connection's own, so
 *    that the socket is quiet until more of it arrives;
 *  - a record whose plaintext is larger than the caller's buffer keeps its
 *    last byte (the "tail") in the socket, peeked at but not consumed, until
 *    the plaintext is delivered, so that the socket stays readable;
 *  - -EAGAIN is returned only when the socket itself has said so.
 *
 * An idle connection holds no buffer.
 */
#ifndef KTLSHIM_RX_H
#define KTLSHIM_RX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "record.h"

/* A whole record and the beginning of the next */
#define RX_BUF_BYTES (RECORD_BYTES_MAX + 512)
/*
 * Empty records, KeyUpdates and warnings cost us and not the peer; so many in
 * a row are an attack (OpenSSL allows as many empty ones).
 */
#define RX_IDLE_MAX 32

struct rx {
	struct record_protection protection;
	uint8_t *buf;	    /* rx_ops.buf_bytes, or NULL when nothing is held */
	unsigned int have;  /* bytes of a record in buf, not yet decrypted */
	unsigned int plain_off, plain_len; /* decrypted, not yet delivered */
	size_t promised;    /* by rx_unread(), not yet delivered */
	bool tail;	    /* the last byte of that record is in the socket */
	bool fresh;	    /* nothing was ever taken from the socket */
	unsigned int idle;  /* records in a row that held no data */
	uint32_t updates;   /* KeyUpdates of the peer's, so far */
	bool eof;	    /* close_notify has come */
	atomic_bool closed; /* the number is gone: touch it no more */
	int err;	    /* 0, or the -errno every read gets from now on */
	bool reset;	    /* err is the socket's own: it is dead both ways */
	/*
	 * For the owner to act on, set by rx_read() and rx_pull(), cleared by
	 * the owner: an alert to send before the error is reported, or -1; the
	 * peer wants our keys updated.
	 */
	int alert;
	bool update_requested;
};

/*
 * Where the bytes come from: recv(2) and a pool of buffers. Tests
 * put something else here.
 */
struct rx_ops {
	ssize_t (*recv)(int fd, void *buf, size_t len, int flags);
	void *(*buf_get)(void); /* buf_bytes; NULL when there is no memory */
	void (*buf_put)(void *buf);
	size_t buf_bytes; /* RX_BUF_BYTES or more: what one recv takes at most */
	int (*timeout_ms)(int fd); /* SO_RCVTIMEO; 0: there is none */
	int (*wait)(int fd, int ms); /* poll for POLLIN; 0: time is over */
	void (*poke)(int fd); /* a new edge for whoever waits on a readable fd */
};
extern struct rx_ops rx_ops;

/**
 * rx_init() - begin to receive at a record boundary
 *
 * Security: holds the key until rx_fini().
 */
void rx_init(struct rx *rx, const struct traffic_key *key);
void rx_fini(struct rx *rx);

/**
 * rx_read() - what recvmsg(2) does on a TCP socket
 * @flags: of MSG_DONTWAIT, MSG_PEEK, MSG_TRUNC and MSG_WAITALL; others are
 *         ignored
 *
 * The caller holds the connection's receive lock.
 *
 * SO_RCVTIMEO holds for the whole call: a peer that sends a record byte by
 * byte does not prolong it by more than once.
 *
 * Return: bytes, 0 at the end of the stream, or -errno: -EAGAIN and -EINTR as
 * the socket gave them, -ECONNRESET for a stream that ends without
 * close_notify or does not decrypt, -ENOBUFS without memory.
 */
ssize_t rx_read(struct rx *rx, int fd, const struct iovec *iov, int iovcnt,
		int flags);

/**
 * rx_pull() - decrypt one record without waiting and deliver nothing
 *
 * Return: the bytes of plaintext that are ready, 0 at the end of the stream,
 * or -errno as rx_read().
 */
ssize_t rx_pull(struct rx *rx, int fd);

/**
 * rx_unread() - what FIONREAD gives on TCP: how much can be read now
 *
 * Exact as far as it goes, which is the first record: a daemon may wait for
 * just as many bytes. nginx reads that many and then waits for an edge, so
 * rx_read() makes one (rx_ops.poke) when it has delivered what was promised
 * here and there is more.
 *
 * Return: bytes; 0 also at the end and after an error.
 */
ssize_t rx_unread(struct rx *rx, int fd);

/**
 * rx_restore() - go on where another process has stopped, after rx_init()
 * @tail: @data is plaintext and its record's last byte is in the socket; else
 *        it is the beginning of a record
 * @len:  1 to RX_BUF_BYTES
 *
 * Return: 0 or -ENOBUFS.
 */
int rx_restore(struct rx *rx, const uint8_t *data, size_t len, bool tail);

/** rx_at_boundary() - does the socket's queue begin with a whole new record,
 * and is nothing held here? */
bool rx_at_boundary(const struct rx *rx);

/**
 * rx_to_boundary() - take the rest of a record that was begun
 *
 * Never waits. Then the socket's queue begins with a new record. Plaintext may be held:
 * rx->plain_len bytes at rx->buf + rx->plain_off.
 *
 * Return: 0 (also when the stream has ended, see rx->eof and rx->err), or
 * -EAGAIN: the rest has not come; -EINTR, -ENOBUFS.
 */
int rx_to_boundary(struct rx *rx, int fd);

#endif
