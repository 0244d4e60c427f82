// SPDX-License-Identifier: MIT
/*
 * replay.c - inputs of the fuzzer without the fuzzer
 *
 *   rx_corpus [-v] [FILE...]
 *
 * Default: all of tests/fuzz/corpus. -v prints what each does, step by step.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/tap.h"
#include "peer.h"
#include "rx_fuzz.h"

#define CORPUS "tests/fuzz/corpus"
#define INPUT_MAX 65536

/* Return: whether there was no difference; says which. */
static bool replay(const char *name)
{
	static uint8_t data[INPUT_MAX];
	FILE *f = fopen(name, "rb");
	const char *why = "cannot be read";
	size_t len;

	if (f) {
		len = fread(data, 1, sizeof(data), f);
		fclose(f);
		why = fuzz_run(data, len);
	}
	if (why)
		printf("# %s: %s\n", name, why);
	return !why;
}

static int replay_corpus(void)
{
	int all = 0, failed = 0;
	char name[512];
	struct dirent *d;
	DIR *dir = opendir(CORPUS);

	while (dir && (d = readdir(dir))) {
		if (d->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), CORPUS "/%s", d->d_name);
		all++;
		failed += !replay(name);
	}
	if (dir)
		closedir(dir);
	ok(all > 0, "there are inputs in " CORPUS);
	ok(!failed, "%d inputs are read as OpenSSL reads them", all);
	return tap_done();
}

int main(int argc, char **argv)
{
	int i = 1;

	if (peer_setup())
		return 1;
	if (i < argc && !strcmp(argv[i], "-v")) {
		fuzz_trace = true;
		i++;
	}
	if (i == argc)
		return replay_corpus();
	for (; i < argc; i++)
		ok(replay(argv[i]), "%s", argv[i]);
	return tap_done();
}
