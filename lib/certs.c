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
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "conf.h"

/* A longer path is cut, so that the words behind it still fit into @why. */
#define PATH_FMT "%.180s"

static int refuse(int err, char *why, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Every failure leaves through here: the sentence, and an empty queue. */
static int refuse(int err, char *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, CONF_WHY_BYTES, fmt, ap);
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

/**
 * open_pem() - open a file of the configuration
 * @what: "certificate" or "key"
 * @name: the variable that names the file
 *
 * Return: a descriptor of a regular file, or -errno with @why.
 */
static int open_pem(const char *path, const char *what, const char *name,
		    char *why)
{
	/* O_NONBLOCK: a FIFO must not hold us up before it is refused */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int err = errno;
	struct stat st;

	if (fd < 0 && (err == EACCES || err == EPERM))
		return refuse(err, why,
			      "cannot read %s " PATH_FMT ": %s; the "
			      "helper runs as uid %u",
			      what, path, strerror(err),
			      (unsigned int)geteuid());
	if (fd < 0)
		return refuse(err, why,
			      "cannot read %s " PATH_FMT ": %s; check %s", what,
			      path, strerror(err), name);
	if (!fstat(fd, &st) && S_ISREG(st.st_mode))
		return fd;
	err = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
	close(fd);
	return refuse(err, why,
		      "%s " PATH_FMT " is not a regular file but %s;"
		      " %s must name a PEM file",
		      what, path,
		      err == EISDIR ? "a directory" : "a device or a pipe",
		      name);
}

/* Called for an encrypted PEM block: note it, give no passphrase. */
static int no_passphrase(char *buf, int size, int rwflag, void *asked)
{
	(void)buf;
	(void)size;
	(void)rwflag;
	if (asked)
		*(bool *)asked = true;
	return -1;
}

static void format_date(char *date, size_t date_bytes, const ASN1_TIME *t)
{
	struct tm tm;

	if (!ASN1_TIME_to_tm(t, &tm) ||
	    !strftime(date, date_bytes, "%Y-%m-%d %H:%M:%S UTC", &tm))
		snprintf(date, date_bytes, "an unknown date");
}

static void warn_dates(const X509 *x509, const char *what, const char *path)
{
	const ASN1_TIME *from = X509_get0_notBefore(x509);
	const ASN1_TIME *to = X509_get0_notAfter(x509);
	char date[64];

	if (X509_cmp_current_time(to) < 0) {
		format_date(date, sizeof(date), to);
		log_warn("%s %s expired on %s; clients will refuse it", what,
			 path, date);
	} else if (X509_cmp_current_time(from) > 0) {
		format_date(date, sizeof(date), from);
		log_warn("%s %s is not valid before %s; clients will refuse it",
			 what, path, date);
	}
}

static int load_chain(SSL_CTX *ctx, const char *path, char *why)
{
	int fd = open_pem(path, "certificate", "KTLSHIM_CERT", why);
	bool asked = false;
	unsigned long err;
	int ok;

	if (fd < 0)
		return fd;
	close(fd);
	SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
	SSL_CTX_set_default_passwd_cb_userdata(ctx, &asked);
	ok = SSL_CTX_use_certificate_chain_file(ctx, path);
	/* @asked dies here; the callback stays, its default is a prompt */
	SSL_CTX_set_default_passwd_cb_userdata(ctx, NULL);
	if (ok == 1)
		return 0;
	if (asked)
		return refuse(EINVAL, why,
			      "certificate " PATH_FMT " is "
			      "encrypted; store it without a passphrase",
			      path);
	err = ERR_peek_error();
	if (ERR_GET_LIB(err) == ERR_LIB_PEM &&
	    ERR_GET_REASON(err) == PEM_R_NO_START_LINE)
		return refuse(EINVAL, why,
			      "certificate " PATH_FMT " holds no "
			      "PEM certificate (%s); want a block that starts "
			      "with BEGIN CERTIFICATE",
			      path, openssl_reason());
	return refuse(EINVAL, why,
		      "certificate " PATH_FMT " cannot be used: %s", path,
		      openssl_reason());
}

/* Security: the descriptor is read without a buffer that would keep bytes. */
static int read_key(EVP_PKEY **pkey, const char *path, char *why)
{
	int fd = open_pem(path, "key", "KTLSHIM_KEY", why);
	bool asked = false;
	BIO *bio;

	if (fd < 0)
		return fd;
	bio = BIO_new_fd(fd, BIO_CLOSE);
	if (!bio) {
		close(fd);
		return refuse(ENOMEM, why, "cannot read key " PATH_FMT ": %s",
			      path, openssl_reason());
	}
	*pkey = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, &asked);
	BIO_free(bio);
	if (*pkey)
		return 0;
	if (asked)
		return refuse(EINVAL, why,
			      "key " PATH_FMT " is encrypted; "
			      "nobody is asked for a passphrase here: store "
			      "the key without one (openssl pkey -in ... -out "
			      "...), readable by the helper only",
			      path);
	return refuse(EINVAL, why,
		      "key " PATH_FMT " holds no PEM private key "
		      "that OpenSSL can decode (%s); want a block that starts "
		      "with BEGIN PRIVATE KEY",
		      path, openssl_reason());
}

static int load_key(SSL_CTX *ctx, const char *path, const char *cert, char *why)
{
	EVP_PKEY *pkey = NULL;
	int ret = read_key(&pkey, path, why);

	if (ret < 0)
		return ret;
	if (X509_check_private_key(SSL_CTX_get0_certificate(ctx), pkey) != 1)
		ret = refuse(EINVAL, why,
			     "key " PATH_FMT " does not belong to "
			     "certificate " PATH_FMT "; the file must start "
			     "with the server's own certificate",
			     path, cert);
	else if (SSL_CTX_use_PrivateKey(ctx, pkey) != 1)
		ret = refuse(EINVAL, why, "key " PATH_FMT " cannot be used: %s",
			     path, openssl_reason());
	EVP_PKEY_free(pkey);
	return ret;
}

int certs_load(SSL_CTX *ctx, const char *cert, const char *key, char *why)
{
	STACK_OF(X509) *chain = NULL;
	int i, ret;

	ERR_clear_error();
	ret = load_chain(ctx, cert, why);
	if (ret == 0)
		ret = load_key(ctx, key, cert, why);
	if (ret < 0)
		return ret;
	warn_dates(SSL_CTX_get0_certificate(ctx), "certificate", cert);
	SSL_CTX_get0_chain_certs(ctx, &chain);
	for (i = 0; i < sk_X509_num(chain); i++)
		warn_dates(sk_X509_value(chain, i), "chain certificate in",
			   cert);
	ERR_clear_error();
	return 0;
}
