// SPDX-License-Identifier: MIT
/*
 * command_main.c - the ktlshim command: which subcommand?
 */
#include "command.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#ifndef KTLSHIM_VERSION
#error "KTLSHIM_VERSION comes from the Makefile"
#endif

#define LINE_BYTES 8192

int command_fail(int code, const char *fmt, ...)
{
	char line[LINE_BYTES] = "ktlshim: ";
	size_t n = strlen(line);
	va_list ap;
	char *p;

	va_start(ap, fmt);
	vsnprintf(line + n, sizeof(line) - n - 1, fmt, ap);
	va_end(ap);
	for (p = line; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	*p++ = '\n';
	*p = '\0';
	fputs(line, stderr);
	return code;
}

static int print_help(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	puts("ktlshim gives a plaintext TCP daemon TLS, without changing it.\n"
	     "\n"
	     "usage: ktlshim run [option]... [--] program [argument]...\n"
	     "       ktlshim check [file]\n"
	     "       ktlshim reload [pid]...\n"
	     "       ktlshim --help | --version\n");
	command_run_help();
	return 0;
}

static int print_version(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	puts("ktlshim " KTLSHIM_VERSION);
	return 0;
}

static const struct subcommand {
	const char *name;
	int (*call)(int argc, char **argv);
} subcommands[] = {
	{"run", command_run},         {"check", command_check},
	{"reload", command_reload},   {"help", print_help},
	{"--help", print_help},       {"-h", print_help},
	{"--version", print_version},
};

int main(int argc, char **argv)
{
	size_t i;

	if (argc < 2)
		return command_fail(COMMAND_EX_USAGE,
				    "no subcommand; see ktlshim --help");
	for (i = 0; i < sizeof(subcommands) / sizeof(subcommands[0]); i++)
		if (!strcmp(argv[1], subcommands[i].name))
			return subcommands[i].call(argc - 1, argv + 1);
	return command_fail(COMMAND_EX_USAGE,
			    "unknown subcommand \"%s\"; see ktlshim --help",
			    argv[1]);
}
