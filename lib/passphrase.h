/* SPDX-License-Identifier: MIT */
/*
 * passphrase.h - the passphrase of a key, from a file or a command
 */
#ifndef KTLSHIM_PASSPHRASE_H
#define KTLSHIM_PASSPHRASE_H

struct passphrase {
	const char *file, *command; /* NULL: there is none */
	const char *key;	    /* path, "$1" of the command */
	const char *failed; /* set: why it cannot be had; static text */
	int asked;	    /* set: how often OpenSSL has wanted it */
};

/**
 * passphrase_get() - a pem_password_cb, see PEM_read_bio_PrivateKey(3)
 * @arg: struct passphrase
 *
 * The first line of what the file holds or the command prints; a command has
 * 10 seconds. Security: it is nowhere but in @buf, which is OpenSSL's.
 *
 * Return: its length, or -1.
 */
int passphrase_get(char *buf, int size, int rwflag, void *arg);

#endif
