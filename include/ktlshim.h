/* SPDX-License-Identifier: MIT */
/*
 * ktlshim.h - what a daemon can ask about a connection that has TLS by ktlshim
 *
 *	struct ktlshim_info info;
 *
 *	if (ktlshim_info && !ktlshim_info(fd, &info, sizeof(info)))
 *		printf("%s for %s\n", info.version, info.client_subject);
 *
 * Nothing has to be linked, and the program runs without ktlshim, too: the
 * symbol is weak, so it is NULL then. Ask as above: a pointer to the function in
 * a variable that is initialized with it stays NULL. Code for fixed addresses
 * (-fno-pic) needs gcc. See ktlshim(3).
 */
#ifndef KTLSHIM_H
#define KTLSHIM_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* flags of struct ktlshim_info */
#define KTLSHIM_DIRECT 1  /* the kernel encrypts; else it is relayed */
#define KTLSHIM_RESUMED 2 /* of a session of before */
#define KTLSHIM_ASKED 4	  /* the client was asked for a certificate */
#define KTLSHIM_CLIENT 8  /* and has one */

/*
 * All text is ended with a NUL and has no control characters; "" where there is
 * nothing. New members come at the end.
 */
struct ktlshim_info {
	unsigned int flags;
	int client_verify;	     /* 0: good, -1: none; or X509_V_ERR_... */
	char version[16];	     /* "TLSv1.3" */
	char cipher[64];	     /* OpenSSL's name */
	char server_name[256];	     /* that the client asked for (SNI) */
	char alpn[256];		     /* the protocol agreed on */
	char client_subject[1024];   /* RFC 2253 in ASCII; ends in ",..." if cut */
	char client_issuer[1024];    /* the same */
	char client_name[256];	     /* the subject's first CN, UTF-8 */
	char client_fingerprint[72]; /* SHA-256 of the certificate, hex */
	char client_error[128];	     /* client_verify in words */
};

#ifdef KTLSHIM_WEAK /* the library itself */
#elif defined(__GNUC__) && !defined(__clang__)
#define KTLSHIM_WEAK __attribute__((weak, noplt))
#else
#define KTLSHIM_WEAK __attribute__((weak))
#endif

/*
 * ktlshim_info() - what is known of the connection @fd
 * @size: sizeof(*info). What a newer library knows beyond it is left out, what
 *        an older one does not know is 0.
 *
 * Return: 0, errno as it was; or -1 and errno ENOTCONN (no connection of
 * ktlshim's, or nothing is known of it) or EINVAL (@size).
 */
int ktlshim_info(int fd, struct ktlshim_info *info, size_t size) KTLSHIM_WEAK;

#ifdef __cplusplus
}
#endif
#endif
