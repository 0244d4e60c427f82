/* SPDX-License-Identifier: MIT */
/*
 * files.h - which files the settings were read from, and have they changed?
 */
#ifndef KTLSHIM_FILES_H
#define KTLSHIM_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

/* What tells one content of a name from another; all zero: there is none */
struct file_id {
	uint64_t dev, ino, size, mtime_ns, ctime_ns;
};

struct files {
	struct file {
		char *path;
		struct file_id id; /* when it was read, or a moment before */
	} *list;
	size_t n;
};

struct file_id file_id_of(const struct stat *st);
struct file_id file_id(const char *path); /* of now */
bool file_id_same(const struct file_id *a, const struct file_id *b);

/** files_note() - @path is about to be read; a directory: to be listed */
void files_note(struct files *files, const char *path);

/** files_add() - it was read, and was @id then */
void files_add(struct files *files, const char *path, const struct file_id *id);

/** files_move() - all of @from is added to @to, where it may be already; @from is
 * empty then */
void files_move(struct files *to, struct files *from);

/** files_refresh() - as if all were read now */
void files_refresh(struct files *files);

/** files_state() - a number that differs when any of them does: as they were
 * read, or as they are @now */
uint64_t files_state(const struct files *files, bool now);

void files_fini(struct files *files);

#endif
