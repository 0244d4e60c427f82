// SPDX-License-Identifier: MIT
/*
 * certs.c - certificate chains and their private keys
 *
 * OpenSSL parses; this file adds what its error queue leaves out: which file,
 * why in a user's words, and what to do about it.
 */
#include "certs.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "passphrase.h"

/* ---- the certificate, then its chain, to the end of the file */

static int read_chain(struct cert *c, const struct reading *r)
{
	struct passphrase none = {0};
	struct contents pem;
	X509 *x509;
	int ret = reading_open(r, &pem);

	if (ret)
		return ret;
	c->x509 = PEM_read_bio_X509_AUX(pem.bio, NULL, passphrase_get, &none);
	while (c->x509 &&
	       (x509 = PEM_read_bio_X509(pem.bio, NULL, passphrase_get, &none)))
		if (!sk_X509_push(c->chain, x509))
			X509_free(x509);
	reading_close(&pem);
	if (none.asked)
		return refuse(EINVAL, r, "certificate " PATH_FMT " is "
			      "encrypted; store it without a passphrase",
			      r->path);
	if (!c->x509 && reading_is_at_end())
		return refuse(EINVAL, r, "certificate " PATH_FMT " holds no "
			      "PEM certificate (%s); want a block that starts "
			      "with BEGIN CERTIFICATE", r->path,
			      openssl_reason());
	if (!reading_is_at_end()) /* the end of the file is one, too */
		return refuse(EINVAL, r, "certificate " PATH_FMT " cannot be "
			      "used: %s", r->path, openssl_reason());
	ERR_clear_error();
	return 0;
}

/* ---- the key */

static int refuse_encrypted(const struct reading *r, const struct passphrase *p)
{
	if (p->failed)
		return refuse(EINVAL, r, "key " PATH_FMT " is encrypted, and "
			      "there is no passphrase from %s: %s", r->path,
			      p->file ? p->file : "passphrase_command",
			      p->failed);
	if (p->file || p->command)
		return refuse(EINVAL, r, "key " PATH_FMT " is encrypted, and "
			      "the passphrase from %s is not the right one",
			      r->path, p->file ? p->file
					       : "passphrase_command");
	return refuse(EINVAL, r, "key " PATH_FMT " is encrypted; nobody is "
		      "asked for a passphrase here: name a file with it "
		      "(passphrase_file) or a command that prints it "
		      "(passphrase_command), or store the key without one",
		      r->path);
}

/* @absent: set if the file holds no private key, which is then no failure */
static int read_key(struct cert *c, const struct reading *r,
		    struct passphrase *p, bool *absent)
{
	struct contents pem;
	int ret = reading_open(r, &pem);

	if (ret)
		return ret;
	if (absent) {
		*absent = !memmem(pem.text, pem.bytes, "PRIVATE KEY-----", 16);
		if (*absent) {
			reading_close(&pem);
			return 0;
		}
	}
	p->key = r->path;
	c->key = PEM_read_bio_PrivateKey(pem.bio, NULL, passphrase_get, p);
	reading_close(&pem);
	if (c->key) {
		ERR_clear_error();
		return 0;
	}
	if (p->asked)
		return refuse_encrypted(r, p);
	return refuse(EINVAL, r, "key " PATH_FMT " holds no PEM private key "
		      "that OpenSSL can decode (%s); want a block that starts "
		      "with BEGIN PRIVATE KEY", r->path, openssl_reason());
}

/* ---- URIs: what OpenSSL's providers and engines can open */

static bool is_uri(const char *path)
{
	return path[0] != '/' && !conf_is_relative(path);
}

/*
 * The first certificate and the others behind it, or the first private key.
 * Security: providers may ask for a PIN; it comes from where passphrases do.
 */
static int read_uri(struct cert *c, const struct reading *r,
		    struct passphrase *p, bool key)
{
	OSSL_STORE_CTX *store;
	OSSL_STORE_INFO *info;
	UI_METHOD *ui;
	X509 *x509;

