/* SPDX-License-Identifier: MIT */
/* rx_fuzz.h - one input of the fuzzer, whoever gives it */
#ifndef RX_FUZZ_H
#define RX_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern bool fuzz_trace; /* print each step */

/**
 * fuzz_run() - run a program; peer_setup() was called before
 *
 * Return: NULL, or what was different, valid until the next call.
 */
const char *fuzz_run(const uint8_t *data, size_t len);

#endif
