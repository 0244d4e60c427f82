// SPDX-License-Identifier: MIT
/*
 * context.c - what all connections of a listener share: settings, certificates
 */
#include "context.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "hkdf.h"
#include "keylog.h"
#include "resume.h"
#include "verify.h"

#define CIPHERS_TLS12                                                          \
	"ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20:ECDHE+AES:"       \
	"!aNULL:!aDSS"

struct context {
	atomic_uint refs; /* connections of several threads hold it */
	SSL_CTX *ssl;
	struct certset certs;
	struct names names;
	/* what clients get that ask for nothing, or nothing known; in @ssl */
	struct name preset;
	struct resume resume;
	bool strict, pads;
	struct conf_alpn alpn;
	int keylog; /* -1: none */
};

static int presets(SSL_CTX *s, struct conf_problems *problems)
{
	SSL_CTX_set_min_proto_version(s, TLS1_2_VERSION);
	SSL_CTX_set_options(s, SSL_OP_CIPHER_SERVER_PREFERENCE |
				       SSL_OP_PRIORITIZE_CHACHA);
	SSL_CTX_set_mode(s, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_dh_auto(s, 1);
	if (SSL_CTX_set_cipher_list(s, CIPHERS_TLS12) == 1)
		return 0;
	return conf_problem(problems, "OpenSSL", "knows none of the ciphers "
			    CIPHERS_TLS12);
}

static bool is_server_info(const char *base)
{
	return !strcasecmp(base, "ServerInfoFile");
}

/* One SSL_CONF command; its value alone was checked when it was read. */
static int command(struct context *ctx, SSL_CONF_CTX *conf,
		   const struct conf_value *v, const char *base,
		   struct files *files, struct conf_problems *problems)
{
	const char *why;
	struct stat st;

	if (v->option && v->option->is_path)
		files_note(files, v->value);
	errno = 0;
	ERR_clear_error();
	if (SSL_CONF_cmd_value_type(conf, base) == SSL_CONF_TYPE_DIR &&
	    (stat(v->value, &st) || !S_ISDIR(st.st_mode))) {
		/* OpenSSL would look only when a client comes */
		ERR_raise(ERR_LIB_SYS, errno ? errno : ENOTDIR);
	} else if (SSL_CONF_cmd(conf, base, v->value) > 0) {
		if (!strcasecmp(base, "RecordPadding"))
			ctx->pads = strcmp(v->value, "0");
		/* with "auto" on, OpenSSL would not look at them */
		if (!strcasecmp(base, "DHParameters"))
			SSL_CTX_set_dh_auto(ctx->ssl, 0);
		return 0;
	}
	why = ERR_peek_error() ? openssl_reason() : NULL;
	ERR_clear_error();
	return conf_problem(problems, v->where, "cannot use \"%.180s\"%s%s; "
			    "want %s", v->value, why ? ": " : "",
			    why ? why : "", v->option ? v->option->help
						      : "what SSL_CONF_cmd(3) "
							"says");
}

/*
 * In the file's order; but what belongs to a certificate comes after it.
 * @late: only that
 */
static int commands(struct context *ctx, const struct conf_site *site,
		    bool late, struct files *files,
		    struct conf_problems *problems)
{
	SSL_CONF_CTX *conf = SSL_CONF_CTX_new();
	const struct conf_value *v = site->values;
	const char *base;
	int ret = 0;

	if (!conf)
		return conf_problem(problems, "settings", "out of memory");
	SSL_CONF_CTX_set_flags(conf, SSL_CONF_FLAG_FILE | SSL_CONF_FLAG_SERVER |
					     SSL_CONF_FLAG_CERTIFICATE |
					     SSL_CONF_FLAG_SHOW_ERRORS);
	SSL_CONF_CTX_set_ssl_ctx(conf, ctx->ssl);
	for (; v < site->values + site->n_values; v++) {
		base = conf_base_name(v->name);
		if ((!v->option || v->option->is_ssl) &&
		    is_server_info(base) == late &&
		    command(ctx, conf, v, base, files, problems))
			ret = -EINVAL;
	}
	if (SSL_CONF_CTX_finish(conf) != 1 && !ret)
		ret = conf_problem(problems, site->where ? site->where
							 : "settings", "%s",
				   openssl_reason());
	SSL_CONF_CTX_free(conf);
	ERR_clear_error();
	return ret;
}

/* What we rely on, whatever Options says. */
static int overrule(SSL_CTX *s, const struct conf_site *site,
		    struct conf_problems *problems)
{
	int least = SSL_CTX_get_min_proto_version(s);
	int most = SSL_CTX_get_max_proto_version(s);

	SSL_CTX_set_options(s, SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_clear_options(s, SSL_OP_ENABLE_KTLS);
	if (!most || most >= least)
		return 0;
	return conf_problem(problems, site->where ? site->where : "settings",
			    "MaxProtocol is older than MinProtocol, whose "
			    "preset is TLSv1.2");
}

static int serve(SSL *ssl, const struct name *name)
{
	int i;

	SSL_certs_clear(ssl);
	for (i = 0; i < CERT_TYPES; i++)
		if (name->certs[i] && cert_use(name->certs[i], ssl) != 1)
			return 0;
	return 1;
}

/* SSL_CTX_set_tlsext_servername_callback: also called for no name at all */
static int on_servername(SSL *ssl, int *alert, void *arg)
{
	const char *host = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	const struct context *ctx = arg;
	const struct name *name = host ? names_find(&ctx->names, host) : NULL;

	if (!name && ctx->strict) {
		*alert = SSL_AD_UNRECOGNIZED_NAME;
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	}
	if (!name)
		return SSL_TLSEXT_ERR_NOACK;
	if (!memcmp(name->certs, ctx->preset.certs, sizeof(name->certs)))
		return SSL_TLSEXT_ERR_OK;
	if (serve(ssl, name) == 1)
		return SSL_TLSEXT_ERR_OK;
	*alert = SSL_AD_INTERNAL_ERROR;
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* Which of ours does the handshake serve with? */
static const struct cert *served(const struct context *ctx, SSL *ssl)
{
	const char *host = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	const struct name *name = host ? names_find(&ctx->names, host) : NULL;
	const X509 *x509 = SSL_get_certificate(ssl);
	const struct cert *c;
	int i;

	name = name ? name : &ctx->preset;
	for (i = 0; i < CERT_TYPES; i++) {
		c = name->certs[i];
		if (c && c->x509 == x509)
			return c;
	}
	return NULL;
}

/* SSL_CTX_set_tlsext_status_cb: the client asks for an OCSP response */
static int on_status(SSL *ssl, void *arg)
{
	const struct cert *c = served(arg, ssl);

	if (c && c->ocsp && ocsp_staple(c->ocsp, ssl))
		return SSL_TLSEXT_ERR_OK;
	if (c) /* it may have expired meanwhile */
		cert_warn_ocsp(c);
	return SSL_TLSEXT_ERR_NOACK;
}

static int first_name(void *arg, const char *host)
{
	*(char **)arg = strdup(host);
	return 1;
}

/*
 * The first certificate is the preset one; with it go those with other types of
 * keys for the name that it has first.
 */
static int set_preset(struct context *ctx)
{
	struct cert *first = ctx->certs.list[0];
	const struct name *name;
	char *host = NULL;
	int i;

	cert_names(first, first_name, &host);
	name = host ? names_find(&ctx->names, host) : NULL;
	free(host);
	if (name)
		ctx->preset = *name;
	ctx->preset.certs[cert_type(first)] = first;
	for (i = 0; i < CERT_TYPES; i++)
		if (ctx->preset.certs[i] &&
		    cert_use_always(ctx->preset.certs[i], ctx->ssl) != 1)
			return -EINVAL;
	return 0;
}

static int certificates(struct context *ctx, const struct conf_site *site,
			struct certset *all, struct certset *old,
			struct conf_problems *problems)
{
	SSL *trial = SSL_new(ctx->ssl);
	int ret = -ENOMEM;

	if (trial)
		ret = certset_load(&ctx->certs, all, old, site, trial,
				   problems);
	SSL_free(trial);
	if (ret)
		return ret;
	ret = ctx->certs.n ? names_open(&ctx->names, &ctx->certs) : -EINVAL;
	if (!ret)
		ret = set_preset(ctx);
	if (ret)
		conf_problem(problems, "certificates", "%s", openssl_reason());
	ERR_clear_error();
	ctx->strict = site->sni == CONF_SNI_STRICT;
	SSL_CTX_set_tlsext_servername_callback(ctx->ssl, on_servername);
	SSL_CTX_set_tlsext_servername_arg(ctx->ssl, ctx);
	SSL_CTX_set_tlsext_status_cb(ctx->ssl, on_status);
	SSL_CTX_set_tlsext_status_arg(ctx->ssl, ctx);
	return ret;
}

int context_open(struct context **out, const struct conf_site *site,
		 struct certset *all, struct certset *old,
		 struct conf_problems *problems)
{
	struct context *ctx = calloc(1, sizeof(*ctx));
	unsigned char who[VERIFY_DIGEST_BYTES];
	int ret;

	*out = NULL;
	if (ctx) {
		ctx->refs = 1;
		ctx->keylog = -1;
		ctx->ssl = SSL_CTX_new_ex(NULL, HKDF_PROPERTIES,
					  TLS_server_method());
	}
	if (!ctx || !ctx->ssl) {
		free(ctx);
		return conf_problem(problems, "OpenSSL", "does not start: %s",
				    openssl_reason());
	}
	ret = presets(ctx->ssl, problems);
	if (!ret)
		ret = commands(ctx, site, false, &all->files, problems);
	if (!ret)
		ret = overrule(ctx->ssl, site, problems);
	if (!ret)
		ret = verify_open(ctx->ssl, site, &all->files, who, problems);
	if (!ret)
		ret = resume_open(&ctx->resume, ctx->ssl, site, &ctx->names,
				  &ctx->preset, who, problems);
	if (!ret)
		ret = certificates(ctx, site, all, old, problems);
	if (!ret)
		ret = commands(ctx, site, true, &all->files, problems);
	if (ret) {
		context_drop(ctx);
		return ret;
	}
	ctx->alpn = site->alpn;
	*out = ctx;
	return 0;
}

struct context *context_hold(struct context *ctx)
{
	ctx->refs++;
	return ctx;
}

void context_drop(struct context *ctx)
{
	if (!ctx || --ctx->refs)
		return;
	SSL_CTX_free(ctx->ssl);
	names_close(&ctx->names);
	certset_fini(&ctx->certs);
	if (ctx->keylog >= 0)
		close(ctx->keylog);
	free(ctx);
}

int context_log_keys(struct context *ctx, const struct conf_site *site,
		     struct conf_problems *problems)
{
	ctx->keylog = keylog_open(site, problems);
	return ctx->keylog >= 0 || ctx->keylog == -ENOENT ? 0 : ctx->keylog;
}

int context_keylog(const struct context *ctx)
{
	return ctx->keylog;
}

const struct certset *context_certs(const struct context *ctx)
{
	return &ctx->certs;
}

const struct names *context_names(const struct context *ctx)
{
	return &ctx->names;
}

const struct conf_alpn *context_alpn(const struct context *ctx)
{
	return &ctx->alpn;
}

SSL_CTX *context_ssl(const struct context *ctx)
{
	return ctx->ssl;
}

bool context_pads(const struct context *ctx)
{
	return ctx->pads;
}
