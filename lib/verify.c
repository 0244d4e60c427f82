// SPDX-License-Identifier: MIT
/*
 * verify.c - client certificates: what SSL_CONF has no command for
 *
 * VerifyMode and where the CA certificates are (VerifyCAFile ...) are SSL_CONF's,
 * context.c has given them to OpenSSL already. Here come the lists of revoked
 * certificates, the depth, and two things that must not go wrong in silence:
 *
 *  - settings that look as if clients were verified, when nobody asks them;
 *  - a client that resumes a session is not verified again. So a session holds
 *    only where the same is asked: a digest of these settings, and of what is in
 *    the files, goes into the session id context (resume.c). With another CA or
 *    revocation list the handshake becomes a full one.
 */
#include "verify.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "certs.h"

struct verifying {
	X509_STORE *store;
	EVP_MD_CTX *digest;
	struct files *files;
	struct conf_problems *problems;
	const struct conf_value *value; /* that is being looked at */
	unsigned int n_crls;		/* in it */
};

typedef int each_file(struct verifying *v, const char *path, bool alone);

static int is_visible(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

/* The file, or all files in the directory. */
static int for_each(struct verifying *v, each_file *each)
{
	const char *path = v->value->value;
	struct dirent **names = NULL;
	struct stat st;
	char *file;
	int n, i, ret = 0;

	files_note(v->files, path);
	if (stat(path, &st) || !S_ISDIR(st.st_mode))
		return each(v, path, true);
	n = scandir(path, &names, is_visible, alphasort);
	if (n < 0)
		ret = conf_problem(v->problems, v->value->where, "cannot read "
				   "directory %.180s: %s", path,
				   strerror(errno));
	for (i = 0; i < n; i++) {
		if (!ret && asprintf(&file, "%s/%s", path,
				     names[i]->d_name) >= 0) {
			if (!stat(file, &st) && S_ISREG(st.st_mode)) {
				files_note(v->files, file);
				ret = each(v, file, false);
			}
			free(file);
		}
		free(names[i]);
	}
	free(names);
	return ret;
}

/* ---- revocation lists */

static int add_crl(struct verifying *v, X509_CRL *crl, const char *path)
{
	char date[64], issuer[128];
	int e = dates_expired(X509_CRL_get0_lastUpdate(crl),
			      X509_CRL_get0_nextUpdate(crl), date);

	X509_NAME_oneline(X509_CRL_get_issuer(crl), issuer, sizeof(issuer));
	if (e)
		conf_warning(v->problems, v->value->where, "the list in %.180s "
			     "%s %s; clients with certificates from %s will be "
			     "refused", path,
			     e > 0 ? "expired on" : "is not valid before", date,
			     issuer);
	v->n_crls++;
	e = X509_STORE_add_crl(v->store, crl) == 1 ? 0 : -EINVAL;
	X509_CRL_free(crl);
	return e;
}

/* In a directory, files with something else are passed over. */
static int read_crls(struct verifying *v, const char *path, bool alone)
{
	char why[CONF_WHY_BYTES];
	struct file_id id;
	struct reading r = {v->value->where, path, "revocation list", "PEM or "
			    "DER", why, &id};
	unsigned int before = v->n_crls;
	const unsigned char *der;
	struct contents file;
	X509_CRL *crl;
	int ret = reading_open(&r, &file);

	if (ret) {
		conf_told(v->problems, why);
		return ret;
	}
	ERR_clear_error();
	while (!ret && (crl = PEM_read_bio_X509_CRL(file.bio, NULL, NULL, NULL)))
		ret = add_crl(v, crl, path);
	der = (const unsigned char *)file.text;
	if (!ret && v->n_crls == before && reading_is_at_end()) {
		crl = d2i_X509_CRL(NULL, &der, (long)file.bytes);
		ret = crl ? add_crl(v, crl, path) : 0;
		if (!crl && alone)
			ret = refuse(EINVAL, &r, PATH_FMT " holds no "
				     "revocation list; want blocks that start "
				     "with BEGIN X509 CRL, or one in DER form",
				     path);
	} else if (ret || !reading_is_at_end()) {
		ret = refuse(EINVAL, &r, "revocation list " PATH_FMT " cannot "
			     "be used: %s", path, openssl_reason());
	}
	if (ret)
		conf_told(v->problems, why);
	reading_close(&file);
	ERR_clear_error();
	return ret;
}

static int load_crls(struct verifying *v, SSL_CTX *ssl)
{
	int ret;

	v->n_crls = 0;
	ret = for_each(v, read_crls);
	if (!ret && !v->n_crls)
		ret = conf_problem(v->problems, v->value->where, "directory "
				   "%.180s holds no revocation list",
				   v->value->value);
	/* those that issuers of clients' issuers have made as well */
	X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ssl),
				    X509_V_FLAG_CRL_CHECK |
					    X509_V_FLAG_CRL_CHECK_ALL);
	return ret;
}

