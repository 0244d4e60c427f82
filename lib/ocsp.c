// SPDX-License-Identifier: MIT
/*
 * ocsp.c - an OCSP response that is sent along with a certificate (stapling)
 *
 * RFC 6960, RFC 6066 section 8. Nobody is asked for it: the file is what
 * another program has fetched. Clients verify it; here it is only looked at
 * closely enough to notice that it is the wrong file.
 */
#include "ocsp.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>

#include "certs.h"

/* Clocks differ; OpenSSL's clients allow as much */
#define SKEW_S 300

struct ocsp {
	unsigned char *der;
	size_t bytes;
	int status; /* V_OCSP_CERTSTATUS_... */
	time_t from, until; /* until 0: no end */
	char date[64];	    /* of the end */
	bool other;	    /* for another certificate, maybe the one before */
	atomic_bool told; /* by any thread */
};

static time_t time_of(const ASN1_GENERALIZEDTIME *t)
{
	struct tm tm;

	return t && ASN1_TIME_to_tm(t, &tm) ? timegm(&tm) : 0;
}

/* NULL: not known here */
static X509 *issuer_of(X509 *x509, STACK_OF(X509) *chain)
{
	int i;

	for (i = 0; i < sk_X509_num(chain); i++)
		if (X509_check_issued(sk_X509_value(chain, i), x509) ==
		    X509_V_OK)
			return sk_X509_value(chain, i);
	return X509_check_issued(x509, x509) == X509_V_OK ? x509 : NULL;
}

/* Without the issuer, its key is the one thing that cannot be compared. */
static bool is_for(OCSP_SINGLERESP *single, X509 *x509, X509 *issuer)
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	const OCSP_CERTID *id = OCSP_SINGLERESP_get0_id(single);
	OCSP_CERTID *ours = NULL;
	ASN1_OCTET_STRING *name;
	ASN1_INTEGER *serial;
	ASN1_OBJECT *digest;
	unsigned int n = 0;
	const EVP_MD *md;
	bool same;

	OCSP_id_get0_info(&name, &digest, NULL, &serial, (OCSP_CERTID *)id);
	md = EVP_get_digestbyobj(digest);
	if (md && issuer)
		ours = OCSP_cert_to_id(md, x509, issuer);
	same = ours && !OCSP_id_cmp(ours, id);
	OCSP_CERTID_free(ours);
	if (!md || issuer)
		return same;
	return X509_NAME_digest(X509_get_issuer_name(x509), md, hash, &n) &&
	       n == (unsigned int)ASN1_STRING_length(name) &&
	       !memcmp(hash, ASN1_STRING_get0_data(name), n) &&
	       !ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(x509));
}

static bool is_signed(OCSP_BASICRESP *basic, X509 *issuer)
{
	STACK_OF(X509) *signers = sk_X509_new_null();
	bool good = signers && sk_X509_push(signers, issuer) &&
		    OCSP_basic_verify(basic, signers, NULL, OCSP_NOVERIFY) > 0;

	sk_X509_free(signers);
	return good;
}

static int judge(struct ocsp *o, const struct reading *r, OCSP_BASICRESP *basic,
		 X509 *x509, STACK_OF(X509) *chain)
{
	ASN1_GENERALIZEDTIME *from = NULL, *until = NULL;
	X509 *issuer = issuer_of(x509, chain);
	OCSP_SINGLERESP *single = NULL;
	int i, n = OCSP_resp_count(basic);

	for (i = 0; i < n; i++) {
		single = OCSP_resp_get0(basic, i);
		if (is_for(single, x509, issuer))
			break;
	}
	o->other = i == n;
	if (o->other)
		return 0;
	ERR_clear_error();
	if (issuer && !is_signed(basic, issuer))
		return refuse(EINVAL, r, "OCSP response " PATH_FMT " is not "
			      "signed by the certificate's issuer, nor by whom "
			      "it says: %s", r->path, openssl_reason());
	o->status = OCSP_single_get0_status(single, NULL, NULL, &from, &until);
	o->from = time_of(from);
	o->until = time_of(until);
	dates_expired(from, until, o->date);
	return 0;
}

static int parse(struct ocsp *o, const struct reading *r, X509 *x509,
		 STACK_OF(X509) *chain)
{
	const unsigned char *p = o->der;
	OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &p, (long)o->bytes);
	OCSP_BASICRESP *basic = NULL;
	int ret, status;

	if (!response || p != o->der + o->bytes) {
		OCSP_RESPONSE_free(response);
		return refuse(EINVAL, r, PATH_FMT " holds no OCSP response; "
			      "want one in DER form, as openssl ocsp -respout "
			      "writes it", r->path);
	}
	status = OCSP_response_status(response);
	if (status == OCSP_RESPONSE_STATUS_SUCCESSFUL)
		basic = OCSP_response_get1_basic(response);
	if (basic)
		ret = judge(o, r, basic, x509, chain);
	else
		ret = refuse(EINVAL, r, "OCSP response " PATH_FMT " is none: "
			     "the responder says \"%s\"; want successful",
			     r->path, OCSP_response_status_str(status));
	OCSP_BASICRESP_free(basic);
	OCSP_RESPONSE_free(response);
	return ret;
}

int ocsp_read(struct ocsp **out, const struct reading *r, X509 *x509,
	      STACK_OF(X509) *chain)
{
	struct ocsp *o = calloc(1, sizeof(*o));
	struct contents file = {0};
	int ret = -ENOMEM;

	ERR_clear_error();
	if (o)
		ret = reading_open(r, &file);
	if (!ret) {
		o->der = OPENSSL_memdup(file.text, file.bytes);
		o->bytes = file.bytes;
		reading_close(&file);
		ret = parse(o, r, x509, chain);
	}
	if (ret) {
		ocsp_free(o);
		o = NULL;
	}
	*out = o;
	ERR_clear_error();
	return ret;
}

void ocsp_free(struct ocsp *o)
{
	if (o)
		OPENSSL_free(o->der);
	free(o);
}

/* Return: 1 it has expired, -1 it is not valid yet, 0 neither. */
static int expired(const struct ocsp *o)
{
	time_t now = time(NULL);

	return o->until && o->until < now ? 1 : o->from > now + SKEW_S ? -1 : 0;
}

bool ocsp_problem(const struct ocsp *o, char *out)
{
	int e = expired(o);

	if (o->other)
		snprintf(out, 128, "is for another certificate; it is not sent");
	else if (e)
		snprintf(out, 128, "%s %s; it is not sent",
			 e > 0 ? "expired on" : "is not valid before", o->date);
	else if (o->status != V_OCSP_CERTSTATUS_GOOD)
		snprintf(out, 128, "says that the certificate is %s; clients "
			 "will refuse it", OCSP_cert_status_str(o->status));
	return o->other || e || o->status != V_OCSP_CERTSTATUS_GOOD;
}

void ocsp_describe(const struct ocsp *o, char *out)
{
	if (o->other)
		snprintf(out, 128, "for another certificate");
	else
		snprintf(out, 128, "%s, until %s",
			 OCSP_cert_status_str(o->status), o->date);
}

bool ocsp_is_told(struct ocsp *o)
{
	return atomic_exchange(&o->told, true);
}

bool ocsp_staple(const struct ocsp *o, SSL *ssl)
{
	unsigned char *copy;

	if (o->other || expired(o))
		return false;
	copy = OPENSSL_memdup(o->der, o->bytes);
	if (copy) /* OpenSSL's from here on */
		SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)o->bytes);
	return copy;
}