	if (strstr(r->path, "pin-value="))
		return refuse(EINVAL, r, "a PIN does not belong into a URI, "
			      "which is logged; use passphrase_file");
	p->key = r->path;
	*r->id = (struct file_id){0};
	ui = UI_UTIL_wrap_read_pem_callback(passphrase_get, 0);
	store = OSSL_STORE_open(r->path, ui, p, NULL, NULL);
	if (store)
		OSSL_STORE_expect(store, key ? OSSL_STORE_INFO_PKEY
					     : OSSL_STORE_INFO_CERT);
	while (store && !OSSL_STORE_eof(store) && !OSSL_STORE_error(store)) {
		info = OSSL_STORE_load(store);
		x509 = info && !key ? OSSL_STORE_INFO_get1_CERT(info) : NULL;
		if (info && key && !c->key)
			c->key = OSSL_STORE_INFO_get1_PKEY(info);
		OSSL_STORE_INFO_free(info);
		if (x509 && !c->x509)
			c->x509 = x509;
		else if (x509 && !sk_X509_push(c->chain, x509))
			X509_free(x509);
	}
	OSSL_STORE_close(store);
	UI_destroy_method(ui);
	if (key ? !c->key : !c->x509)
		return refuse(EINVAL, r, "%s " PATH_FMT " cannot be had from "
			      "OpenSSL's store: %s; a token needs its provider "
			      "in OpenSSL's configuration (KTLSHIM_OPENSSL_CONF)",
			      r->what, r->path,
			      p->failed ? p->failed : openssl_reason());
	ERR_clear_error();
	return 0;
}

/* ---- a certificate and its key */

/* Where the key of site.pem may be. NULL: no more ideas; else to be freed. */
static char *beside(const char *path, int idea)
{
	static const char *const suffixes[] = {".pem", ".crt", ".cer"};
	const char *name = strrchr(path, '/');
	int stem = (int)strlen(path);
	char *out = NULL;
	size_t i;

	name = name ? name + 1 : path;
	for (i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++)
		if (stem > 4 && !strcmp(path + stem - 4, suffixes[i])) {
			stem -= 4;
			break;
		}
	if (idea == 0 && asprintf(&out, "%.*s.key", stem, path) < 0)
		return NULL;
	if (idea == 1 && asprintf(&out, "%s.key", path) < 0)
		return NULL;
	/* certbot's names: fullchain.pem, in its archive fullchain7.pem */
	if (idea == 2 && asprintf(&out, "%.*sprivkey%s", (int)(name - path),
				  path, !strncmp(name, "fullchain", 9)
						? name + 9 : ".pem") < 0)
		return NULL;
	return out;
}

/* Nobody has named the key's file. */
static int find_key(struct cert *c, const struct cert_source *source,
		    struct reading *r, struct passphrase *p)
{
	bool absent = false;
	char *path;
	int idea, ret;

	if (!is_uri(source->path)) {
		r->path = source->path;
		ret = read_key(c, r, p, &absent);
		if (!absent)
			return ret;
	}
	for (idea = 0; (path = beside(source->path, idea)); idea++) {
		if (access(path, F_OK)) {
			free(path);
			continue;
		}
		free(c->key_path);
		r->path = c->key_path = path;
		return read_key(c, r, p, NULL);
	}
	path = beside(source->path, 0);
	ret = refuse(EINVAL, r, "certificate " PATH_FMT " has no private key: "
		     "none is in the file, and there is no " PATH_FMT
		     "; name it with key", source->path, path ? path : "");
	free(path);
	return ret;
}

/* ---- its OCSP response */

char *cert_ocsp_path(const struct cert_source *s)
{
	char *path;

	if (s->ocsp_path)
		return strdup(s->ocsp_path);
	if (is_uri(s->path) || asprintf(&path, "%s.ocsp", s->path) < 0)
		return NULL;
	return path;
}

static int read_ocsp(struct cert *c, const struct cert_source *s, char *why)
{
	struct reading r = {s->ocsp_path ? s->ocsp_where : s->where,
			    c->ocsp_path, "OCSP response", "DER", why,
			    &c->ocsp_id};

	if (!s->ocsp_path && (!c->ocsp_path || access(c->ocsp_path, F_OK)))
		return 0;
	return ocsp_read(&c->ocsp, &r, c->x509, c->chain);
}

