// SPDX-License-Identifier: MIT
/*
 * conn_log.c - the line that the log has for a connection (helper)
 */
#include "conn_log.h"

#include <pthread.h>

#include "conn.h"
#include "facts.h"
#include "listener.h"

/* Failures: anybody can cause them, as many as a network carries. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t second; /* this and what follows: under the lock */
static unsigned int told, untold;

static bool count_one(uint64_t now)
{
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

static bool may_tell(void)
{
	bool may;

	pthread_mutex_lock(&lock);
	may = count_one(now_ms() / 1000);
	pthread_mutex_unlock(&lock);
	return may;
}

void conn_log(const struct conn *c, const struct facts *facts, bool direct,
	      const char *why)
{
	const char *client = "";

	if (facts->has_client)
		client = *facts->subject ? facts->subject : "without a subject";
	else if (facts->asked)
		client = "without certificate";
	log_info("%s: %s %s%s%.100s%s %s%s%s%s%s%.100s%s%.199s%s%s",
		 conn_name(c), facts->version, facts->cipher,
		 *facts->sni ? " sni=" : "", facts->sni,
		 facts->resumed ? " resumed" : "",
		 direct ? "direct" : "relayed", *why ? " (" : "", why,
		 *why ? ")" : "", *facts->alpn ? " alpn " : "", facts->alpn,
		 *client ? " client " : "", client,
		 facts->has_client ? ": " : "", facts->verify_text);
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
