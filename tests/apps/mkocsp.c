// SPDX-License-Identifier: MIT
/*
 * mkocsp.c - an OCSP response with any dates, which openssl ocsp cannot make
 *
 *	mkocsp ISSUER.pem ISSUER.key CERTIFICATE.pem OUT.der FROM UNTIL
 *
 * FROM and UNTIL: seconds from now, maybe negative; the certificate is good.
 */
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>

static BIO *file(const char *path, const char *mode)
{
	BIO *bio = BIO_new_file(path, mode);

	if (!bio) {
		perror(path);
		exit(1);
	}
	return bio;
}

static X509 *certificate(const char *path)
{
	BIO *bio = file(path, "r");
	X509 *x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL);

	BIO_free(bio);
	return x509;
}

int main(int argc, char **argv)
{
	OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
	OCSP_RESPONSE *response = NULL;
	ASN1_TIME *from, *until;
	OCSP_CERTID *id;
	X509 *issuer, *x509;
	EVP_PKEY *key;
	BIO *bio;

	if (argc != 7)
		return 64;
	issuer = certificate(argv[1]);
	bio = file(argv[2], "r");
	key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	BIO_free(bio);
	x509 = certificate(argv[3]);
	from = X509_gmtime_adj(NULL, atol(argv[5]));
	until = X509_gmtime_adj(NULL, atol(argv[6]));
	id = OCSP_cert_to_id(EVP_sha1(), x509, issuer);
	if (OCSP_basic_add1_status(basic, id, V_OCSP_CERTSTATUS_GOOD, 0, NULL,
				   from, until) &&
	    OCSP_basic_sign(basic, issuer, key, EVP_sha256(), NULL, 0))
		response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL,
						basic);
	bio = file(argv[4], "w");
	if (!response || !i2d_OCSP_RESPONSE_bio(bio, response))
		return 1;
	ASN1_TIME_free(from);
	ASN1_TIME_free(until);
	OCSP_CERTID_free(id);
	OCSP_BASICRESP_free(basic);
	OCSP_RESPONSE_free(response);
	X509_free(issuer);
	X509_free(x509);
	EVP_PKEY_free(key);
	return BIO_free(bio) == 1 ? 0 : 1;
}
