// SPDX-License-Identifier: MIT
/*
 * conf.c - the options, their names and values; KTLSHIM_* in the environment
 *
 * Linked into the shim: no allocation here.
 */
#include "conf.h"

#include <arpa/inet.h>
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "conf_file.h"

static const char *const ktls_names[] = {"auto", "off", "require"};
static const char *const ring_names[] = {"auto", "io_uring", "epoll"};
static const char *const rx_names[] = {"user", "kernel"};
static const char *const tls_names[] = {"on", "off"};
static const char *const plaintext_names[] = {"reject", "redirect",
					      "allow"};
static const char *const proxy_names[] = {"off", "v1", "v2"};
static const char *const starttls_names[] = {
	"off", "smtp", "imap", "pop3", "ftp", "postgres", "ldap", "xmpp"};
static const char *const sni_names[] = {"default", "strict"};
static const char *const probes_names[] = {"on", "off"};
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
static_assert(COUNT(ktls_names) == CONF_KTLS_COUNT, "one name per mode");
static_assert(COUNT(ring_names) == CONF_RING_COUNT, "one name per engine");
static_assert(COUNT(rx_names) == CONF_RX_COUNT, "one name for each");
static_assert(COUNT(sni_names) == CONF_SNI_COUNT, "one name for each");
static_assert(COUNT(probes_names) == CONF_PROBES_COUNT, "one name for each");
static_assert(COUNT(plaintext_names) == CONF_PLAINTEXT_COUNT,
	      "one name for each");
static_assert(COUNT(proxy_names) == CONF_PROXY_COUNT, "one name for each");
static_assert(COUNT(starttls_names) == CONF_STARTTLS_COUNT,
	      "one name for each");
static_assert(COUNT(tls_names) == CONF_TLS_COUNT, "one name for each");

