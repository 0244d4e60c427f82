/* SPDX-License-Identifier: MIT */
/*
 * texts.h - short texts of any length in shared memory
 *
 * Units in words of 64, a bit for each. A text is in units of one word, side by
 * side, so that one atomic operation takes or gives them all; nobody has to be
 * waited for, and who is killed leaves a text that its owner's slot knows of, or
 * at worst its units taken.
 */
#ifndef KTLSHIM_TEXTS_H
#define KTLSHIM_TEXTS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define TEXTS_UNIT 64
#define TEXTS_WORDS 4096
#define TEXTS_MAX ((size_t)64 * TEXTS_UNIT) /* bytes of one */

/* All zero at first. Pages are touched from the beginning on. */
struct texts {
	atomic_uint next; /* no word before it has had room */
	_Atomic uint64_t used[TEXTS_WORDS];
	char unit[TEXTS_WORDS * 64][TEXTS_UNIT];
};

/* Where one is; bytes 0: nowhere */
struct text {
	uint32_t unit, bytes;
};

/** texts_put() - keep a text. Return: where; nowhere: no room, or too long. */
struct text texts_put(struct texts *t, const char *from, size_t bytes);

/**
 * texts_get() - copy it out
 * @where: as found in shared memory: may be anything
 * @room:  of @out
 *
 * Return: bytes; 0: there is none.
 */
size_t texts_get(const struct texts *t, struct text where, char *out,
		 size_t room);

/** texts_drop() - its units are free */
void texts_drop(struct texts *t, struct text where);

#endif
