// SPDX-License-Identifier: MIT
/*
 * peer.c - what the log says of a client and its certificate
 */
#include "peer.h"

#include <stdio.h>

#include <openssl/err.h>
#include <openssl/x509.h>

/* A longer name is cut, so that the reason behind it still fits. */
#define NAME_BYTES 200

/* "CN=alice,O=Example", RFC 2253 with all that is not ASCII escaped */
static const char *subject(const X509 *x509, char *out)
{
	BIO *bio = x509 ? BIO_new(BIO_s_mem()) : NULL;
	int n = 0;

	if (bio && X509_NAME_print_ex(bio, X509_get_subject_name(x509), 0,
				      XN_FLAG_RFC2253) > 0)
		n = BIO_read(bio, out, NAME_BYTES - 1);
	out[n > 0 ? n : 0] = '\0';
	BIO_free(bio);
	return *out ? out : "without a subject";
}

void peer_refused(X509_STORE_CTX *store, char *out, size_t bytes)
{
	char client[NAME_BYTES], at[NAME_BYTES];
	int depth = X509_STORE_CTX_get_error_depth(store);
	const X509 *current = X509_STORE_CTX_get_current_cert(store);

	snprintf(out, bytes, "client certificate %s: %s (depth %d%s%s)",
		 subject(X509_STORE_CTX_get0_cert(store), client),
		 X509_verify_cert_error_string(
			 X509_STORE_CTX_get_error(store)),
		 depth, depth ? ": " : "", depth ? subject(current, at) : "");
}

void peer_describe(const SSL *ssl, char *out, size_t bytes)
{
	X509 *x509 = SSL_get0_peer_certificate(ssl);
	char name[NAME_BYTES];

	*out = '\0';
	if (x509)
		snprintf(out, bytes, " client %s: %s", subject(x509, name),
			 X509_verify_cert_error_string(
				 SSL_get_verify_result(ssl)));
	else if (SSL_get_verify_mode(ssl) & SSL_VERIFY_PEER)
		snprintf(out, bytes, " client without certificate");
	ERR_clear_error();
}
