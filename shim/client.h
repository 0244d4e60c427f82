/* SPDX-License-Identifier: MIT */
/*
 * client.h - the shim's conversation with the helper
 */
#ifndef KTLSHIM_CLIENT_H
#define KTLSHIM_CLIENT_H

#include <stdbool.h>
#include <sys/socket.h>

#include "proto.h"

/**
 * client_ask() - is a listener on this address to be upgraded?
 *
 * Starts the helper if need be, which loads the listener's certificates. When
 * something is wrong, a line says what.
 *
 * Return: 1 yes, 0 it stays plaintext, or -errno for the daemon's bind or
 * listen: -EINVAL wrong settings, -ENOENT or -EACCES certificate, key or helper
 * not readable.
 */
int client_ask(const union inet_addr *addr);

/**
 * client_listen() - give a listening socket to the helper
 * @fd:   the listening socket; the helper gets a copy
 * @gate: the helper's end of the gate; stays the caller's
 * @own:  this process has made it listen; false: somebody else, who may go on
 *        using it
 *
 * Return: 0 once the request is sent (the answer comes over the gate), or
 * -errno.
 */
int client_listen(int fd, int gate, bool own);

/** client_forget() - the helper has died: the next listen starts another */
void client_forget(void);

/**
 * client_sockopt() - get or set an option of a listening socket
 * @listener: the helper's number for it
 * @len:      in: of @value; out: of the answer, for get
 *
 * Return: 0 or -errno, as getsockopt(2) and setsockopt(2).
 */
int client_sockopt(uint32_t listener, bool set, int level, int name,
		   void *value, socklen_t *len);

/** client_conn_sockopt() - the same of a relayed connection's client socket.
 * @id, @generation: the helper's name for it; -EBADF: it has ended */
int client_conn_sockopt(uint32_t id, uint32_t generation, bool set, int level,
			int name, void *value, socklen_t *len);

/**
 * client_part() - let the helper close a direct connection
 * @how: SHUT_WR or SHUT_RDWR
 *
 * Return: 0, or -errno when there is no helper.
 */
int client_part(int fd, int how);

/**
 * client_gone() - which connections does nobody hold any more?
 * @cookies: of one HELD_SET
 * @n:       1 to HELD_ASK_MAX
 * @gone:    a bit for each
 *
 * Return: the watcher for whose connections that is true, or 0: no answer.
 */
uint64_t client_gone(const uint64_t *cookies, unsigned int n, uint32_t *gone);

/** client_fd() - the control socket, or -1 when there is none */
int client_fd(void);

/** client_attach() - use the control socket @fd, which an earlier program of
 * this process has left. Return: 0 or -errno. */
int client_attach(int fd);

/** client_atfork_child() - a thread that was starting the helper is not here */
void client_atfork_child(void);

#endif
