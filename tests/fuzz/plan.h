/* SPDX-License-Identifier: MIT */
/*
 * plan.h - what is sent, and what has to come of it
 *
 * The plan knows each record that was sent and the first that ends the stream.
 * It is the third opinion: if our receiver and OpenSSL agree, but not with the
 * plan, then the sender is wrong and nothing was tested.
 *
 * It also is the one place that knows where we differ from OpenSSL on purpose:
 *
 *   idle      more than RX_IDLE_MAX records in a row without data: we end.
 *             OpenSSL counts empty records only, and as many of them.
 *   warnings  OpenSSL ends at the fifth warning in a row; for us they are idle.
 *   refused   a warning no_renegotiation (TLS 1.2) ends OpenSSL, which may have
 *             asked for it. We never do.
 *   goodbye   a close_notify of a level other than warning (TLS 1.2) is an end
 *             for us, too; an error for OpenSSL.
 *   message   any handshake message but a KeyUpdate, whole and alone in its
 *             record: we end. OpenSSL puts pieces of a KeyUpdate together (RFC
 *             8446 section 5.1 allows it, nobody cuts five bytes), and answers
 *             a TLS 1.2 ClientHello with a warning, no_renegotiation.
 *   version   a record that decrypts, with a minor version other than 3 in its
 *             header: we do not mind (RFC 8446 section 5.1); OpenSSL ends.
 *
 * After a record of these nothing more is sent. And one that is no difference:
 *
 *   header    some see from a header that a record cannot be right, some when
 *             it is whole. How the stream ends is compared when it is whole.
 */
#ifndef PLAN_H
#define PLAN_H

#include "peer.h"

#define PLAN_RECORDS_MAX 512
#define PLAN_BYTES_MAX (WIRE_MAX / 4)
#define PLAN_ANY_ALERT (-2)

/* The record that ends it. */
struct plan_end {
	const char *why;   /* NULL: none does */
	size_t off, whole; /* from here to there in wire.bytes */
	size_t data;       /* plaintext before it */
	enum peer_end ours, theirs;
	int alert; /* that we have to send, -1 none, or PLAN_ANY_ALERT */
};

struct plan {
	size_t records;
	struct {
		size_t off, data; /* plaintext before it */
	} record[PLAN_RECORDS_MAX];
	size_t data;                        /* plaintext of all records */
	unsigned int idle, empty, warnings; /* in a row */
	bool silent;                        /* nothing more may be sent */
	size_t lost_at; /* a record's rest is lost from there on; */
	uint8_t lost;   /* its first byte, which nobody may put back */
	struct plan_end end;
};
extern struct plan plan;

void plan_open(void);

/** plan_room() - may a record with @bytes be sent? */
bool plan_room(size_t bytes);

/** plan_send() - send a record; a KeyUpdate changes the sender's key */
void plan_send(const struct wire_record *r);

/** plan_raw() - send bytes that are no record of ours */
void plan_raw(const uint8_t *data, size_t len);

/** plan_damage() - the byte at @off in wire.bytes, which has not yet arrived,
 * gets another value */
void plan_damage(size_t off, uint8_t value);

/** plan_cut() - of what was sent, all from @off on is lost */
void plan_cut(size_t off);

/** plan_complete() - add what the damaged record's header promises */
void plan_complete(void);

/** plan_boundary() - where the next record begins after @off, or wire.len */
size_t plan_boundary(size_t off);

#endif
