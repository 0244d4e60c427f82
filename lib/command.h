/* SPDX-License-Identifier: MIT */
/*
 * command.h - what the subcommands of ktlshim share
 */
#ifndef KTLSHIM_COMMAND_H
#define KTLSHIM_COMMAND_H

/* Exit codes: those of sysexits.h and of env(1) */
enum command_exit {
	COMMAND_EX_WARNING = 1,     /* check: it works, but see */
	COMMAND_EX_USAGE = 64,
	COMMAND_EX_CONFIG = 78,     /* setting, certificate, installation */
	COMMAND_EX_CANNOT = 126,    /* cannot be upgraded or executed */
	COMMAND_EX_NOT_FOUND = 127, /* no such program */
};

/**
 * command_fail() - print one line to standard error
 * @code: returned, for `return command_fail(...)`
 *
 * The line begins with "ktlshim: ". Control characters become "?", so that a
 * file name cannot make it two lines.
 */
int command_fail(int code, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * command_run() - `ktlshim run`: start a program with the library preloaded
 * @argc, @argv: from the word "run" on
 *
 * Return: an exit code; when all is well it does not return.
 */
int command_run(int argc, char **argv);

/** command_check() - `ktlshim check [FILE]`; as command_run() */
int command_check(int argc, char **argv);

/** command_reload() - `ktlshim reload [PID]...`; as command_run() */
int command_reload(int argc, char **argv);

/** command_run_help() - the options of `ktlshim run`, to standard output */
void command_run_help(void);

#endif
