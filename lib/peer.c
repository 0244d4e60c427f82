// SPDX-License-Identifier: MIT
/*
 * peer.c - what is said of a client and its certificate
 */
#include "peer.h"

#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509.h>

/* A longer name is cut, so that the reason behind it still fits. */
#define NAME_BYTES 200

/*
 * "CN=alice,O=Example", RFC 2253 with all that is not ASCII escaped. What is no
 * UTF-8, though it says so, is dumped in hex; a name that is too long is cut.
 */
static void print_name(const X509_NAME *name, char *out, size_t bytes)
{
	const unsigned long dumped = XN_FLAG_RFC2253 | ASN1_STRFLGS_DUMP_ALL;
	BIO *bio = BIO_new(BIO_s_mem());
	int n = 0;

	if (bio && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) < 0) {
		(void)BIO_reset(bio);
		X509_NAME_print_ex(bio, name, 0, dumped);
	}
	if (bio)
		n = BIO_read(bio, out, (int)bytes);
	out[n < 0 ? 0 : n < (int)bytes ? n : (int)bytes - 1] = '\0';
	if (n == (int)bytes) {
		/* not behind a backslash: it would be a part of the name */
		for (n -= (int)sizeof(FACTS_CUT); n && out[n - 1] == '\\'; n--)
			;
		strcpy(out + n, FACTS_CUT);
	}
	BIO_free(bio);
}

static const char *subject(const X509 *x509, char *out)
{
	*out = '\0';
	if (x509)
		print_name(X509_get_subject_name(x509), out, NAME_BYTES);
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

void peer_host(const char *name, char *out, size_t bytes)
{
	size_t i;

	for (i = 0; name[i] && i + 1 < bytes; i++) {
		bool good = (name[i] >= '0' && name[i] <= '9') ||
			    (name[i] >= 'a' && name[i] <= 'z') ||
			    (name[i] >= 'A' && name[i] <= 'Z') ||
			    name[i] == '-' || name[i] == '.' || name[i] == '_';

		out[i] = good ? name[i] : '?';
	}
	out[i] = '\0';
}

/* RFC 3629: the control characters behind ASCII are C2 80 to C2 9F. */
static bool has_control(const char *utf8)
{
	for (; *utf8; utf8++)
		if (*utf8 == '\xC2' && (unsigned char)utf8[1] < 0xA0)
			return true;
	return false;
}

static void common_name(const X509 *x509, char *out, size_t bytes)
{
	const X509_NAME *name = X509_get_subject_name(x509);
	int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1), n = 0;
	BIO *bio = at >= 0 ? BIO_new(BIO_s_mem()) : NULL;

	if (bio && ASN1_STRING_print_ex(
			   bio, X509_NAME_ENTRY_get_data(
					X509_NAME_get_entry(name, at)),
			   ASN1_STRFLGS_ESC_CTRL | ASN1_STRFLGS_UTF8_CONVERT) > 0)
		n = BIO_read(bio, out, (int)bytes);
	if (n <= 0 || (size_t)n == bytes)
		n = 0;
	out[n] = '\0';
	if (has_control(out))
		*out = '\0';
	BIO_free(bio);
}

static void fingerprint(const X509 *x509, char *out, size_t bytes)
{
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned int len, i;

	if (!X509_digest(x509, EVP_sha256(), md, &len))
		return;
	for (i = 0; i < len && 2 * i + 2 < bytes; i++)
		sprintf(out + (size_t)2 * i, "%02x", md[i]);
}

void peer_facts(const SSL *ssl, struct facts *facts)
{
	X509 *x509 = SSL_get0_peer_certificate(ssl);

	facts->asked = SSL_get_verify_mode(ssl) & SSL_VERIFY_PEER;
	if (!x509)
		return;
	facts->has_client = true;
	facts->verify = (int)SSL_get_verify_result(ssl);
	snprintf(facts->verify_text, sizeof(facts->verify_text), "%s",
		 X509_verify_cert_error_string(facts->verify));
	print_name(X509_get_subject_name(x509), facts->subject,
		   sizeof(facts->subject));
	print_name(X509_get_issuer_name(x509), facts->issuer,
		   sizeof(facts->issuer));
	common_name(x509, facts->common_name, sizeof(facts->common_name));
	fingerprint(x509, facts->fingerprint, sizeof(facts->fingerprint));
	ERR_clear_error();
}
