// SPDX-License-Identifier: MIT
/*
 * context.c - what all connections of a listener share: settings, certificates
 */
#include "context.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "certs.h"

#define CIPHERS_TLS12                                                          \
	"ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20:ECDHE+AES:"       \
	"!aNULL:!aDSS"

struct context {
	SSL_CTX *ssl;
	struct cert *certs[2];
	bool pads;
};

static int presets(SSL_CTX *s, struct conf_problems *problems)
{
	SSL_CTX_set_min_proto_version(s, TLS1_2_VERSION);
	SSL_CTX_set_options(s, SSL_OP_CIPHER_SERVER_PREFERENCE |
				       SSL_OP_PRIORITIZE_CHACHA);
	SSL_CTX_set_mode(s, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(s, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_session_id_context(s, (const unsigned char *)"ktlshim", 7);
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
		   struct conf_problems *problems)
{
	unsigned long err;
	const char *why;
	struct stat st;

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
	err = ERR_peek_error();
	why = ERR_SYSTEM_ERROR(err) ? strerror(ERR_GET_REASON(err))
	      : err		    ? ERR_reason_error_string(err)
				    : NULL;
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
		    bool late, struct conf_problems *problems)
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
		base = strchr(v->name, '.') ? strchr(v->name, '.') + 1
					    : v->name;
		if ((!v->option || v->option->is_ssl) &&
		    is_server_info(base) == late &&
		    command(ctx, conf, v, base, problems))
			ret = -EINVAL;
	}
	if (SSL_CONF_CTX_finish(conf) != 1 && !ret)
		ret = conf_problem(problems, site->where ? site->where
							 : "settings", "%s",
				   ERR_reason_error_string(ERR_peek_error()));
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

static int certificates(struct context *ctx, const struct conf_site *site,
			struct conf_problems *problems)
{
	const struct conf_value *cert = conf_get(site, "cert");
	const struct conf_value *key = conf_get(site, "key");
	char why[CONF_WHY_BYTES];
	int ret;

	ret = cert_read(&ctx->certs[0], cert, key, why);
	if (!ret)
		ret = cert_use(ctx->certs[0], cert, ctx->ssl, why);
	if (ret)
		conf_told(problems, why);
	return ret;
}

int context_open(struct context **out, const struct conf_site *site,
		 struct conf_problems *problems)
{
	struct context *ctx = calloc(1, sizeof(*ctx));
	int ret;

	*out = NULL;
	if (ctx)
		ctx->ssl = SSL_CTX_new(TLS_server_method());
	if (!ctx || !ctx->ssl) {
		free(ctx);
		return conf_problem(problems, "OpenSSL", "does not start: %s",
				    ERR_reason_error_string(ERR_peek_error()));
	}
	ret = presets(ctx->ssl, problems);
	if (!ret)
		ret = commands(ctx, site, false, problems);
	if (!ret)
		ret = overrule(ctx->ssl, site, problems);
	if (!ret)
		ret = certificates(ctx, site, problems);
	if (!ret)
		ret = commands(ctx, site, true, problems);
	if (ret) {
		context_close(ctx);
		return ret;
	}
	*out = ctx;
	return 0;
}

void context_close(struct context *ctx)
{
	if (!ctx)
		return;
	cert_free(ctx->certs[0]);
	SSL_CTX_free(ctx->ssl);
	free(ctx);
}

struct cert *const *context_certs(const struct context *ctx)
{
	return ctx->certs;
}

SSL_CTX *context_ssl(const struct context *ctx)
{
	return ctx->ssl;
}

bool context_pads(const struct context *ctx)
{
	return ctx->pads;
}
