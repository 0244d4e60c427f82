/* SPDX-License-Identifier: MIT */
/*
 * share.h - what the processes of a daemon must agree on
 *
 * A table in a memfd. Fork shares it; across exec its descriptor is passed on
 * (inherit.h), and a process that is given one of our sockets in any way finds
 * what it means by the socket's SO_COOKIE.
 *
 * One slot for each listener and each connection. Its holders are the
 * descriptor numbers in all processes that mean it, and messages that carry it,
 * so that the last holder, and nobody before, says goodbye to the client. A
 * killed process leaves the count too high; then nobody does, which is true.
 *
 * Locks: a slot's lock is taken before anything else and held while receiving,
 * also while that waits. When a process dies with it, the stream counts as cut
 * off.
 *
 * Security: a stream's slot holds its keys until the last holder leaves. The
 * table reaches only processes to which one of our sockets goes, or may come.
 * They may have fewer privileges than we: nothing in it is a pointer, its size is
 * sealed, and what is read from it is checked before use.
 */
#ifndef KTLSHIM_SHARE_H
#define KTLSHIM_SHARE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "lock.h"
#include "proto.h"
#include "rx.h"

/* What bytes one reader of a stream has left for the next */
enum share_bytes {
	SHARE_NONE,
	SHARE_PLAIN,	  /* decrypted; the kernel receives what follows */
	SHARE_PLAIN_TAIL, /* decrypted; its record's last byte is in the socket */
	SHARE_PART,	  /* the beginning of a record, encrypted */
};

enum share_flag {
	SHARE_TX_CLOSED = 1, /* close_notify was sent, or may not be */
	SHARE_RX_EOF = 2,    /* the peer's close_notify was read */
	SHARE_RX_SHUT = 4,   /* the daemon has shut down reading */
	SHARE_RX_DEAD = 8,   /* the peer's stream was cut off */
	SHARE_RX_KERNEL = 16, /* the kernel receives; set once, under the lock */
	SHARE_TX_DEAD = 32,  /* no byte written will reach the peer */
	/* see transmit.h */
	SHARE_TX_LATER = 2048, /* the helper sends close_notify and FIN */
	SHARE_TX_CAN_REKEY = 64, /* TLS 1.3, and the kernel takes a second key */
	SHARE_TX_REKEY = 128,	 /* new keys are wanted */
	SHARE_TX_CHANGING = 256, /* and are being installed */
	SHARE_ABORT = 1024, /* SO_LINGER with 0: the end is a reset */
	SHARE_ORPHAN = 512, /* nothing is known of it: say no goodbye */
};

#define SHARE_OPTIONS_MAX 12

/* A direct connection, under the lock but for flags */
struct share_stream {
	/*
	 * What decrypts the next record that is in the socket. Whoever reads in
	 * user space writes it down after each read, with whether bytes are
	 * held in that process (rx_held). rx_reads counts the times: private
	 * state that belongs to another number is a stale copy.
	 */
	struct traffic_key rx;
	uint32_t rx_reads, rx_updates;
	bool rx_held;
	unsigned int rx_idle; /* the kernel receives: KeyUpdates in a row */
	bool rx_ahead; /* it has the key of a KeyUpdate that is still unread */
	/* Bytes on their way from one reader to the next, see share_put() */
	uint8_t bytes_kind; /* enum share_bytes */
	uint32_t chunk, bytes_off, bytes_len;
	struct traffic_key tx; /* the kernel's; but for its sequence number */
	uint32_t key_records; /* that a key may encrypt, fixed; 0: any number */
	atomic_int tx_writers;	/* calls under way */
	atomic_ullong tx_bytes; /* written with this key */
};

/* A relayed connection; options as the daemon has set them */
struct share_relayed {
	uint32_t id, generation; /* the helper's name for it */
	int n_options;
	struct {
		int level, name, value;
	} options[SHARE_OPTIONS_MAX];
};

struct share_listener {
	uint32_t id;  /* the helper's number for it */
	int protocol; /* IPPROTO_TCP or IPPROTO_MPTCP */
};

struct share_slot {
	atomic_int holders; /* 0: the slot is free; see share_leave() */
	atomic_int flags;   /* enum share_flag */
	_Atomic uint64_t cookie; /* SO_COOKIE of the socket; set last */
	int kind;	    /* enum entry_kind */
	union inet_addr peer, local;
	struct lock lock;
	union {
		struct share_stream stream;
		struct share_relayed relayed;
		struct share_listener listener;
	};
};

/**
 * share_open() - make the table, unless there is one already
 *
 * By the constructor, so that all processes of the daemon have the same one,
 * and again by the first listener. Under a limit on the size of files, and
 * without the right to raise it, it does not cross exec.
 *
 * Return: 0 or -errno.
 */
int share_open(void);

/** share_attach() - use the table behind @fd, which stays the caller's unless 0
 * is returned. Return: 0, or -EINVAL: it is not ours. */
int share_attach(int fd);

int share_fd(void); /* the table's, or -1 */
/**
 * share_get() - a slot with one holder, all zero otherwise
 * @kind:   enum entry_kind
 *
 * Return: NULL when all are taken.
 */
struct share_slot *share_get(int kind, uint64_t cookie);

/**
 * share_find() - the slot of a socket that may be ours
 *
 * Return: NULL: it is not, or nobody holds it. A holder is not added.
 */
struct share_slot *share_find(uint64_t cookie);

/* A slot's number, for messages */
uint32_t share_index(const struct share_slot *slot);
struct share_slot *share_at(uint32_t index);

void share_hold(struct share_slot *slot); /* one more holder */

/**
 * share_leave() - one less. Return: was it the last?
 *
 * The last one keeps the slot until share_free(), which cleanses it.
 */
bool share_leave(struct share_slot *slot);
void share_free(struct share_slot *slot);

/** share_retake() - be its holder again after share_free(), if nobody is.
 * Return: is it still for @cookie? Its keys are gone. */
bool share_retake(struct share_slot *slot, uint64_t cookie);

void share_lock(struct share_slot *slot); /* see above */
bool share_trylock(struct share_slot *slot); /* is it ours? */
void share_unlock(struct share_slot *slot);

/**
 * share_put() - leave bytes of a stream for its next reader
 * @len: 1 to RX_BUF_BYTES
 *
 * The lock is held. Return: 0, or -ENOBUFS: 256 streams have some already.
 */
int share_put(struct share_slot *slot, enum share_bytes kind,
	      const uint8_t *data, size_t len);

const uint8_t *share_bytes(const struct share_slot *slot, size_t *len);

/** share_take() - @len bytes of it were read. The lock is held. */
void share_take(struct share_slot *slot, size_t len);

/**
 * share_key() - a key out of the table
 *
 * Return: 0 or -EINVAL: it is none. Security: @out holds secrets.
 */
int share_key(const struct traffic_key *in, struct traffic_key *out);

bool share_any_bytes(void); /* has any stream some? */

static inline bool share_is(const struct share_slot *slot, int flag)
{
	return atomic_load_explicit(&slot->flags, memory_order_acquire) & flag;
}

static inline void share_clear(struct share_slot *slot, int flag)
{
	atomic_fetch_and(&slot->flags, ~flag);
}

/* Return: was it set before? */
static inline bool share_set(struct share_slot *slot, int flag)
{
	return atomic_fetch_or(&slot->flags, flag) & flag;
}

#endif
