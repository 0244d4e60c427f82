// SPDX-License-Identifier: MIT
/*
 * settings.c - what the user has asked for, read once
 *
 * By the constructor, or by the first hook that needs them if that comes
 * sooner. Daemons clear their environment later.
 */
#include "settings.h"

#include <pthread.h>
#include <stdlib.h>

static struct conf conf;
static bool valid;
static char why[CONF_WHY_BYTES];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void load(void)
{
	valid = !conf_from_env(&conf, secure_getenv, why);
	if (!valid)
		return;
	if (log_open(conf.log_level, conf.log_dest[0] ? conf.log_dest : NULL))
		log_open(conf.log_level, NULL);
}

const struct conf *settings(void)
{
	pthread_once(&once, load);
	return valid ? &conf : NULL;
}

const char *settings_why(void)
{
	return why;
}

bool settings_has_port(uint16_t port)
{
	const struct conf *c = settings();

	return !c || conf_has_port(c, port);
}
