// SPDX-License-Identifier: MIT
/*
 * mkcerts.c - many certificates, quickly
 *
 *   mkcerts DIR FROM TO
 *
 * For each number DIR/hNUMBER.pem with an EC key and a certificate for
 * hNUMBER.example and *.hNUMBER.example, signed by itself. Written beside and
 * renamed, as careful programs do.
 */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static void add_names(X509 *x, const char *host)
{
	char text[256];
	X509_EXTENSION *e;

	snprintf(text, sizeof(text), "DNS:%s,DNS:*.%s", host, host);
	e = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, text);
	X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
}

static X509 *sign(EVP_PKEY *key, const char *host, long serial)
{
	X509 *x = X509_new();
	X509_NAME *name = X509_get_subject_name(x);

	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), serial);
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), 30 * 86400);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
				   (const unsigned char *)host, -1, -1, 0);
	X509_set_issuer_name(x, name);
	X509_set_pubkey(x, key);
	add_names(x, host);
	if (!X509_sign(x, key, EVP_sha256()))
		exit(1);
	return x;
}

static int make(const char *dir, long number)
{
	char host[64], path[4096], temporary[4100];
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x;
	FILE *out;
	int ok;

	snprintf(host, sizeof(host), "h%ld.example", number);
	snprintf(path, sizeof(path), "%s/h%ld.pem", dir, number);
	snprintf(temporary, sizeof(temporary), "%s.tmp", path);
	out = fopen(temporary, "w");
	if (!out || !key) {
		perror(temporary);
		return 1;
	}
	x = sign(key, host, random());
	ok = PEM_write_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL) &&
	     PEM_write_X509(out, x);
	X509_free(x);
	EVP_PKEY_free(key);
	return fclose(out) || !ok || rename(temporary, path);
}

int main(int argc, char **argv)
{
	long i;

	if (argc != 4)
		return 64;
	umask(077);
	for (i = atol(argv[2]); i <= atol(argv[3]); i++)
		if (make(argv[1], i))
			return 1;
	return 0;
}
