/* SPDX-License-Identifier: MIT */
/*
 * gate.h - a listener of the daemon's, seen from inside the daemon
 *
 * After listen() the descriptor number no longer means the listening socket,
 * which the helper has, but a gate: a SOCK_SEQPACKET socket that is readable
 * when a finished connection waits.
 */
#ifndef KTLSHIM_GATE_H
#define KTLSHIM_GATE_H

#include <stdatomic.h>
#include <sys/socket.h>

#include "fdtab.h"
#include "proto.h"

struct listener {
	struct entry entry;
	atomic_bool helper_gone; /* has been told */
};

/**
 * gate_wants() - is this a TCP listener that is to be upgraded?
 * @own: this process has just made it listen; else only if it is listening
 *
 * Return: 1 yes, 0 no, or -errno: it is, but cannot be; a line has said why,
 * and it is shut down, so no plaintext port is left.
 */
int gate_wants(int fd, bool own);

/** gate_wants_bind() - the same before bind(2), for the address it names */
int gate_wants_bind(int fd, const union inet_addr *addr);

/**
 * gate_bind() - bind(2) to a port that is to be upgraded
 *
 * A port that the daemon has just closed is closed by the helper a moment
 * later; bind waits for that moment, 250 ms at most.
 *
 * Return: 0 or -errno.
 */
int gate_bind(int fd, const struct sockaddr *addr, socklen_t len);

/**
 * gate_engage() - put a gate in the place of a listening socket
 * @fd: listening; on failure it is shut down, so no plaintext port is left
 * @own: see client_listen()
 *
 * Return: 0 or -errno; a line has said why.
 */
int gate_engage(int fd, bool own);

/** gate_adopt() - as stream_adopt() */
int gate_adopt(int fd, struct share_slot *slot);

/**
 * gate_accept() - accept4(2)
 *
 * Return: the new descriptor, or -errno. -EMFILE loses no connection.
 */
int gate_accept(struct listener *l, int fd, struct sockaddr *addr,
		socklen_t *len, int flags);

/** gate_getsockopt(), gate_setsockopt() - as on the listening socket.
 * Return: 0 or -errno. */
int gate_getsockopt(struct listener *l, int level, int name, void *value,
		    socklen_t *len);
int gate_setsockopt(struct listener *l, int fd, int level, int name,
		    const void *value, socklen_t len);

/** gate_shutdown() - as on a listening socket. Return: 0 or -errno. */
int gate_shutdown(struct listener *l, int fd, int how);

/** gate_atfork_child() - threads that were accepting are not here */
void gate_atfork_child(void);

/** copy_addr() - to the daemon's buffer, as accept(2) does */
void copy_addr(const union inet_addr *from, struct sockaddr *addr,
	       socklen_t *len);

#endif
