// SPDX-License-Identifier: MIT
/*
 * conn_log.c - the line that the log has for a connection (helper)
 */
#include "conn_log.h"

#include "conn.h"
#include "listener.h"
#include "tls.h"

/* Failures: anybody can cause them, as many as a network carries. */
static uint64_t second;
static unsigned int told, untold;

static bool may_tell(void)
{
	uint64_t now = now_ms() / 1000;

	if (now != second) {
		if (untold)
			log_info("%u more connections without TLS in a second",
				 untold);
		second = now;
		told = untold = 0;
	}
	if (told < helper.conf->log_failures) {
		told++;
		return true;
	}
	untold++;
	return false;
}

void conn_log(const struct conn *c, bool direct, const char *why)
{
	char details[TLS_DETAILS_BYTES], client[TLS_DETAILS_BYTES];

	tls_details(c->tls, details, sizeof(details));
	tls_client(c->tls, client, sizeof(client));
	log_info("%s: %s %s%s %s%s%s%s%s", conn_name(c), tls_version(c->tls),
		 tls_cipher(c->tls), details, direct ? "direct" : "relayed",
		 *why ? " (" : "", why, *why ? ")" : "", client);
}

void conn_log_plain(const struct conn *c)
{
	log_info("%s: plaintext", conn_name(c));
}

void conn_log_failure(const struct conn *c, const char *why)
{
	bool probe = !c->tls && c->listener &&
		     c->listener->site->conf->log_probes == CONF_PROBES_OFF;

	if (probe)
		log_debug("%s: no TLS: %s", conn_name(c), why);
	else if (may_tell())
		log_info("%s: no TLS: %s", conn_name(c), why);
}
