// SPDX-License-Identifier: MIT
/*
 * conf.c - the settings, read from KTLSHIM_* in the environment
 */
#include "conf.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const ktls_names[CONF_KTLS_COUNT] = {"auto", "off",
							"require"};
static_assert(sizeof(ktls_names) / sizeof(ktls_names[0]) == CONF_KTLS_COUNT,
	      "one name per mode");
static const char *const ring_names[CONF_RING_COUNT] = {"auto", "io_uring",
							"epoll"};
static const char *const rx_names[CONF_RX_COUNT] = {"user", "kernel"};
static_assert(sizeof(ring_names) / sizeof(ring_names[0]) == CONF_RING_COUNT,
	      "one name per engine");

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

/* A path as written, made absolute. "" stays "". */
static int parse_path(char *out, const char *name, const char *value,
		      char *why)
{
	char cwd[PATH_MAX];
	int n;

	out[0] = '\0';
	if (!value || !*value)
		return 0;
	if (value[0] == '/')
		n = snprintf(out, PATH_MAX, "%s", value);
	else if (getcwd(cwd, sizeof(cwd)))
		n = snprintf(out, PATH_MAX, "%s/%s", cwd, value);
	else
		return refuse(why, "%s: cannot resolve \"%.100s\": the working "
			      "directory is gone; give an absolute path",
			      name, value);
	if (n >= PATH_MAX)
		return refuse(why, "%s: the path is longer than %d bytes",
			      name, PATH_MAX - 1);
	return 0;
}

static int parse_uint(unsigned int *out, const char *name, const char *value,
		      unsigned int preset, unsigned int max, char *why)
{
	unsigned long v;
	char *end;

	*out = preset;
	if (!value || !*value)
		return 0;
	errno = 0;
	v = strtoul(value, &end, 10);
	if (value[0] < '0' || value[0] > '9' || *end || errno || v < 1 ||
	    v > max)
		return refuse(why, "%s: bad value \"%.100s\": want a number "
			      "from 1 to %u", name, value, max);
	*out = (unsigned int)v;
	return 0;
}

static int parse_ports(struct conf *conf, const char *value, char *why)
{
	const char *p = value;
	char *end = NULL;
	unsigned long v;

	conf->n_ports = 0;
	while (p && *p) {
		if (*p == ',' || *p == ' ') {
			p++;
			continue;
		}
		v = *p >= '0' && *p <= '9' ? strtoul(p, &end, 10) : 0;
		if (v < 1 || v > 65535 || (*end && *end != ',' && *end != ' '))
			return refuse(why, "KTLSHIM_PORTS: bad port \"%.100s\":"
				      " want numbers from 1 to 65535, "
				      "separated by commas", p);
		if (conf->n_ports == CONF_PORTS_MAX)
			return refuse(why, "KTLSHIM_PORTS: more than %d ports",
				      CONF_PORTS_MAX);
		conf->ports[conf->n_ports++] = (uint16_t)v;
		p = end;
	}
	/* "," must not quietly mean "every port" */
	if (value && *value && !conf->n_ports)
		return refuse(why, "KTLSHIM_PORTS: \"%.100s\" names no port; "
			      "leave it unset for every port", value);
	return 0;
}

/* One of a few words; the first is the default. */
static int parse_word(int *out, const char *name, const char *value,
		      const char *const *words, int n, char *why)
{
	int i;

	*out = 0;
	if (!value || !*value)
		return 0;
	for (i = 0; i < n; i++)
		if (!strcmp(value, words[i])) {
			*out = i;
			return 0;
		}
	return refuse(why, "%s: bad value \"%.100s\": want %s%s%s or %s", name,
		      value, words[0], n > 2 ? ", " : "",
		      n > 2 ? words[1] : "", words[n - 1]);
}

/* KTLSHIM_LOG = level | level:stderr | level:/path | /path */
static int parse_log(struct conf *conf, const char *value, char *why)
{
	size_t len = value ? strcspn(value, ":") : 0;
	const char *dest;
	int i;

	conf->log_level = LOG_WARN;
	conf->log_dest[0] = '\0';
	if (!value || !*value)
		return 0;
	if (value[0] == '/')
		return parse_path(conf->log_dest, "KTLSHIM_LOG", value, why);
	for (i = 0; i < LOG_LEVEL_COUNT; i++)
		if (strlen(log_level_names[i]) == len &&
		    !strncmp(value, log_level_names[i], len))
			break;
	if (i == LOG_LEVEL_COUNT)
		return refuse(why, "KTLSHIM_LOG: bad level \"%.100s\": want "
			      "off, error, warn, info or debug, then a colon "
			      "and a file if wanted", value);
	conf->log_level = (enum log_level)i;
	dest = value[len] ? value + len + 1 : "stderr";
	if (!strcmp(dest, "stderr"))
		return 0;
	if (dest[0] != '/')
		return refuse(why, "KTLSHIM_LOG: bad destination \"%.100s\": "
			      "want stderr or an absolute path", dest);
	return parse_path(conf->log_dest, "KTLSHIM_LOG", dest, why);
}

