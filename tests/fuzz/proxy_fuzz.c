// SPDX-License-Identifier: MIT
/*
 * proxy_fuzz.c - the fuzzer calls; see proxy_fuzz.h. Built with clang only.
 */
#include "proxy_fuzz.h"

#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *bad = proxy_fuzz_run(data, len);

	if (bad) {
		fprintf(stderr, "difference: %s\n", bad);
		abort();
	}
	return 0;
}
