/* SPDX-License-Identifier: MIT */
/* program.h - the input as a program: how it is read, and its steps */
#ifndef PROGRAM_H
#define PROGRAM_H

#include "rx_fuzz.h"

/* Inputs keep their meaning as long as no step changes its place. */
#define PROGRAM_SENDS 24
#define PROGRAM_READS 8

struct step {
	const char *name;
	void (*run)(void);
};
extern const struct step sends[PROGRAM_SENDS];

extern struct input {
	const uint8_t *p;
	size_t left;
} input;

/** take8() - the next byte, 0 when there is none; take16() - the next two */
uint8_t take8(void);
size_t take16(void);

/** take_size() - a size up to @max, likely one at which something changes */
size_t take_size(size_t max);

/** trace() - say what is done, if anybody wants to know */
__attribute__((format(printf, 1, 2))) void trace(const char *fmt, ...);

#endif
