/* SPDX-License-Identifier: MIT */
/*
 * control.h - what the daemon's processes ask of the helper
 */
#ifndef KTLSHIM_CONTROL_H
#define KTLSHIM_CONTROL_H

#include "ring.h"

/** control_open() - tell the shim that we are ready, and listen to it */
void control_open(void);

/** control_is_open() - does any process of the daemon still hold its end? */
bool control_is_open(void);

/** control_refuse() - tell the shim that there will be no helper: -errno */
void control_refuse(int error);

/* completion */
void control_on_readable(const struct ring_event *event);

#endif
