// SPDX-License-Identifier: MIT
/*
 * certs.c - the certificate chain and the private key of a server
 *
 * OpenSSL parses; this file adds what its error queue leaves out: which file,
 * why in a user's words, and what to do about it.
 */
#include "certs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

/* A longer path is cut, so that the words behind it still fit into @why. */
#define PATH_FMT "%.180s"

/* What is being read, for the sentence that says why not */
struct reading {
	const struct conf_value *v; /* v->value is the path */
	const char *what;	    /* "certificate" or "key" */
	char *why;
};

static int refuse(int err, const struct reading *r, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Every failure leaves through here: the sentence, and an empty queue. */
static int refuse(int err, const struct reading *r, const char *fmt, ...)
{
	va_list ap;
	int n;

	n = snprintf(r->why, CONF_WHY_BYTES, PATH_FMT ": ", r->v->where);
	va_start(ap, fmt);
	vsnprintf(r->why + n, CONF_WHY_BYTES - (size_t)n, fmt, ap);
	va_end(ap);
	ERR_clear_error();
	return -err;
}

/*
 * OpenSSL's own words for what failed first, e.g. "no start line"; later
 * entries of its queue only say which function was on the way.
 */
static const char *openssl_reason(void)
{
	unsigned long err = ERR_peek_error();
	const char *text;

	if (ERR_SYSTEM_ERROR(err))
		return strerror(ERR_GET_REASON(err));
	text = err ? ERR_reason_error_string(err) : NULL;
	return text ? text : "OpenSSL gives no reason";
}

/*
 * Return: 0 with a BIO of a regular file, or -errno.
 *
 * Security: the descriptor is read without a buffer that would keep bytes.
 */
static int open_pem(const struct reading *r, BIO **bio)
{
	const char *path = r->v->value;
	/* O_NONBLOCK: a FIFO must not hold us up before it is refused */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int err = errno;
	struct stat st;

	if (fd < 0 && (err == EACCES || err == EPERM))
		return refuse(err, r, "cannot read %s " PATH_FMT ": %s; the "
			      "helper runs as uid %u", r->what, path,
			      strerror(err), (unsigned int)geteuid());
	if (fd < 0)
		return refuse(err, r, "cannot read %s " PATH_FMT ": %s",
			      r->what, path, strerror(err));
	if (!fstat(fd, &st) && S_ISREG(st.st_mode)) {
		*bio = BIO_new_fd(fd, BIO_CLOSE);
		if (*bio)
			return 0;
		close(fd);
		return refuse(ENOMEM, r, "out of memory");
	}
	err = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
	close(fd);
	return refuse(err, r, "%s " PATH_FMT " is not a regular file but %s;"
		      " want a PEM file", r->what, path,
		      err == EISDIR ? "a directory" : "a device or a pipe");
}

/* Called for an encrypted PEM block: note it, give no passphrase. */
static int no_passphrase(char *buf, int size, int rwflag, void *asked)
{
	(void)buf;
	(void)size;
	(void)rwflag;
	*(bool *)asked = true;
	return -1;
}

static bool is_no_start_line(void)
{
	unsigned long err = ERR_peek_last_error();

	return ERR_GET_LIB(err) == ERR_LIB_PEM &&
	       ERR_GET_REASON(err) == PEM_R_NO_START_LINE;
}

/* The first certificate of the file, then its chain, to the end. */
static int read_chain(struct cert *c, const struct reading *r)
{
	bool asked = false;
	BIO *bio = NULL;
	X509 *x509;
	int ret = open_pem(r, &bio);

	if (ret)
		return ret;
	c->chain = sk_X509_new_null();
	c->x509 = PEM_read_bio_X509_AUX(bio, NULL, no_passphrase, &asked);
	while (c->x509 && c->chain &&
	       (x509 = PEM_read_bio_X509(bio, NULL, no_passphrase, &asked)))
		if (!sk_X509_push(c->chain, x509))
			X509_free(x509);
	BIO_free(bio);
	if (asked)
		return refuse(EINVAL, r, "certificate " PATH_FMT " is "
			      "encrypted; store it without a passphrase",
			      r->v->value);
	if (!c->x509 && is_no_start_line())
		return refuse(EINVAL, r, "certificate " PATH_FMT " holds no "
			      "PEM certificate (%s); want a block that starts "
			      "with BEGIN CERTIFICATE", r->v->value,
			      openssl_reason());
	if (!is_no_start_line()) /* the end of the file is one, too */
		return refuse(EINVAL, r, "certificate " PATH_FMT " cannot be "
			      "used: %s", r->v->value, openssl_reason());
	ERR_clear_error();
	return 0;
}

static int read_key(struct cert *c, const struct reading *r)
{
	bool asked = false;
	BIO *bio = NULL;
	int ret = open_pem(r, &bio);

	if (ret)
		return ret;
	c->key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, &asked);
	BIO_free(bio);
	if (c->key)
		return 0;
	if (asked)
		return refuse(EINVAL, r, "key " PATH_FMT " is encrypted; "
			      "nobody is asked for a passphrase here: store "
			      "the key without one (openssl pkey -in ... -out "
			      "...), readable by the helper only",
			      r->v->value);
	return refuse(EINVAL, r, "key " PATH_FMT " holds no PEM private key "
		      "that OpenSSL can decode (%s); want a block that starts "
		      "with BEGIN PRIVATE KEY", r->v->value, openssl_reason());
}