static int refuse(char *why, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static int refuse(char *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, CONF_WHY_BYTES, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

static int parse_uint(const struct conf_option *o, void *out, const char *value,
		      char *why)
{
	unsigned long v;
	char *end;

	errno = 0;
	v = strtoul(value, &end, 10);
	if (value[0] < '0' || value[0] > '9' || *end || errno ||
	    v < !o->zero || v > o->max)
		return refuse(why, "bad value \"%.100s\": want a number "
			      "from %d to %u", value, !o->zero, o->max);
	*(unsigned int *)out = (unsigned int)v;
	return 0;
}

static int parse_workers(const struct conf_option *o, void *out,
			 const char *value, char *why)
{
	const struct conf_option number = {.max = CONF_WORKERS_MAX};

	(void)o;
	if (!strcmp(value, "auto")) {
		*(unsigned int *)out = 0;
		return 0;
	}
	if (!parse_uint(&number, out, value, why))
		return 0;
	return refuse(why, "bad value \"%.100s\": want auto or a number from 1 "
		      "to %d", value, CONF_WORKERS_MAX);
}

static int parse_ports(const struct conf_option *o, void *out,
		       const char *value, char *why)
{
	struct conf_ports *ports = out;
	const char *p = value;
	char *end = NULL;
	unsigned long v;

	(void)o;
	ports->n = 0;
	while (*p) {
		if (*p == ',' || *p == ' ') {
			p++;
			continue;
		}
		v = *p >= '0' && *p <= '9' ? strtoul(p, &end, 10) : 0;
		if (v < 1 || v > 65535 || (*end && *end != ',' && *end != ' '))
			return refuse(why, "bad port \"%.100s\": want numbers "
				      "from 1 to 65535, separated by commas", p);
		if (ports->n == CONF_PORTS_MAX)
			return refuse(why, "more than %d ports",
				      CONF_PORTS_MAX);
		ports->port[ports->n++] = (uint16_t)v;
		p = end;
	}
	/* "," must not quietly mean "every port" */
	if (!ports->n)
		return refuse(why, "\"%.100s\" names no port; leave it unset "
			      "for every port", value);
	return 0;
}

bool conf_parse_addr(const char *text, size_t len, union inet_addr *addr,
		     uint16_t *port)
{
	const char *colon = memrchr(text, ':', len), *digits = text;
	char address[INET6_ADDRSTRLEN] = "";
	bool six = len && *text == '[';
	unsigned long v = 0;
	size_t n;

	if (colon) {
		digits = colon + 1;
		n = (size_t)(colon - text);
		if (six && (n < 2 || colon[-1] != ']'))
			return false;
		n -= 2 * six;
		if (n >= sizeof(address))
			return false;
		memcpy(address, text + six, n);
		addr->sa.sa_family = six ? AF_INET6 : AF_INET;
		if (inet_pton(addr->sa.sa_family, address,
			      six ? (void *)&addr->in6.sin6_addr
				  : (void *)&addr->in.sin_addr) != 1)
			return false;
		len -= (size_t)(digits - text);
	}
	for (n = 0; n < len && n < 6 && digits[n] >= '0' && digits[n] <= '9'; n++)
		v = 10 * v + (unsigned long)(digits[n] - '0');
	if (!len || n < len || *digits == '0' || v > 65535)
		return false;
	*port = (uint16_t)v;
	return true;
}

static bool same_rule(const struct conf_rule *a, const struct conf_rule *b)
{
	if (a->port != b->port || a->addr.sa.sa_family != b->addr.sa.sa_family)
		return false;
	return a->addr.sa.sa_family == AF_INET6
		       ? IN6_ARE_ADDR_EQUAL(&a->addr.in6.sin6_addr,
					    &b->addr.in6.sin6_addr)
		       : a->addr.in.sin_addr.s_addr ==
				 b->addr.in.sin_addr.s_addr;
}

static void skip_space(const char **at, size_t *len)
{
	while (*len && **at == ' ') {
		++*at;
		--*len;
	}
	while (*len && (*at)[*len - 1] == ' ')
		--*len;
}

/* "8443 -> 8080" */
static bool parse_rule(struct conf_rule *rule, const char *text, size_t len)
{
	const char *arrow = memmem(text, len, "->", 2), *right;
	union inet_addr none = {0};
	size_t left_len, right_len;

	*rule = (struct conf_rule){0};
	if (!arrow)
		return false;
	right = arrow + 2;
	left_len = (size_t)(arrow - text);
	right_len = len - left_len - 2;
	skip_space(&text, &left_len);
	skip_space(&right, &right_len);
	return conf_parse_addr(text, left_len, &rule->addr, &rule->port) &&
	       conf_parse_addr(right, right_len, &none, &rule->daemon_port) &&
	       !none.sa.sa_family;
}

static int parse_listen(const struct conf_option *o, void *out,
			const char *value, char *why)
{
	struct conf_listen *l = out;
	struct conf_rule *rule;
	const char *p = value;
	unsigned int i;
	size_t len;

	(void)o;
	for (l->n = 0;; p += len + 1) {
		len = strcspn(p, ",");
		if (l->n == CONF_LISTEN_MAX)
			return refuse(why, "more than %d ports",
				      CONF_LISTEN_MAX);
		rule = &l->rule[l->n];
		if (!parse_rule(rule, p, len))
			return refuse(why, "bad value \"%.100s\": want the "
				      "port for TLS and the program's, as in "
				      "8443 -> 8080 or 192.0.2.1:8443 -> 8080, "
				      "separated by commas", value);
		for (i = 0; i < l->n; i++)
			if (same_rule(rule, &l->rule[i]))
				return refuse(why, "bad value \"%.100s\": port "
					      "%u is there twice", value,
					      rule->port);
		l->n++;
		if (!p[len])
			break;
	}
	for (i = 0; i < l->n; i++)
		if (conf_is_plain(l, l->rule[i].port))
			return refuse(why, "bad value \"%.100s\": port %u is "
				      "for TLS, so it cannot be the program's",
				      value, l->rule[i].port);
	return 0;
}

static bool has_alpn(const struct conf_alpn *a, const char *name, size_t len)
{
	unsigned int i;

	for (i = 0; i < a->bytes; i += 1u + a->names[i])
		if (a->names[i] == len && !memcmp(a->names + i + 1, name, len))
			return true;
	return false;
}

/* RFC 7301 section 3.1 allows any bytes; those that are registered are ASCII. */
static int add_alpn(struct conf_alpn *a, const char *name, size_t len,
		    const char *value, char *why)
{
	const int n = len < 100 ? (int)len : 100;
	size_t i;

	for (i = 0; i < len; i++)
		if (name[i] <= ' ' || name[i] > '~')
			len = 0;
	if (len < 1 || len > 255)
		return refuse(why, "bad value \"%.100s\": want names of 1 to "
			      "255 ASCII characters, no space among them, "
			      "separated by commas, as in h2,http/1.1", value);
	if (len == 2 && name[0] == name[1] && (name[0] & 15) == 10)
		return refuse(why, "bad value \"%.100s\": %.*s is reserved by "
			      "RFC 8701, nobody speaks it", value, n, name);
	if (has_alpn(a, name, len))
		return refuse(why, "bad value \"%.100s\": %.*s is there twice",
			      value, n, name);
	if (a->bytes + 1 + len > sizeof(a->names))
		return refuse(why, "bad value \"%.100s\": want %zu bytes in "
			      "all at most", value, sizeof(a->names));
	a->names[a->bytes++] = (unsigned char)len;
	memcpy(a->names + a->bytes, name, len);
	a->bytes += (unsigned int)len;
	return 0;
}

static int parse_alpn(const struct conf_option *o, void *out, const char *value,
		      char *why)
{
	struct conf_alpn *a = out;
	const char *name = value;
	size_t len;

	(void)o;
	a->bytes = 0;
	for (;; name += strcspn(name, ",") + 1) {
		name += strspn(name, " ");
		len = strcspn(name, ",");
		while (len && name[len - 1] == ' ')
			len--;
		if (add_alpn(a, name, len, value, why))
			return -EINVAL;
		if (!name[strcspn(name, ",")])
			return 0;
	}
}

static int parse_nets(const struct conf_option *o, void *out, const char *value,
		      char *why)
{
	(void)o;
	return nets_parse(out, value, why, CONF_WHY_BYTES);
}

static int parse_word(const struct conf_option *o, void *out, const char *value,
		      char *why)
{
	char all[128] = "";
	size_t n = 0;
	unsigned int i;

	for (i = 0; i < o->n_words; i++)
		if (!strcmp(value, o->words[i])) {
			*(unsigned int *)out = i;
			return 0;
		}
	for (i = 0; i < o->n_words; i++)
		n += (size_t)snprintf(all + n, sizeof(all) - n, "%s%s",
				      !i ? ""
				      : i + 1 < o->n_words ? ", "
							   : " or ",
				      o->words[i]);
	return refuse(why, "bad value \"%.100s\": want %s", value, all);
}

int conf_log_parse(struct conf_log *log, const char *value, char *why)
{
	size_t len = strcspn(value, ":");
	const char *dest = value;
	int i = LOG_WARN;

	log->dest[0] = '\0';
	if (value[0] != '/') {
		for (i = 0; i < LOG_LEVEL_COUNT; i++)
			if (strlen(log_level_names[i]) == len &&
			    !strncmp(value, log_level_names[i], len))
				break;
		if (i == LOG_LEVEL_COUNT)
			return refuse(why, "bad level \"%.100s\": want off, "
				      "error, warn, info or debug, then a colon "
				      "and a file if wanted", value);
		dest = value[len] ? value + len + 1 : "stderr";
	}
	log->level = (enum log_level)i;
	if (!strcmp(dest, "stderr"))
		return 0;
	if (dest[0] != '/' && !log_is_service(dest))
		return refuse(why, "bad destination \"%.100s\": want stderr, "
			      "syslog, journal or an absolute path", dest);
	if (snprintf(log->dest, sizeof(log->dest), "%s", dest) >= PATH_MAX)
		return refuse(why, "the path is longer than %d bytes",
			      PATH_MAX - 1);
	return 0;
}

void conf_log_text(const struct conf_log *log, char *out, size_t bytes)
{
	int n = snprintf(out, bytes, "%s:%s", log_level_names[log->level],
			 log->dest[0] ? log->dest : "stderr");

	if (n < 0 || (size_t)n >= bytes)
		*out = '\0';
}

static int parse_log(const struct conf_option *o, void *out, const char *value,
		     char *why)
{
	(void)o;
	return conf_log_parse(out, value, why);
}

/* Which parser, and where in which struct the result goes */
#define IN_CONF(f, m) .scope = CONF_DAEMON, .parse = (f), \
	.offset = offsetof(struct conf, m)
#define IN_SITE(f, m) .scope = CONF_SITE, .parse = (f), \
	.offset = offsetof(struct conf_site, m)
#define WORDS(w) .words = (w), .n_words = COUNT(w)
#define SSL_CMD(n, o, h, ...) \
	{n, o, h, .scope = CONF_SITE, .is_ssl = true, __VA_ARGS__}
#define SSL_PATH(n, o, h) \
	{n, o, h, .scope = CONF_SITE, .is_ssl = true, .is_path = true}

const struct conf_option conf_options[] = {
	{"conf", "FILE", "configuration file; default: " CONF_FILE,
	 .scope = CONF_ENV, .is_path = true},
	{"cert", "FILE",
	 "certificate in PEM form, then its chain; or a directory of them",
	 .scope = CONF_SITE, .is_path = true},
	{"key", "FILE",
	 "its private key; default: in the same file or beside it",
	 .scope = CONF_SITE, .is_path = true},
	{"ocsp", "FILE",
	 "its OCSP response in DER form; default: beside it, NAME.ocsp",
	 .scope = CONF_SITE, .is_path = true},
	{"passphrase_file", "FILE",
	 "its first line opens keys that are encrypted",
	 .scope = CONF_SITE, .is_path = true},
	{"passphrase_command", "COMMAND",
	 "the first line it prints opens them; $1 is the key's file",
	 .scope = CONF_SITE},
	{"sni", "MODE",
	 "strict: refuse names without a certificate; default: default",
	 IN_SITE(parse_word, sni), WORDS(sni_names), .preset = "default"},
	{"alpn", "LIST",
	 "protocols that clients may choose, the best first, e.g. h2,http/1.1",
	 IN_SITE(parse_alpn, alpn)},
	{"verify_crl", "FILE",
	 "lists of revoked client certificates; or a directory of them",
	 .scope = CONF_SITE, .is_path = true},
	{"verify_depth", "N",
	 "issuers between a client and its CA, 0 to 100 (default)",
	 IN_SITE(parse_uint, verify_depth), .max = 100, .zero = true},
	{"ports", "LIST", "TCP ports to upgrade, e.g. 80,8080; default: all",
	 IN_CONF(parse_ports, ports)},
	{"listen", "PORT -> PORT",
	 "TLS on the first, the program's own stays plaintext: 8443 -> 8080",
	 IN_CONF(parse_listen, listen)},
	{"tls", "on|off", "off: this listener stays plaintext",
	 .scope = CONF_SECTION, .parse = parse_word,
	 .offset = offsetof(struct conf_site, tls), WORDS(tls_names), .preset = "on"},
	{"plaintext", "MODE",
	 "clients without TLS: reject (default), redirect or allow",
	 IN_SITE(parse_word, plaintext), WORDS(plaintext_names),
	 .preset = "reject"},
	{"proxy_from", "LIST",
	 "balancers, whose clients begin with a PROXY header; default: none",
	 IN_SITE(parse_nets, proxy_from), .preset = "none"},
	{"proxy", "VERSION",
	 "a PROXY header for the daemon: off (default), v1 or v2",
	 IN_SITE(parse_word, proxy), WORDS(proxy_names), .preset = "off"},
	{"starttls", "PROTOCOL",
	 "begin in plaintext: smtp, imap, pop3, ftp, postgres, ldap or xmpp",
	 IN_SITE(parse_word, starttls), WORDS(starttls_names)},
	{"ktls", "MODE", "auto, off or require; default: auto",
	 IN_SITE(parse_word, ktls), WORDS(ktls_names), .preset = "auto"},
	{"rx", "WHO",
	 "user or kernel decrypts on direct connections; default: user",
	 IN_SITE(parse_word, rx), WORDS(rx_names), .preset = "user"},
	{"key_records", "N",
	 "full records a key may encrypt, 1 to 16777216 (default)",
	 IN_SITE(parse_uint, key_records), .max = 1 << 24,
	 .preset = "16777216"},
	{"handshake_timeout", "SECONDS", "1 to 3600; default: 10",
	 IN_CONF(parse_uint, handshake_timeout_s), .max = 3600,
	 .preset = "10"},
	{"handshakes_max", "N",
	 "handshakes at a time, 1 to 65536; default: 1024",
	 IN_CONF(parse_uint, handshakes_max), .max = 65536, .preset = "1024"},
	{"ticket_keys", "FILE",
	 "80 random bytes for each key; the first encrypts session tickets",
	 .scope = CONF_DAEMON, .is_path = true},
	{"session_timeout", "SECONDS",
	 "sessions can be resumed so long, 1 to 604800; default: 7200",
	 IN_CONF(parse_uint, session_timeout_s), .max = 604800,
	 .preset = "7200"},
	{"log", "LEVEL[:DEST]",
	 "off, error, warn, info or debug; to stderr, syslog, journal, a file",
	 IN_CONF(parse_log, log), .preset = "warn"},
	{"log_failures", "N",
	 "of failed handshakes, at most N in a second; 1 to 65536, default: 100",
	 IN_CONF(parse_uint, log_failures), .max = 65536, .preset = "100"},
	{"log_probes", "on|off",
	 "off: nothing is said of connections without a ClientHello",
	 IN_SITE(parse_word, log_probes), WORDS(probes_names), .preset = "on"},
	{"keylog", "FILE",
	 "for debugging: the secrets of all connections go there",
	 .scope = CONF_SITE, .is_path = true},
	{"ring", "ENGINE", "auto, io_uring or epoll; default: auto",
	 IN_CONF(parse_word, ring), WORDS(ring_names), .preset = "auto"},
	{"workers", "N",
	 "threads that handshake and relay, 1 to 32; default: auto, by processors",
	 IN_CONF(parse_workers, workers), .preset = "auto"},
	{"openssl_conf", "FILE",
	 "OpenSSL's own configuration, for providers; default: the system's",
	 .scope = CONF_ENV, .is_path = true},
	{"helper", "FILE", "the helper program; default: beside the library",
	 .scope = CONF_ENV, .is_path = true},
	/* The help of these is what SSL_CONF_cmd(3) allows. */
	SSL_CMD("MinProtocol", "VERSION",
		"oldest version: TLSv1, TLSv1.1, TLSv1.2 (default), TLSv1.3"),
	SSL_CMD("MaxProtocol", "VERSION",
		"newest version: TLSv1, TLSv1.1, TLSv1.2, TLSv1.3 (default)"),
	SSL_CMD("Protocol", "LIST",
		"versions switched on and off, e.g. ALL,-TLSv1.2"),
	SSL_CMD("CipherString", "LIST",
		"ciphers up to TLS 1.2, see openssl-ciphers(1)"),
	SSL_CMD("Ciphersuites", "LIST",
		"suites of TLS 1.3, e.g. TLS_AES_128_GCM_SHA256"),
	SSL_CMD("Groups", "LIST", "key exchange groups, e.g. X25519:P-256"),
	SSL_CMD("Curves", "LIST", "the older name of Groups"),
	SSL_CMD("SignatureAlgorithms", "LIST",
		"for our signatures, e.g. ed25519:ECDSA+SHA256"),
	SSL_CMD("ClientSignatureAlgorithms", "LIST",
		"for signatures of client certificates"),
	SSL_CMD("Options", "LIST",
		"e.g. -SessionTicket,ServerPreference; see SSL_CONF_cmd(3)"),
	SSL_CMD("VerifyMode", "LIST",
		"client certificates: Request, Require, Once"),
	SSL_PATH("VerifyCAFile", "FILE", "PEM file of clients' CA certificates"),
	SSL_PATH("VerifyCAPath", "DIR",
		 "directory of clients' CA certificates, see openssl-rehash(1)"),
	SSL_PATH("VerifyCAStore", "URI",
		 "store of clients' CA certificates, e.g. a file"),
	SSL_PATH("ClientCAFile", "FILE",
		 "PEM file of CA certificates whose names clients are told"),
	SSL_PATH("ClientCAPath", "DIR",
		 "directory of CA certificates whose names clients are told"),
	SSL_PATH("ClientCAStore", "URI",
		 "store of CA certificates whose names clients are told"),
	SSL_PATH("RequestCAFile", "FILE", "as ClientCAFile"),
	SSL_PATH("RequestCAPath", "DIR", "as ClientCAPath"),
	SSL_PATH("RequestCAStore", "URI", "as ClientCAStore"),
	SSL_PATH("ChainCAFile", "FILE",
		 "PEM file of CA certificates that our chain is built from"),
	SSL_PATH("ChainCAPath", "DIR",
		 "directory of CA certificates that our chain is built from"),
	SSL_PATH("ChainCAStore", "URI",
		 "store of CA certificates that our chain is built from"),
	SSL_PATH("DHParameters", "FILE", "PEM file with DH parameters"),
	SSL_PATH("ServerInfoFile", "FILE", "PEM file with TLS extensions"),
	SSL_CMD("RecordPadding", "BYTES",
		"pad TLS 1.3 records to a multiple, 0 to 16384; relays all",
		.max = 16384),
	SSL_CMD("NumTickets", "N", "tickets sent in TLS 1.3, 0 to 100; OpenSSL's "
		"preset: 2", .max = 100),
};
const size_t conf_options_count = COUNT(conf_options);

const struct conf_option *conf_option(const char *name)
{
	/* SSL_CONF's names for what is ours to check */
	static const char *const synonyms[][2] = {
		{"Certificate", "cert"}, {"PrivateKey", "key"}};
	size_t i;

	for (i = 0; i < COUNT(synonyms); i++)
		if (!strcasecmp(name, synonyms[i][0]))
			name = synonyms[i][1];
	for (i = 0; i < conf_options_count; i++)
		if (!strcasecmp(name, conf_options[i].name))
			return &conf_options[i];
	return NULL;
}

static int least(int a, int b)
{
	return a < b ? a : b;
}

/*
 * How many letters are missing, too many, wrong or swapped with their neighbour?
 * (Optimal string alignment.) For words shorter than NEAR_LEN.
 */
#define NEAR_LEN 32
static int distance(const char *a, const char *b)
{
	int d[NEAR_LEN][NEAR_LEN];
	int n = (int)strlen(a), m = (int)strlen(b), i, j, same;

	for (i = 0; i <= n; i++)
		d[i][0] = i;
	for (j = 0; j <= m; j++)
		d[0][j] = j;
	for (i = 1; i <= n; i++)
		for (j = 1; j <= m; j++) {
			same = tolower(a[i - 1]) == tolower(b[j - 1]);
			d[i][j] = least(d[i - 1][j - 1] + !same,
					1 + least(d[i - 1][j], d[i][j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
		}
	return d[n][m];
}

bool conf_is_near(const char *word, const char *name)
{
	return strlen(word) < NEAR_LEN && strlen(name) < NEAR_LEN &&
	       distance(word, name) <= (strlen(name) < 5 ? 1 : 2);
}

const struct conf_option *conf_suggest(const char *name)
{
	size_t i;

	for (i = 0; i < conf_options_count; i++)
		if (conf_is_near(name, conf_options[i].name))
			return &conf_options[i];
	return NULL;
}

void conf_env_name(const struct conf_option *o, char *out)
{
	const char *p = o->name;
	int n = snprintf(out, CONF_NAME_BYTES, "KTLSHIM_");

	for (; *p && n < CONF_NAME_BYTES - 1; p++)
		out[n++] = (char)toupper(*p);
	out[n] = '\0';
}

struct writer {
	struct conf_env *env;
	size_t n, used;
};

bool conf_is_relative(const char *path)
{
	/* a URI has a scheme of two letters at least, RFC 3986 section 3.1 */
	size_t n = strspn(path, "abcdefghijklmnopqrstuvwxyz"
				"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");

	return path[0] != '/' && !(n > 1 && path[n] == ':');
}

/* Keep "NAME=value", a path made absolute. */
static int keep(struct writer *w, const struct conf_option *o,
		const char *name, const char *value, char *why)
{
	size_t left = CONF_ENV_BYTES - w->used;
	char *at = w->env->text + w->used;
	char cwd[PATH_MAX] = "";
	int n;

	if (o->is_path && conf_is_relative(value) && !getcwd(cwd, sizeof(cwd)))
		return refuse(why, "%s: cannot resolve \"%.100s\": the working "
			      "directory is gone; give an absolute path",
			      name, value);
	n = snprintf(at, left, "%s=%s%s%s", name, cwd, *cwd ? "/" : "", value);
	if (o->is_path && n - strlen(name) - 1 >= PATH_MAX)
		return refuse(why, "%s: the path is longer than %d bytes",
			      name, PATH_MAX - 1);
	if (n < 0 || (size_t)n >= left || w->n == CONF_ENV_MAX - 1)
		return refuse(why, "%s: the KTLSHIM_ variables together are "
			      "longer than %d bytes; use a configuration file",
			      name, CONF_ENV_BYTES);
	w->used += (size_t)n + 1;
	w->env->vars[w->n++] = at;
	w->env->vars[w->n] = NULL;
	return 0;
}

/* Not there, that is: when in doubt it is, and reading it will fail. */
static bool is_absent(const char *path)
{
	return access(path, F_OK) && (errno == ENOENT || errno == ENOTDIR);
}

int conf_env_read(struct conf_env *env, char *(*get)(const char *), char *why)
{
	struct writer w = {.env = env};
	char name[CONF_NAME_BYTES], reason[CONF_WHY_BYTES];
	const struct conf_option *o;
	const char *value;
	void *out;
	size_t i;

	env->vars[0] = NULL;
	env->ports.n = 0;
	env->listen.n = 0;
	env->log = (struct conf_log){.level = LOG_WARN};
	for (i = 0; i < conf_options_count; i++) {
		o = &conf_options[i];
		if (o->scope == CONF_SECTION)
			continue;
		conf_env_name(o, name);
		value = get(name);
		if (!strcmp(o->name, "conf") && (!value || !*value) &&
		    !is_absent(CONF_FILE))
			value = CONF_FILE;
		if (!value || !*value)
			continue;
		out = o->parse == parse_ports ? (void *)&env->ports
		      : o->parse == parse_listen ? (void *)&env->listen
		      : o->parse == parse_log ? (void *)&env->log
					      : NULL;
		if (out && o->parse(o, out, value, reason))
			return refuse(why, "%s: %s", name, reason);
		if (keep(&w, o, name, value, why))
			return -EINVAL;
	}
	return 0;
}

const char *conf_env_get(const struct conf_env *env, const char *name)
{
	const struct conf_option *o = conf_option(name);
	char full[CONF_NAME_BYTES];
	char *const *var;
	size_t len;

	if (!o)
		return NULL;
	conf_env_name(o, full);
	len = strlen(full);
	for (var = env->vars; *var; var++)
		if (!strncmp(*var, full, len) && (*var)[len] == '=')
			return *var + len + 1;
	return NULL;
}

bool conf_is_plain(const struct conf_listen *listen, uint16_t port)
{
	unsigned int i;

	for (i = 0; i < listen->n; i++)
		if (listen->rule[i].daemon_port == port)
			return true;
	return false;
}

bool conf_is_added(const struct conf_listen *listen, uint16_t port)
{
	unsigned int i;

	for (i = 0; i < listen->n; i++)
		if (listen->rule[i].port == port)
			return true;
	return false;
}

bool conf_has_port(const struct conf_ports *ports, uint16_t port)
{
	unsigned int i;

	for (i = 0; i < ports->n; i++)
		if (ports->port[i] == port)
			return true;
	return false;
}
