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

/* The name of a protocol, of which any byte is allowed */
static int put_protocol(char *out, size_t bytes, const char *before,
			const unsigned char *name, unsigned int len)
{
	unsigned int i, n = (unsigned int)snprintf(out, bytes, "%s", before);

	for (i = 0; i < len && n + 1 < bytes; i++)
		out[n++] = name[i] > ' ' && name[i] <= '~' ? (char)name[i] : '?';
	out[n < bytes ? n : bytes - 1] = '\0';
	return (int)n;
}

void peer_no_protocol(const unsigned char *names, unsigned int len, char *out,
		      size_t bytes)
{
	size_t n = (size_t)snprintf(out, bytes, "none of the application "
				    "protocols that the client offers:");
	unsigned int i;

	/* OpenSSL has checked the lengths */
	for (i = 0; i < len && n + 8 < bytes; i += 1u + names[i])
		n += (size_t)put_protocol(out + n, bytes - n, i ? ", " : " ",
					  names + i + 1, names[i]);
}

void peer_describe(const SSL *ssl, char *out, size_t bytes)
{
	X509 *x509 = SSL_get0_peer_certificate(ssl);
	const unsigned char *alpn;
	char name[NAME_BYTES];
	unsigned int len;
	int n = 0;

	*out = '\0';
	SSL_get0_alpn_selected(ssl, &alpn, &len);
	if (len)
		n = put_protocol(out, bytes, " alpn ", alpn, len);
	out += n;
	bytes -= (size_t)n;
	if (x509)
		snprintf(out, bytes, " client %s: %s", subject(x509, name),
			 X509_verify_cert_error_string(
				 SSL_get_verify_result(ssl)));
	else if (SSL_get_verify_mode(ssl) & SSL_VERIFY_PEER)
		snprintf(out, bytes, " client without certificate");
	ERR_clear_error();
}
