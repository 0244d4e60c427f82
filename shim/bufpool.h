/* SPDX-License-Identifier: MIT */
/*
 * bufpool.h - buffers for the records that wait inside the shim
 */
#ifndef KTLSHIM_BUFPOOL_H
#define KTLSHIM_BUFPOOL_H

/** bufpool_get() - RX_BUF_BYTES, or NULL without memory */
void *bufpool_get(void);
void bufpool_put(void *buf);

/** bufpool_atfork_*() - hold the pool still over a fork */
void bufpool_atfork_prepare(void);
void bufpool_atfork_release(void);

/** bufpool_atfork_child() - in a child that was made past the handlers */
void bufpool_atfork_child(void);

#endif
