// SPDX-License-Identifier: MIT
/*
 * files.c - which files the settings were read from, and have they changed?
 */
#include "files.h"

#include <stdlib.h>
#include <string.h>

static uint64_t nanoseconds(const struct timespec *ts)
{
	return (uint64_t)ts->tv_sec * 1000000000u + (uint64_t)ts->tv_nsec;
}

struct file_id file_id_of(const struct stat *st)
{
	/* the change of an inode tells of new permissions, too */
	return (struct file_id){
		.dev = st->st_dev,
		.ino = st->st_ino,
		.size = (uint64_t)st->st_size,
		.mtime_ns = nanoseconds(&st->st_mtim),
		.ctime_ns = nanoseconds(&st->st_ctim),
	};
}

struct file_id file_id(const char *path)
{
	struct file_id none = {0};
	struct stat st;

	return stat(path, &st) ? none : file_id_of(&st);
}

bool file_id_same(const struct file_id *a, const struct file_id *b)
{
	return !memcmp(a, b, sizeof(*a));
}

void files_add(struct files *files, const char *path, const struct file_id *id)
{
	struct file *more, f = {.path = strdup(path), .id = *id};

	if ((files->n & (files->n - 1)) == 0) {
		more = reallocarray(files->list, files->n ? 2 * files->n : 1,
				    sizeof(f));
		if (!more) { /* one is not watched */
			free(f.path);
			return;
		}
		files->list = more;
	}
	if (f.path)
		files->list[files->n++] = f;
}

void files_note(struct files *files, const char *path)
{
	struct file_id id = file_id(path);

	files_add(files, path, &id);
}

/* Lists of the same files are in the same order: the next is looked at first. */
static struct file *find(struct files *files, const char *path, size_t *cursor)
{
	size_t i, at;

	for (i = 0; i < files->n; i++) {
		at = (*cursor + i) % files->n;
		if (!strcmp(files->list[at].path, path)) {
			*cursor = at + 1;
			return &files->list[at];
		}
	}
	return NULL;
}

void files_move(struct files *to, struct files *from)
{
	size_t i, cursor = 0;
	struct file *f;

	for (i = 0; i < from->n; i++) {
		f = find(to, from->list[i].path, &cursor);
		if (f)
			f->id = from->list[i].id;
		else
			files_add(to, from->list[i].path, &from->list[i].id);
	}
	files_fini(from);
}

void files_refresh(struct files *files)
{
	size_t i;

	for (i = 0; i < files->n; i++)
		files->list[i].id = file_id(files->list[i].path);
}

/* FNV-1a: no attacker chooses these numbers */
static uint64_t mix(uint64_t hash, const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len--)
		hash = (hash ^ *p++) * 0x100000001b3u;
	return hash;
}

uint64_t files_state(const struct files *files, bool now)
{
	uint64_t hash = 0xcbf29ce484222325u;
	struct file_id id;
	size_t i;

	for (i = 0; i < files->n; i++) {
		id = now ? file_id(files->list[i].path) : files->list[i].id;
		hash = mix(hash, &id, sizeof(id));
	}
	return hash;
}

void files_fini(struct files *files)
{
	size_t i;

	for (i = 0; i < files->n; i++)
		free(files->list[i].path);
	free(files->list);
	*files = (struct files){0};
}
