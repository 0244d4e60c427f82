/* SPDX-License-Identifier: MIT */
/*
 * plaintext.h - clients that speak no TLS on a port that does (helper)
 */
#ifndef KTLSHIM_PLAINTEXT_H
#define KTLSHIM_PLAINTEXT_H

#include <stdbool.h>

#include "prologue.h"

/* A step of the prologue, see prologue.c: plaintext = allow */
bool plaintext_wanted(const struct conn *c);
enum prologue_verdict plaintext_look(struct conn *c, uint32_t *state,
				     const uint8_t *data, size_t len,
				     struct prologue_answer *out);

/*
 * The same instead of a handshake, when what has come is no TLS record:
 * plaintext = reject and redirect
 */
enum prologue_verdict plaintext_refuse(struct conn *c, uint32_t *state,
				       const uint8_t *data, size_t len,
				       struct prologue_answer *out);

#endif
