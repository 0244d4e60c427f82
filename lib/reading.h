/* SPDX-License-Identifier: MIT */
/*
 * reading.h - a file of certificates, keys or the like, read into memory
 */
#ifndef KTLSHIM_READING_H
#define KTLSHIM_READING_H

#include <openssl/bio.h>

#include "conf_file.h"
#include "files.h"

/* What is being read, for the sentence that says why not */
struct reading {
	const char *where; /* e.g. "FILE:12: cert" */
	const char *path;
	const char *what;   /* e.g. "certificate" */
	const char *form;   /* "PEM" or "DER" */
	char *why;          /* CONF_WHY_BYTES */
	struct file_id *id; /* gets the file's, for the sake of reloading */
};

/* A longer path is cut, so that the words behind it still fit into @why. */
#define PATH_FMT "%.180s"

/* A file in memory. Security: closing it cleanses it. */
struct contents {
	BIO *bio;
	char *text;
	size_t bytes;
};

/**
 * reading_open() - read all of the file
 *
 * Return: 0, or -errno with the sentence in @why.
 */
int reading_open(const struct reading *r, struct contents *contents);
void reading_close(struct contents *contents);

/** refuse() - the sentence, and an empty OpenSSL queue. Return: -@err. */
int refuse(int err, const struct reading *r, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** reading_is_at_end() - has OpenSSL found no (more) PEM block? */
bool reading_is_at_end(void);

/** openssl_reason() - what failed first; later entries of OpenSSL's queue only
 * say which function was on the way */
const char *openssl_reason(void);

#endif
