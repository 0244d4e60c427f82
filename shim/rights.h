/* SPDX-License-Identifier: MIT */
/*
 * rights.h - descriptors in messages (SCM_RIGHTS) between the daemon's processes
 *
 * A message that carries one of our sockets is a holder of it, until the
 * receiver has it under a number. When nobody of ours receives it the holder
 * stays.
 */
#ifndef KTLSHIM_RIGHTS_H
#define KTLSHIM_RIGHTS_H

#include <stdbool.h>
#include <sys/socket.h>

/**
 * rights_sending() - before a message is sent
 *
 * The kernel receives from here on. Return: descriptors of ours in it; when
 * nothing was sent rights_not_sent() must follow.
 */
int rights_sending(const struct msghdr *msg);
void rights_not_sent(const struct msghdr *msg);

/** rights_received() - after a message was received: what came may be ours.
 * @peeked: the message still stands, and is a holder of its own */
void rights_received(struct msghdr *msg, bool peeked);

#endif
