/* SPDX-License-Identifier: MIT */
/*
 * settings.h - what the user has asked for, read once
 */
#ifndef KTLSHIM_SETTINGS_H
#define KTLSHIM_SETTINGS_H

#include "conf.h"

/**
 * settings() - the settings, read from the environment on the first call
 *
 * Return: NULL when they are wrong; settings_why() says in which way. Then
 * every TCP port counts as one to be upgraded, and refuses to be.
 */
const struct conf *settings(void);
const char *settings_why(void);

/** settings_has_port() - is this port (host byte order) to be upgraded? */
bool settings_has_port(uint16_t port);

#endif
