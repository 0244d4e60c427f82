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
const struct conf_env *settings(void);
const char *settings_why(void);

/**
 * settings_may_have() - may this port (host byte order) be one to be upgraded?
 *
 * No: KTLSHIM_PORTS names others. Yes: the helper knows.
 */
bool settings_may_have(uint16_t port);

/** settings_log() - what the configuration file says of the log */
void settings_log(const char *value);

#endif