/* ---- what a session holds for */

static int digest_file(struct verifying *v, const char *path, bool alone)
{
	char why[CONF_WHY_BYTES];
	struct file_id id;
	struct reading r = {v->value->where, path, "file", "PEM", why, &id};
	struct contents file;
	int ret = reading_open(&r, &file);

	if (ret) {
		/* in a directory, it has no part in verifying either */
		if (alone)
			conf_told(v->problems, why);
		return alone ? ret : 0;
	}
	EVP_DigestUpdate(v->digest, &file.bytes, sizeof(file.bytes));
	EVP_DigestUpdate(v->digest, file.text, file.bytes);
	reading_close(&file);
	return 0;
}

static bool is_path(const struct conf_value *value)
{
	return value->option->is_path && !strstr(value->value, "://");
}

/* Of all that verifying depends on */
static int make_digest(struct verifying *v, const struct conf_site *site,
		       unsigned char *digest)
{
	const struct conf_value *c;
	int ok = 0, ret = 0;

	v->digest = EVP_MD_CTX_new();
	if (v->digest)
		ok = EVP_DigestInit_ex(v->digest, EVP_sha256(), NULL);
	for (c = site->values; ok && !ret && c < site->values + site->n_values; c++) {
		if (!c->option || strncasecmp(c->option->name, "verify", 6))
			continue;
		v->value = c;
		EVP_DigestUpdate(v->digest, c->option->name,
				 strlen(c->option->name) + 1);
		if (is_path(c))
			ret = for_each(v, digest_file);
		else
			EVP_DigestUpdate(v->digest, c->value,
					 strlen(c->value) + 1);
	}
	ok = ok && EVP_DigestFinal_ex(v->digest, digest, NULL);
	EVP_MD_CTX_free(v->digest);
	if (ret)
		return ret;
	return ok ? 0 : conf_problem(v->problems, "OpenSSL", "has no "
				     "SHA-256: %s", openssl_reason());
}

/* ---- what is missing */

static const struct conf_value *get_mode(const struct conf_site *site)
{
	return conf_get(site, "VerifyMode");
}

/* Nobody is asked for a certificate: is that what is meant? */
static int check_unused(const struct conf_site *site,
			struct conf_problems *problems)
{
	const struct conf_value *v;

	for (v = site->values; v < site->values + site->n_values; v++)
		if (v->option && !strncasecmp(v->option->name, "verify", 6) &&
		    !get_mode(site))
			return conf_problem(problems, v->where, "no client is "
					    "asked for a certificate: add "
					    "VerifyMode = Require or Request, "
					    "or -Request if that is meant");
	return 0;
}

static int check_mode(SSL_CTX *ssl, const struct conf_site *site, int mode,
		      struct conf_problems *problems)
{
	const struct conf_value *v = get_mode(site);
	const struct conf_value *uri = conf_get(site, "VerifyCAStore");
	X509_STORE *store = NULL;

	/* it would take them, and refuse every client */
	if (uri && (uri->value[0] == '/' || !strncmp(uri->value, "file:", 5)))
		return conf_problem(problems, uri->where, "OpenSSL cannot "
				    "search \"%.180s\" for issuers; use "
				    "VerifyCAFile or VerifyCAPath", uri->value);
	if (mode & SSL_VERIFY_POST_HANDSHAKE)
		return conf_problem(problems, v->where, "cannot use \"%.100s\":"
				    " nobody asks behind the handshake; want "
				    "Request or Require", v->value);
	SSL_CTX_get0_verify_cert_store(ssl, &store);
	if (store)
		return 0;
	return conf_problem(problems, v->where, "whose certificates are good "
			    "is not said: add VerifyCAFile = FILE or "
			    "VerifyCAPath = DIRECTORY");
}

int verify_open(SSL_CTX *ssl, const struct conf_site *site,
		struct files *files, unsigned char *digest,
		struct conf_problems *problems)
{
	struct verifying v = {.files = files, .problems = problems};
	int mode = SSL_CTX_get_verify_mode(ssl), ret, err;

	memset(digest, 0, VERIFY_DIGEST_BYTES);
	if (!(mode & SSL_VERIFY_PEER))
		return check_unused(site, problems);
	ret = check_mode(ssl, site, mode, problems);
	if (ret)
		return ret;
	SSL_CTX_get0_verify_cert_store(ssl, &v.store);
	if (conf_get(site, "verify_depth"))
		SSL_CTX_set_verify_depth(ssl, (int)site->verify_depth);
	for (v.value = site->values; v.value < site->values + site->n_values;
	     v.value++) {
		if (!v.value->option ||
		    strcmp(v.value->option->name, "verify_crl"))
			continue;
		err = load_crls(&v, ssl);
		ret = ret ? ret : err;
	}
	return ret ? ret : make_digest(&v, site, digest);
}
