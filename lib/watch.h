/* SPDX-License-Identifier: MIT */
/*
 * watch.h - be told when files change
 */
#ifndef KTLSHIM_WATCH_H
#define KTLSHIM_WATCH_H

#include "files.h"

/** watch_open() - a descriptor that is readable after changes, or -errno */
int watch_open(void);

/**
 * watch_set() - watch the directories of these files, and no others
 *
 * Links are followed, and each directory on the way that holds one is watched,
 * for it may come to point elsewhere.
 */
void watch_set(int fd, const struct files *files);

/** watch_read() - take what has happened. Return: is it worth a look? */
bool watch_read(int fd);

#endif
