/* SPDX-License-Identifier: MIT */
/*
 * reload.h - new settings and certificates while connections go on (helper)
 *
 * On SIGHUP at once; when files change, after they have been quiet for a moment.
 */
#ifndef KTLSHIM_RELOAD_H
#define KTLSHIM_RELOAD_H

#include "ring.h"

/** reload_open() - SIGHUP is ours from here on, and files are watched */
void reload_open(void);

/** reload_watch() - the list of files, in site.h, is another one now */
void reload_watch(void);

/** reload_tick() - do what is due */
void reload_tick(void);

/** reload_wait_ms() - until reload_tick() is wanted; -1: it is not */
int reload_wait_ms(void);

/* completions */
void reload_on_signal(const struct ring_event *event);
void reload_on_change(const struct ring_event *event);

#endif