static int read_both(struct cert *c, const struct cert_source *s, char *why)
{
	struct passphrase p = {s->passphrase_file, s->passphrase_command,
			       NULL, NULL, 0};
	struct reading r = {s->where, s->path, "certificate", "PEM",
			    why, &c->id};
	int ret;

	ret = is_uri(s->path) ? read_uri(c, &r, &p, false) : read_chain(c, &r);
	if (ret)
		return ret;
	p.asked = 0;
	r.what = "key";
	r.id = &c->key_id;
	if (s->key_path) {
		r.where = s->key_where;
		r.path = s->key_path;
		ret = is_uri(r.path) ? read_uri(c, &r, &p, true)
				     : read_key(c, &r, &p, NULL);
	} else {
		ret = find_key(c, s, &r, &p);
	}
	if (!ret && X509_check_private_key(c->x509, c->key) != 1)
		ret = refuse(EINVAL, &r, "key " PATH_FMT " does not belong to "
			     "certificate " PATH_FMT "; the file must start "
			     "with the server's own certificate", c->key_path,
			     c->path);
	if (!ret && !X509_digest(c->x509, EVP_sha256(), c->digest, NULL))
		ret = refuse(EINVAL, &r, "OpenSSL has no SHA-256");
	if (!ret && cert_type(c) < 0)
		ret = refuse(EINVAL, &r, "key " PATH_FMT " is of a type that "
			     "TLS does not know: %s", c->key_path,
			     EVP_PKEY_get0_type_name(c->key));
	return ret ? ret : read_ocsp(c, s, why);
}

int cert_read(struct cert **out, const struct cert_source *source, char *why)
{
	struct cert *c = calloc(1, sizeof(*c));
	int ret;

	ERR_clear_error();
	*out = NULL;
	if (c) {
		c->refs = 1;
		c->path = strdup(source->path);
		c->key_path = strdup(source->key_path ? source->key_path
						      : source->path);
		c->ocsp_path = cert_ocsp_path(source);
		c->chain = sk_X509_new_null();
	}
	if (!c || !c->path || !c->key_path || !c->chain) {
		snprintf(why, CONF_WHY_BYTES, "out of memory");
		ret = -ENOMEM;
	} else {
		ret = read_both(c, source, why);
	}
	ERR_clear_error();
	if (ret)
		cert_drop(c);
	else
		*out = c;
	return ret;
}

struct cert *cert_hold(struct cert *c)
{
	c->refs++;
	return c;
}

void cert_drop(struct cert *c)
{
	if (!c || --c->refs)
		return;
	X509_free(c->x509);
	sk_X509_pop_free(c->chain, X509_free);
	EVP_PKEY_free(c->key);
	free(c->path);
	free(c->key_path);
	ocsp_free(c->ocsp);
	free(c->ocsp_path);
	free(c);
}

bool cert_has_changed(const struct cert *c)
{
	struct file_id id = file_id(c->path), key_id = file_id(c->key_path);
	struct file_id ocsp_id = {0};

	if (c->ocsp_path)
		ocsp_id = file_id(c->ocsp_path);
	/* what is behind a URI cannot be seen: read it again */
	return is_uri(c->path) || is_uri(c->key_path) ||
	       !file_id_same(&id, &c->id) || !file_id_same(&key_id, &c->key_id) ||
	       !file_id_same(&ocsp_id, &c->ocsp_id);
}

bool cert_is_from(const struct cert *c, const struct cert_source *s)
{
	char *ocsp;
	bool same;

	if (strcmp(c->path, s->path) ||
	    (s->key_path && strcmp(c->key_path, s->key_path)))
		return false;
	ocsp = cert_ocsp_path(s);
	same = !strcmp(c->ocsp_path ? c->ocsp_path : "", ocsp ? ocsp : "");
	free(ocsp);
	return same;
}

/* With none of our own, OpenSSL looks for a chain (ChainCAFile). */
static STACK_OF(X509) *chain_of(const struct cert *c)
{
	return sk_X509_num(c->chain) ? c->chain : NULL;
}