int cert_read(struct cert **out, const struct conf_value *cert,
	      const struct conf_value *key, char *why)
{
	const struct reading of_cert = {cert, "certificate", why};
	const struct reading of_key = {key, "key", why};
	struct cert *c = calloc(1, sizeof(*c));
	int ret;

	ERR_clear_error();
	if (c) {
		c->path = strdup(cert->value);
		c->key_path = strdup(key->value);
	}
	if (!c || !c->path || !c->key_path)
		ret = refuse(ENOMEM, &of_cert, "out of memory");
	else
		ret = read_chain(c, &of_cert);
	if (!ret)
		ret = read_key(c, &of_key);
	if (!ret && X509_check_private_key(c->x509, c->key) != 1)
		ret = refuse(EINVAL, &of_key, "key " PATH_FMT " does not "
			     "belong to certificate " PATH_FMT "; the file "
			     "must start with the server's own certificate",
			     c->key_path, c->path);
	ERR_clear_error();
	if (ret) {
		cert_free(c);
		c = NULL;
	}
	*out = c;
	return ret;
}

void cert_free(struct cert *c)
{
	if (!c)
		return;
	X509_free(c->x509);
	sk_X509_pop_free(c->chain, X509_free);
	EVP_PKEY_free(c->key);
	free(c->path);
	free(c->key_path);
	free(c);
}

int cert_use(const struct cert *c, const struct conf_value *v, SSL_CTX *ctx,
	     char *why)
{
	const struct reading r = {v, "certificate", why};
	STACK_OF(X509) *chain;

	ERR_clear_error();
	/* with none here, OpenSSL looks for one (ChainCAFile) */
	chain = sk_X509_num(c->chain) ? c->chain : NULL;
	if (SSL_CTX_use_cert_and_key(ctx, c->x509, c->key, chain, 1) != 1)
		return refuse(EINVAL, &r, "certificate " PATH_FMT " cannot be "
			      "used: %s", c->path, openssl_reason());
	return 0;
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
	const ASN1_TIME *from = X509_get0_notBefore(x509);
	const ASN1_TIME *to = X509_get0_notAfter(x509);
	int ret = X509_cmp_current_time(to) < 0	    ? 1
		  : X509_cmp_current_time(from) > 0 ? -1
						    : 0;
	struct tm tm;

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

void cert_warn_dates(const struct cert *c)
{
	int i;

	warn_dates(c->x509, "certificate", c->path);
	for (i = 0; i < sk_X509_num(c->chain); i++)
		warn_dates(sk_X509_value(c->chain, i), "chain certificate in",
			   c->path);
}
