/* SPDX-License-Identifier: MIT */
/*
 * elfscan.h - can a library be preloaded into a program?
 *
 * Asked before the program is started, because the loader ignores LD_PRELOAD
 * silently and the program would then serve plaintext.
 */
#ifndef KTLSHIM_ELFSCAN_H
#define KTLSHIM_ELFSCAN_H

#include <limits.h>

#include "conf.h"

enum elfscan_kind {
	ELFSCAN_OK,        /* dynamic, and of this build's kind */
	ELFSCAN_STATIC,    /* no program interpreter, static-pie included */
	ELFSCAN_GO,        /* system calls without libc, even when dynamic */
	ELFSCAN_SETUID,    /* would run with AT_SECURE */
	ELFSCAN_NOT_ELF,   /* nothing that execve() starts by itself */
	ELFSCAN_OTHER_ABI, /* other machine, word size or C library */
	ELFSCAN_SCRIPT,    /* "#!" that cannot be followed to a program */
	ELFSCAN_KIND_COUNT
};

struct elfscan {
	enum elfscan_kind kind;
	unsigned int n_scripts;      /* "#!" lines followed on the way */
	char file[PATH_MAX];         /* the file that @kind is about */
	char reason[CONF_WHY_BYTES]; /* unless OK: why not, what instead */
};

/**
 * elfscan_find() - resolve a program name as execvp() does
 * @name: looked up in PATH when it holds no slash
 * @file: PATH_MAX bytes for the result
 *
 * Return: 0, -ENOENT, -EISDIR, -EACCES (there, but not executable by the
 * caller), or what stat(2) says of a @name with a slash.
 */
int elfscan_find(const char *name, char *file);

/**
 * elfscan_file() - look into a program file
 * @scan: filled in
 * @file: path of the program; "#!" is followed, also through env and PATH,
 *        four times at most
 *
 * The file may be hostile: it is read through libelf only.
 *
 * Return: 0 when @scan->kind says what the file is; -errno when it cannot be
 * read, then only @scan->file and @scan->reason are set.
 */
int elfscan_file(struct elfscan *scan, const char *file);

#endif
