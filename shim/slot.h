/* SPDX-License-Identifier: MIT */
/*
 * slot.h - what is in a slot of the table that the daemon's processes share
 *
 * See share.h.
 */
#ifndef KTLSHIM_SLOT_H
#define KTLSHIM_SLOT_H

#include <stdatomic.h>
#include <stdbool.h>

#include "lock.h"
#include "proto.h"
#include "texts.h"

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
	/* How many, and above that half of the cookie, so that nothing is
	 * counted of a connection that had the slot before; see share.c */
	_Atomic uint64_t holders;
	atomic_int flags;   /* enum share_flag */
	_Atomic uint64_t cookie; /* SO_COOKIE of the socket; set last */
	int kind;	    /* enum entry_kind */
	_Atomic uint64_t watcher; /* of struct gate_msg; see reclaim.h */
	union inet_addr peer, local;
	struct text facts; /* facts_pack()'s; written before anybody else looks */
	struct lock lock;
	union {
		struct share_stream stream;
		struct share_relayed relayed;
		struct share_listener listener;
	};
};

#endif