int cert_use(const struct cert *c, SSL *ssl)
{
	return SSL_use_cert_and_key(ssl, c->x509, c->key, chain_of(c), 1);
}

int cert_use_always(const struct cert *c, SSL_CTX *ctx)
{
	return SSL_CTX_use_cert_and_key(ctx, c->x509, c->key, chain_of(c), 1);
}

int cert_type(const struct cert *c)
{
	/* a key that stays in a token may not say */
	switch (EVP_PKEY_get_base_id(X509_get0_pubkey(c->x509))) {
	case EVP_PKEY_RSA:
		return CERT_RSA;
	case EVP_PKEY_RSA_PSS:
		return CERT_RSA_PSS;
	case EVP_PKEY_EC:
		return CERT_EC;
	case EVP_PKEY_ED25519:
		return CERT_ED25519;
	case EVP_PKEY_ED448:
		return CERT_ED448;
	default:
		return -1;
	}
}

/* One name; what no host is called (a zero byte inside) is left out. */
static int tell_name(const ASN1_STRING *s, int (*each)(void *, const char *),
		     void *arg)
{
	unsigned char *text = NULL;
	int n = ASN1_STRING_to_UTF8(&text, s), ret = 0;

	if (n > 0 && strlen((char *)text) == (size_t)n)
		ret = each(arg, (char *)text);
	OPENSSL_free(text);
	return ret;
}

int cert_names(const struct cert *c, int (*each)(void *arg, const char *name),
	       void *arg)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(c->x509, NID_subject_alt_name,
						NULL, NULL);
	const X509_NAME *subject = X509_get_subject_name(c->x509);
	const GENERAL_NAME *name;
	int i, n = 0, ret = 0;

	for (i = 0; !ret && i < sk_GENERAL_NAME_num(names); i++) {
		name = sk_GENERAL_NAME_value(names, i);
		if (name->type != GEN_DNS)
			continue;
		n++;
		ret = tell_name(name->d.dNSName, each, arg);
	}
	i = n ? -1 : X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	if (i >= 0)
		ret = tell_name(X509_NAME_ENTRY_get_data(
					X509_NAME_get_entry(subject, i)),
				each, arg);
	GENERAL_NAMES_free(names);
	ERR_clear_error();
	return ret;
}

int cert_expired(const X509 *x509, char *date)
{
	return dates_expired(X509_get0_notBefore(x509),
			     X509_get0_notAfter(x509), date);
}

int dates_expired(const ASN1_TIME *from, const ASN1_TIME *to, char *date)
{
	int ret = to && X509_cmp_current_time(to) < 0 ? 1
		  : X509_cmp_current_time(from) > 0   ? -1
						      : 0;
	struct tm tm;

	if (!to && !ret) {
		snprintf(date, 64, "no end");
		return 0;
	}
	if (!ASN1_TIME_to_tm(ret < 0 ? from : to, &tm) ||
	    !strftime(date, 64, "%Y-%m-%d %H:%M:%S UTC", &tm))
		snprintf(date, 64, "an unknown date");
	return ret;
}

static void warn_dates(const X509 *x509, const char *what, const char *path)
{
	char date[64];
	int e = cert_expired(x509, date);

	if (e > 0)
		log_warn("%s %s expired on %s; clients will refuse it", what,
			 path, date);
	else if (e < 0)
		log_warn("%s %s is not valid before %s; clients will refuse it",
			 what, path, date);
}

void cert_warn_ocsp(const struct cert *c)
{
	char problem[128];

	if (c->ocsp && ocsp_problem(c->ocsp, problem) && !ocsp_is_told(c->ocsp))
		log_warn("OCSP response %s %s", c->ocsp_path, problem);
}

void cert_warn_dates(const struct cert *c)
{
	int i;

	warn_dates(c->x509, "certificate", c->path);
	for (i = 0; i < sk_X509_num(c->chain); i++)
		warn_dates(sk_X509_value(c->chain, i), "chain certificate in",
			   c->path);
	cert_warn_ocsp(c);
}