int conf_from_env(struct conf *conf, char *(*get)(const char *), char *why)
{
	int ktls, ring, rx;

	memset(conf, 0, sizeof(*conf));
	if (parse_log(conf, get("KTLSHIM_LOG"), why) ||
	    parse_path(conf->cert, "KTLSHIM_CERT", get("KTLSHIM_CERT"), why) ||
	    parse_path(conf->key, "KTLSHIM_KEY", get("KTLSHIM_KEY"), why) ||
	    parse_path(conf->helper, "KTLSHIM_HELPER", get("KTLSHIM_HELPER"),
		       why) ||
	    parse_ports(conf, get("KTLSHIM_PORTS"), why) ||
	    parse_word(&ktls, "KTLSHIM_KTLS", get("KTLSHIM_KTLS"), ktls_names,
		       CONF_KTLS_COUNT, why) ||
	    parse_word(&ring, "KTLSHIM_RING", get("KTLSHIM_RING"), ring_names,
		       CONF_RING_COUNT, why) ||
	    parse_word(&rx, "KTLSHIM_RX", get("KTLSHIM_RX"), rx_names,
		       CONF_RX_COUNT, why) ||
	    parse_uint(&conf->key_records, "KTLSHIM_KEY_RECORDS",
		       get("KTLSHIM_KEY_RECORDS"), 1 << 24, 1 << 24, why) ||
	    parse_uint(&conf->handshake_timeout_s, "KTLSHIM_HANDSHAKE_TIMEOUT",
		       get("KTLSHIM_HANDSHAKE_TIMEOUT"), 10, 3600, why) ||
	    parse_uint(&conf->handshakes_max, "KTLSHIM_HANDSHAKES_MAX",
		       get("KTLSHIM_HANDSHAKES_MAX"), 1024, 65536, why))
		return -EINVAL;
	conf->ktls = (enum conf_ktls)ktls;
	conf->ring = (enum conf_ring)ring;
	conf->rx = (enum conf_rx)rx;
	if (!conf->cert[0])
		return refuse(why, "KTLSHIM_CERT is not set: name the PEM file "
			      "with the certificate and its chain");
	if (!conf->key[0])
		return refuse(why, "KTLSHIM_KEY is not set: name the PEM file "
			      "with the private key");
	return 0;
}

void conf_to_env(const struct conf *conf, char *text, char **env)
{
	char *p = text, *end = text + CONF_ENV_BYTES;
	unsigned int i;

#define PUT(...)                                                               \
	do {                                                                   \
		*env++ = p;                                                    \
		p += snprintf(p, (size_t)(end - p), __VA_ARGS__) + 1;          \
	} while (0)

	PUT("KTLSHIM_CERT=%s", conf->cert);
	PUT("KTLSHIM_KEY=%s", conf->key);
	PUT("KTLSHIM_KTLS=%s", ktls_names[conf->ktls]);
	PUT("KTLSHIM_RING=%s", ring_names[conf->ring]);
	PUT("KTLSHIM_RX=%s", rx_names[conf->rx]);
	PUT("KTLSHIM_KEY_RECORDS=%u", conf->key_records);
	if (conf->helper[0])
		PUT("KTLSHIM_HELPER=%s", conf->helper);
	PUT("KTLSHIM_LOG=%s:%s", log_level_names[conf->log_level],
	    conf->log_dest[0] ? conf->log_dest : "stderr");
	PUT("KTLSHIM_HANDSHAKE_TIMEOUT=%u", conf->handshake_timeout_s);
	PUT("KTLSHIM_HANDSHAKES_MAX=%u", conf->handshakes_max);
	if (conf->n_ports) {
		PUT("KTLSHIM_PORTS=%u", conf->ports[0]);
		for (i = 1, p--; i < conf->n_ports; i++)
			p += snprintf(p, (size_t)(end - p), ",%u",
				      conf->ports[i]);
		p++;
	}
#undef PUT
	*env = NULL;
}

bool conf_has_port(const struct conf *conf, uint16_t port)
{
	unsigned int i;

	for (i = 0; i < conf->n_ports; i++)
		if (conf->ports[i] == port)
			return true;
	return conf->n_ports == 0;
}
